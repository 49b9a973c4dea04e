"""The report of an import: what became of each file, written line by line as it happens, and read at the next start.

It holds case numbers and file names: only its owner may read it.
"""

from __future__ import annotations

import csv
import fcntl
import io
import os
from dataclasses import dataclass, fields
from pathlib import Path

from vault.errors import Busy, Conflict, Invalid

STORED, KNOWN, REFUSED, UNFINISHED = "stored", "known", "refused", "unfinished"
DONE = (STORED, KNOWN)


@dataclass(frozen=True)
class Entry:
    """One file: `state` is stored, known (the bundle had it already), refused or unfinished; `at` is UTC."""

    case: str
    file: str
    state: str
    bytes: str = ""
    sha256: str = ""
    bundle: str = ""
    document: str = ""
    version: str = ""
    version_id: str = ""
    error: str = ""
    at: str = ""


COLUMNS = [field.name for field in fields(Entry)]


class Journal:
    """The report at `path`, which may hold that of earlier runs. Used by one command at a time: `Busy` for another.

    `Conflict` when another file lies there. What a crash cut off of its last line is taken away.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._file = os.open(path, flags, 0o600)
        except OSError as fault:
            raise Invalid(f"The report {path} cannot be written: {fault.strerror}.") from None
        try:
            self.entries = self._begin()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """The report is no longer open."""
        os.close(self._file)

    def bundles_of(self, case: str) -> set[str]:
        """The bundles that files of this case went to."""
        return {entry.bundle for entry in self.entries.values() if entry.case == case and entry.bundle}

    def write(self, entry: Entry) -> None:
        """The entry is on the disk."""
        self.entries[entry.case, entry.file] = entry
        self._append([getattr(entry, name) for name in COLUMNS])

    def _begin(self) -> dict[tuple[str, str], Entry]:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy("Another import is writing this report.") from None
        content = os.pread(self._file, os.fstat(self._file).st_size, 0)
        if not content:
            os.fchmod(self._file, 0o600)
            self._append(COLUMNS)
            _sync_folder(self.path.resolve().parent)
            return {}
        whole = content[: content.rfind(b"\n") + 1]
        try:
            found = self._read(whole)
        except (ValueError, csv.Error):
            raise Conflict(
                f"{self.path} is not a report of this command. Give another with --report."
            ) from None
        os.ftruncate(self._file, len(whole))
        return found

    def _read(self, content: bytes) -> dict[tuple[str, str], Entry]:
        reader = csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True)
        if next(reader, None) != COLUMNS:
            raise ValueError("other columns")
        entries = (Entry(**dict(zip(COLUMNS, cells, strict=True))) for cells in reader)
        return {(entry.case, entry.file): entry for entry in entries}

    def _append(self, cells: list[str]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow([" ".join(cell.splitlines()) for cell in cells])
        left = memoryview(text.getvalue().encode("utf-8", "surrogateescape"))
        while left:
            left = left[os.write(self._file, left) :]
        os.fsync(self._file)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
