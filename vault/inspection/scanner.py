"""The virus scanner: a file streamed to clamd while it is read, and what clamd said of it.

clamd's own protocol (clamd(8), INSTREAM): chunks of u32 length and as many bytes, then a length of 0; one line comes back.
What is not surely clean or surely infected is *not scanned*, with its reason: a scanner that is down, torn off or talks
nonsense never makes a file clean.
"""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vault.inspection.models import CLEAN, NOT_SCANNED

log = logging.getLogger(__name__)

INFECTED = "infected"
NO_SCANNER, DOWN, TOO_LARGE, SLOW, UNCLEAR = (
    "no-scanner",
    "scanner-down",
    "too-large",
    "scanner-slow",
    "scanner-unclear",
)
REASONS = (NO_SCANNER, DOWN, TOO_LARGE, SLOW, UNCLEAR)

CHUNK = 256 * 1024
PATIENCE, THINKING = 20.0, 120.0
"""Seconds for each move of bytes, and from the last byte to the answer."""
LONGEST_ANSWER = 4096
_LIMIT = re.compile(rb"size limit exceeded|Heuristics\.Limits\.Exceeded", re.IGNORECASE)


@dataclass(frozen=True)
class Scan:
    """`verdict` is clean, infected or not_scanned; then `reason` says why."""

    verdict: str
    reason: str | None = None


class Scanner:
    """clamd at `unix:PATH` or `tcp:HOST:PORT`; at "" there is none. Times in seconds."""

    def __init__(self, address: str, patience: float = PATIENCE, thinking: float = THINKING) -> None:
        self.address = address
        self._patience, self._thinking = patience, thinking

    def scan(self, content: Iterable[bytes]) -> Scan:
        """What the scanner says of a file. What reading `content` raises goes on."""
        if not self.address:
            return Scan(NOT_SCANNED, NO_SCANNER)
        try:
            with self._line() as line:
                return self._asked(line, content)
        except _Silent as fault:
            log.warning("a file was not scanned for viruses: %s", fault.reason)
            return Scan(NOT_SCANNED, fault.reason)

    def answer(self, command: bytes) -> bytes:
        """What clamd says to a command without content, such as PING or VERSION; b"" when it says nothing."""
        try:
            with self._line() as line:
                line.sendall(b"z" + command + b"\0")
                return _received(line)
        except (_Silent, OSError):
            return b""

    @contextmanager
    def held(self, content: bytes) -> Iterator[socket.socket]:
        """A connection to clamd that has got this content and waits for more, until the block ends. OSError without one."""
        with self._connected() as line:
            line.sendall(b"zINSTREAM\0" + len(content).to_bytes(4, "big") + content)
            yield line

    @contextmanager
    def _line(self) -> Iterator[socket.socket]:
        try:
            line = self._connected()
        except OSError:
            raise _Silent(DOWN) from None
        with line:
            yield line

    def _connected(self) -> socket.socket:
        kind, _, place = self.address.partition(":")
        if kind != "unix":
            host, _, port = place.rpartition(":")
            return socket.create_connection((host.strip("[]"), int(port)), self._patience)
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(self._patience)
        try:
            line.connect(place)
        except OSError:
            line.close()
            raise
        return line

    def _asked(self, line: socket.socket, content: Iterable[bytes]) -> Scan:
        sent = _Sent(line)
        sent.send(b"zINSTREAM\0")
        for piece in content:
            for start in range(0, len(piece), CHUNK):
                part = piece[start : start + CHUNK]
                sent.send(len(part).to_bytes(4, "big") + part)
            if sent.is_broken:
                break
        sent.send(bytes(4))
        line.settimeout(self._thinking)
        found = _meaning(_received(line))
        if found.verdict == CLEAN and sent.is_broken:
            return Scan(NOT_SCANNED, UNCLEAR)  # it has not seen all of it
        return found


class _Silent(Exception):
    """No answer, for this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Sent:
    """What goes to clamd. One that has heard enough answers and closes: nothing more is sent, and the answer is read."""

    def __init__(self, line: socket.socket) -> None:
        self._line, self.is_broken = line, False

    def send(self, content: bytes) -> None:
        if self.is_broken:
            return
        try:
            self._line.sendall(content)
        except TimeoutError:
            raise _Silent(SLOW) from None
        except OSError:
            self.is_broken = True


def _received(line: socket.socket) -> bytes:
    answer = b""
    try:
        while len(answer) < LONGEST_ANSWER and not answer.endswith(b"\0"):
            piece = line.recv(LONGEST_ANSWER)
            if not piece:
                break
            answer += piece
    except TimeoutError:
        raise _Silent(SLOW) from None
    except OSError:
        if not answer:
            raise _Silent(DOWN) from None
    if not answer.endswith(b"\0"):
        raise _Silent(DOWN if not answer else UNCLEAR)
    return answer[:-1]


def _meaning(answer: bytes) -> Scan:
    """`stream: OK`, `stream: NAME FOUND`, `… ERROR`. A finding by a limit is none: it says that not all was looked at."""
    if answer == b"stream: OK":
        return Scan(CLEAN)
    if _LIMIT.search(answer):
        return Scan(NOT_SCANNED, TOO_LARGE)
    if answer.startswith(b"stream: ") and answer.endswith(b" FOUND"):
        return Scan(INFECTED)
    return Scan(NOT_SCANNED, UNCLEAR)
