"""Further copies of packages: one in the second archive, and one instead of a copy that went bad.

Whatever is written comes from another copy, and that one is read whole and compared in the very same pass: the bytes that
pass are the bytes that are written, under a name that nothing had, and are read back. Where no other copy is good nothing
is written. Nothing is ever removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from vault.access.actor import SYSTEM
from vault.archive.checking import read_fault
from vault.archive.copies import archive_for
from vault.archive.fixity import COPY, REPAIR, Pair, copy_with_package, tell_read
from vault.archive.incidents import held_copy, settle_faults
from vault.archive.models import ARCHIVED, ArchivalPackage, PackageCopy
from vault.archive.packing import Growing
from vault.archive.receipting import lay_receipt, receipt_name, signed_receipt
from vault.bundles.document_types import PERMANENT
from vault.errors import Tampered
from vault.jobs import ClaimedJob, handles, renew
from vault.store.archive import FIRST, SECOND
from vault.store.base import Different
from vault.stores import archives_of
from vault.transfers.objects import Holding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from sqlalchemy.orm import Session

    from vault.runtime import Runtime, Transaction
    from vault.store.archive import Archive, Kept

ENOUGH_TO_DOUBT = 3
"""Of so many copies, all bad, it is not they that went bad but the place: a disk that is not there, a wrong setting."""


class NotLaid(Tampered):
    """What was read back from the archive is not what was written there just now."""


@handles(COPY)
def copy_package(runtime: Runtime, job: ClaimedJob) -> None:
    """An archived package lies in the second archive too, if its first copy is good."""
    with runtime.session() as session:
        row = session.get_one(ArchivalPackage, job.subject_id)
        copies = present_copies(session, row.id)
    source = next((copy for copy in copies if copy.store == FIRST and copy.failed_at is None), None)
    has_second = any(copy.store == SECOND for copy in copies)
    if row.state != ARCHIVED or row.disposed_at is not None or source is None or has_second:
        return
    kept = _laid(runtime, job, Pair(row, source), SECOND)
    if kept is None:
        return
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        copy = tx.add(_copy_row(tx, row, SECOND, kept))
        tell_read(tx, held_copy(tx, source.id), None)
        tx.record("package.copied", row, copy=copy.id, store=SECOND, size=row.size)


@handles(REPAIR)
def repair_copy(runtime: Runtime, job: ClaimedJob) -> None:
    """Another copy stands in the place of a bad one, which stays where it lies; nothing is done without a good one."""
    with runtime.session() as session:
        found = copy_with_package(session, job.subject_id)
        if found is None or found[1].failed_at is None or _is_place_in_doubt(session, found[1].store):
            return
        row, bad = found
        others = [copy for copy in present_copies(session, row.id) if copy.failed_at is None]
    if not others:
        return
    kept = _laid(runtime, job, Pair(row, others[0]), bad.store)
    if kept is None:
        return
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        bad = held_copy(tx, bad.id)
        if bad.lost_at is not None or bad.failed_at is None:
            return
        bad.lost_at = tx.now
        tx.session.flush()
        copy = _copy_row(tx, row, bad.store, kept)
        copy.turn = bad.turn
        tx.add(copy)
        settle_faults(tx, bad, by=copy)
        tell_read(tx, held_copy(tx, others[0].id), None)
        tx.record("package.repaired", row, copy=copy.id, instead=bad.id, source=others[0].id, store=bad.store)


def present_copies(session: Session, package_id: UUID) -> list[PackageCopy]:
    """Those that are not lost, the first archive's first."""
    query = select(PackageCopy).where(PackageCopy.package_id == package_id, PackageCopy.lost_at.is_(None))
    return list(session.scalars(query.order_by(PackageCopy.store)))


def _copy_row(tx: Transaction, row: ArchivalPackage, store: str, kept: Kept) -> PackageCopy:
    copy = PackageCopy(package_id=row.id, store=store, object_name=kept.name, store_version=kept.version)
    copy.mode, copy.kept_until, copy.verified_at, copy.looked_at = kept.mode, kept.until, tx.now, tx.now
    return copy


def _is_place_in_doubt(session: Session, store: str) -> bool:
    """Whether every copy in this archive is bad, and there are some."""
    present = PackageCopy.store == store, PackageCopy.lost_at.is_(None)
    counts = select(func.count(), func.count(PackageCopy.failed_at)).where(*present)
    copies, bad = session.execute(counts).one()
    return copies >= ENOUGH_TO_DOUBT and bad == copies


def _laid(runtime: Runtime, job: ClaimedJob, source: Pair, store: str) -> Kept | None:
    """What lies in that archive now, taken from the source and read back; None if the source turned out to be bad."""
    archives, hold = archives_of(runtime), Holding(runtime, job)
    target, origin = archive_for(archives, store), archive_for(archives, source.copy.store)
    name = next(
        name for name in _names(runtime, source.row, store) if _is_free(target, name, source.row, hold)
    )
    if target.size(name) is None:
        fault = _carried(origin, source, target, name, hold)
    else:
        target.drop(name)
        fault = read_fault(origin, source.row, source.copy, hold)
    if fault is not None:
        with runtime.transaction(SYSTEM) as tx:
            renew(tx.session, job, tx.now)
            tell_read(tx, held_copy(tx, source.copy.id), fault)
        return None
    kept = target.kept(name)
    if read_fault(target, source.row, _lying(kept), hold) is not None:
        raise NotLaid("What was read back from the archive is not what was written there.")
    return _kept_on(runtime, source.row, target, kept)


def _carried(origin: Archive, source: Pair, target: Archive, name: str, hold: Holding) -> str | None:
    """What is wrong with the source, all of which was read; if nothing, its bytes are the object of that name."""
    if target.partial_size(name) is None:
        target.begin(name)
    growing = Growing(target, name, hold)
    try:
        fault = read_fault(origin, source.row, source.copy, growing.write)
        if fault is None:
            growing.flush()
            _must_end(target, name, source.row)
            target.finish(name)
    except Different:
        target.drop(name)  # torn by a power cut; the job is tried again
        raise
    if fault is not None:
        target.drop(name)
    return fault


def _must_end(target: Archive, name: str, row: ArchivalPackage) -> None:
    if target.partial_size(name) != row.size:
        raise Different("The partial is longer than the package.")


def _names(runtime: Runtime, row: ArchivalPackage, store: str) -> Iterator[str]:
    """Names that no copy of the package in this archive has: the package's own, then that with a number."""
    with runtime.session() as session:
        query = select(PackageCopy.object_name).where(
            PackageCopy.package_id == row.id, PackageCopy.store == store
        )
        known = set(session.scalars(query))
    plain = row.object_name.removesuffix(".tar")
    yield from (
        name for name in (row.object_name, *(f"{plain}-r{n}.tar" for n in range(2, 100))) if name not in known
    )


def _is_free(target: Archive, name: str, row: ArchivalPackage, hold: Holding) -> bool:
    """Whether nothing lies there, or the package does: a run that was killed had written it."""
    return target.size(name) is None or read_fault(target, row, _lying(target.kept(name)), hold) is None


def _lying(kept: Kept) -> PackageCopy:
    """What lies there, as if it were a copy: only to be read."""
    return PackageCopy(object_name=kept.name, store_version=kept.version)


def _kept_on(runtime: Runtime, row: ArchivalPackage, target: Archive, kept: Kept) -> Kept:
    """A permanent package is locked, and the receipt lies beside it."""
    until = runtime.clock.now() + runtime.settings.retention if row.disposal == PERMANENT else None
    if row.state == ARCHIVED and target.size(receipt_name(row)) is None:
        with runtime.session() as session:
            content = signed_receipt(session, row)
        lay_receipt(target, receipt_name(row), content, until)
    return kept if until is None else target.extend_retention(kept.name, kept.version, until)
