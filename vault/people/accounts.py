"""Finding an account, for a change by an administrator or by the vault itself."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.actor import SYSTEM, Role
from vault.access.policy import Permission
from vault.access.principals import Principal
from vault.db import for_change, take_turn
from vault.errors import Conflict, NotFound
from vault.people.models import Office, Person, PersonRole
from vault.people.throttling import canonical

if TYPE_CHECKING:
    from vault.runtime import Transaction


def load_managed(tx: Transaction, person_id: UUID) -> Person:
    """The person, locked for a change by an administrator or by the vault itself."""
    if tx.actor is not SYSTEM:
        return tx.load(Person, person_id, Permission.PERSON_MANAGE, lock=True)
    person = tx.session.get(Person, person_id, with_for_update=for_change(Person))
    if person is None:
        raise NotFound("There is no such person.")
    return person


def find_person(tx: Transaction, username: str) -> Person | None:
    """The person of this name, however it is written."""
    return tx.session.scalar(select(Person).where(Person.username == canonical(username)))


def find_office(tx: Transaction, code: str) -> Office | None:
    """The office with this code."""
    return tx.session.scalar(select(Office).where(Office.code == code.strip().upper()))


def keep_an_administrator(tx: Transaction, person: Person) -> None:
    """`Conflict` when nobody else could manage people; the command line may do it all the same."""
    if tx.actor is SYSTEM or Role.ADMINISTRATOR not in person.roles:
        return
    # Two who shut each other out at the same time would each see the other still there.
    take_turn(tx.session, "administrators")
    others = (
        select(Person.id)
        .join(PersonRole, PersonRole.person_id == Person.id)
        .join(Principal, Principal.id == Person.id)
        .where(PersonRole.role == Role.ADMINISTRATOR, Person.id != person.id)
        .where(Person.is_in(tx.now), Principal.slot_id.is_not(None))
    )
    if tx.session.scalar(others.limit(1)) is None:
        raise Conflict("This is the only administrator who can sign in. Make another one first.")


def not_oneself(tx: Transaction, person: Person) -> None:
    """`Conflict` for an act on the own account that would shut oneself out."""
    if person.id == tx.actor.id:
        raise Conflict("You cannot do this to your own account. Ask another administrator.")
