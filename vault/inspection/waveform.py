"""How loud a recording is, part by part: read in a process of its own, each time anew, and kept nowhere.

The process asks for at most 128 MiB in blocks of 64 KiB: of a WAV or an MP3 one block for each of 400 parts, of a FLAC
those that lead to 200 places.
"""

from __future__ import annotations

import importlib.util
import logging

from vault.inspection.keeper import KEEPER, Keeper
from vault.inspection.looking import Dialogue, Read, Silent
from vault.inspection.protocol import DRAW, PARTS

log = logging.getLogger(__name__)

DRAWN = frozenset(
    {"audio/wav", *(("audio/mpeg", "audio/flac") if importlib.util.find_spec("miniaudio") else ())}
)
"""Media types that a waveform can be drawn of, on this machine."""
MOST_READS = 2048
PATIENCE = 8.0


def peaks_of(
    extension: str, length: int, read: Read, *, keeper: Keeper = KEEPER, patience: float = PATIENCE
) -> bytes:
    """A byte for each of 400 parts, 255 for the loudest; none where it cannot be drawn. What `read` raises goes on; `Busy`.

    `read(start, end)` gives plaintext from `start` up to, not including, `end`.
    """
    with keeper.begin(DRAW) as channel:
        dialogue = Dialogue(channel, length, read, patience)
        try:
            count = dialogue.said(extension, MOST_READS)
            return dialogue.received(PARTS) if count == PARTS else b""
        except Silent as fault:
            log.info("no waveform could be drawn: %s", fault.code)
            return b""
