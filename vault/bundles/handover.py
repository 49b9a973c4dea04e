"""Handover: what only one person can open goes to a successor, before that person leaves.

Nobody but the holder can grant it, so it is the holder's own act. A bundle with a password must be open for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.policy import Permission
from vault.bundles.members import add_member
from vault.bundles.models import Bundle
from vault.bundles.queries import OPEN, look_into
from vault.errors import Fault, Invalid, Unauthenticated
from vault.people.leaving import lone_subjects
from vault.people.models import Person, Team
from vault.people.teams import add_to_team, can_open, working_in

if TYPE_CHECKING:
    from vault.runtime import Transaction


@dataclass(frozen=True)
class Alone:
    """What opens for the actor alone: bundles and teams."""

    bundles: Sequence[Bundle]
    teams: Sequence[Team]


def held_alone(tx: Transaction) -> Alone:
    """The bundles and teams that would be lost with the actor."""
    if tx.actor.id is None:
        raise Unauthenticated
    subjects = lone_subjects(tx.session, tx.actor.id)
    bundles = tx.session.scalars(select(Bundle).where(Bundle.id.in_(subjects)).order_by(Bundle.created_at))
    teams = tx.session.scalars(select(Team).where(Team.id.in_(subjects)).order_by(Team.name))
    return Alone(bundles.all(), teams.all())


def hand_over(tx: Transaction, successor_id: UUID, compared: bool = False) -> int:
    """The successor is a member of each of them that is open and that the actor may manage; returns how many.

    What is locked waits: it is listed until it was opened and handed over too. Errors: `Invalid`, `Conflict`, `Tampered`.
    """
    successor = next((person for person in possible_successors(tx) if person.id == successor_id), None)
    if successor is None:
        message = "Choose a colleague of this office who may work with bundles."
        raise Invalid(message, errors=[Fault("/person", message)])
    alone = held_alone(tx)
    bundles = [bundle for bundle in alone.bundles if can_hand_over(tx, bundle)]
    teams = [team for team in alone.teams if tx.allows(Permission.TEAM_ADD, team)]
    for bundle in bundles:
        add_member(tx, bundle.id, successor.id, compared)
    for team in teams:
        add_to_team(tx, team.id, successor.id, compared)
    return len(bundles) + len(teams)


def can_hand_over(tx: Transaction, bundle: Bundle) -> bool:
    """Whether the actor could add a member now."""
    return look_into(tx, bundle).state == OPEN and tx.allows(Permission.BUNDLE_MANAGE, bundle)


def possible_successors(tx: Transaction) -> list[Person]:
    """Colleagues of the actor's office with keys, by name."""
    if tx.actor.office_id is None:
        return []
    query = working_in(tx, tx.actor.office_id).where(Person.id != tx.actor.id)
    found = tx.session.scalars(query.order_by(Person.display_name, Person.id))
    return [person for person in found if can_open(tx, person)]
