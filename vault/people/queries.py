"""Reading about people: lists and pages, each row through the one permission rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from vault.access.policy import Permission, permits
from vault.access.principals import Principal
from vault.errors import Unauthenticated
from vault.people.models import Enrolment, Office, Person, PersonSession
from vault.people.sessions import is_live

if TYPE_CHECKING:
    from vault.runtime import Transaction


def people(tx: Transaction, after: str | None = None, limit: int = 25) -> Sequence[Person]:
    """Up to `limit` people that the actor may see, by user name, from the one after `after` on."""
    query = select(Person).where(permits(Permission.PERSON_SEE, Person, tx.actor, tx.now))
    if after is not None:
        query = query.where(Person.username > after)
    return tx.session.scalars(query.order_by(Person.username).limit(limit)).all()


def colleagues(tx: Transaction) -> Sequence[Person]:
    """People of the actor's own office to whom something can be granted now, by name; without the actor."""
    query = (
        select(Person)
        .join(Principal, Principal.id == Person.id)
        .options(joinedload(Person.principal))
        .where(Person.office_id == tx.actor.office_id, Person.id != tx.actor.id)
        .where(Person.is_in(tx.now), Principal.slot_id.is_not(None))
    )
    return tx.session.scalars(query.order_by(Person.display_name, Person.username)).all()


def own_person(tx: Transaction) -> Person:
    """Who acts, as a row; `Unauthenticated` for everybody else."""
    person = tx.session.get(Person, tx.actor.id) if tx.actor.id else None
    if person is None:
        raise Unauthenticated
    return person


def live_sessions(tx: Transaction, person: Person) -> list[PersonSession]:
    """The person's sessions that still work, the last used first."""
    query = select(PersonSession).where(
        PersonSession.person_id == person.id, PersonSession.ended_at.is_(None)
    )
    rows = tx.session.scalars(query.order_by(PersonSession.seen_at.desc(), PersonSession.id))
    return [row for row in rows if is_live(row, person, tx.now, tx.settings)]


def live_enrolment(tx: Transaction, person_id: UUID) -> Enrolment | None:
    """The link that the person could still use."""
    query = select(Enrolment).where(Enrolment.person_id == person_id).order_by(Enrolment.issued_at.desc())
    return next((row for row in tx.session.scalars(query) if row.is_live(tx.now)), None)


def offices(tx: Transaction) -> Sequence[Office]:
    """All offices, by code."""
    return tx.session.scalars(select(Office).order_by(Office.code)).all()
