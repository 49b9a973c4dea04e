"""The folder that an import takes files from: nothing outside it is read, no link is followed, nothing is changed."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from vault.client.sheet import Flaw, Row
from vault.errors import Invalid

ABSENT = "There is no such file."


class Folder:
    """One folder. `Invalid` when there is none."""

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise Invalid(f"{path} is not a folder.")
        self.path = path

    def find(self, name: str) -> Path:
        """The regular file of this name, relative to the folder; `Invalid` says what is wrong with it.

        Backslashes and both ways to write accents are understood where they lead to a file.
        """
        problem = ""
        for spelling in _spellings(name):
            try:
                return self._checked(spelling)
            except Invalid as error:
                problem = error.message if problem in ("", ABSENT) else problem
        raise Invalid(problem)

    def _checked(self, name: str) -> Path:
        parts = PurePosixPath(name).parts
        is_absolute = name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":")
        if is_absolute or ".." in parts or not parts:
            raise Invalid("The file lies outside the folder.")
        path = self.path
        for part in parts:
            path = path / part
            found = _look(path)
            if stat.S_ISLNK(found.st_mode):
                raise Invalid("The file, or a folder on the way to it, is a link. Links are not followed.")
        if not stat.S_ISREG(found.st_mode):
            raise Invalid("This is not a file.")
        if not os.access(path, os.R_OK):
            raise Invalid("You may not read the file.")
        return path


def flaws_of_files(folder: Folder, rows: list[Row], limit: int) -> tuple[dict[int, int], list[Flaw]]:
    """Bytes of each sound file by its line, and what is wrong with the others; `limit` is the largest in bytes."""
    sizes: dict[int, int] = {}
    flaws: list[Flaw] = []
    first_lines: dict[tuple[str, str], int] = {}
    for row in rows:
        try:
            path = folder.find(row.file)
        except Invalid as error:
            flaws.append(Flaw(row.line, error.message))
            continue
        size = path.stat().st_size
        seen = first_lines.setdefault((row.case, str(path)), row.line)
        if seen != row.line:
            flaws.append(Flaw(row.line, f"The same file of the same case stands on line {seen}."))
        elif not size:
            flaws.append(Flaw(row.line, "The file is empty."))
        elif size > limit:
            flaws.append(Flaw(row.line, f"The file is larger than {limit:,} bytes."))
        else:
            sizes[row.line] = size
    return sizes, flaws


def _spellings(name: str) -> Iterator[str]:
    for plain in dict.fromkeys((name, name.replace("\\", "/"))):
        yield from dict.fromkeys(
            (plain, unicodedata.normalize("NFC", plain), unicodedata.normalize("NFD", plain))
        )


def _look(path: Path) -> os.stat_result:
    try:
        return path.lstat()
    except OSError as fault:
        is_absent = isinstance(fault, FileNotFoundError | NotADirectoryError)
        raise Invalid(
            "There is no such file." if is_absent else f"The file cannot be read: {fault.strerror}."
        ) from None
