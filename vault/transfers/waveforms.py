"""The waveform of a recording: how loud it is, part by part. It is content, made anew each time, kept nowhere."""

from __future__ import annotations

from collections.abc import Callable

from vault.errors import NotFound
from vault.inspection.waveform import DRAWN, peaks_of
from vault.store.base import Store
from vault.transfers.reading import Content, reader_of


def require_drawable(content: Content) -> None:
    """`NotFound` for what has no waveform: no recording, or of a kind that is not decoded here."""
    if content.media_type not in DRAWN:
        raise NotFound


def peaks_in(content: Content, store: Store, still_allowed: Callable[[], bool]) -> bytes:
    """A byte for each of its parts, none where it could not be read. It may take a second: call it outside any transaction.

    Errors: `Tampered` and `NotFound` when the object cannot be read back, `NotFound` when it is allowed no more; `Busy`.
    """
    peaks = peaks_of(content.version.extension, content.length, reader_of(store, content))
    if not still_allowed():
        raise NotFound
    return peaks
