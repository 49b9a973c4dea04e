"""Reopening a case that is closed or archived: somebody says why, and a second person approves.

What was minted stays as history, in the log and the inventory of copies, and a package stays in the archive; the next
closing has the next number. Documents that have gone from the vault may then be ordered back (`retrieval`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.policy import Permission
from vault.access.remarks import checked_reason
from vault.archive.closing import standing_closure
from vault.archive.models import Closure, Reopening
from vault.archive.removal_models import ENDED, Removal
from vault.archive.retrieval import retrieve_reopened
from vault.cases.models import ACTIVE, CLOSED, IN_ARCHIVE, Case
from vault.db import for_change
from vault.errors import Conflict
from vault.matrix.approvals import digest_of, has_lapsed, require_second
from vault.people.step_up import Act

if TYPE_CHECKING:
    from vault.runtime import Transaction

NOTHING_WAITS = "Nothing waits for approval here."


def propose_reopening(tx: Transaction, case_id: UUID, reason: str) -> Reopening:
    """The case waits for a second person; until then nothing changes.

    `Conflict` unless it is closed or archived, and none waits yet.
    """
    case = tx.load(Case, case_id, Permission.CASE_REOPEN, lock=True)
    closure = _standing(tx, case)
    reason = checked_reason(reason)
    present = waiting_reopening(tx, case.id)
    if present is not None and not has_lapsed(tx, present):
        raise Conflict("It is proposed already, and waits for a second person.")
    if present is not None:
        _drop(tx, present)
    remark = tx.remark(reason)
    reopening = tx.add(
        Reopening(
            closure_id=closure.id,
            case_id=case.id,
            office_id=case.office_id,
            remark_id=UUID(remark["remark"]),
            proposed_by_id=tx.actor.id,
            proposed_at=tx.now,
        )
    )
    tx.record("case.reopening_proposed", case, reopening=reopening.id, closure=closure.id, **remark)
    return reopening


def reopen_case(tx: Transaction, case_id: UUID, seen: str) -> Case:
    """The case is active again, by the second person. `seen` is the digest of what was read.

    Errors: as `require_second`; `Conflict` when nothing waits.
    """
    case = tx.load(Case, case_id, Permission.ACCESS_APPROVE, lock=True)
    reopening = waiting_reopening(tx, case.id)
    if reopening is None:
        raise Conflict(NOTHING_WAITS)
    closure = _standing(tx, case)
    _wait_for_removal(tx, closure)
    facts = (("Case", case.number), ("Closed as of", closure.closed_on.isoformat()))
    act = Act("case.reopen", "Reopen this case", reopening.id, facts)
    require_second(tx, reopening, facts_of(reopening), seen, act)
    reopening.approved_by_id, reopening.approved_at = tx.actor.id, tx.now
    closure.reopened_at = tx.now
    case.state, case.closed_at, case.changed_at = ACTIVE, None, tx.now
    case.revision += 1
    tx.record("case.reopened", case, reopening=reopening.id, closure=closure.id)
    retrieve_reopened(tx, case, reopening)
    return case


def drop_reopening(tx: Transaction, case_id: UUID) -> Case:
    """What was proposed is taken back or declined; the case stays closed. `Conflict` when nothing waits."""
    case = tx.load(Case, case_id, Permission.CASE_REOPEN, lock=True)
    reopening = waiting_reopening(tx, case.id)
    if reopening is None:
        raise Conflict(NOTHING_WAITS)
    _drop(tx, reopening)
    tx.record("case.reopening_dropped", case, reopening=reopening.id)
    return case


def waiting_reopening(tx: Transaction, case_id: UUID) -> Reopening | None:
    """What was proposed and is neither approved nor dropped; it may have lapsed."""
    query = select(Reopening).where(Reopening.case_id == case_id, Reopening.approved_at.is_(None))
    return tx.session.scalar(query.where(Reopening.dropped_at.is_(None)))


def facts_of(reopening: Reopening) -> dict[str, str]:
    """All that the proposal says."""
    return {
        "request": str(reopening.id),
        "case": str(reopening.case_id),
        "closure": str(reopening.closure_id),
        "reason": str(reopening.remark_id),
        "proposed_by": str(reopening.proposed_by_id),
        "proposed_at": reopening.proposed_at.isoformat(),
    }


def digest_shown(reopening: Reopening) -> str:
    """What the second person sends back."""
    return digest_of(facts_of(reopening))


def _standing(tx: Transaction, case: Case) -> Closure:
    closure = standing_closure(tx, case.id)
    if case.state not in (CLOSED, *IN_ARCHIVE) or closure is None:
        raise Conflict("Only a case that is closed or archived is reopened.")
    return closure


def _wait_for_removal(tx: Transaction, closure: Closure) -> None:
    """No removal of this closing begins until this is committed: whether all files are here stays as it is seen."""
    mine = select(Removal.id).where(Removal.closure_id == closure.id, Removal.state != ENDED)
    tx.session.execute(mine.with_for_update(**for_change(Removal))).all()


def _drop(tx: Transaction, reopening: Reopening) -> None:
    reopening.dropped_at, reopening.dropped_by_id = tx.now, tx.actor.id
    tx.session.flush()
