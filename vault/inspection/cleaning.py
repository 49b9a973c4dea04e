"""A file without what it says besides its content: made in a process of its own, and handed on while it comes."""

from __future__ import annotations

from collections.abc import Iterator

from vault.errors import Conflict
from vault.inspection.formats import MediaType
from vault.inspection.keeper import KEEPER, Keeper
from vault.inspection.looking import MOST_READS, Dialogue, Read, Silent
from vault.inspection.protocol import SCRUB

CLEANABLE = ("pdf", "docx", "xlsx", "jpg", "png")
"""Formats by their usual ending."""
PATIENCE = 30.0
PIECE = 64 * 1024
MOST_MORE = 16 * 1024 * 1024
"""Bytes that a clean file may have beyond twice the original's."""
CANNOT = "This file could not be cleaned. Print it to a new PDF, or save it anew, and store that."


def cleaned(
    media: MediaType, length: int, read: Read, *, keeper: Keeper = KEEPER, patience: float = PATIENCE
) -> Iterator[bytes]:
    """The pieces of the clean file. `Conflict` when there is none; what `read` raises goes on; `Busy`."""
    if media.extension not in CLEANABLE:
        raise Conflict(CANNOT)
    with keeper.begin(SCRUB) as channel:
        dialogue = Dialogue(channel, length, read, patience)
        try:
            left = dialogue.said(media.extension, MOST_READS)
            if not 0 < left <= 2 * length + MOST_MORE:
                raise Conflict(CANNOT)
            while left:
                piece = dialogue.received(min(left, PIECE))
                left -= len(piece)
                yield piece
        except Silent as fault:
            raise Conflict(CANNOT) from fault
