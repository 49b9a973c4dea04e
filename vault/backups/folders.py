"""The folder of a backup: written under a name that says it is not finished, and renamed when all of it is on the disk.

One process at a time writes into the place where backups lie; what another left there unfinished it removes first.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

from vault.durable import erase_file, make_folder, room, sync_folder
from vault.errors import Busy, Conflict, Misconfigured
from vault.settings import Settings

UNFINISHED = "."
SCRATCH, DRILL = "tmp/drills", "drill"
"""Where in the data folder drills are held, and how each is called."""
TOGETHER = (
    "Backups of the database and of the keystore lie in different places: who takes one must not have both."
)
ONE_DISK = "This is the disk where the {other} lies: who takes it has both. Name another, or say --same-disk."
WITHIN = "This lies in the vault's own data folder, and would be lost with it. Name a folder on another disk."


def name_of(kind: str, backup_id: UUID, now: datetime) -> str:
    """What a backup's folder is called: kind, time, and enough of the id that no two are alike."""
    return f"{kind}-{now:%Y%m%dT%H%M%SZ}-{backup_id.hex[:12]}"


@contextmanager
def only_writer(parent: Path, kind: str) -> Iterator[None]:
    """Nobody else writes backups here, and nothing that somebody left unfinished lies here. Raises `Busy`."""
    with room():
        make_folder(parent)
    descriptor = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy("Another backup is being written there.", retry_after=60) from None
        for left in parent.glob(f"{UNFINISHED}{kind}-*"):
            remove(left)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A folder to write into; when the block ends without a fault it has its name, else it is gone."""
    aside = folder.with_name(f"{UNFINISHED}{folder.name}")
    with room():
        make_folder(aside)
    try:
        yield aside
        with room():
            sync_folder(aside)
            os.rename(aside, folder)
            sync_folder(folder.parent)
    except BaseException:
        remove(aside)
        raise


def remove(folder: Path) -> None:
    """The folder is gone; its files are overwritten first, as far as the disk lets us."""
    if not folder.is_dir():
        return
    for file in folder.iterdir():
        if file.is_file():
            erase_file(file)
    shutil.rmtree(folder)
    sync_folder(folder.parent)


def size_of(folder: Path) -> int:
    """Bytes of the files in it."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def check_place(parent: Path, settings: Settings, others: list[Path], other: str, same_disk: bool) -> None:
    """`Misconfigured` for a place in the data folder; `Conflict` where backups of the other kind lie, or on their disk.

    `others` are the places where such backups were written; what is not there now has no disk.
    """
    if parent.is_relative_to(settings.data):
        raise Misconfigured(WITHIN)
    for place in others:
        if parent.is_relative_to(place) or place.is_relative_to(parent):
            raise Conflict(TOGETHER)
        if not same_disk and (disk := _disk(place)) is not None and disk == _disk(parent):
            raise Conflict(ONE_DISK.format(other=other))


def _disk(path: Path) -> int | None:
    """The disk of a folder, or of the nearest one above it that is there; None where its place is gone."""
    while not path.exists():
        if path == path.parent:
            return None
        path = path.parent
    return path.stat().st_dev
