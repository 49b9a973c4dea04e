"""Small files and folders that survive a power cut: written aside, synced, renamed, the folder synced.

Folders are 0700, files 0600.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from vault.errors import StorageFull

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


@contextmanager
def room() -> Iterator[None]:
    """Tells a full disk, as `StorageFull`, from every other fault."""
    try:
        yield
    except OSError as fault:
        if fault.errno in FULL:
            raise StorageFull("The disk has no room.") from fault
        raise


@contextmanager
def opened(path: Path, flags: int) -> Iterator[int]:
    """A descriptor of the file or folder itself, never of what a symbolic link there points to."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """The folder is there, and those above it; what was there keeps its mode."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """The names in the folder are on the disk."""
    with opened(path, os.O_RDONLY | os.O_DIRECTORY) as descriptor:
        os.fsync(descriptor)


def write_at(descriptor: int, offset: int, content: bytes | bytearray | memoryview) -> None:
    """All of the content is written, from `offset` bytes on; not yet synced."""
    rest = memoryview(content)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def create_file(path: Path, content: bytes) -> None:
    """The whole file is there; raises FileExistsError, and changes nothing, if one was."""
    aside = _written_aside(path, content)
    try:
        os.link(aside, path)
    finally:
        aside.unlink()
    sync_folder(path.parent)


def replace_file(path: Path, content: bytes) -> None:
    """The file has this content; whoever looks sees the old file or the new one, whole."""
    aside = _written_aside(path, content)
    try:
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def erase_file(path: Path) -> None:
    """The file, and what an interrupted write left beside it, is overwritten as far as the disk lets us, and gone.

    Nothing happens if there is none. Nobody else may be writing it.
    """
    for doomed in (path, *path.parent.glob(f".{path.name}.*")):
        with suppress(FileNotFoundError):
            with opened(doomed, os.O_WRONLY) as descriptor:
                overwrite(descriptor)
            doomed.unlink()
    sync_folder(path.parent)


def overwrite(descriptor: int) -> None:
    """The file holds zeros where its content was."""
    write_at(descriptor, 0, bytes(os.fstat(descriptor).st_size))
    os.fsync(descriptor)


def _written_aside(path: Path, content: bytes) -> Path:
    aside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with opened(aside, CREATE) as descriptor:
            write_at(descriptor, 0, content)
            os.fsync(descriptor)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return aside
