"""A file that is to be sent: opened once, never followed out of its place, never changed, watched for changes."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from vault.errors import Conflict, Invalid

MEBIBYTE = 1024 * 1024


class Changed(Conflict):
    """Somebody writes the file while it is sent."""


class Source:
    """A regular file, open for reading. `Invalid` for what is none, cannot be read or is empty; close it in the end."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, shown(path.name)
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError) as fault:
            reason = getattr(fault, "strerror", None) or "the name is not one of a file"
            raise Invalid(f"{self.name} cannot be read: {reason}.") from None
        found = os.fstat(self._file)
        self.size = found.st_size
        self._state = _state_of(found)
        if not stat.S_ISREG(found.st_mode) or not self.size:
            self.close()
            raise Invalid(f"{self.name} is {'empty' if stat.S_ISREG(found.st_mode) else 'not a file'}.")

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_fault: object) -> None:
        self.close()

    def close(self) -> None:
        """The file is no longer open."""
        os.close(self._file)

    def digest(self, told: Callable[[int], None] = lambda _count: None) -> str:
        """SHA-256 of all of it, hexadecimal. `told` hears how many bytes have been read. `Changed` if it is."""
        digest, at = hashlib.sha256(), 0
        while content := os.pread(self._file, MEBIBYTE, at):
            digest.update(content)
            at += len(content)
            told(at)
        self.check()
        return digest.hexdigest()

    def fingerprint(self) -> str:
        """What a file is found by that was sent in part: SHA-256 of its size, its first and its last MiB."""
        length = min(self.size, MEBIBYTE)
        digest = hashlib.sha256(f"{self.size}\n".encode())
        digest.update(self.read(0, length))
        digest.update(self.read(self.size - length, length))
        return digest.hexdigest()

    def read(self, offset: int, count: int) -> bytes:
        """So many bytes, fewer at the end. `Changed` when the file is not what it was."""
        content = bytearray()
        wanted = min(count, self.size - offset)
        while len(content) < wanted:
            piece = os.pread(self._file, wanted - len(content), offset + len(content))
            if not piece:
                break
            content += piece
        self.check()
        return bytes(content)

    def check(self) -> None:
        """`Changed` when somebody has written to the file since it was opened."""
        if _state_of(os.fstat(self._file)) != self._state:
            raise Changed(f"{self.name} was changed while it was read. Nothing of it was stored.")


def shown(name: str) -> str:
    """A name for a terminal or a header: what is not printable, or no text at all, is a question mark."""
    text = os.fsencode(name).decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "?" for character in text)


def _state_of(found: os.stat_result) -> tuple[int, int]:
    return found.st_size, found.st_mtime_ns
