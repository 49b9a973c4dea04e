"""Comparing keys by voice: whoever grants something to a person with new keys compares six words with them first.

An administrator can reset a sign-in; the new key pair is then whoever's used the link. Six words of the public key, read
out to each other, show that it is the colleague's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from vault.access.principals import Principal
from vault.crypto.marks import fingerprint_words
from vault.errors import Fault, Invalid
from vault.people.models import Enrolment, Person

if TYPE_CHECKING:
    from vault.runtime import Transaction


def has_new_key(tx: Transaction, person: Person) -> bool:
    """Whether the person enrolled again since the account was made, and so has another key pair than the first."""
    used = select(func.count()).select_from(Enrolment).where(Enrolment.used_at.is_not(None))
    return (tx.session.scalar(used.where(Enrolment.person_id == person.id)) or 0) > 1


def require_compared(tx: Transaction, person: Person, compared: bool) -> None:
    """`Invalid` at `/compared`, with the words, unless they were compared or the person has the first key still.

    The keys are what they are from here on until this transaction ends: nobody enrols anew between the look and the grant.
    """
    tx.session.refresh(person.principal, with_for_update={"of": Principal, "read": True})
    if compared or not has_new_key(tx, person):
        return
    message = f"{person.display_name} has got new keys. Compare these six words first: {words_of(person)}."
    raise Invalid(message, errors=[Fault("/compared", message)])


def words_of(person: Person) -> str:
    """The six words of the person's public key; empty before enrolment."""
    key = person.principal.public_key
    return " ".join(fingerprint_words(key)) if key else ""
