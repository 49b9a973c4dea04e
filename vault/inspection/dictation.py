"""DSS and DS2 of dictation recorders as WAV, decoded in processes of their own, part by part, and kept nowhere.

One process counts the samples before the first byte is sent; each part is another's work. A part is up to eight MiB.
"""

from __future__ import annotations

import importlib.util
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from vault.errors import NotShown
from vault.inspection.keeper import KEEPER, Keeper
from vault.inspection.looking import MOST_READS, Dialogue, Read, Silent, conversed
from vault.inspection.protocol import DAMAGED, DICTATE, FORMAT, LOCKED, TOO_LARGE, UNSHOWN

log = logging.getLogger(__name__)

DICTATED = frozenset({"audio/x-dss", "audio/x-ds2"})
"""Media types of dictation recorders."""
PLAYED = DICTATED if importlib.util.find_spec("pydsscodec") else frozenset[str]()
"""Those of them that can be played, on this machine."""
LOCKED_MAGIC = b"\x03enc"
"""How a recording begins that its recorder has locked."""
RATES = (11025, 12000, 16000)
MOST_PARTS, MOST_SAMPLES = 4096, 4 * 1024 * 1024
PATIENCE = 15.0
"""Seconds."""
WAV_HEAD = 44
_INSTEAD = "Download it for your dictation software."
_WHY = {
    LOCKED: "This recording is locked on the recorder; only its own software opens it.",
    FORMAT: f"This kind of recording cannot be played here. {_INSTEAD}",
    TOO_LARGE: f"This recording is too long to be played here. {_INSTEAD}",
    DAMAGED: f"This recording could not be read; it may be damaged. {_INSTEAD}",
}
_WHY["unseen-size"] = _WHY["unseen-time"] = _WHY[TOO_LARGE]


@dataclass(frozen=True)
class Dictation:
    """A recording that can be played: `read(start, end)` gives its plaintext, `parts` are the samples of each part."""

    extension: str
    size: int
    read: Read
    rate: int
    parts: tuple[int, ...]
    keeper: Keeper = KEEPER
    patience: float = PATIENCE

    @property
    def length(self) -> int:
        """Bytes of the WAV."""
        return WAV_HEAD + 2 * sum(self.parts)

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """The WAV's bytes from `start` to `end`, both inclusive. Errors: `NotShown`, `Busy`, and what `read` raises."""
        at = 0
        for number, samples in enumerate((None, *self.parts)):
            behind = at + (WAV_HEAD if samples is None else 2 * samples)
            if start < behind and at <= end:
                whole = self._head() if samples is None else self._part(number, 2 * samples)
                yield whole[max(0, start - at) : end + 1 - at]
            at = behind

    def _head(self) -> bytes:
        """RIFF with 16 bits, one channel."""
        sound = self.length - WAV_HEAD
        form = b"".join(
            number.to_bytes(width, "little")
            for number, width in (
                (16, 4),
                (1, 2),
                (1, 2),
                (self.rate, 4),
                (2 * self.rate, 4),
                (2, 2),
                (16, 2),
            )
        )
        riff = b"RIFF" + (sound + WAV_HEAD - 8).to_bytes(4, "little") + b"WAVEfmt " + form
        return riff + b"data" + sound.to_bytes(4, "little")

    def _part(self, number: int, length: int) -> bytes:
        def talk(channel: socket.socket) -> bytes:
            dialogue = Dialogue(channel, self.size, self.read, self.patience)
            said = dialogue.said(self.extension, MOST_READS, number.to_bytes(4, "big"))
            if said != length:
                raise Silent("unseen-answer")
            return dialogue.received(length)

        try:
            return conversed(self.keeper, DICTATE, talk)
        except Silent as fault:
            raise _not_shown(fault.code) from fault


def dictation(
    extension: str, size: int, read: Read, *, keeper: Keeper = KEEPER, patience: float = PATIENCE
) -> Dictation:
    """The recording of `size` bytes, when it can be played. Errors: `NotShown` with a sentence that says why not, `Busy`."""

    def talk(channel: socket.socket) -> Dictation:
        dialogue = Dialogue(channel, size, read, patience)
        rate = dialogue.said(extension, MOST_READS, bytes(4))
        if -len(UNSHOWN) <= rate < 0:
            raise Silent(UNSHOWN[-1 - rate])
        count = int.from_bytes(dialogue.received(4), "big") if rate in RATES else 0
        if not 1 <= count <= MOST_PARTS:
            raise Silent("unseen-answer")
        said = dialogue.received(4 * count)
        parts = tuple(int.from_bytes(said[at : at + 4], "big") for at in range(0, len(said), 4))
        if max(parts) > MOST_SAMPLES or 2 * sum(parts) >= 1 << 32:
            raise Silent("unseen-answer")
        return Dictation(extension, size, read, rate, parts, keeper, patience)

    try:
        return conversed(keeper, DICTATE, talk)
    except Silent as fault:
        raise _not_shown(fault.code) from fault


def _not_shown(reason: str) -> NotShown:
    log.info("a dictation could not be played: %s", reason)
    return NotShown(_WHY.get(reason, _WHY[DAMAGED]))
