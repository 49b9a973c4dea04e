"""What can be wrong with one copy of a package: by a look at what the archive says of it, or by reading all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from errno import EIO
from typing import TYPE_CHECKING

from vault.archive.models import ArchivalPackage, PackageCopy
from vault.archive.verifying import verify_package
from vault.errors import BadRange, NotFound, Tampered

if TYPE_CHECKING:
    from vault.store.archive import Archive, Kept

SECOND = timedelta(seconds=1)
"""Servers keep dates to the second."""


class _Unreadable(Exception):
    """The bytes are not there; the fault says how."""


def looked_faults(archive: Archive, row: ArchivalPackage, copy: PackageCopy, now: datetime) -> set[str]:
    """What is wrong at a look: it is there, with its size, its version, its date and, where the store tells, its SHA-256."""
    try:
        kept = archive.kept(copy.object_name, copy.store_version)
    except NotFound:
        return {"missing"}
    faults = set()
    if kept.size != row.size:
        faults.add("wrong_size")
    elif kept.sha256 not in (None, row.sha256):
        faults.add("wrong_digest")
    if not _is_locked(copy, kept, now):
        faults.add("lock_missing")
    if copy.store_version is not None and _shown(archive, copy.object_name) != copy.store_version:
        faults.add("wrong_version")
    return faults


def read_fault(
    archive: Archive, row: ArchivalPackage, copy: PackageCopy, take: Callable[[bytes], object]
) -> str | None:
    """What is wrong with the bytes of a copy, all of which are read: their number, both digests, each member; or nothing.

    `take` gets every piece before it is judged.
    """
    try:
        report = verify_package(_pieces(archive, row, copy, take), f"AIP-{row.aip_id}-v{row.version}")
    except _Unreadable as fault:
        return str(fault)
    if report.tar is None:
        return "not_a_package"
    found = (report.tar.size, bytes.fromhex(report.tar.sha256), bytes.fromhex(report.tar.sha512))
    if found != (row.size, row.sha256, row.sha512):
        return "wrong_digest"
    return None if report.is_whole else "not_a_package"


def _pieces(
    archive: Archive, row: ArchivalPackage, copy: PackageCopy, take: Callable[[bytes], object]
) -> Iterator[bytes]:
    """The bytes of the copy. What goes wrong in `take` is not the copy's fault."""
    pieces = _opened(archive, row, copy)
    while True:
        try:
            piece = next(pieces, None)
        except NotFound:
            raise _Unreadable("missing") from None
        except Tampered:
            raise _Unreadable("wrong_size") from None
        except OSError as fault:
            if fault.errno != EIO:
                raise
            raise _Unreadable("wrong_digest") from None  # the disk itself says that it lost them
        if piece is None:
            return
        take(piece)
        yield piece


def _opened(archive: Archive, row: ArchivalPackage, copy: PackageCopy) -> Iterator[bytes]:
    size = row.size or 0
    try:
        if archive.kept(copy.object_name, copy.store_version).size != size:
            raise _Unreadable("wrong_size")
        return archive.read_version(copy.object_name, copy.store_version, 0, size)
    except NotFound:
        raise _Unreadable("missing") from None
    except BadRange:
        raise _Unreadable("wrong_size") from None


def _is_locked(copy: PackageCopy, kept: Kept, now: datetime) -> bool:
    """Whether nobody removes it before the date that was set, as long as that is to come."""
    if copy.kept_until is None or copy.kept_until <= now:
        return True
    return kept.until is not None and kept.until + SECOND >= copy.kept_until


def _shown(archive: Archive, name: str) -> str | None:
    """The version that whoever asks for the name alone is given."""
    try:
        return archive.kept(name).version
    except NotFound:
        return None
