"""Dictations, DSS and DS2, as sound that a browser plays: where it can be had, and whether the recorder has locked it."""

from __future__ import annotations

from collections.abc import Callable

from vault.errors import NotFound
from vault.inspection.dictation import DICTATED, LOCKED_MAGIC, PLAYED, Dictation, dictation
from vault.store.base import Store
from vault.transfers.reading import Content, reader_of

Ranges = list[tuple[int, int]]
Served = Callable[[Ranges], None]


def dictation_in(content: Content, store: Store) -> Dictation:
    """The recording, counted. `NotFound` for what is none or not decoded here. It may take a second: call it outside any
    transaction. Errors besides: `NotShown`, `Busy`; `Tampered` and `NotFound` when the object cannot be read back."""
    if content.media_type not in PLAYED:
        raise NotFound
    return dictation(content.version.extension, content.length, reader_of(store, content))


def is_locked(content: Content, store: Store) -> bool:
    """Whether its first bytes say that its recorder has locked it. Call it outside any transaction."""
    if content.media_type not in DICTATED or content.length < len(LOCKED_MAGIC):
        return False
    return reader_of(store, content)(0, len(LOCKED_MAGIC)) == LOCKED_MAGIC


def in_shares(served: Served, content: Content, sound: Dictation) -> Served:
    """What takes ranges of the sound and tells `served` the bytes of the file, both inclusive, that they stand for."""

    def told(ranges: Ranges) -> None:
        places = [[at * content.length // sound.length for at in each] for each in ranges]
        served([(first, last) for first, last in places])

    return told
