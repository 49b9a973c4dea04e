"""Delivering a package to a records repository, by a worker without a key: a submission is made of it and laid at the drop.

It may be repeated and ends in one commit. Killed anywhere, the same bytes lie there once; the sums file comes last: whoever
sees that may fetch both.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from vault.access.actor import SYSTEM
from vault.archive.copies import archive_for, copy_to_read
from vault.archive.models import ArchivalPackage
from vault.archive.packaging import (
    NotWhole,
    OtherThere,
    Passing,
    Watch,
    check_whole,
    code_of,
    stopping,
    watched,
)
from vault.archive.packing import Unsound, Written, write_package
from vault.archive.submission import Opened, submission_of
from vault.archive.transfer_models import PackageTransfer
from vault.errors import Conflict, VaultError
from vault.jobs import ClaimedJob, LeaseLost, handles, renew
from vault.stores import archives_of, drop_of

if TYPE_CHECKING:
    from vault.archive.package import Package
    from vault.runtime import Runtime
    from vault.store.drop import Drop, Take

DELIVER = "archive.deliver"
OTHER = "Something else lies at the drop of the records repository under the name of this package."


@handles(DELIVER)
def deliver(runtime: Runtime, job: ClaimedJob) -> None:
    """The submission lies at the drop, read back, with its sums beside it; the row knows its digests and its ticket."""
    with stopping(runtime, job, _note_failure):
        with runtime.session() as session:
            row = session.get_one(PackageTransfer, job.subject_id)
        if row.approved_at is None or row.delivered_at is not None:
            return
        drop, watch = drop_of(runtime.settings), Watch(runtime, job, PackageTransfer)
        opened = _opened(runtime, row, watch)
        with runtime.session() as session:
            package = session.get_one(ArchivalPackage, row.package_id)
            made = submission_of(session, package, opened, row.approved_at, row.agent_version or "")
        written = _delivered(drop, made, opened, watch)
        with runtime.transaction(SYSTEM) as tx:
            renew(tx.session, job, tx.now)
            row = tx.session.get_one(PackageTransfer, job.subject_id)
            row.ticket, row.size, row.delivered_at = f"{made.name}.tar", written.tar.size, tx.now
            row.sha256, row.sha512 = bytes.fromhex(written.tar.sha256), bytes.fromhex(written.tar.sha512)
            row.progress, row.error_code = 0, None
            tx.record(
                "package.delivered",
                row,
                package=row.package_id,
                size=row.size,
                sha256=written.tar.sha256,
            )


def sums_text(name: str, sha256: str) -> bytes:
    """The file beside the submission, for `sha256sum -c`."""
    return f"{sha256}  {name}\n".encode()


def _opened(runtime: Runtime, row: PackageTransfer, watch: Watch) -> Opened:
    """The package as it lies in the archive, read back whole."""
    with runtime.session() as session:
        package = session.get_one(ArchivalPackage, row.package_id)
        copy = copy_to_read(session, package.id)
    if copy is None:
        raise NotWhole("This package lies nowhere in the archive.")
    archive, place = archive_for(archives_of(runtime), copy.store), (copy.object_name, copy.store_version)
    report = check_whole(package, watched(archive.read_version(*place, 0, package.size or 0), watch))
    return Opened(report, lambda start, end: archive.read_version(*place, start, end))


def _delivered(drop: Drop, made: Package, opened: Opened, watch: Watch) -> Written:
    """It lies there, by this run or by another, with its sums."""
    name, written = f"{made.name}.tar", []

    def fill(take: Take | None = None) -> None:
        try:
            written.append(write_package(made, opened, Passing(watch, take)))
        except Unsound:
            raise NotWhole("What lies in the archive is not what was written there.") from None

    if drop.size(name) is None:
        try:
            drop.write(name, fill)
        except LeaseLost:
            raise
        except Conflict:
            # Another worker, who holds the job no more, came first.
            if drop.size(name) is None:
                raise
    drop.tidy(name)
    if not written:
        fill()
    _check(drop, name, written[-1], watch)
    _lay(drop, f"{name}.sha256", sums_text(name, written[-1].tar.sha256))
    return written[-1]


def _check(drop: Drop, name: str, written: Written, watch: Watch) -> None:
    """`OtherThere` unless what lies there is what was written."""
    counted = hashlib.sha512()
    if drop.size(name) == written.tar.size:
        for piece in watched(drop.read(name), watch):
            counted.update(piece)
    if counted.hexdigest() != written.tar.sha512:
        raise OtherThere(OTHER)


def _lay(drop: Drop, name: str, content: bytes) -> None:
    """A small file is there with this content, once. Errors: `OtherThere`."""
    try:
        if drop.size(name) is None:
            drop.write(name, lambda take: take(content))
    except Conflict:
        pass  # another run laid it down meanwhile: it is looked at below
    drop.tidy(name)
    if drop.size(name) != len(content) or b"".join(drop.read(name)) != content:
        raise OtherThere(OTHER)


def _note_failure(runtime: Runtime, job: ClaimedJob, fault: VaultError) -> None:
    """The row says why; the log does when it is news."""
    code = code_of(fault)
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        row = tx.session.get_one(PackageTransfer, job.subject_id)
        if row.error_code != code:
            row.error_code = code
            tx.record("package.delivery_failed", row, package=row.package_id, code=code)
