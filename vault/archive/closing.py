"""Closing a case: every seal is checked, headers are minted for the archive identities, and an index is encrypted to them.

The closer has every bundle open, so whoever makes the packages later needs no key. Headers and indexes are kept before
they are first used: made again they would be others. No object is read: its seal binds its digest, which the worker that
reads the object compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select

from vault.access.policy import Permission
from vault.access.remarks import checked_reason
from vault.archive.checklist import Checklist, checklist_of
from vault.archive.indexing import write_indexes
from vault.archive.minting import mint_headers
from vault.archive.models import LENT, Closure, KeptLending
from vault.bundles.models import Bundle
from vault.cases.models import CLOSED, Case
from vault.cases.service import held_active
from vault.db import for_change
from vault.drops.endings import end_requests_into
from vault.errors import Conflict, Fault, Invalid
from vault.matrix.case_moves import all_bundles
from vault.people.step_up import Act, require_step_up
from vault.shares.models import Share
from vault.shares.rekeying import end_lendings_from

if TYPE_CHECKING:
    from vault.runtime import Transaction

REASON = "case-closed"
"""Why links, loans and file requests have ended."""


@dataclass(frozen=True)
class Closing:
    """How a case is to be closed: why, as of which day, and which links and loans are kept, and why those."""

    reason: str
    closed_on: date
    kept: frozenset[UUID] = frozenset()
    kept_reason: str = ""


def close_case(tx: Transaction, case_id: UUID, wanted: Closing) -> Closure:
    """The case is closed, ready to be packaged. Links, loans and file requests have ended but for those that are kept.

    Errors: `Conflict` with everything that must be done first, `Invalid` for the reason, the day or what is kept,
    `StepUpDue`, `Tampered` for a version that is not what was sealed, or an archive identity that is not the vouched one.
    """
    case = tx.load(Case, case_id, Permission.CASE_CLOSE)
    _hold(tx, case)
    checklist = checklist_of(tx, case, settle=True)
    if faults := checklist.faults():
        words = " ".join(fault.message for fault in faults)
        raise Conflict(f"The case was not closed. {words}", errors=faults)
    _check(tx, checklist, wanted)
    require_step_up(tx, _act(checklist, wanted))
    closure, remark = _new_closure(tx, case, wanted)
    _end_lendings(tx, closure, checklist, wanted)
    headers = mint_headers(tx, closure, checklist)
    write_indexes(tx, closure, checklist)
    case.state, case.closed_at = CLOSED, tx.now
    case.changed_at = tx.now
    case.revision += 1
    tx.record(
        "case.closed",
        case,
        closure=closure.id,
        number=closure.number,
        files=checklist.files,
        headers=headers,
        left=checklist.left,
        kept=sorted(wanted.kept),
        **remark,
    )
    return closure


def standing_closure(tx: Transaction, case_id: UUID) -> Closure | None:
    """The closing of the case that was not undone."""
    query = select(Closure).where(Closure.case_id == case_id, Closure.reopened_at.is_(None))
    return tx.session.scalar(query)


def closures_of(tx: Transaction, case_id: UUID) -> Sequence[Closure]:
    """All closings of the case, newest first."""
    query = select(Closure).where(Closure.case_id == case_id).order_by(Closure.number.desc())
    return tx.session.scalars(query).all()


def _hold(tx: Transaction, case: Case) -> None:
    """Bundles and case are held until the case is closed: nobody adds to them or lends from them meanwhile."""
    query = select(Bundle).where(Bundle.case_id == case.id).order_by(Bundle.id)
    held = query.with_for_update(**for_change(Bundle))
    bundles = tx.session.scalars(held, execution_options={"populate_existing": True}).all()
    held_active(tx, case.id)
    if {each.id for each in bundles} != {each.id for each in all_bundles(tx, case.id)}:
        raise Conflict("A bundle was added meanwhile. Load the page again.")


def _check(tx: Transaction, checklist: Checklist, wanted: Closing) -> None:
    checked_reason(wanted.reason)
    if wanted.closed_on > tx.now.date():
        raise _unfit("closed_on", "Give the day as of which it is closed, today or earlier.")
    if not set(wanted.kept) <= set(checklist.lendings):
        raise _unfit("kept", "Keep links and loans of this case that have not ended.")
    if wanted.kept and not wanted.kept_reason.strip():
        raise _unfit("kept_reason", "Say why they are kept.")


def _act(checklist: Checklist, wanted: Closing) -> Act:
    """What the page shows, bound to the bundles as they are and to what is kept."""
    requests = sum(len(held.requests) for held in checklist.bundles)
    facts = (
        ("Case", checklist.case.number),
        ("Closed as of", wanted.closed_on.isoformat()),
        ("Files", str(checklist.files)),
        ("Links and loans that end", str(len(checklist.lendings) - len(wanted.kept))),
        ("Links and loans that are kept", str(len(wanted.kept))),
        ("File requests that end", str(requests)),
    )
    left = (("Files that stay in earlier packages alone", str(checklist.left)),) if checklist.left else ()
    bundles = tuple(f"{held.bundle.id}:{held.bundle.generation}" for held in checklist.bundles)
    identities = tuple(str(each.identity.id) for each in checklist.identities)
    kept = tuple(sorted(map(str, wanted.kept)))
    return Act(
        "case.close", "Close this case", checklist.case.id, facts + left, (*bundles, *identities, *kept)
    )


def _new_closure(tx: Transaction, case: Case, wanted: Closing) -> tuple[Closure, dict[str, str]]:
    last = tx.session.scalar(select(func.max(Closure.number)).where(Closure.case_id == case.id)) or 0
    remark = tx.remark(checked_reason(wanted.reason))
    closure = tx.add(
        Closure(
            case_id=case.id,
            office_id=case.office_id,
            number=last + 1,
            closed_on=wanted.closed_on,
            closed_at=tx.now,
            closed_by_id=tx.actor.id,
            remark_id=UUID(remark["remark"]),
        )
    )
    return closure, remark


def _end_lendings(tx: Transaction, closure: Closure, checklist: Checklist, wanted: Closing) -> None:
    if wanted.kept:
        remark_id = UUID(tx.remark(checked_reason(wanted.kept_reason))["remark"])
        for lending_id in sorted(wanted.kept):
            kind = LENT[0] if isinstance(checklist.lendings[lending_id], Share) else LENT[1]
            tx.add(KeptLending(closure_id=closure.id, kind=kind, lending_id=lending_id, remark_id=remark_id))
    for held in checklist.bundles:
        end_requests_into(tx, held.bundle.id, REASON)
        end_lendings_from(tx, held.bundle.id, REASON, but=wanted.kept)


def _unfit(name: str, message: str) -> Invalid:
    return Invalid(message, errors=[Fault(f"/{name}", message)])
