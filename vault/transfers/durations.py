"""How long a file that has arrived plays: the blocks that its look asks for are read back through the store."""

from __future__ import annotations

from vault.crypto.payload import read_range
from vault.inspection.formats import MediaType
from vault.inspection.looking import look_at
from vault.store.base import Store
from vault.transfers.models import Upload


def duration_of(store: Store, upload: Upload, media: MediaType, length: int, file_key: bytes) -> int | None:
    """Milliseconds of the upload's finished object of `length` bytes of plaintext, None where nothing is believed.

    It may take seconds: call it outside any transaction. Errors: `Tampered` and `NotFound` when the object cannot be
    read back, which is no matter of its duration; `Busy`.
    """

    def read(start: int, end: int) -> bytes:
        pieces = read_range(
            upload.head,
            file_key,
            length,
            start,
            end - 1,
            lambda first, last: store.read(upload.object_name, first, last),
        )
        return b"".join(pieces)

    if media.kind != "recording":
        return None
    return look_at(media, length, read).duration_ms
