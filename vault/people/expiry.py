"""Every account expires unless somebody extends it. Expired is as locked: no sign-in, no session, resting links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import or_, select

from vault.access.actor import SYSTEM
from vault.access.policy import Permission, permits
from vault.db import for_change
from vault.errors import Conflict, Fault, Invalid, NotFound
from vault.people.accounts import not_oneself
from vault.people.models import Person

if TYPE_CHECKING:
    from vault.runtime import Transaction

SOON = timedelta(days=30)
"""So long before its end an account is listed, and its owner told."""


def extend_account(tx: Transaction, person_id: UUID, until: date) -> Person:
    """The account works to the end of that day (UTC), sooner or later than before. Nobody extends the own one.

    Errors: `NotFound`, `Refused`, `Conflict`, `Invalid` for a day that is over or too far away.
    """
    person = _load(tx, person_id)
    not_oneself(tx, person)
    if person.left_at is not None:
        raise Conflict("This person has left.")
    if not tx.now.date() <= until <= last_day(tx):
        message = f"Choose a day from today to {last_day(tx).isoformat()}."
        raise Invalid("Nothing was changed.", errors=[Fault("/until", message)])
    person.expires_at = datetime.combine(until + timedelta(days=1), time(), UTC)
    tx.record("person.extended", person, expires_at=person.expires_at)
    return person


def last_day(tx: Transaction) -> date:
    """The last day to which an account can be extended today."""
    return (tx.now + tx.settings.account_life).date()


def may_extend(tx: Transaction, person: Person) -> bool:
    """Whether the actor could extend this account."""
    is_other = person.id != tx.actor.id and person.left_at is None
    return is_other and tx.allows(Permission.PERSON_EXTEND, person)


def lapsing(tx: Transaction) -> Sequence[Person]:
    """Accounts that the actor could extend, and that are locked, expired or soon will be; the first to end first."""
    rule = permits(Permission.PERSON_EXTEND, Person, tx.actor, tx.now)
    ends = or_(Person.expires_at <= tx.now + SOON, Person.sign_in_locked_at.is_not(None))
    query = select(Person).where(rule, Person.left_at.is_(None), ends)
    return tx.session.scalars(query.order_by(Person.expires_at, Person.username)).all()


def _load(tx: Transaction, person_id: UUID) -> Person:
    if tx.actor is not SYSTEM:
        return tx.load(Person, person_id, Permission.PERSON_EXTEND, lock=True)
    person = tx.session.get(Person, person_id, with_for_update=for_change(Person))
    if person is None:
        raise NotFound("There is no such person.")
    return person
