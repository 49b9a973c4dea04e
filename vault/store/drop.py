"""Drops: places of others where files are laid down to be fetched, and where answers are found beside them.

A file shows whole or not at all, is never written over, and lies under its own name. A drop is no store: nothing grows there
between two runs, and nothing is removed.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from vault.durable import opened, room, sync_folder, write_at
from vault.errors import Conflict, Misconfigured, NotFound, StoreUnavailable
from vault.store.base import PIECE, S3_PLACE, key_prefix

THERE = "A file of that name is there."
UNREAD = "A file in the folder of the records repository cannot be read."
Take = Callable[[bytes], object]
"""Takes the next bytes of a file."""
Fill = Callable[[Take], object]
"""Gives all bytes of a file, from the first to the last."""


class Drop(Protocol):
    """Names are plain file names. Any method may raise `StoreUnavailable`."""

    def write(self, name: str, fill: Fill) -> None:
        """The file is there, and survives a power cut. Raises `Conflict` if one was, and `StorageFull`.

        What `fill` raises leaves nothing; what a killed run left is written over.
        """

    def size(self, name: str) -> int | None:
        """Bytes of a file, or None if there is none."""

    def read(self, name: str) -> Iterator[bytes]:
        """All of a file, in pieces. Raises `NotFound`."""

    def tidy(self, name: str) -> None:
        """What killed runs left of a file that lies there is gone."""


class FolderDrop:
    """A folder, which must be there: one that is made here would be taken for the disk that is not mounted."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, name: str, fill: Fill) -> None:
        aside, target = self._aside(name), self._path / name
        if target.exists():
            raise Conflict(THERE)
        with room(), opened(aside, os.O_RDWR | os.O_CREAT) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # While we waited another run may have given it its name, or up.
            if target.exists() or not _is_open(aside, descriptor):
                raise Conflict(THERE)
            try:
                _fill(descriptor, fill)
                os.link(aside, target)
                sync_folder(self._path)
            except FileExistsError:
                raise Conflict(THERE) from None
            finally:
                aside.unlink(missing_ok=True)
        sync_folder(self._path)

    def size(self, name: str) -> int | None:
        try:
            state = (self._found() / name).lstat()
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise StoreUnavailable(UNREAD) from fault
        return state.st_size if stat.S_ISREG(state.st_mode) else None

    def read(self, name: str) -> Iterator[bytes]:
        return _pieces(self._found() / name)

    def tidy(self, name: str) -> None:
        self._aside(name).unlink(missing_ok=True)

    def _aside(self, name: str) -> Path:
        return self._found() / f".{name}.part"

    def _found(self) -> Path:
        if not self._path.is_dir():
            raise StoreUnavailable("The folder of the records repository is not there.")
        return self._path


def open_drop(spec: str, endpoint: str = "", region: str = "", checksums: str = "") -> Drop:
    """The drop that a setting names: `folder:PATH` or `s3://BUCKET/PREFIX`; the rest says how S3 is asked.

    Raises `Misconfigured` for anything else, also for nothing.
    """
    kind, _, rest = spec.partition(":")
    if place := S3_PLACE.fullmatch(spec):
        from vault.store.s3.client import Service
        from vault.store.s3.drop import S3Drop

        return S3Drop(place["bucket"], Service(key_prefix(place), endpoint, region, checksums))
    if kind == "folder" and rest:
        return FolderDrop(Path(rest))
    raise Misconfigured("A records repository is named folder:PATH or s3://BUCKET/PREFIX.")


def _fill(descriptor: int, fill: Fill) -> None:
    """All bytes are on the disk, and whoever the folder's group is may read them."""
    at = 0
    os.ftruncate(descriptor, at)

    def take(content: bytes) -> None:
        nonlocal at
        write_at(descriptor, at, content)
        at += len(content)

    fill(take)
    os.fchmod(descriptor, 0o640)
    os.fsync(descriptor)


def _is_open(path: Path, descriptor: int) -> bool:
    """Whether the descriptor is of what lies at the path now."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with opened(path, os.O_RDONLY) as descriptor:
            while piece := os.read(descriptor, PIECE):
                yield piece
    except FileNotFoundError:
        raise NotFound("There is no such file.") from None
    except OSError as fault:
        raise StoreUnavailable(UNREAD) from fault
