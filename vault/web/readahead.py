"""Reading ahead: the next pieces of a long answer are read and opened while the one before is sent."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Full, Queue
from threading import Event, Thread

AHEAD = 3
"""Pieces that may wait to be sent."""
LOOK_EVERY = 0.5
"""Seconds after which a thread that may not go on notices it."""
WORTH = 2 * 1024 * 1024
"""Bytes: a shorter answer is there before a thread is."""


class ReadAhead:
    """The same pieces, in their order, and the same error in the same place. Close it when no more are wanted.

    The first piece is made by whoever asks for it, the others by a thread. Memory: `AHEAD` + 2 pieces.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._queue: Queue[bytes | BaseException | None] = Queue(AHEAD)
        self._is_over = Event()
        self._thread: Thread | None = None
        self._is_first = True

    def __iter__(self) -> ReadAhead:
        return self

    def __next__(self) -> bytes:
        if self._is_first:
            self._is_first = False
            return next(self._pieces)
        if self._is_over.is_set():
            raise StopIteration
        if self._thread is None:
            self._thread = Thread(target=self._work, daemon=True)
            self._thread.start()
        found = self._queue.get()
        if isinstance(found, bytes):
            return found
        self._is_over.set()
        raise StopIteration if found is None else found

    def close(self) -> None:
        """No more is read. What was read and not asked for is forgotten."""
        self._is_over.set()

    def _work(self) -> None:
        try:
            for piece in self._pieces:
                if not self._hand(piece):
                    return
        except Exception as fault:  # noqa: BLE001 (it is raised where the piece is asked for)
            self._hand(fault)
        else:
            self._hand(None)

    def _hand(self, found: bytes | BaseException | None) -> bool:
        """Whether it was taken; False when nobody wants more."""
        while not self._is_over.is_set():
            try:
                self._queue.put(found, timeout=LOOK_EVERY)
            except Full:
                continue
            return True
        return False
