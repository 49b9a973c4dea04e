"""Teams of an office: making one, taking colleagues in and off. The keys of it are made in `access/teams.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from vault.access.actor import Role
from vault.access.grants import Grant
from vault.access.policy import MATRIX, Permission, permits
from vault.access.teams import add_team_member, make_team, remove_team_member
from vault.crypto.kinds import PrincipalKind
from vault.errors import Conflict, Fault, Invalid
from vault.people.comparing import require_compared
from vault.people.models import Person, PersonRole, Team
from vault.people.queries import own_person

if TYPE_CHECKING:
    from vault.runtime import Transaction

LONGEST_NAME = 80
MEMBER_ROLES: frozenset[Role] = frozenset().union(*(rule.roles for rule in MATRIX[Permission.BUNDLE_OPEN]))
"""Who may be a member of a bundle or team."""


@dataclass(frozen=True)
class TeamMember:
    """One person who is in a team."""

    person: Person
    since: datetime


def create_team(tx: Transaction, name: str) -> Team:
    """A new team of the actor's office, who is its first member. Errors: `Refused`, `Invalid` for the name."""
    tx.require(Permission.TEAM_MANAGE)
    maker = own_person(tx)
    principal = make_team(tx, PrincipalKind.TEAM, [maker.principal])
    team = Team(id=principal.id, name=_checked_name(name), created_at=tx.now)
    team.principal, team.office_id, team.made_by_id = principal, maker.office_id, maker.id
    try:
        tx.add(team)
    except IntegrityError:
        raise _unfit("name", "There is a team of this name already.") from None
    tx.record("team.created", team)
    return team


def add_to_team(tx: Transaction, team_id: UUID, person_id: UUID, compared: bool = False) -> Team:
    """One more colleague opens what the team opens; by one who is in it. `compared`: six words were compared.

    Errors: `Invalid` for somebody who cannot be a member or has got new keys that were not compared, `Conflict` for a
    member or one without keys, `Tampered`.
    """
    team = tx.load(Team, team_id, Permission.TEAM_ADD, lock=True)
    person = tx.session.scalar(working_in(tx, team.office_id).where(Person.id == person_id))
    if person is None or person.principal.kind != PrincipalKind.PERSON:
        raise _unfit("person", "Choose a colleague of this office who may work with bundles.")
    require_compared(tx, person, compared)
    add_team_member(tx, team.principal, person.principal)
    tx.record("team.member_added", team, member=person.id)
    return team


def take_off_team(tx: Transaction, team_id: UUID, person_id: UUID) -> Team:
    """The colleague opens nothing through the team from now on. Keys are made anew at once by a manager who is in it,
    else by the next member who opens something.

    Errors: `NotFound` for one who is no member, `Conflict` for the last one who could open it.
    """
    team = tx.load(Team, team_id, Permission.TEAM_MANAGE, lock=True)
    end_seat(tx, team, person_id)
    return team


def end_seat(tx: Transaction, team: Team, person_id: UUID) -> None:
    """The same, for whoever has checked that it may. Errors: those of `take_off_team`."""
    others = [member.person for member in members_of(tx, team.id) if member.person.id != person_id]
    if others and not any(can_open(tx, person) for person in others):
        raise Conflict("Nobody else in this team can sign in. Add a colleague first.")
    remove_team_member(tx, team.principal, person_id)
    tx.record("team.member_removed", team, member=person_id)


def teams(tx: Transaction) -> Sequence[Team]:
    """The teams that the actor may see, by name."""
    query = select(Team).where(
        permits(Permission.TEAM_SEE, Team, tx.actor, tx.now), Team.dissolved_at.is_(None)
    )
    return tx.session.scalars(query.order_by(Team.name, Team.id)).all()


def members_of(tx: Transaction, team_id: UUID) -> list[TeamMember]:
    """Who is in a team, oldest first. Ask for the permission on the team first."""
    query = (
        select(Person, Grant.granted_at)
        .join(Grant, Grant.principal_id == Person.id)
        .where(Grant.subject_id == team_id, Grant.ended_at.is_(None))
        .order_by(Grant.granted_at, Person.id)
    )
    return [TeamMember(*row) for row in tx.session.execute(query)]


def possible_colleagues(tx: Transaction, team: Team) -> list[Person]:
    """Colleagues who could be taken in, by name."""
    inside = select(Grant.principal_id).where(Grant.subject_id == team.id, Grant.ended_at.is_(None))
    query = (
        working_in(tx, team.office_id)
        .where(Person.id.not_in(inside))
        .order_by(Person.display_name, Person.id)
    )
    return [person for person in tx.session.scalars(query) if can_open(tx, person)]


def can_open(tx: Transaction, person: Person) -> bool:
    """Whether this person could open a bundle tomorrow: is here, has keys, may sign in, in a role that opens."""
    if person.principal.kind != PrincipalKind.PERSON:
        return False
    return person.state_at(tx.now) == "active" and not person.roles.isdisjoint(MEMBER_ROLES)


def working_in(tx: Transaction, office_id: UUID) -> Select[Person]:
    """People of an office who may be members: here, not locked or expired, in a role that opens bundles."""
    may_open = select(PersonRole.person_id).where(PersonRole.role.in_([role.value for role in MEMBER_ROLES]))
    return select(Person).where(
        Person.office_id == office_id,
        Person.is_in(tx.now),
        Person.id.in_(may_open),
    )


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise _unfit("name", f"Give a name of 1 to {LONGEST_NAME} ordinary characters.")
    return name


def _unfit(field: str, message: str) -> Invalid:
    return Invalid(message, errors=[Fault(f"/{field}", message)])
