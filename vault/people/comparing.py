"""Comparing keys by voice: whoever grants something to a person with new keys compares six words with them first.

An administrator can reset a sign-in; the new key pair is then whoever's used the link. Six words of the public key, read
out to each other, show that it is the colleague's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select

from vault.access.grants import Grant
from vault.crypto.marks import fingerprint_words
from vault.errors import Fault, Invalid
from vault.people.models import Enrolment, Person

if TYPE_CHECKING:
    from vault.runtime import Transaction


def has_new_key(tx: Transaction, person: Person) -> bool:
    """Whether something was granted to the person before their present key pair was made."""
    used = select(func.max(Enrolment.used_at)).where(Enrolment.person_id == person.id).scalar_subquery()
    before = exists().where(Grant.principal_id == person.id, Grant.granted_at < used)
    return bool(tx.session.scalar(select(before)))


def require_compared(tx: Transaction, person: Person, compared: bool) -> None:
    """`Invalid` at `/compared`, with the words, unless they were compared or the person has the first key still."""
    if compared or not has_new_key(tx, person):
        return
    message = f"{person.display_name} has got new keys. Compare these six words first: {words_of(person)}."
    raise Invalid(message, errors=[Fault("/compared", message)])


def words_of(person: Person) -> str:
    """The six words of the person's public key; empty before enrolment."""
    key = person.principal.public_key
    return " ".join(fingerprint_words(key)) if key else ""
