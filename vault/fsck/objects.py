"""I1 and I2: what was acknowledged is there, and is what it was. With `--deep` all of it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select

from vault.archive.checking import looked_faults, read_fault
from vault.archive.models import ArchivalPackage, ArchiveIndex, PackageCopy
from vault.archive.removal_models import RemovedVersion
from vault.archive.retrieval_models import RetrievedFile
from vault.audit.leaf import read_leaf
from vault.audit.models import AuditEntry
from vault.bundles.models import Version
from vault.crypto.header import HEAD
from vault.crypto.kdf import Sha256
from vault.crypto.payload import CHUNK, SEALED
from vault.disposal.models import DisposedVersion, FoundCopy
from vault.drops.models import DroppedFile
from vault.errors import NotFound, StoreUnavailable, Tampered
from vault.fsck.checks import Check, Checker, Found, Names, Rows
from vault.fsck.locks import LEAST
from vault.fsck.looking import Looking
from vault.fsck.slots import VERSIONS, has_object
from vault.transfers.models import Upload
from vault.transfers.objects import is_stored

FAULTS = {"missing": "package_missing", "wrong_version": "package_missing"}
DEPOSITS = ("document.deposited", "document.version_added")


def _contents(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """Of objects that are there: those that are not there are told by I2."""
    for row in rows:
        size = vault.runtime.store.size(row.object_name)
        if size is None:
            continue
        is_same = size == row.object_length
        if is_same and vault.is_deep:
            is_same = _digest(vault, row.object_name, size) == row.object_digest
        if not is_same:
            yield row.id, "content_differs"


def _digest(vault: Looking, name: str, size: int) -> bytes:
    digest = Sha256()
    try:
        for piece in vault.runtime.store.read(name, 0, size):
            digest.update(piece)
    except (NotFound, Tampered):
        return b""
    return digest.digest()


def _acknowledged(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """The whole chunks that were acknowledged are stored; the rest is in the row."""
    store = vault.runtime.store
    for row in rows:
        chunks = (row.offset - max(0, (row.tail or LEAST) - LEAST)) // CHUNK
        stored = store.partial_size(row.object_name) or store.size(row.object_name) or 0
        if chunks and stored < HEAD + chunks * SEALED:
            yield row.id, "acknowledged_lost"


def _logged(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """What the log says was deposited is what the row says."""
    said = {}
    for row in rows:
        with suppress(ValueError, KeyError, TypeError):  # a leaf that is none is told by I4
            details = read_leaf(bytes(row.leaf))[1]
            said[UUID(details["version"])] = row.number, details["object_digest"]
    query = select(Version.id, Version.object_digest)
    for version_id, digest in vault.among(query, Version.id, said):
        number, logged = said[version_id]
        if logged != digest.hex():
            yield number, "digest_differs"


def _copies(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    archives = vault.archives()
    for row, copy in _copies_of(vault, [row.id for row in rows]):
        if copy.store not in archives:
            yield copy.id, "package_missing"
            continue
        archive, faults = archives[copy.store], set[str]()
        try:
            faults |= looked_faults(archive, row, copy, vault.now) - {"lock_missing"}
            if vault.is_deep and not faults and (fault := read_fault(archive, row, copy, len)):
                faults.add(fault)
        except StoreUnavailable:
            faults.add("missing")
        yield from ((copy.id, FAULTS.get(fault, "package_differs")) for fault in sorted(faults)[:1])


def _copies_of(vault: Looking, ids: Sequence[UUID]) -> list[tuple[ArchivalPackage, PackageCopy]]:
    query = select(ArchivalPackage, PackageCopy).join(
        PackageCopy, PackageCopy.package_id == ArchivalPackage.id
    )
    return vault.among(query, PackageCopy.id, ids)


def _there(code: str) -> Any:
    def judge(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
        for row in rows:
            if vault.runtime.store.size(row.object_name) is None:
                yield row.id, code

    return judge


def _of_files(vault: Looking) -> Iterable[str]:
    return vault.runtime.store.names(VERSIONS)


def _named(vault: Looking, names: Sequence[str]) -> Iterator[Found]:
    columns = (
        *(Version.object_name, Upload.object_name, Upload.stale_object_name),
        *(RetrievedFile.object_name, RemovedVersion.object_name, DisposedVersion.object_name),
    )
    known = {row[0] for column in columns for row in vault.among(select(column), column, names)}
    yield from ((name, "file_unnamed") for name in names if name not in known)


_stored = select(Version.id, Version.object_name, Version.object_length, Version.object_digest).where(
    is_stored()
)
_indexes = select(
    ArchiveIndex.id, ArchiveIndex.object_name, ArchiveIndex.object_length, ArchiveIndex.object_digest
).where(~exists().where(FoundCopy.name == ArchiveIndex.object_name, FoundCopy.removed_at.is_not(None)))
_waiting = (
    select(DroppedFile.id, Upload.object_name)
    .join(Upload, Upload.id == DroppedFile.id)
    .where(
        DroppedFile.arrived_at.is_not(None), DroppedFile.taken_in_at.is_(None), Upload.dropped_at.is_(None)
    )
)
_returning = select(RetrievedFile.id, RetrievedFile.object_name).where(
    RetrievedFile.copied_at.is_not(None),
    RetrievedFile.returned_at.is_(None),
    RetrievedFile.failure.is_(None),
)
_begun = select(
    Upload.id, Upload.object_name, Upload.offset, func.length(Upload.tail_lock).label("tail")
).where(Upload.completed_at.is_(None), Upload.dropped_at.is_(None), Upload.offset > 0)
_deposits = select(AuditEntry.number, AuditEntry.leaf).where(AuditEntry.event.in_(DEPOSITS))
_kept = select(PackageCopy.id).where(PackageCopy.lost_at.is_(None))

I1 = Checker(
    "I1",
    "An acknowledged upload reads back with the same SHA-256.",
    "The size of every object, what every unfinished upload acknowledged, the digest that the log tells of each deposit, and"
    " what the archive tells of each copy of a package. With --deep each object and copy is read, and SHA-256 compared.",
    (
        Check("versions", Rows(_stored), _contents),
        Check("indexes", Rows(_indexes), _contents),
        Check("unfinished uploads", Rows(_begun), _acknowledged),
        Check("deposits in the log", Rows(_deposits), _logged),
        Check("copies of packages", Rows(_kept), _copies),
    ),
)
I2 = Checker(
    "I2",
    "There is no row without its object, and no object of a file without its row.",
    "Both, by a look at each name: twice, and not by age, for no store tells it.",
    (
        Check("versions", Rows(_stored), _there("object_missing")),
        Check("indexes", Rows(_indexes), _there("object_missing")),
        Check("files that arrived", Rows(_waiting), _there("object_missing")),
        Check("files that return", Rows(_returning), _there("object_missing")),
        Check("objects", Names(_of_files, has_object), _named),
    ),
)
