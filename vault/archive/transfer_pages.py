"""What is shown of a package on its way to a records repository: who let it go, where it lies, the receipt."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.policy import Permission
from vault.archive.models import ArchivalPackage
from vault.archive.settlement import packages_due
from vault.archive.transfer_models import PackageTransfer
from vault.archive.transferring import digest_shown, transfer_of
from vault.crypto.encoding import b64
from vault.jobs import QUEUED, RUNNING, Job
from vault.matrix.approvals import has_lapsed, lapses_at
from vault.matrix.pages import names_of, reason_of

if TYPE_CHECKING:
    from vault.runtime import Transaction


class AccessionRow(BaseModel):
    """The repository's receipt. `recorded_by` typed it in, null for one found at the drop. `key` signed it, if any did."""

    accession_number: str
    receiver: str
    received_on: date
    received_at: datetime
    recorded_by: str | None
    key: str | None


class PackageDue(BaseModel):
    """A package that is to be received before the case counts as transferred."""

    id: UUID
    version: int


class TransferRow(BaseModel):
    """A transfer: proposed, lapsed, approved (a worker has it), delivered or received.

    `digest` is what approving sends back; null for those who cannot approve. `done` counts bytes of `total` of the pass that
    runs. Digests are hexadecimal and of the submission. `refused` says why what lies there as a receipt does not count.
    """

    id: UUID
    name: str
    state: str
    proposed_by: str
    proposed_at: datetime
    lapses_at: datetime
    reason: str | None
    digest: str | None
    approved_by: str | None
    approved_at: datetime | None
    done: int
    total: int
    error: str | None
    has_stopped: bool
    ticket: str | None
    size: int | None
    sha256: str | None
    sha512: str | None
    delivered_at: datetime | None
    receipt: AccessionRow | None
    due: list[PackageDue]
    refused: str | None
    may_drop: bool
    may_resume: bool
    may_record: bool


def transfer_row(tx: Transaction, package: ArchivalPackage) -> TransferRow | None:
    """The one that stands. Load the package with a permission first."""
    row = transfer_of(tx, package.id)
    if row is None:
        return None
    state, job = state_of(tx, row), _newest_job(tx, row)
    may = tx.allows(Permission.CASE_ARCHIVE, package)
    has_stopped = state == "approved" and (job is None or job.state not in (QUEUED, RUNNING))
    names = names_of(tx, [row.proposed_by_id, row.approved_by_id])
    return TransferRow(
        id=row.id,
        name=row.name,
        state=state,
        proposed_by=names.get(row.proposed_by_id, ""),
        proposed_at=row.proposed_at,
        lapses_at=lapses_at(tx, row),
        reason=_reason(tx, row),
        digest=digest_shown(row) if state == "proposed" and _is_second(tx, row, package) else None,
        approved_by=names.get(row.approved_by_id, "") if row.approved_by_id else None,
        approved_at=row.approved_at,
        done=row.progress,
        total=package.size or 0,
        error=_error(row, job) if state == "approved" else None,
        has_stopped=has_stopped,
        ticket=row.ticket,
        size=row.size,
        sha256=row.sha256.hex() if row.sha256 else None,
        sha512=row.sha512.hex() if row.sha512 else None,
        delivered_at=row.delivered_at,
        receipt=_receipt(tx, row),
        due=_due(tx, package),
        refused=row.refused_code,
        may_drop=may and state in ("proposed", "lapsed"),
        may_resume=may and has_stopped,
        may_record=may and state == "delivered",
    )


def state_of(tx: Transaction, row: PackageTransfer) -> str:
    """In one word."""
    if row.received_at is not None:
        return "received"
    if row.delivered_at is not None:
        return "delivered"
    if row.approved_at is not None:
        return "approved"
    return "lapsed" if has_lapsed(tx, row) else "proposed"


def _error(row: PackageTransfer, job: Job | None) -> str | None:
    return row.error_code or (job.error_code if job is not None else None)


def _is_second(tx: Transaction, row: PackageTransfer, package: ArchivalPackage) -> bool:
    return row.proposed_by_id != tx.actor.id and tx.allows(Permission.ACCESS_APPROVE, package)


def _reason(tx: Transaction, row: PackageTransfer) -> str | None:
    """It is told in the office that gave it."""
    is_own = row.office_id == tx.actor.office_id
    return reason_of(tx, row.remark_id, row.office_id) if is_own else None


def _due(tx: Transaction, package: ArchivalPackage) -> list[PackageDue]:
    found = [tx.session.get_one(ArchivalPackage, each) for each in packages_due(tx.session, package.case_id)]
    return [PackageDue(id=each.id, version=each.version) for each in found]


def _newest_job(tx: Transaction, row: PackageTransfer) -> Job | None:
    mine = select(Job).where(Job.subject_id == row.id).order_by(Job.created_at.desc(), Job.id)
    return tx.session.scalars(mine.limit(1)).first()


def _receipt(tx: Transaction, row: PackageTransfer) -> AccessionRow | None:
    if row.received_at is None or row.received_on is None:
        return None
    names = names_of(tx, [row.recorded_by_id])
    return AccessionRow(
        accession_number=row.accession_number or "",
        receiver=row.receiver or "",
        received_on=row.received_on,
        received_at=row.received_at,
        recorded_by=names.get(row.recorded_by_id, "") if row.recorded_by_id else None,
        key=b64(row.receipt_key) if row.receipt_key else None,
    )
