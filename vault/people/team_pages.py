"""What is shown of teams, to pages and to the API alike."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.policy import Permission
from vault.people.comparing import has_new_key, words_of
from vault.people.models import Person, Team
from vault.people.teams import members_of, possible_colleagues, teams

if TYPE_CHECKING:
    from vault.runtime import Transaction


class TeamEntry(BaseModel):
    """A team in a list: its name and the names of those who are in it."""

    id: UUID
    name: str
    members: list[str]


class TeamList(BaseModel):
    """The teams of an office, and whether the actor may make one."""

    items: list[TeamEntry]
    may_make: bool


class Colleague(BaseModel):
    """A colleague who is in the team, or could be. `fingerprint` is of the public key: six words to compare aloud."""

    person: UUID
    name: str
    since: datetime | None
    has_new_key: bool
    fingerprint: str


class TeamPage(BaseModel):
    """A team, who is in it, and who could be taken in; the latter only for those who may."""

    id: UUID
    name: str
    created_at: datetime
    rekey_pending: bool
    items: list[Colleague]
    possible: list[Colleague]
    may_add: bool
    may_remove: bool


def team_list(tx: Transaction) -> TeamList:
    """All teams that the actor may see."""
    entries = [
        TeamEntry(
            id=team.id,
            name=team.name,
            members=[member.person.display_name for member in members_of(tx, team.id)],
        )
        for team in teams(tx)
    ]
    return TeamList(items=entries, may_make=tx.allows(Permission.TEAM_MANAGE))


def team_page(tx: Transaction, team: Team) -> TeamPage:
    """The team for its own page."""
    may_add = tx.allows(Permission.TEAM_ADD, team)
    possible = possible_colleagues(tx, team) if may_add else []
    return TeamPage(
        id=team.id,
        name=team.name,
        created_at=team.created_at,
        rekey_pending=team.principal.rekey_pending_at is not None,
        items=[_colleague(tx, member.person, member.since) for member in members_of(tx, team.id)],
        possible=[_colleague(tx, person, None) for person in possible],
        may_add=may_add,
        may_remove=tx.allows(Permission.TEAM_MANAGE, team),
    )


def _colleague(tx: Transaction, person: Person, since: datetime | None) -> Colleague:
    return Colleague(
        person=person.id,
        name=person.display_name,
        since=since,
        has_new_key=has_new_key(tx, person),
        fingerprint=words_of(person),
    )
