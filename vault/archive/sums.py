"""SHA-256 and SHA-512 of several streams at once, each sum in a thread of its own (hashlib lets go of the interpreter)."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

BATCH = 1024 * 1024
"""Bytes that a sum takes in one go: it wakes a thread for each."""
AHEAD = 3
"""Batches that may wait for a thread, each, before who brings more waits himself: this bounds the memory."""


@dataclass(frozen=True)
class Sums:
    """Of one file or of the whole tar: its bytes and both digests in hex."""

    size: int
    sha256: str
    sha512: str


class Sum:
    """One digest of one stream. Pieces are kept by reference until they are counted, so they must not change."""

    def __init__(self, lane: ThreadPoolExecutor, algorithm: str) -> None:
        self._lane = lane
        self._hash: Any = hashlib.new(algorithm)
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._begun: deque[Future[None]] = deque()

    def update(self, piece: bytes) -> None:
        """Take the next bytes."""
        self._waiting.append(piece)
        self._bytes += len(piece)
        if self._bytes >= BATCH:
            if len(self._begun) == AHEAD:
                self._begun.popleft().result()
            self._begun.append(self._lane.submit(_count, self._hash, self._waiting))
            self._waiting, self._bytes = [], 0

    def hex(self) -> str:
        """The digest of all that came."""
        while self._begun:
            self._begun.popleft().result()
        _count(self._hash, self._waiting)
        self._waiting, self._bytes = [], 0
        return str(self._hash.hexdigest())


class Counted:
    """Both sums of one stream, and its length."""

    def __init__(self, lanes: Lanes, place: int) -> None:
        self._sums = (lanes.sum("sha256", place), lanes.sum("sha512", place + 1))
        self.size = 0

    def update(self, piece: bytes) -> None:
        """Take the next bytes."""
        self.size += len(piece)
        for each in self._sums:
            each.update(piece)

    def sums(self) -> Sums:
        """All that was counted."""
        return Sums(self.size, *(each.hex() for each in self._sums))


class Lanes:
    """Five threads: two for the tar (0, 1), two for the file (2, 3), one for the object (4)."""

    TAR, FILE, OBJECT = 0, 2, 4

    def __init__(self, lanes: Sequence[ThreadPoolExecutor]) -> None:
        self._lanes = lanes

    def sum(self, algorithm: str, place: int) -> Sum:
        """A new sum that the thread of that number counts."""
        return Sum(self._lanes[place], algorithm)

    def counted(self, place: int) -> Counted:
        """Two new sums."""
        return Counted(self, place)


@contextmanager
def lanes() -> Iterator[Lanes]:
    """The threads, which are gone afterwards."""
    threads = [ThreadPoolExecutor(1) for _ in range(5)]
    try:
        yield Lanes(threads)
    finally:
        for thread in threads:
            thread.shutdown(cancel_futures=True)


def _count(digest: Any, pieces: list[bytes]) -> None:
    for piece in pieces:
        digest.update(piece)
