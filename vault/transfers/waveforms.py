"""The waveform of a recording: how loud it is, part by part. It is content, made anew each time, kept nowhere."""

from __future__ import annotations

from vault.crypto.payload import read_range
from vault.errors import NotFound
from vault.inspection.waveform import DRAWN, peaks_of
from vault.store.base import Store
from vault.transfers.reading import Content


def require_drawable(content: Content) -> None:
    """`NotFound` for what has no waveform: no recording, or of a kind that is not decoded here."""
    if content.media_type not in DRAWN:
        raise NotFound


def peaks_in(content: Content, store: Store) -> bytes:
    """A byte for each of its parts, none where it could not be read. It may take a second: call it outside any transaction.

    Errors: `Tampered` and `NotFound` when the object cannot be read back; `Busy`.
    """

    def read(start: int, end: int) -> bytes:
        pieces = read_range(
            content.head,
            content.file_key.reveal(),
            content.length,
            start,
            end - 1,
            lambda first, last: store.read(content.object_name, first, last),
        )
        return b"".join(pieces)

    return peaks_of(content.version.extension, content.length, read)
