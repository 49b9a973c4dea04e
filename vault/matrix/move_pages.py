"""What is shown of cases that move between offices."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select

from vault.access.policy import Permission, permits
from vault.bundles.models import Document
from vault.cases.models import Case
from vault.matrix.approvals import has_lapsed, lapses_at
from vault.matrix.case_moves import all_bundles, digest_shown, office_of, waiting_move
from vault.matrix.models import CaseMove
from vault.matrix.pages import names_of, reason_of

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST_MOVES = 100


class MoveRow(BaseModel):
    """A case that is offered, or was. `state` is waiting, lapsed, accepted or dropped."""

    id: UUID
    case_number: str
    from_office: str
    to_office: str
    receiver: str
    proposed_by: str
    proposed_at: datetime
    state: str


class MoveList(BaseModel):
    """The offers of the actor's office and those to the actor, newest first."""

    items: list[MoveRow]


class MovePage(MoveRow):
    """One offer: how much would move, and what the actor may do. `digest` is what accepting sends back."""

    reason: str | None
    bundles: int
    documents: int
    lapses_at: datetime
    digest: str | None
    may_accept: bool
    may_drop: bool


class MoveForm(BaseModel):
    """A case that could be offered, and the offer of it that waits."""

    case_id: UUID
    case_number: str
    bundles: int
    waiting: UUID | None


def move_form(tx: Transaction, case: Case) -> MoveForm:
    """What one sees before offering a case. Load it with the permission first."""
    waiting = waiting_move(tx, case.id)
    return MoveForm(
        case_id=case.id,
        case_number=case.number,
        bundles=len(all_bundles(tx, case.id)),
        waiting=waiting.id if waiting is not None and not has_lapsed(tx, waiting) else None,
    )


def move_list(tx: Transaction) -> MoveList:
    """All that the actor may see."""
    seen = permits(Permission.MOVE_SEE, CaseMove, tx.actor, tx.now)
    query = select(CaseMove).where(seen).order_by(CaseMove.proposed_at.desc(), CaseMove.id)
    return MoveList(
        items=[MoveRow(**_facts(tx, move)) for move in tx.session.scalars(query.limit(MOST_MOVES))]
    )


def move_page(tx: Transaction, move: CaseMove) -> MovePage:
    """The offer for its own page. Load it with the permission first."""
    facts, bundles = _facts(tx, move), all_bundles(tx, move.case_id)
    counted = select(func.count()).select_from(Document).where(Document.case_id == move.case_id)
    is_waiting = facts["state"] == "waiting"
    may_accept = is_waiting and tx.allows(Permission.MOVE_ACCEPT, move)
    return MovePage(
        **facts,
        reason=reason_of(tx, move.remark_id, move.office_id),
        bundles=len(bundles),
        documents=tx.session.scalar(counted.where(Document.withdrawn_at.is_(None))) or 0,
        lapses_at=lapses_at(tx, move),
        digest=digest_shown(tx, move) if may_accept else None,
        may_accept=may_accept,
        may_drop=facts["state"] in ("waiting", "lapsed"),
    )


def _facts(tx: Transaction, move: CaseMove) -> dict[str, object]:
    names = names_of(tx, {move.receiver_id, move.proposed_by_id})
    return {
        "id": move.id,
        "case_number": tx.session.get_one(Case, move.case_id).number,
        "from_office": office_of(tx, move.office_id).name,
        "to_office": office_of(tx, move.to_office_id).name,
        "receiver": names.get(move.receiver_id, ""),
        "proposed_by": names.get(move.proposed_by_id, ""),
        "proposed_at": move.proposed_at,
        "state": _state(tx, move),
    }


def _state(tx: Transaction, move: CaseMove) -> str:
    if move.accepted_at is not None:
        return "accepted"
    if move.dropped_at is not None:
        return "dropped"
    return "lapsed" if has_lapsed(tx, move) else "waiting"
