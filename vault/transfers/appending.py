"""Appending to a resumable upload: plaintext in, whole chunks into the store; what fills no chunk is the tail.

Nothing here is acknowledged: the caller syncs (`progress`) and commits what it is told. A chunk that is not stored yet
is compared with what a crash may have left at its place (docs/format.md, "Resumable upload and K6").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vault.crypto.header import HEAD, check_object_head
from vault.crypto.payload import CHUNK, SEALED, PayloadWriter
from vault.errors import Conflict, NotFound, TooLarge
from vault.store.base import Store
from vault.transfers.digests import KEPT, Buffer, Digests
from vault.transfers.models import Upload

Inspect = Callable[[bytes], None]
"""Given the first bytes of the file, at most 64 KiB: returns if they may be stored, else raises."""
Begin = Callable[[], None]
"""The object's partial is there, or an error says why this writer may not begin it."""


@dataclass(frozen=True)
class Progress:
    """How far an upload is: bytes of plaintext, and those of them that lie in the tail."""

    offset: int
    tail: bytes


class Appender:
    """Writes one upload on from its acknowledged offset, until whoever feeds it stops or its length is reached."""

    def __init__(
        self, store: Store, upload: Upload, file_key: bytes, tail: bytes, inspect: Inspect, begin: Begin
    ) -> None:
        nonce = check_object_head(upload.head, upload.id, file_key)
        chunk = (upload.offset - len(tail)) // CHUNK
        self.length = upload.length or 0
        self.offset = upload.offset
        self._upload, self._store, self._name = upload, store, upload.object_name
        self._payload = PayloadWriter(file_key, nonce, chunk, length=self.length)
        self._payload.write(tail)
        self._inspect = None if chunk or upload.media_type else inspect
        self._begin_object = begin
        self._place = HEAD + chunk * SEALED if chunk else 0
        self._digests = KEPT.take(upload.id, self._name, chunk) or (None if chunk else Digests())
        self._is_finished = False

    @property
    def missing(self) -> int:
        """Bytes that are still to come."""
        return self.length - self.offset

    def take(self, content: bytes) -> None:
        """The next bytes. `TooLarge` beyond the length; what `Inspect` raises; `Different`; `StorageFull`."""
        if len(content) > self.missing:
            raise TooLarge("More bytes came than were announced.")
        pending = self._payload.pending
        if self._inspect is not None and len(pending) + len(content) >= min(CHUNK, self.length):
            self._inspect((pending + content[:CHUNK])[:CHUNK])
            self._inspect = None
        sealed = self._payload.write(content)
        self.offset += len(content)
        taken = max(0, len(sealed) // SEALED * CHUNK - len(pending))
        self._append([pending, memoryview(content)[:taken]], sealed)
        if not self.missing and not self._is_finished:
            self._finish()

    def progress(self) -> Progress:
        """What is stored now survives a power cut."""
        if self._place:
            with _still_there():
                self._store.sync(self._name)
        return Progress(self.offset, b"" if self._is_finished else self._payload.pending)

    def keep(self) -> None:
        """After the commit: the next piece, if it comes to this process, goes on with our digests."""
        if self._digests is not None:
            KEPT.keep(self._upload.id, self._name, self._payload.chunk, self._digests.settled())

    def stop(self) -> None:
        """Let go of the hashing thread."""
        if self._digests is not None:
            self._digests.settled()

    def _finish(self) -> None:
        last = self._payload.pending
        self._is_finished = True
        self._append([last], self._payload.finish())

    def _append(self, plaintext: list[Buffer], sealed: bytearray) -> None:
        if not sealed:
            return
        if not self._place:
            self._begin()
        with _still_there():
            self._place = self._store.append(self._name, self._place, sealed, sync=False)
        if self._digests is not None:
            self._digests.update(plaintext, sealed)

    def _begin(self) -> None:
        """The object has its head. A crash, or another writer, may have begun it before."""
        self._begin_object()
        with _still_there():
            self._place = self._store.append(self._name, 0, self._upload.head, sync=False)
        if self._digests is not None:
            self._digests.object_head(self._upload.head)


@contextmanager
def _still_there() -> Iterator[None]:
    try:
        yield
    except NotFound as fault:
        raise Conflict("Another request finished the upload, or began it anew.") from fault
