"""What is shown of closing a case, to pages and to the API alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select

from vault.access.policy import Permission
from vault.archive.archiving import packages_of
from vault.archive.checklist import Checklist, Held, checklist_of
from vault.archive.closing import closures_of, standing_closure
from vault.archive.models import ArchiveHeader, Closure, KeptLending, Reopening
from vault.archive.package_pages import PackageRow, package_rows
from vault.archive.reopening import digest_shown, waiting_reopening
from vault.cases.models import ACTIVE, ARCHIVING, CLOSED, IN_ARCHIVE, Case
from vault.cases.pages import OutcomeRow, outcome_row
from vault.matrix.approvals import has_lapsed, lapses_at
from vault.matrix.pages import names_of, reason_of
from vault.shares.models import Share

if TYPE_CHECKING:
    from vault.runtime import Transaction


class BundleCheck(BaseModel):
    """A bundle before its case is closed. `openers`: colleagues who could open one that is not open; no title then."""

    id: UUID
    number: int
    state: str
    title: str | None
    openers: list[str]
    is_recoverable: bool
    uploads: int
    waiting: int
    recovery: UUID | None
    requests: int


class RecordingCheck(BaseModel):
    """A recording in bundle `number`, whose people it names, and how many transcripts lie beside it."""

    document: UUID
    number: int
    individuals: list[str]
    transcripts: int


class LendingRow(BaseModel):
    """A live link (`to` is an organisation) or loan (`to` is a colleague), in bundle `number`."""

    id: UUID
    kind: str
    number: int
    to: str
    expires_at: datetime


class ChecklistPage(BaseModel):
    """All that is looked at before a case is closed. `faults` is empty once it can be.

    `left`: files that lie in earlier packages alone, and stay there; they may come back first.
    """

    faults: list[str]
    identities: list[str]
    individuals: list[OutcomeRow]
    bundles: list[BundleCheck]
    recordings: list[RecordingCheck]
    lendings: list[LendingRow]
    move: UUID | None
    files: int
    left: int


class ClosureRow(BaseModel):
    """One closing of the case; `reopened_at` is null while it stands."""

    id: UUID
    number: int
    closed_on: date
    closed_at: datetime
    closed_by: str
    reason: str | None
    headers: int
    kept: int
    reopened_at: datetime | None


class ReopeningRow(BaseModel):
    """A proposal to reopen the case. `digest` is what approving sends back; null for those who cannot approve."""

    id: UUID
    proposed_by: str
    proposed_at: datetime
    lapses_at: datetime
    has_lapsed: bool
    reason: str | None
    digest: str | None


class ClosurePage(BaseModel):
    """How a case stands to being closed: its checklist while it is active, its closings, a reopening that waits."""

    case_id: UUID
    case_number: str
    state: str
    today: date
    checklist: ChecklistPage | None
    closures: list[ClosureRow]
    reopening: ReopeningRow | None
    packages: list[PackageRow]
    may_close: bool
    may_reopen: bool
    may_archive: bool
    may_remove: bool


def closure_page(tx: Transaction, case: Case) -> ClosurePage:
    """The page for those who may close the case. Load it with that permission first."""
    is_active = case.state == ACTIVE
    waiting, standing = waiting_reopening(tx, case.id), standing_closure(tx, case.id)
    packages = package_rows(tx, packages_of(tx, standing)) if standing is not None else []
    return ClosurePage(
        case_id=case.id,
        case_number=case.number,
        state=case.state,
        today=tx.now.date(),
        checklist=checklist_page(tx, checklist_of(tx, case)) if is_active else None,
        closures=[closure_row(tx, each) for each in closures_of(tx, case.id)],
        reopening=_reopening(tx, case, waiting) if waiting is not None else None,
        packages=packages,
        may_close=is_active and tx.allows(Permission.CASE_CLOSE, case),
        may_reopen=case.state in (CLOSED, *IN_ARCHIVE) and tx.allows(Permission.CASE_REOPEN, case),
        may_archive=standing is not None and _may_archive(tx, case, standing, packages),
        may_remove=case.state in IN_ARCHIVE and tx.allows(Permission.CASE_ARCHIVE, case),
    )


def _may_archive(tx: Transaction, case: Case, closure: Closure, packages: Sequence[PackageRow]) -> bool:
    """Whether the page offers it: to somebody else than the closer, then to whoever may when something has stopped."""
    offered = case.state == CLOSED and closure.closed_by_id != tx.actor.id
    stopped = case.state == ARCHIVING and any(row.has_stopped for row in packages)
    return (offered or stopped) and tx.allows(Permission.CASE_ARCHIVE, case)


def checklist_page(tx: Transaction, found: Checklist) -> ChecklistPage:
    """The checklist in plain values."""
    return ChecklistPage(
        faults=[fault.message for fault in found.faults()],
        identities=[each.identity.holder for each in found.identities],
        individuals=[outcome_row(person) for person in found.case.individuals],
        bundles=[_bundle(held) for held in found.bundles],
        recordings=[
            RecordingCheck(
                document=each.document.id,
                number=each.number,
                individuals=list(each.individuals),
                transcripts=each.transcripts,
            )
            for each in found.recordings
        ],
        lendings=_lendings(tx, found),
        move=found.move.id if found.move is not None else None,
        files=found.files,
        left=found.left,
    )


def closure_row(tx: Transaction, closure: Closure) -> ClosureRow:
    """One closing; the reason is told in the office that closed it. Load its case with a permission first."""
    is_own = closure.office_id == tx.actor.office_id
    return ClosureRow(
        id=closure.id,
        number=closure.number,
        closed_on=closure.closed_on,
        closed_at=closure.closed_at,
        closed_by=names_of(tx, [closure.closed_by_id]).get(closure.closed_by_id, ""),
        reason=reason_of(tx, closure.remark_id, closure.office_id) if is_own else None,
        headers=_count(tx, ArchiveHeader, closure),
        kept=_count(tx, KeptLending, closure),
        reopened_at=closure.reopened_at,
    )


def _count(tx: Transaction, model: type[ArchiveHeader | KeptLending], closure: Closure) -> int:
    query = select(func.count()).select_from(model).where(model.closure_id == closure.id)
    return tx.session.scalar(query) or 0


def _reopening(tx: Transaction, case: Case, row: Reopening) -> ReopeningRow:
    lapsed = has_lapsed(tx, row)
    is_second = row.proposed_by_id != tx.actor.id and tx.allows(Permission.ACCESS_APPROVE, case)
    return ReopeningRow(
        id=row.id,
        proposed_by=names_of(tx, [row.proposed_by_id]).get(row.proposed_by_id, ""),
        proposed_at=row.proposed_at,
        lapses_at=lapses_at(tx, row),
        has_lapsed=lapsed,
        reason=reason_of(tx, row.remark_id, row.office_id),
        digest=digest_shown(row) if is_second and not lapsed else None,
    )


def _bundle(held: Held) -> BundleCheck:
    opened = held.look.opened
    return BundleCheck(
        id=held.bundle.id,
        number=held.number,
        state=held.look.state,
        title=opened.title if opened is not None else None,
        openers=list(held.openers),
        is_recoverable=held.is_recoverable,
        uploads=held.uploads,
        waiting=held.waiting,
        recovery=held.recovery.id if held.recovery is not None else None,
        requests=len(held.requests),
    )


def _lendings(tx: Transaction, found: Checklist) -> list[LendingRow]:
    borrowers = names_of(tx, [loan.borrower_id for held in found.bundles for loan in held.loans])
    return [
        LendingRow(
            id=each.id,
            kind="link" if isinstance(each, Share) else "loan",
            number=held.number,
            to=each.recipient.organisation.name
            if isinstance(each, Share)
            else borrowers.get(each.borrower_id, ""),
            expires_at=each.expires_at,
        )
        for held in found.bundles
        for each in held.lendings
    ]
