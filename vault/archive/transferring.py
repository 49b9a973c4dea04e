"""Handing a package of permanent records over to a records repository: somebody proposes it, a second person lets it go.

It leaves the vault, encrypted as it lies in the archive: so it is an event, and each file has a line in the inventory of
copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select

from vault import __version__
from vault.access.policy import Permission
from vault.access.remarks import checked_reason
from vault.archive.accession import Accession, check_accession
from vault.archive.accessioning import held_transfer, receive
from vault.archive.delivering import DELIVER
from vault.archive.models import ARCHIVED, ArchivalPackage, ArchiveHeader
from vault.archive.packaging import key_of
from vault.archive.transfer_models import PackageTransfer
from vault.bundles.document_types import PERMANENT
from vault.bundles.models import Version
from vault.cases.models import ARCHIVED as CASE_ARCHIVED
from vault.cases.models import Case
from vault.errors import Conflict, Misconfigured
from vault.jobs import hasten
from vault.matrix.approvals import digest_of, has_lapsed, require_second
from vault.people.step_up import Act, require_step_up
from vault.stores import drop_of
from vault.transfers.models import TRANSFER, CopyMade

if TYPE_CHECKING:
    from vault.runtime import Transaction

NOTHING_WAITS = "Nothing waits for approval here."


def propose_transfer(tx: Transaction, package_id: UUID, reason: str) -> PackageTransfer:
    """It waits for a second person; until then nothing leaves.

    `Conflict` unless the package is of permanent records, archived, and on no such way yet, and a repository is named.
    """
    package = tx.load(ArchivalPackage, package_id, Permission.CASE_ARCHIVE, lock=True)
    _require_archived(tx, package)
    _require_drop(tx)
    reason = checked_reason(reason)
    present = transfer_of(tx, package.id)
    if present is not None and (present.approved_at is not None or not has_lapsed(tx, present)):
        raise Conflict("This is proposed or done already.")
    require_step_up(tx, _act("propose", "Propose to hand this package over", package.id, package))
    if present is not None:
        _drop(tx, present)
    remark = tx.remark(reason)
    row = tx.add(
        PackageTransfer(
            package_id=package.id,
            case_id=package.case_id,
            office_id=package.office_id,
            remark_id=UUID(remark["remark"]),
            proposed_by_id=tx.actor.id,
            proposed_at=tx.now,
            name=f"SIP-{package.aip_id}-v{package.version}",
        )
    )
    tx.record("package.transfer_proposed", row, package=package.id, **remark)
    return row


def approve_transfer(tx: Transaction, package_id: UUID, seen: str) -> PackageTransfer:
    """A worker hands it over. `seen` is the digest of what was read.

    Errors: as `require_second`; `Conflict` when nothing waits, or the case is not archived any more.
    """
    package = tx.load(ArchivalPackage, package_id, Permission.ACCESS_APPROVE, lock=True)
    row = _waiting(tx, package)
    _require_archived(tx, package)
    _require_drop(tx)
    act = _act("approve", "Hand this package over to the records repository", row.id, package)
    require_second(tx, row, facts_of(row), seen, act)
    row.approved_by_id, row.approved_at, row.agent_version = tx.actor.id, tx.now, __version__
    files = _note_copies(tx, package, row)
    tx.record("package.transfer_approved", row, package=package.id, files=files)
    _go_on(tx, row)
    return row


def drop_transfer(tx: Transaction, package_id: UUID) -> PackageTransfer:
    """What was proposed is taken back or declined. `Conflict` when nothing waits."""
    package = tx.load(ArchivalPackage, package_id, Permission.CASE_ARCHIVE, lock=True)
    row = _waiting(tx, package)
    _drop(tx, row)
    tx.record("package.transfer_dropped", row, package=package.id)
    return row


def resume_delivery(tx: Transaction, package_id: UUID) -> PackageTransfer:
    """A delivery that had stopped goes on now. `Conflict` unless one is approved and not done."""
    package = tx.load(ArchivalPackage, package_id, Permission.CASE_ARCHIVE, lock=True)
    row = transfer_of(tx, package.id)
    if row is None or row.approved_at is None or row.delivered_at is not None:
        raise Conflict("This package is not on its way.")
    _require_drop(tx)
    hasten(tx.session, key_of(DELIVER, row.id), tx.now)
    _go_on(tx, row)
    return row


def record_receipt(tx: Transaction, package_id: UUID, accession: Accession) -> PackageTransfer:
    """The repository has taken the package, by a receipt that came another way than by the drop.

    Errors: `WrongReceipt` unless it is for what was delivered; `Conflict` unless that waits for one; `StepUpDue`.
    """
    package = tx.load(ArchivalPackage, package_id, Permission.CASE_ARCHIVE, lock=True)
    present = transfer_of(tx, package.id)
    row = held_transfer(tx, present.id) if present is not None else None
    if row is None or row.delivered_at is None or row.received_at is not None:
        raise Conflict("No receipt is waited for here.")
    check_accession(row, accession, tx.now.date())
    said = (("Accession number", accession.number), ("Receiver", accession.receiver))
    require_step_up(tx, _act("receive", "Record that the repository has this package", row.id, package, said))
    receive(tx, row, accession, tx.actor.id)
    return row


def transfer_of(tx: Transaction, package_id: UUID) -> PackageTransfer | None:
    """The one that was not dropped; a proposal may have lapsed. Load the package with a permission first."""
    live = (PackageTransfer.package_id == package_id, PackageTransfer.dropped_at.is_(None))
    return tx.session.scalar(select(PackageTransfer).where(*live))


def can_transfer(tx: Transaction, package: ArchivalPackage) -> bool:
    """Whether it is of permanent records, archived, and a repository is named."""
    is_archived = package.disposal == PERMANENT and package.state == ARCHIVED
    return (
        is_archived
        and tx.session.get_one(Case, package.case_id).state == CASE_ARCHIVED
        and bool(tx.settings.transfer)
    )


def facts_of(row: PackageTransfer) -> dict[str, str]:
    """All that the proposal says."""
    return {
        "request": str(row.id),
        "package": str(row.package_id),
        "name": row.name,
        "reason": str(row.remark_id),
        "proposed_by": str(row.proposed_by_id),
        "proposed_at": row.proposed_at.isoformat(),
    }


def digest_shown(row: PackageTransfer) -> str:
    """What the second person sends back."""
    return digest_of(facts_of(row))


def _require_archived(tx: Transaction, package: ArchivalPackage) -> None:
    if package.disposal != PERMANENT:
        raise Conflict("Only permanent records are handed over. Others are disposed of one day.")
    if package.state != ARCHIVED or tx.session.get_one(Case, package.case_id).state != CASE_ARCHIVED:
        raise Conflict("Only a package of an archived case is handed over.")


def _require_drop(tx: Transaction) -> None:
    try:
        drop_of(tx.settings)
    except Misconfigured as fault:
        words = "No records repository is named. Whoever runs the vault sets CASEVAULT_TRANSFER."
        raise Conflict(f"{words} {fault.message}") from None


def _waiting(tx: Transaction, package: ArchivalPackage) -> PackageTransfer:
    row = transfer_of(tx, package.id)
    if row is None or row.approved_at is not None:
        raise Conflict(NOTHING_WAITS)
    return row


def _go_on(tx: Transaction, row: PackageTransfer) -> None:
    tx.later(DELIVER, row.id, dedupe_key=key_of(DELIVER, row.id))


def _drop(tx: Transaction, row: PackageTransfer) -> None:
    row.dropped_at, row.dropped_by_id = tx.now, tx.actor.id
    tx.session.flush()


def _note_copies(tx: Transaction, package: ArchivalPackage, row: PackageTransfer) -> int:
    """A line for each file that leaves, before it leaves; returns how many."""
    query = (
        select(Version.id, Version.bundle_id, Version.office_id)
        .join(ArchiveHeader, ArchiveHeader.version_id == Version.id)
        .where(ArchiveHeader.closure_id == package.closure_id)
    )
    lines = [
        CopyMade(
            id=uuid4(),
            version_id=found.id,
            bundle_id=found.bundle_id,
            office_id=found.office_id,
            purpose=TRANSFER,
            recipients=[str(row.id)],
            owner_id=row.proposed_by_id,
            made_at=tx.now,
        )
        for found in tx.session.execute(query)
    ]
    tx.session.add_all(lines)
    tx.session.flush()
    return len(lines)


def _act(
    name: str,
    sentence: str,
    subject_id: UUID,
    package: ArchivalPackage,
    more: tuple[tuple[str, str], ...] = (),
) -> Act:
    facts = (
        ("Case", package.case_number),
        ("Package", f"AIP-{package.aip_id}-v{package.version}"),
        ("Files", str(package.files)),
    )
    return Act(f"transfer.{name}", sentence, subject_id, facts + more)
