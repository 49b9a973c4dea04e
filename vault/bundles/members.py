"""Who is a member of a bundle: adding, removing, listing. A member, person or team, holds a grant of its access key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ColumnElement, delete, literal, or_, select

from vault.access.cells import STRICT
from vault.access.clearances import is_cleared
from vault.access.grants import Grant, end_grant, give_grant, live_grant, lock_grants
from vault.access.holdings import open_own_grant
from vault.access.policy import Permission
from vault.bundles.models import Bundle, Unlocking
from vault.bundles.opening import open_bundle
from vault.bundles.token_grants import NO_PASSWORDS, end_token_grants
from vault.crypto.kinds import PrincipalKind
from vault.errors import Conflict, Fault, Invalid, NotFound
from vault.people.comparing import require_compared
from vault.people.models import Person, PersonSession, Team
from vault.people.teams import can_open, members_of, working_in

if TYPE_CHECKING:
    from vault.runtime import Transaction


@dataclass(frozen=True)
class Member:
    """One person with a live grant on the bundle."""

    person: Person
    since: datetime | None
    granted_by_id: UUID | None


@dataclass(frozen=True)
class MemberTeam:
    """One team with a live grant on the bundle, and who is in it."""

    team: Team
    since: datetime | None
    people: Sequence[Person]


def add_member(tx: Transaction, bundle_id: UUID, person_id: UUID, compared: bool = False) -> Member:
    """Grant the open bundle to an enrolled colleague of the same office; `compared` says that six words were compared.

    Errors: `BundleLocked`, `Invalid` for somebody who cannot be a member or has got new keys that were not compared,
    `Conflict` for one who is already or has no keys yet, `Tampered` for a key that the directory does not vouch for.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_MANAGE, lock=True)
    open_bundle(tx, bundle)
    access_key = open_own_grant(tx, bundle.id, bundle.generation)
    person = tx.session.scalar(
        working_in(tx, bundle.office_id).where(Person.id == person_id, cleared_for(bundle))
    )
    if person is None:
        message = "Choose a colleague of this office who may work with bundles and is cleared for this one."
        raise Invalid(message, errors=[Fault("/person", message)])
    if person.principal.kind == PrincipalKind.TOKEN and bundle.profile is not None:
        raise Conflict(NO_PASSWORDS)
    require_compared(tx, person, compared)
    grant = give_grant(tx, person.principal, bundle.id, bundle.generation, access_key)
    tx.record("bundle.member_added", bundle, member=person.id)
    return Member(person, grant.granted_at, grant.granted_by_id)


def add_team(tx: Transaction, bundle_id: UUID, team_id: UUID) -> MemberTeam:
    """Grant the open bundle to a team of the same office: once, for all who are in it now or later.

    Errors: `BundleLocked`, `Invalid` for a team of elsewhere, `Conflict` for a member, `Tampered` as for a person.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_MANAGE, lock=True)
    open_bundle(tx, bundle)
    access_key = open_own_grant(tx, bundle.id, bundle.generation)
    of_office = Team.office_id == bundle.office_id, Team.dissolved_at.is_(None)
    team = tx.session.scalar(select(Team).where(Team.id == team_id, *of_office))
    if team is None:
        message = "Choose a team of this office."
        raise Invalid(message, errors=[Fault("/team", message)])
    grant = give_grant(tx, team.principal, bundle.id, bundle.generation, access_key)
    tx.record("bundle.member_added", bundle, team=team.id)
    return MemberTeam(team, grant.granted_at, _people_of(tx, team))


def remove_member(tx: Transaction, bundle_id: UUID, member_id: UUID) -> Bundle:
    """Take the grant and every unlocking of this person or team away at once; who opens next makes new keys.

    Errors: `NotFound` for one who is no member, `Conflict` for the last one who could open the bundle.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.MEMBER_REMOVE, lock=True)
    end_membership(tx, bundle, member_id)
    return bundle


def end_membership(tx: Transaction, bundle: Bundle, member_id: UUID) -> None:
    """The same, for whoever has checked that it may and holds the bundle's row. Errors: those of `remove_member`."""
    lock_grants(tx, [bundle.id])
    grant = live_grant(tx, member_id, bundle.id)
    if grant is None:
        raise NotFound
    teams = list_member_teams(tx, bundle)
    if not _can_any_open(tx, bundle, _openers(tx, bundle, teams, without=member_id)):
        raise Conflict("This is the last member. Add a colleague first, or the bundle is lost.")
    end_grant(tx, grant)
    team = next((each for each in teams if each.team.id == member_id), None)
    leaving = [person.id for person in team.people] if team else [member_id]
    _seal_for(tx, bundle, leaving)
    for person_id in leaving:
        end_token_grants(tx, bundle, person_id)
    bundle.rekey_pending_at = bundle.rekey_pending_at or tx.now
    tx.record("bundle.member_removed", bundle, **{"team" if team else "member": member_id})


def list_members(tx: Transaction, bundle: Bundle) -> list[Member]:
    """Everybody with a live grant of their own, oldest first. Ask for the permission on the bundle first."""
    query = (
        select(Person, Grant.granted_at, Grant.granted_by_id)
        .join(Grant, Grant.principal_id == Person.id)
        .where(Grant.subject_id == bundle.id, Grant.ended_at.is_(None))
        .order_by(Grant.granted_at, Person.id)
    )
    return [Member(*row) for row in tx.session.execute(query)]


def list_member_teams(tx: Transaction, bundle: Bundle) -> list[MemberTeam]:
    """Every team with a live grant, oldest first. Ask for the permission on the bundle first."""
    query = (
        select(Team, Grant.granted_at)
        .join(Grant, Grant.principal_id == Team.id)
        .where(Grant.subject_id == bundle.id, Grant.ended_at.is_(None))
        .order_by(Grant.granted_at, Team.id)
    )
    return [MemberTeam(team, since, _people_of(tx, team)) for team, since in tx.session.execute(query)]


def possible_members(tx: Transaction, bundle: Bundle) -> Sequence[Person]:
    """Colleagues who could be added, by name."""
    granted = select(Grant.principal_id).where(Grant.subject_id == bundle.id, Grant.ended_at.is_(None))
    query = working_in(tx, bundle.office_id).where(Person.id.not_in(granted), cleared_for(bundle))
    found = tx.session.scalars(query.order_by(Person.display_name, Person.id))
    return [person for person in found if person.principal.has_keys]


def possible_teams(tx: Transaction, bundle: Bundle) -> list[MemberTeam]:
    """Teams of the office that could be added, by name."""
    granted = select(Grant.principal_id).where(Grant.subject_id == bundle.id, Grant.ended_at.is_(None))
    of_office = Team.office_id == bundle.office_id, Team.dissolved_at.is_(None)
    query = select(Team).where(*of_office, Team.id.not_in(granted))
    found = tx.session.scalars(query.order_by(Team.name, Team.id))
    return [MemberTeam(team, None, _people_of(tx, team)) for team in found]


def _people_of(tx: Transaction, team: Team) -> list[Person]:
    return [member.person for member in members_of(tx, team.id)]


def _openers(tx: Transaction, bundle: Bundle, teams: Sequence[MemberTeam], without: UUID) -> list[Person]:
    """Everybody whom a grant reaches, alone or in a team, but for the one of this member."""
    alone = [member.person for member in list_members(tx, bundle) if member.person.id != without]
    return alone + [person for each in teams if each.team.id != without for person in each.people]


def opens_without(tx: Transaction, bundle: Bundle, member_id: UUID) -> bool:
    """Whether somebody could open the bundle tomorrow if this person or team were no member."""
    teams = list_member_teams(tx, bundle)
    return _can_any_open(tx, bundle, _openers(tx, bundle, teams, without=member_id))


def _seal_for(tx: Transaction, bundle: Bundle, person_ids: Sequence[UUID]) -> None:
    """No session of these people keeps the bundle's password any more."""
    sessions = select(PersonSession.id).where(PersonSession.person_id.in_(person_ids))
    tx.session.execute(
        delete(Unlocking)
        .where(Unlocking.bundle_id == bundle.id, Unlocking.session_id.in_(sessions))
        .execution_options(synchronize_session="fetch")
    )


def cleared_for(bundle: Bundle) -> ColumnElement[bool]:
    """True for people who are cleared for this bundle."""
    return or_(is_cleared(Person.id), literal(bundle.tier) != STRICT)


def _can_any_open(tx: Transaction, bundle: Bundle, people: Sequence[Person]) -> bool:
    """Whether one of them could open the bundle tomorrow: may work with bundles, and is cleared for this one."""
    ids = [person.id for person in people if can_open(tx, person)]
    query = select(Person.id).where(Person.id.in_(ids), cleared_for(bundle))
    return tx.session.scalar(query.limit(1)) is not None
