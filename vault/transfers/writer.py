"""Writing an object: plaintext in, whole chunks into the store, both hashed on the way. Memory stays flat."""

from __future__ import annotations

from dataclasses import dataclass

from vault.crypto.header import check_object_head
from vault.crypto.kdf import Sha256
from vault.crypto.payload import PayloadWriter
from vault.errors import Invalid, TooLarge
from vault.store.base import Store
from vault.transfers.models import Upload

BATCH = 1024 * 1024
"""Bytes gathered before each append. Nothing of it is acknowledged before the object is finished."""


@dataclass(frozen=True)
class Written:
    """A finished object: lengths in bytes, of plaintext and object, and SHA-256 of both, raw."""

    length: int
    object_length: int
    object_digest: bytes
    plaintext_digest: bytes


class Writer:
    """Encrypts one upload into its object, from the first byte to the last, outside any transaction.

    `limit`: bytes of plaintext at most. `Tampered` when the head is not the upload's under this file key.
    """

    def __init__(self, store: Store, upload: Upload, file_key: bytes, limit: int) -> None:
        self._payload = PayloadWriter(file_key, check_object_head(upload.head, upload.id, file_key))
        self._store, self._name, self.limit = store, upload.object_name, limit
        self._waiting = bytearray(upload.head)
        self._plaintext, self._object = Sha256(), Sha256()
        self._length = self._stored = 0

    def begin(self) -> None:
        """The partial object exists. `Conflict` if it was begun before: one key writes one payload (K6)."""
        self._store.begin(self._name)

    def write(self, content: bytes) -> None:
        """Take the next bytes. Errors: `TooLarge`, `StorageFull`."""
        self._length += len(content)
        if self._length > self.limit:
            raise TooLarge("The file is too large.")
        self._plaintext.update(content)
        self._waiting += self._payload.write(content)
        if len(self._waiting) >= BATCH:
            self._append()

    def finish(self) -> Written:
        """The object stands in the store, whole and synced; no row announces it yet. `Invalid` for an empty file."""
        if not self._length:
            raise Invalid("The file is empty.")
        self._waiting += self._payload.finish()
        self._append()
        self._store.finish(self._name)
        return Written(self._length, self._stored, self._object.digest(), self._plaintext.digest())

    def _append(self) -> None:
        content = bytes(self._waiting)
        self._stored = self._store.append(self._name, self._stored, content, sync=False)
        self._object.update(content)
        self._waiting.clear()
