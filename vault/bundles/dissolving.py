"""Dissolving a team: what was opened to it opens through it no more, and its keys are destroyed.

Bundles that nobody else could open keep it from being dissolved: they are listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import select

from vault.access.grants import Grant
from vault.access.policy import Permission
from vault.access.teams import end_team
from vault.bundles.members import end_membership, opens_without
from vault.bundles.models import Bundle
from vault.cases.models import Case
from vault.db import for_change
from vault.errors import Conflict, Fault, NotFound
from vault.people.models import Team
from vault.people.step_up import Act, require_step_up

if TYPE_CHECKING:
    from vault.runtime import Transaction


class Held(NamedTuple):
    """A bundle that is opened to a team: the number of its case, its own in the case, and whether others open it, too."""

    bundle: Bundle
    case_number: str
    number: int
    opens_without: bool


def dissolve_team(tx: Transaction, team_id: UUID) -> Team:
    """The team is no more. Its bundles get new keys when one of their other members opens them.

    Errors: `NotFound`, `Refused`, `Conflict` with the bundles that only the team opens, `StepUpDue`.
    """
    team = tx.load(Team, team_id, Permission.TEAM_MANAGE, lock=True)
    if team.dissolved_at is not None:
        raise NotFound
    held = held_by_team(tx, team, lock=True)
    faults = [
        Fault(f"/{place}", f"{each.case_number}, bundle {each.number}: only this team opens it.")
        for place, each in enumerate(held, 1)
        if not each.opens_without
    ]
    if faults:
        words = " ".join(fault.message for fault in faults)
        raise Conflict(f"The team was not dissolved. Add a member first. {words}", errors=faults)
    facts = (("Team", team.name), ("Bundles", str(len(held))))
    require_step_up(tx, Act("team.dissolve", "Dissolve this team for good", team.id, facts))
    for each in held:
        end_membership(tx, each.bundle, team.id)
        tx.session.flush()
    end_team(tx, team.principal)
    team.dissolved_at = tx.now
    tx.record("team.dissolved", team, bundles=len(held))
    return team


def held_by_team(tx: Transaction, team: Team, lock: bool = False) -> list[Held]:
    """The bundles that are opened to the team, by the number of their case. Ask for the permission on the team first."""
    granted = select(Grant.subject_id).where(Grant.principal_id == team.id, Grant.ended_at.is_(None))
    query = select(Bundle).where(Bundle.id.in_(granted)).order_by(Bundle.id)
    if lock:
        query = query.with_for_update(**for_change(Bundle))
    found = [_held(tx, bundle, team) for bundle in tx.session.scalars(query).all()]
    return sorted(found, key=lambda each: (each.case_number, each.number))


def _held(tx: Transaction, bundle: Bundle, team: Team) -> Held:
    of_case = select(Bundle.id).where(Bundle.case_id == bundle.case_id)
    ids: Sequence[UUID] = tx.session.scalars(of_case.order_by(Bundle.created_at, Bundle.id)).all()
    case_number = tx.session.get_one(Case, bundle.case_id).number
    return Held(bundle, case_number, ids.index(bundle.id) + 1, opens_without(tx, bundle, team.id))
