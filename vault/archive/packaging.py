"""Packaging, by a worker without a key: a package is written into the archive, and read back whole.

Each step may be repeated and ends in one commit. Killed anywhere, a package comes out as the same bytes; what another run
wrote already is adopted where it is just those.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import select, update
from sqlalchemy.orm import load_only

from vault.access.actor import SYSTEM
from vault.archive.gathering import WrongIndex, package_of
from vault.archive.models import PACKAGE_STATES, QUEUED, VERIFIED, WRITTEN, ArchivalPackage, PackageCopy
from vault.archive.packing import Absent, Unsound, Written, store_package, write_package
from vault.archive.verifying import verify_package
from vault.bundles.document_types import PERMANENT
from vault.bundles.models import Version
from vault.errors import Conflict, Invalid, NotFound, Tampered, VaultError
from vault.jobs import ClaimedJob, LeaseLost, handles, renew
from vault.stores import archive_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from uuid import UUID

    from vault.archive.package import Package
    from vault.archive.transfer_models import PackageTransfer
    from vault.archive.verifying import Report
    from vault.runtime import Runtime, Transaction
    from vault.store.archive import Archive

    Note = Callable[[Runtime, ClaimedJob, VaultError], None]

PACKAGE, VERIFY = "archive.package", "archive.verify"
SIGN, KEEP = "archive.sign", "archive.keep_receipt"
STEPS = dict(zip(PACKAGE_STATES, (PACKAGE, VERIFY, SIGN, KEEP), strict=False))
"""The job that takes a package on from each state."""
TOLD_EVERY = 2.0
"""Seconds between two commits that say how far a step is, and hold the job longer."""
CODES: dict[type[VaultError], str] = {
    Unsound: "object-changed",
    Absent: "object-missing",
    WrongIndex: "index-changed",
}


class NotWhole(Tampered):
    """What lies in the archive is not what was written there."""


class OtherThere(Conflict):
    """Something else lies in the archive under the name of the package."""


CODES |= {NotWhole: "not-whole", OtherThere: "other-object"}
HOPELESS = (Tampered, NotFound, Invalid, OtherThere)
"""What trying again by itself does not mend."""


@handles(PACKAGE)
def write_into_archive(runtime: Runtime, job: ClaimedJob) -> None:
    """The package is an object of the archive, and its row knows the digests of what was written."""
    with stopping(runtime, job):
        row = package_row(runtime, job)
        if row.state != QUEUED:
            return
        with runtime.session() as session:
            package = package_of(session, runtime.store, row)
        archive = archive_of(runtime)
        written = _written(runtime, archive, package, row.object_name, Watch(runtime, job))
        if archive.kept(row.object_name).size != written.tar.size:
            raise OtherThere("Something else lies in the archive under the name of this package.")
        with step(runtime, job) as (tx, row):
            row.state, row.size, row.oxum = WRITTEN, written.tar.size, written.oxum
            row.sha256, row.sha512 = bytes.fromhex(written.tar.sha256), bytes.fromhex(written.tar.sha512)
            go_on(tx, row)


@handles(VERIFY)
def read_back(runtime: Runtime, job: ClaimedJob) -> None:
    """The package was read back as written, and is kept: a permanent one has its date before which nobody removes it.

    One that is not there any more, because somebody moved a bad one away, is written again.
    """
    with stopping(runtime, job):
        row = package_row(runtime, job)
        if row.state != WRITTEN:
            return
        archive, name, size = archive_of(runtime), row.object_name, row.size or 0
        if archive.size(name) is None:
            _write_again(runtime, job)
            return
        version = archive.kept(name).version
        check_whole(row, watched(archive.read_version(name, version, 0, size), Watch(runtime, job)))
        kept = archive.kept(name, version)
        if row.disposal == PERMANENT:
            until = runtime.clock.now() + runtime.settings.retention
            kept = archive.extend_retention(name, version, until)
        with step(runtime, job) as (tx, row):
            copy = PackageCopy(package_id=row.id, object_name=name, store_version=kept.version)
            copy.mode, copy.kept_until, copy.verified_at = kept.mode, kept.until, tx.now
            tx.add(copy)
            row.state = VERIFIED
            tx.record(
                "package.stored", row, version=row.version, size=row.size, sha256=(row.sha256 or b"").hex()
            )
            go_on(tx, row)


def check_whole(row: ArchivalPackage, pieces: Iterable[bytes]) -> Report:
    """What is in the tar; `NotWhole` unless it is a package, of this name, and just what was written."""
    report = verify_package(pieces, f"AIP-{row.aip_id}-v{row.version}")
    found = (report.tar.size, report.tar.sha256, report.tar.sha512) if report.tar else None
    if not report.is_whole or found != (row.size, (row.sha256 or b"").hex(), (row.sha512 or b"").hex()):
        raise NotWhole("What lies in the archive is not what was written there.")
    return report


def package_row(runtime: Runtime, job: ClaimedJob) -> ArchivalPackage:
    """The package that the job is about."""
    with runtime.session() as session:
        return session.get_one(ArchivalPackage, job.subject_id)


@contextmanager
def step(runtime: Runtime, job: ClaimedJob) -> Iterator[tuple[Transaction, ArchivalPackage]]:
    """The one commit of a step, by the worker that holds the job: nothing is wrong with the package any more."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        row = tx.session.get_one(ArchivalPackage, job.subject_id)
        row.progress, row.error_code, row.failed_version_id = 0, None, None
        yield tx, row


def go_on(tx: Transaction, row: ArchivalPackage) -> None:
    """The job of the next step waits, once."""
    name = STEPS[row.state]
    tx.later(name, row.id, dedupe_key=key_of(name, row.id))


def key_of(name: str, package_id: UUID) -> str:
    """What keeps a step from waiting twice."""
    return f"{name}:{package_id}"


def code_of(fault: VaultError) -> str:
    """What the row, the log and commands call it."""
    return CODES.get(type(fault), fault.code)


@contextmanager
def stopping(runtime: Runtime, job: ClaimedJob, note: Note | None = None) -> Iterator[None]:
    """What goes wrong in the block stands in the package's row; the job ends where trying again would not help.

    `note` writes it down if the job is about something else.
    """
    try:
        yield
    except LeaseLost:
        raise
    except VaultError as fault:
        (note or _note_failure)(runtime, job, fault)
        if not isinstance(fault, HOPELESS):
            raise


class Watch:
    """Told how many bytes there are, it holds the job, and the row of what it is about says so, every few seconds."""

    def __init__(
        self,
        runtime: Runtime,
        job: ClaimedJob,
        model: type[ArchivalPackage] | type[PackageTransfer] = ArchivalPackage,
    ) -> None:
        self._runtime, self._job, self._model = runtime, job, model
        self._told_at = time.monotonic()

    def __call__(self, done: int) -> None:
        """Raises `LeaseLost` when another worker has the job."""
        if time.monotonic() - self._told_at < TOLD_EVERY:
            return
        self._told_at = time.monotonic()
        with self._runtime.session() as session:
            renew(session, self._job, self._runtime.clock.now())
            mine = update(self._model).where(self._model.id == self._job.subject_id)
            session.execute(mine.values(progress=done), execution_options={"synchronize_session": False})


class Passing:
    """Takes a package and passes it on; to nowhere if it lies there already, and only its digests are wanted."""

    def __init__(self, watch: Watch, take: Callable[[bytes], object] | None = None) -> None:
        self._watch, self._take, self._size = watch, take, 0

    def write(self, content: bytes, /) -> None:
        """The next bytes."""
        if self._take is not None:
            self._take(content)
        self._size += len(content)
        self._watch(self._size)


def _written(runtime: Runtime, archive: Archive, package: Package, name: str, watch: Watch) -> Written:
    """The package lies there, by this run or by another, whose partial is gone."""
    if archive.size(name) is None:
        try:
            return store_package(package, runtime.store, archive, name, watch)
        except (LeaseLost, Absent):
            raise
        except (Conflict, NotFound):
            # Another worker, who holds the job no more, came first.
            if archive.size(name) is None:
                raise
    archive.drop(name)
    return write_package(package, runtime.store, Passing(watch))


def _write_again(runtime: Runtime, job: ClaimedJob) -> None:
    with step(runtime, job) as (tx, row):
        row.state, row.size, row.sha256, row.sha512, row.oxum = QUEUED, None, None, None, None
        go_on(tx, row)


def watched(pieces: Iterable[bytes], watch: Watch) -> Iterator[bytes]:
    """The same pieces, of which the watch is told."""
    done = 0
    for piece in pieces:
        done += len(piece)
        watch(done)
        yield piece


def _note_failure(runtime: Runtime, job: ClaimedJob, fault: VaultError) -> None:
    """The row says why; the log does when it is news, and names the stored file that is at fault."""
    code = code_of(fault)
    version_id = fault.version_id if isinstance(fault, Unsound | Absent) else None
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        row = tx.session.get_one(ArchivalPackage, job.subject_id)
        if (row.error_code, row.failed_version_id) == (code, version_id):
            return
        row.error_code, row.failed_version_id = code, version_id
        tx.record("archive.failed", row, code=code, step=row.state, version=version_id)
        if version_id is not None:
            _mark_failed(tx, version_id, code)


def _mark_failed(tx: Transaction, version_id: UUID, reason: str) -> None:
    columns = (Version.office_id, Version.case_id, Version.bundle_id, Version.check_failed_at)
    version = tx.session.scalars(
        select(Version).options(load_only(*columns)).where(Version.id == version_id)
    ).one()
    if version.check_failed_at is None:
        tx.record("fixity.failed", version, reason=reason)
    version.checked_at = version.check_failed_at = tx.now
