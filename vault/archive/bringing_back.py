"""Bringing back, by a worker without a key: files are copied out of the package, under the heads that a session made.

Each file is an object under a name of this run, which the row learns once it is whole; killed anywhere, the next run clears
that away and goes on. On the way the file in the package is compared with the package's manifest, and with
what was archived.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, Select, exists, select, update
from sqlalchemy.orm import Session, load_only

from vault.access.actor import SYSTEM
from vault.archive import bag, tar
from vault.archive.copies import archive_for, copy_to_read
from vault.archive.models import ArchivalPackage, ArchiveHeader
from vault.archive.package import CONTENT
from vault.archive.packaging import HOPELESS, NotWhole, code_of
from vault.archive.retrieval_models import Retrieval, RetrievedFile
from vault.bundles.models import Version
from vault.crypto.header import HEAD, NONCE, POINTER
from vault.errors import VaultError
from vault.jobs import ClaimedJob, LeaseLost, handles, renew
from vault.stores import archives_of

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction
    from vault.store.archive import Archive
    from vault.store.base import Store

BRING = "archive.bring_back"
SLICE = timedelta(minutes=5)
"""How long one job copies before the next goes on."""
MANIFEST = "manifest-sha256.txt"
_GATHERED = 1024 * 1024


class Member(NamedTuple):
    """Where a file lies in the tar: its first byte, its header in bytes, its size, and what it was when it was stored."""

    start: int
    header: int
    size: int
    digest: bytes


class Copied(NamedTuple):
    """A file that came out of the package: the new object, its payload's nonce, its bytes and SHA-256."""

    object_name: str
    nonce: bytes
    object_length: int
    object_digest: bytes


class Target(NamedTuple):
    """Where a file goes."""

    store: Store
    name: str


@dataclass(frozen=True)
class Shelf:
    """One package in the archive, read by range."""

    archive: Archive
    folder: str
    name: str
    version: str | None

    def read(self, start: int, size: int) -> Iterator[bytes]:
        """So many bytes from there on."""
        return self.archive.read_version(self.name, self.version, start, start + size)

    def take(self, start: int, size: int) -> bytes:
        """The same at once, for what is small."""
        return b"".join(self.read(start, size))


@handles(BRING)
def bring_back(runtime: Runtime, job: ClaimedJob) -> None:
    """Every file of the retrieval is an object of the store, and waits for a member who opens the bundle.

    Of one that was dropped none is.
    """
    try:
        _bring(runtime, job)
    except LeaseLost:
        raise
    except VaultError as fault:
        _note_failure(runtime, job, fault)
        if not isinstance(fault, HOPELESS):
            raise


def key_of(retrieval_id: UUID, done: int = 0) -> str:
    """What keeps the job from waiting twice, at so many files done."""
    return f"{BRING}:{retrieval_id}:{done}"


def clear_away_later(tx: Transaction, retrieval_id: UUID) -> None:
    """A worker removes what was copied for a retrieval that is dropped."""
    tx.later(BRING, retrieval_id, dedupe_key=f"{BRING}:{retrieval_id}:dropped")


def _bring(runtime: Runtime, job: ClaimedJob) -> None:
    until = time.monotonic() + SLICE.total_seconds()
    with runtime.session() as session:
        retrieval = _retrieval(session, job.subject_id)
    if retrieval.dropped_at is not None:
        _clear_away(runtime, job, retrieval.id)
        return
    with runtime.session() as session:
        if retrieval.rewrapped_at is None or retrieval.copied_at is not None:
            return
        package = session.get_one(ArchivalPackage, retrieval.package_id)
        members = _members(session, package)
        files = session.scalars(_files(retrieval.id).order_by(RetrievedFile.version_id)).all()
        copy = copy_to_read(session, package.id)
    if copy is None:
        raise NotWhole("This package lies nowhere in the archive.")
    archive, folder = (
        archive_for(archives_of(runtime), copy.store),
        f"AIP-{package.aip_id}-v{package.version}",
    )
    shelf = Shelf(archive, folder, copy.object_name, copy.store_version)
    listed = _manifest(shelf, package, max(each.start + each.size for each in members.values()))
    for file in [each for each in files if each.copied_at is None]:
        copied = _copy(_target(runtime.store, job, file), shelf, file, members[file.version_id], listed)
        _note_copied(runtime, job, file, copied)
        if time.monotonic() > until:
            break
    _settle(runtime, job)


def _retrieval(session: Session, retrieval_id: UUID | None) -> Retrieval:
    """What the worker may know of it."""
    columns = (
        *("case_id", "office_id", "package_id", "bundle_id"),
        *("rewrapped_at", "copied_at", "dropped_at", "error_code"),
    )
    only = load_only(*(getattr(Retrieval, name) for name in columns))
    return session.scalars(select(Retrieval).options(only).where(Retrieval.id == retrieval_id)).one()


def _files(retrieval_id: UUID) -> Select[RetrievedFile]:
    """What the worker may know of them."""
    columns = ("retrieval_id", "version_id", "old_start", "new_start", "copied_at")
    only = load_only(*(getattr(RetrievedFile, name) for name in columns))
    return select(RetrievedFile).options(only).where(RetrievedFile.retrieval_id == retrieval_id)


def _members(session: Session, package: ArchivalPackage) -> Mapping[UUID, Member]:
    """Where each file lies: a package has one spelling, so its rows say it."""
    folder = f"AIP-{package.aip_id}-v{package.version}"
    place = _after(f"{folder}/bagit.txt", 0, len(bag.DECLARATION))
    query = (
        select(Version.id, Version.object_length, Version.object_digest, ArchiveHeader.header)
        .join(ArchiveHeader, ArchiveHeader.version_id == Version.id)
        .where(ArchiveHeader.closure_id == package.closure_id)
    )
    found = {}
    for version_id, length, digest, header in sorted(session.execute(query), key=lambda row: str(row[0])):
        size, path = length - POINTER + len(header), f"{folder}/{CONTENT}/{version_id}.age"
        start = place + len(tar.header(path, size))
        found[version_id] = Member(start, len(header), size, digest)
        place = _after(path, place, size)
    return found


def _after(path: str, place: int, size: int) -> int:
    """Where the next file begins."""
    return place + len(tar.header(path, size)) + size + -size % tar.BLOCK


def _manifest(shelf: Shelf, package: ArchivalPackage, place: int) -> Mapping[str, str]:
    """SHA-256 by path, from the manifest behind the files. `NotWhole` if it is not there."""
    place += -place % tar.BLOCK
    while place < (package.size or 0):
        try:
            path, size, blocks = tar.read_header(partial(shelf.take, place))
        except ValueError:
            raise _not_whole() from None
        if path == f"{shelf.folder}/{MANIFEST}":
            lines = shelf.take(place + blocks, size).decode("ascii", "replace").splitlines()
            return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
        place += blocks + size + -size % tar.BLOCK
    raise _not_whole()


def _target(store: Store, job: ClaimedJob, file: RetrievedFile) -> Target:
    """A name that no other run has; what earlier runs of this job left of the file is gone, for they commit nothing more."""
    *earlier, name = (f"versions/{uuid5(file.id, f'{job.id}:{fence}')}" for fence in range(1, job.fence + 1))
    for each in earlier:
        store.drop(each)
        store.delete(each)
    return Target(store, name)


def _copy(
    target: Target, shelf: Shelf, file: RetrievedFile, member: Member, listed: Mapping[str, str]
) -> Copied:
    """The new object is there, whole. `NotWhole` where the package is not what it was; then nothing of it is left."""
    try:
        return _copied(target, shelf, file, member, listed)
    except VaultError:
        target.store.drop(target.name)
        raise


def _copied(
    target: Target, shelf: Shelf, file: RetrievedFile, member: Member, listed: Mapping[str, str]
) -> Copied:
    path = f"{CONTENT}/{file.version_id}.age"
    if file.new_start is None or file.old_start is None:
        raise _not_whole()
    expected = tar.header(f"{shelf.folder}/{path}", member.size)
    if shelf.take(member.start - len(expected), len(expected)) != expected:
        raise _not_whole()
    store, name = target
    start = shelf.take(member.start, member.header)
    packed, old, new = hashlib.sha256(start), hashlib.sha256(file.old_start), hashlib.sha256(file.new_start)
    store.begin(name)
    offset, waiting, nonce = 0, bytearray(file.new_start), bytearray()
    for piece in shelf.read(member.start + member.header, member.size - member.header):
        for counted in (packed, old, new):
            counted.update(piece)
        nonce += piece[: NONCE - len(nonce)]
        waiting += piece
        if len(waiting) >= _GATHERED:
            offset, waiting = store.append(name, offset, waiting, sync=False), bytearray()
    offset = store.append(name, offset, waiting)
    if packed.hexdigest() != listed.get(path) or old.digest() != member.digest or offset < HEAD:
        raise _not_whole()
    store.finish(name)
    return Copied(name, bytes(nonce), offset, new.digest())


def _note_copied(runtime: Runtime, job: ClaimedJob, file: RetrievedFile, copied: Copied) -> None:
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        mine = update(RetrievedFile).where(
            RetrievedFile.id == file.id, RetrievedFile.copied_at.is_(None), _goes_on(file.retrieval_id)
        )
        noted = mine.values(copied_at=tx.now, **copied._asdict()).returning(RetrievedFile.id)
        if tx.session.scalar(noted, execution_options={"synchronize_session": False}) is None:
            runtime.store.delete(copied.object_name)


def _goes_on(retrieval_id: UUID) -> ColumnElement[bool]:
    """It was not ended meanwhile, and its keys are there."""
    return exists(Retrieval.id).where(Retrieval.id == retrieval_id, Retrieval.rewrapped_at.is_not(None))


def _clear_away(runtime: Runtime, job: ClaimedJob, retrieval_id: UUID) -> None:
    """Nothing that was copied, and is no document, lies in the store or stands in a row."""
    row = RetrievedFile
    mine = (row.retrieval_id == retrieval_id, row.copied_at.is_not(None), row.returned_at.is_(None))
    kept = exists(Version.id).where(Version.object_name == row.object_name)
    with runtime.session() as session:
        rows = session.execute(select(row.id, row.object_name).where(*mine, ~kept)).all()
    found = {file_id: name for file_id, name in rows if name is not None}
    for name in found.values():
        runtime.store.delete(name)
    gone = dict.fromkeys(Copied._fields) | {"copied_at": None}
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        query = update(row).where(row.id.in_(found)).values(gone)
        tx.session.execute(query, execution_options={"synchronize_session": False})


def _settle(runtime: Runtime, job: ClaimedJob) -> None:
    """All files are copied, or the next job goes on."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        retrieval = _retrieval(tx.session, job.subject_id)
        if retrieval.rewrapped_at is None:
            return
        files: Sequence[RetrievedFile] = tx.session.scalars(_files(retrieval.id)).all()
        done = sum(each.copied_at is not None for each in files)
        retrieval.error_code = None
        if done < len(files):
            tx.later(BRING, retrieval.id, dedupe_key=key_of(retrieval.id, done))
            return
        retrieval.copied_at = tx.now
        tx.record("retrieval.copied", retrieval, files=done)


def _note_failure(runtime: Runtime, job: ClaimedJob, fault: VaultError) -> None:
    """The row says why; the log does when it is news."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        retrieval = _retrieval(tx.session, job.subject_id)
        if retrieval.error_code != code_of(fault):
            retrieval.error_code = code_of(fault)
            tx.record("retrieval.failed", retrieval, code=code_of(fault))


def _not_whole() -> NotWhole:
    return NotWhole("What lies in the archive is not what was written there.")
