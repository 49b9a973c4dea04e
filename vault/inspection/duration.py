"""How long a recording is, where that can be read and believed.

Its headers are parsed in a child process of its own, which can open nothing and asks for the bytes it needs: at most 64
blocks of 64 KiB, within seconds. Believed is what fits the recording's size: so many bytes a second as the format can have.
A child that crashes, hangs or asks for too much costs the duration and nothing else.
"""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from vault.inspection.inspector import ROOT

log = logging.getLogger(__name__)

CHILD = (sys.executable, "-P", "-B", "-m", "vault.inspection.duration_child")
BLOCK = 64 * 1024
MOST_READS = 64
PATIENCE = 8.0
TYPE_ROOM = 32
DONE = b"\xff" * 8
LONGEST_MS = 24 * 3600 * 1000

BYTES_A_SECOND = {
    "audio/wav": (800, 1_200_000),
    "audio/mpeg": (1000, 42_000),
    "audio/mp4": (400, 400_000),
    "audio/ogg": (100, 700_000),
    "audio/flac": (250, 1_200_000),
    "audio/x-ms-wma": (400, 200_000),
    "audio/x-dss": (500, 8000),
    "audio/x-ds2": (500, 8000),
    "video/mp4": (1000, 15_000_000),
    "video/webm": (1000, 15_000_000),
}
"""The least and the most that one second of each format takes; a media type that is not here has no duration."""
OTHER_BYTES = 1024 * 1024
"""Pictures, tags and indexes: what a file may hold besides sound."""

Read = Callable[[int, int], bytes]


def read_duration(
    media_type: str, length: int, read: Read, *, command: Sequence[str] = CHILD, patience: float = PATIENCE
) -> int | None:
    """Milliseconds of the recording of `length` bytes, or None.

    `read(start, end)` gives its plaintext from `start` up to, not including, `end`; what it raises goes on.
    """
    if media_type not in BYTES_A_SECOND or length < 1:
        return None
    ours, theirs = socket.socketpair()
    with ours:
        try:
            with theirs:
                child = _started(command, theirs)
        except OSError:
            return None
        try:
            found = _Dialogue(ours, length, read, patience).result(media_type)
        except _Silent as fault:
            log.info("a recording's duration could not be read: %s", fault)
            return None
        finally:
            child.kill()
            child.wait()
    return found if is_believable(media_type, length, found) else None


def is_believable(media_type: str, length: int, milliseconds: int) -> bool:
    """Whether so long a recording can have so many bytes in this format; none is over 24 hours."""
    least, most = BYTES_A_SECOND[media_type]
    sound = length - OTHER_BYTES
    return (
        0 < milliseconds <= LONGEST_MS
        and least * milliseconds <= length * 1000
        and sound * 1000 <= most * milliseconds
    )


class _Silent(Exception):
    """The child asked for too much, took too long or ended."""


class _Dialogue:
    """One conversation with the child; `_Silent` when it gives no usable answer."""

    def __init__(self, channel: socket.socket, length: int, read: Read, patience: float) -> None:
        self._channel, self._length, self._read = channel, length, read
        self._deadline = time.monotonic() + patience

    def result(self, media_type: str) -> int:
        """What the child measured, in milliseconds."""
        self._send(self._length.to_bytes(8, "big") + media_type.encode("ascii").ljust(TYPE_ROOM, b"\0"))
        for _ in range(MOST_READS + 1):
            question = self._received(16)
            if question[:8] == DONE:
                return int.from_bytes(question[8:], "big", signed=True)
            start, end = (int.from_bytes(question[at : at + 8], "big") for at in (0, 8))
            if not 0 <= start < end <= self._length or end - start > BLOCK:
                raise _Silent("it asked for bytes that are not there")
            self._send(self._read(start, end))
        raise _Silent("it asked for too much")

    def _send(self, content: bytes) -> None:
        self._channel.settimeout(self._time_left())
        try:
            self._channel.sendall(content)
        except OSError as fault:
            raise _Silent(type(fault).__name__) from fault

    def _received(self, length: int) -> bytes:
        content = b""
        while len(content) < length:
            self._channel.settimeout(self._time_left())
            try:
                piece = self._channel.recv(length - len(content))
            except OSError as fault:
                raise _Silent(type(fault).__name__) from fault
            if not piece:
                raise _Silent("it has ended")
            content += piece
        return content

    def _time_left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise _Silent("it took too long")
        return left


def _started(command: Sequence[str], theirs: socket.socket) -> subprocess.Popen[bytes]:
    """A child that holds its end of the socket, nothing else of ours, and none of our environment."""
    return subprocess.Popen(  # noqa: S603 (a fixed command)
        command,
        stdin=theirs.fileno(),
        stdout=theirs.fileno(),
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"},
        cwd="/",
        close_fds=True,
        start_new_session=True,
    )
