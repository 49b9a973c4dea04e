"""Looking at a whole file through a process of its own: codes of what is in it, and how long a recording plays.

The process asks for the bytes it needs, at most 256 MiB of them (4 of a recording) in blocks of 64 KiB, and answers within
seconds with a few words. One that crashes, hangs, asks for too much or answers nonsense costs the file its verdict and
nothing else."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from vault.inspection.asked import BLOCK
from vault.inspection.duration import is_believable
from vault.inspection.formats import MediaType
from vault.inspection.keeper import KEEPER, Keeper
from vault.inspection.marks import CODES
from vault.inspection.protocol import DONE, TYPE_ROOM, WHOLE

log = logging.getLogger(__name__)

MOST_READS, MOST_READS_OF_SOUND = 4096, 64
PATIENCE, PATIENCE_WITH_SOUND = 15.0, 8.0
"""Seconds."""
LONGEST_ANSWER = 256

Read = Callable[[int, int], bytes]
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Seen:
    """Codes of `marks`, sorted; milliseconds of a recording, where they could be read and believed."""

    codes: tuple[str, ...] = ()
    duration_ms: int | None = None


def look_at(
    media: MediaType, length: int, read: Read, *, keeper: Keeper = KEEPER, patience: float | None = None
) -> Seen:
    """What is in the file of `length` bytes. `Busy` when no process is to be had.

    `read(start, end)` gives its plaintext from `start` up to, not including, `end`; what it raises goes on.
    """
    is_sound = media.kind == "recording"
    patience = patience or (PATIENCE_WITH_SOUND if is_sound else PATIENCE)
    most = MOST_READS_OF_SOUND if is_sound else MOST_READS
    try:
        seen = conversed(
            keeper,
            WHOLE,
            lambda channel: Dialogue(channel, length, read, patience).result(media.extension, most),
        )
    except Silent as fault:
        log.info("a file could not be looked at: %s", fault.code)
        return Seen((fault.code,))
    believed = seen.duration_ms is not None and is_believable(media.name, length, seen.duration_ms)
    return seen if believed else Seen(seen.codes)


def conversed(keeper: Keeper, task: bytes, talk: Callable[[socket.socket], Answer]) -> Answer:
    """What one process answers; `Silent` when it gives no usable answer.

    One that ended with its zygote, through no fault of its file, is asked for once more.
    """
    zygote_id = None
    try:
        with keeper.begin(task) as channel:
            zygote_id = keeper.zygote_id
            return talk(channel)
    except Silent:
        if keeper.lives(zygote_id):
            raise
    with keeper.begin(task) as channel:
        return talk(channel)


class Silent(Exception):
    """The process gave no usable answer; the code says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Dialogue:
    """One conversation with the process; `Silent` when it gives no usable answer."""

    def __init__(self, channel: socket.socket, length: int, read: Read, patience: float) -> None:
        self._channel, self._length, self._read = channel, length, read
        self._deadline = time.monotonic() + patience

    def result(self, extension: str, most_reads: int) -> Seen:
        """The answer of a look, after so many questions at most."""
        return self._answer(self.said(extension, most_reads))

    def said(self, extension: str, most_reads: int, wanted: bytes = b"") -> int:
        """The number with which the answer begins; `wanted` is what the task is told besides the format."""
        file = self._length.to_bytes(8, "big") + extension.encode("ascii").ljust(TYPE_ROOM, b"\0")
        self._send(file + wanted)
        for _ in range(most_reads + 1):
            question = self.received(16)
            if question[:8] == DONE:
                return int.from_bytes(question[8:], "big", signed=True)
            start, end = (int.from_bytes(question[at : at + 8], "big") for at in (0, 8))
            if not 0 <= start < end <= self._length or end - start > BLOCK:
                raise Silent("unseen-answer")
            self._send(self._read(start, end))
        raise Silent("unseen-size")

    def _answer(self, milliseconds: int) -> Seen:
        length = int.from_bytes(self.received(2), "big")
        if length > LONGEST_ANSWER:
            raise Silent("unseen-answer")
        codes = set(self.received(length).decode("ascii", "replace").split())
        if not codes <= CODES:
            raise Silent("unseen-answer")
        return Seen(tuple(sorted(codes)), milliseconds or None)

    def _send(self, content: bytes) -> None:
        self._channel.settimeout(self._time_left())
        try:
            self._channel.sendall(content)
        except TimeoutError:
            raise Silent("unseen-time") from None
        except OSError:
            raise Silent("unseen-crash") from None

    def received(self, length: int) -> bytes:
        """So many bytes of the answer."""
        content = b""
        while len(content) < length:
            self._channel.settimeout(self._time_left())
            try:
                piece = self._channel.recv(length - len(content))
            except TimeoutError:
                raise Silent("unseen-time") from None
            except OSError:
                raise Silent("unseen-crash") from None
            if not piece:
                raise Silent("unseen-crash")
            content += piece
        return content

    def _time_left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Silent("unseen-time")
        return left
