"""What is shown of clearances."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.actor import Role
from vault.access.clearances import Clearance, open_clearance
from vault.access.policy import Permission
from vault.matrix.approvals import has_lapsed, lapses_at
from vault.matrix.clearing import digest_shown
from vault.matrix.pages import may_be_second, names_of, reason_of
from vault.matrix.queries import holders
from vault.people.models import Person

if TYPE_CHECKING:
    from vault.runtime import Transaction


class ClearanceRow(BaseModel):
    """A colleague and the highest tier for them. `state` is none, waiting, lapsed or cleared."""

    person: UUID
    name: str
    roles: list[Role]
    tier: str
    state: str


class ClearanceList(BaseModel):
    """Everybody of the office who is here."""

    items: list[ClearanceRow]
    may_change: bool


class ClearancePage(ClearanceRow):
    """One colleague's clearance, and what the actor may do about it; `digest` is what an approval sends back."""

    since: datetime | None = None
    proposed_by: str | None = None
    proposed_at: datetime | None = None
    approved_by: str | None = None
    reason: str | None = None
    lapses_at: datetime | None = None
    digest: str | None = None
    may_propose: bool
    may_approve: bool
    may_end: bool


def clearance_list(tx: Transaction, office_id: UUID) -> ClearanceList:
    """The people of the office with their clearances."""
    query = select(Clearance).where(Clearance.ended_at.is_(None))
    known = {each.person_id: each for each in tx.session.scalars(query)}
    rows = [ClearanceRow(**_facts(tx, person, known.get(person.id))) for person in holders(tx, office_id)]
    return ClearanceList(items=rows, may_change=tx.allows(Permission.CLEARANCE_CHANGE))


def clearance_page(tx: Transaction, person: Person) -> ClearancePage:
    """The person's clearance. Load the person with a permission about it first."""
    clearance = open_clearance(tx.session, person.id)
    facts = _facts(tx, person, clearance)
    state, changes = facts["state"], tx.allows(Permission.CLEARANCE_CHANGE, person)
    page = ClearancePage(
        **facts,
        may_propose=changes and state in ("none", "lapsed") and person.left_at is None,
        may_approve=False,
        may_end=changes and clearance is not None,
    )
    if clearance is None:
        return page
    names = names_of(tx, {clearance.proposed_by_id, clearance.approved_by_id})
    page.since, page.proposed_at = clearance.settled_at, clearance.proposed_at
    page.proposed_by = names.get(clearance.proposed_by_id) if clearance.proposed_by_id else None
    page.approved_by = names.get(clearance.approved_by_id) if clearance.approved_by_id else None
    page.reason = reason_of(tx, clearance.remark_id, person.office_id)
    if state == "waiting":
        page.lapses_at, page.digest = lapses_at(tx, clearance), digest_shown(clearance)
        is_oneself = person.id == tx.actor.id
        page.may_approve = not is_oneself and may_be_second(tx, clearance.proposed_by_id)
    return page


def _facts(tx: Transaction, person: Person, clearance: Clearance | None) -> dict[str, object]:
    state = _state(tx, clearance)
    return {
        "person": person.id,
        "name": person.display_name,
        "roles": sorted(person.roles),
        "tier": "strictly_confidential" if state == "cleared" else "confidential",
        "state": state,
    }


def _state(tx: Transaction, clearance: Clearance | None) -> str:
    if clearance is None:
        return "none"
    if clearance.settled_at is not None:
        return "cleared"
    return "lapsed" if has_lapsed(tx, clearance) else "waiting"
