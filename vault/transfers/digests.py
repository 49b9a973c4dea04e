"""The two SHA-256 of an upload, of plaintext and of object, made beside the writing and kept between its pieces.

Only whole chunks are taken in, so a kept state holds no plaintext (a chunk is a multiple of SHA-256's block). States do
not survive the process: after a break the object is read back once.
"""

from __future__ import annotations

from collections import OrderedDict
from queue import Queue
from threading import Lock, Thread
from uuid import UUID

from vault.crypto.kdf import Sha256

AHEAD = 4
"""Pieces that may wait for the hashing thread; more, and the writer waits."""
LITTLE = 256 * 1024
"""Bytes that are hashed sooner than a thread is started."""
MOST_KEPT = 64

Buffer = bytes | bytearray | memoryview


class Digests:
    """Fed piece by piece; a thread of its own does the work once there is much. `settled` waits for it."""

    def __init__(self) -> None:
        self._plaintext, self._object = Sha256(), Sha256()
        self._queue: Queue[tuple[list[Buffer], Buffer] | None] | None = None
        self._thread: Thread | None = None

    def update(self, plaintext: list[Buffer], sealed: Buffer) -> None:
        """Take the next whole chunks: the plaintext, and what became of it. Neither may change afterwards."""
        if self._queue is None and len(sealed) < LITTLE:
            self._take(plaintext, sealed)
            return
        if self._queue is None:
            self._queue = Queue(AHEAD)
            self._thread = Thread(target=self._work, args=(self._queue,), daemon=True)
            self._thread.start()
        self._queue.put((plaintext, sealed))

    def settled(self) -> Digests:
        """The same digests with all work done and no thread."""
        if self._queue is not None and self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._queue = self._thread = None
        return self

    def object_head(self, head: bytes) -> None:
        """The object begins with these bytes, which are of no plaintext."""
        self._object.update(head)

    def plaintext_digest(self) -> bytes:
        """32 bytes; call `settled` first."""
        return self._plaintext.digest()

    def object_digest(self) -> bytes:
        """32 bytes; call `settled` first."""
        return self._object.digest()

    def _work(self, queue: Queue[tuple[list[Buffer], Buffer] | None]) -> None:
        while (item := queue.get()) is not None:
            self._take(*item)

    def _take(self, plaintext: list[Buffer], sealed: Buffer) -> None:
        for part in plaintext:
            self._plaintext.update(part)
        self._object.update(sealed)


class KeptDigests:
    """States of uploads that this process wrote to last, each for the piece that follows it and for nobody else."""

    def __init__(self) -> None:
        self._kept: OrderedDict[UUID, tuple[str, int, Digests]] = OrderedDict()
        self._lock = Lock()

    def keep(self, upload_id: UUID, object_name: str, chunk: int, digests: Digests) -> None:
        """The digests are those of the object's first `chunk` chunks."""
        with self._lock:
            self._kept[upload_id] = (object_name, chunk, digests)
            self._kept.move_to_end(upload_id)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)

    def has(self, upload_id: UUID, object_name: str, chunk: int) -> bool:
        """Whether `take` would give them."""
        with self._lock:
            return self._kept.get(upload_id, ("", -1, None))[:2] == (object_name, chunk)

    def take(self, upload_id: UUID, object_name: str, chunk: int) -> Digests | None:
        """The digests of exactly so many chunks of that object, once; else None."""
        with self._lock:
            name, count, digests = self._kept.pop(upload_id, ("", -1, None))
        return digests if (name, count) == (object_name, chunk) else None


KEPT = KeptDigests()
"""This process's own."""
