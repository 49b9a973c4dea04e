"""What is shown of packages: how far each is, what is wrong, where it lies, its receipt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, or_, select

from vault.access.policy import Permission
from vault.access.signing import SigningKey
from vault.archive.models import ARCHIVED, QUEUED, RECEIPTED, ArchivalPackage, PackageCopy
from vault.archive.receipt import write_receipt
from vault.archive.receipting import receipt_of_row
from vault.archive.transfer_pages import TransferRow, transfer_row
from vault.archive.transferring import can_transfer
from vault.bundles.models import Document, Version
from vault.cases.models import Case
from vault.crypto.encoding import b64
from vault.jobs import QUEUED as WAITS
from vault.jobs import RUNNING as RUNS
from vault.jobs import Job
from vault.matrix.case_moves import all_bundles
from vault.matrix.pages import names_of

if TYPE_CHECKING:
    from vault.runtime import Transaction


class PackageRow(BaseModel):
    """One package, `done` of `total` bytes of its present step. `error` is a code; `has_stopped`: it waits for somebody."""

    id: UUID
    disposal: str
    state: str
    files: int
    done: int
    total: int
    error: str | None
    has_stopped: bool


class WrongFile(BaseModel):
    """The stored file at fault: its document, by number in a bundle, and which version. Never a name."""

    document: UUID
    bundle_number: int
    document_number: int
    version: int
    may_open: bool


class CopyRow(BaseModel):
    """Where it lies: which archive, the object, its version where the archive has such, what keeps it, and until when."""

    store: str
    object_name: str
    store_version: str | None
    mode: str
    kept_until: datetime | None
    verified_at: datetime
    fault: str | None


class PackageReceipt(BaseModel):
    """Ed25519 over `casevault-v1/receipt`, a zero byte and the text; both in base64 without padding."""

    text: str
    signature: str
    key: str


class PackagePage(BaseModel):
    """One package. Digests are hexadecimal and of the whole tar; null until it is written."""

    package: PackageRow
    name: str
    version: int
    case_id: UUID
    case_number: str
    packaged_at: datetime
    queued_by: str
    size: int | None
    sha256: str | None
    sha512: str | None
    oxum: str | None
    archived_at: datetime | None
    copies: list[CopyRow]
    receipt: PackageReceipt | None
    wrong_file: WrongFile | None
    may_resume: bool
    may_download: bool
    transfer: TransferRow | None
    may_transfer: bool


def package_rows(tx: Transaction, rows: Sequence[ArchivalPackage]) -> list[PackageRow]:
    """How far each is. Load what they belong to with a permission first."""
    mine = Job.subject_id.in_([row.id for row in rows]), Job.name.startswith("archive.")
    known: dict[UUID | None, list[Job]] = {}
    for job in tx.session.scalars(select(Job).where(*mine).order_by(Job.created_at, Job.id)):
        known.setdefault(job.subject_id, []).append(job)
    return [_row(row, known.get(row.id, [])) for row in rows]


def package_page(tx: Transaction, row: ArchivalPackage) -> PackagePage:
    """The page of a package that was loaded with the permission to see it."""
    (shown,) = package_rows(tx, [row])
    case = tx.session.get_one(Case, row.case_id)
    present = PackageCopy.package_id == row.id, PackageCopy.lost_at.is_(None)
    copies = select(PackageCopy).where(*present).order_by(PackageCopy.store)
    transfer = transfer_row(tx, row)
    is_free = transfer is None or transfer.state == "lapsed"
    return PackagePage(
        package=shown,
        name=f"AIP-{row.aip_id}-v{row.version}",
        version=row.version,
        case_id=row.case_id,
        case_number=row.case_number,
        packaged_at=row.packaged_at,
        queued_by=names_of(tx, [row.queued_by_id]).get(row.queued_by_id, ""),
        size=row.size,
        sha256=row.sha256.hex() if row.sha256 else None,
        sha512=row.sha512.hex() if row.sha512 else None,
        oxum=row.oxum,
        archived_at=row.archived_at,
        copies=[CopyRow.model_validate(copy, from_attributes=True) for copy in tx.session.scalars(copies)],
        receipt=_receipt(tx, row),
        wrong_file=_wrong_file(tx, row),
        may_resume=shown.has_stopped and tx.allows(Permission.CASE_ARCHIVE, case),
        may_download=row.state in (RECEIPTED, ARCHIVED) and tx.allows(Permission.PACKAGE_DOWNLOAD, row),
        transfer=transfer,
        may_transfer=is_free and can_transfer(tx, row) and tx.allows(Permission.CASE_ARCHIVE, row),
    )


def _row(row: ArchivalPackage, jobs: Sequence[Job]) -> PackageRow:
    goes_on = any(job.state in (WAITS, RUNS) for job in jobs)
    of_job = jobs[-1].error_code if jobs and row.state != ARCHIVED else None
    return PackageRow(
        id=row.id,
        disposal=row.disposal,
        state=row.state,
        files=row.files,
        done=min(row.progress, _total(row)),
        total=_total(row),
        error=row.error_code or of_job,
        has_stopped=row.state != ARCHIVED and not goes_on,
    )


def _total(row: ArchivalPackage) -> int:
    """Bytes of the step: what is packed, or what is read back."""
    return row.content_length if row.state == QUEUED else row.size or 0


def _receipt(tx: Transaction, row: ArchivalPackage) -> PackageReceipt | None:
    if row.receipt_key_id is None or row.receipt_signature is None:
        return None
    key = tx.session.get_one(SigningKey, row.receipt_key_id)
    return PackageReceipt(
        text=write_receipt(receipt_of_row(row)).decode(),
        signature=b64(row.receipt_signature),
        key=b64(key.public_key),
    )


def _wrong_file(tx: Transaction, row: ArchivalPackage) -> WrongFile | None:
    if row.failed_version_id is None:
        return None
    version = tx.session.get_one(Version, row.failed_version_id)
    document = tx.session.get_one(Document, version.document_id)
    earlier = or_(
        Document.created_at < document.created_at,
        (Document.created_at == document.created_at) & (Document.id <= document.id),
    )
    count = (
        select(func.count()).select_from(Document).where(Document.bundle_id == document.bundle_id, earlier)
    )
    bundles = [bundle.id for bundle in all_bundles(tx, row.case_id)]
    return WrongFile(
        document=document.id,
        bundle_number=bundles.index(document.bundle_id) + 1,
        document_number=tx.session.scalar(count) or 0,
        version=version.number,
        may_open=tx.allows(Permission.DOCUMENT_READ, document),
    )
