"""Objects as files: written aside, synced, then linked into place: a name shows a whole object or none.

    <path>/objects/<parts of the name but the last>/_<two characters>/<last part>
    <path>/partials/<the name with ~ for />

Folders are 0700, files 0600. A folder that begins with `_` only spreads files out; no part of a name does.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from vault.durable import CREATE, make_folder, opened, room, sync_folder, write_at
from vault.errors import BadRange, Conflict, NotFound, Tampered
from vault.store.base import PIECE, Buffer, Different, checked_name, could_become


class DiskStore:
    """A store in one folder of a local file system that knows hard links. Several processes may share it."""

    def __init__(self, path: Path) -> None:
        self._objects = path / "objects"
        self._partials = path / "partials"
        with room():
            make_folder(self._objects)
            make_folder(self._partials)
            sync_folder(path)

    def begin(self, name: str) -> None:
        if self._object(name).exists():
            raise Conflict("An object of that name exists.")
        with room():
            self._create(self._partial(name))

    def append(self, name: str, offset: int, content: Buffer, sync: bool = True) -> int:
        with self._held(name) as descriptor:
            state = os.fstat(descriptor)
            if state.st_size < offset or state.st_nlink != 1:
                raise Conflict("The partial does not end there.")
            if state.st_size > offset:
                present = os.pread(descriptor, len(content), offset)
                if not could_become(present, content, offset):
                    raise Different("Something else lies there.")
            try:
                with room():
                    write_at(descriptor, offset, content)
                    if sync:
                        os.fsync(descriptor)
                    else:
                        # The disk begins now, so that the sync at the end finds little to do.
                        os.posix_fadvise(descriptor, offset, len(content), os.POSIX_FADV_DONTNEED)
            except BaseException:
                # Not to `offset`: what lay there may be acknowledged already, by whoever brought the same.
                os.ftruncate(descriptor, state.st_size)
                raise
        return offset + len(content)

    def sync(self, name: str) -> None:
        with self._held(name) as descriptor, room():
            os.fsync(descriptor)

    def partial_size(self, name: str) -> int | None:
        return _size(self._partial(name))

    def finish(self, name: str) -> None:
        with self._held(name) as descriptor:
            os.fsync(descriptor)
            self._publish(self._partial(name), self._object(name))

    def drop(self, name: str) -> None:
        self._partial(name).unlink(missing_ok=True)
        sync_folder(self._partials)

    def put(self, name: str, content: bytes) -> None:
        target, aside = self._object(name), self._partial(f"put/{uuid4()}")
        with room():
            self._create(aside)
            try:
                with opened(aside, os.O_WRONLY) as descriptor:
                    write_at(descriptor, 0, content)
                    os.fsync(descriptor)
                self._publish(aside, target)
            except BaseException:
                aside.unlink(missing_ok=True)
                raise

    def get(self, name: str) -> bytes:
        try:
            return self._object(name).read_bytes()
        except FileNotFoundError:
            raise NotFound("There is no such object.") from None

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        path = self._object(name)
        size = _size(path)
        if size is None:
            raise NotFound("There is no such object.")
        if not 0 <= start <= end <= size:
            raise BadRange(size)
        return _pieces(path, start, end)

    def size(self, name: str) -> int | None:
        return _size(self._object(name))

    def names(self, prefix: str = "") -> Iterator[str]:
        folder = self._objects.joinpath(
            *[part for part in prefix.split("/")[:-1] if part not in ("", ".", "..")]
        )
        for place, _, files in os.walk(folder):
            parts = Path(place).relative_to(self._objects).parts[:-1]
            for file in files:
                name = "/".join((*parts, file))
                if name.startswith(prefix):
                    yield name

    def partial_names(self, prefix: str = "") -> Iterator[str]:
        for file in os.listdir(self._partials):
            name = file.replace("~", "/")
            if name.startswith(prefix):
                yield name

    def delete(self, name: str) -> None:
        path = self._object(name)
        with suppress(FileNotFoundError):
            path.unlink()
        # Also when nothing was there: an earlier call may have died before this line.
        with suppress(FileNotFoundError):
            sync_folder(path.parent)

    def sweep(self, before: datetime) -> int:
        """What is left of a `put` was begun under a name that nobody knows."""
        old = [path for path in self._partials.glob("put~*") if path.stat().st_mtime < before.timestamp()]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _object(self, name: str) -> Path:
        *folders, last = checked_name(name).split("/")
        return self._objects.joinpath(*folders, "_" + last.partition(".")[0][-2:], last)

    def _partial(self, name: str) -> Path:
        return self._partials / checked_name(name).replace("/", "~")

    def _create(self, path: Path) -> None:
        try:
            with opened(path, CREATE):
                sync_folder(path.parent)
        except FileExistsError:
            # Whoever made it may have died before its name was safe.
            sync_folder(path.parent)
            raise Conflict("That upload has begun already.") from None

    @contextmanager
    def _held(self, name: str) -> Iterator[int]:
        """The open partial, which no other process appends to or finishes meanwhile."""
        path = self._partial(name)
        try:
            with opened(path, os.O_RDWR) as descriptor:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                # While we waited it may have become an object: then this descriptor must not write.
                if os.stat(path).st_ino != os.fstat(descriptor).st_ino:
                    raise NotFound("There is no such upload.")
                yield descriptor
        except FileNotFoundError:
            raise NotFound("There is no such upload.") from None

    def _publish(self, source: Path, target: Path) -> None:
        """Give a synced file its name, once. After a crash halfway, doing it again completes it."""
        with room():
            make_folder(target.parent)
            try:
                os.link(source, target, follow_symlinks=False)
            except FileExistsError:
                if not os.path.samefile(source, target):
                    raise Conflict("An object of that name exists.") from None
            # Up to the top each time: another process may have made a folder and not yet synced it.
            folder = target.parent
            while folder != self._objects:
                sync_folder(folder)
                folder = folder.parent
            sync_folder(self._objects)
            source.unlink()
            sync_folder(self._partials)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _pieces(path: Path, start: int, end: int) -> Iterator[bytes]:
    try:
        with opened(path, os.O_RDONLY) as descriptor:
            while start < end:
                piece = os.pread(descriptor, min(PIECE, end - start), start)
                if not piece:
                    raise Tampered("The object is shorter than it was.")
                start += len(piece)
                yield piece
    except FileNotFoundError:
        raise NotFound("There is no such object.") from None
