"""What a dictation recorder wrote, DSS or DS2, as samples of 16 bits. Runs in a forked process only.

First come u64 length, the format (its extension) in 32 bytes, and u32 `number`: 0 asks how long it is, others for a part of
it. Then `AskedFor`'s questions go out. The answer to 0 is u64 2⁶⁴-1, i64 samples a second (or minus one and a place in
`UNSHOWN`), u32 count of parts and u32 samples of each; to others u64 2⁶⁴-1, i64 length and as many bytes.

pydsscodec decodes, where it is installed. It goes through SP from the beginning, since a sample depends on all before. QP it
would hold as a whole: of that it gets a part, and the seconds before it in which it finds its way.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from vault.inspection.asked import AskedFor
from vault.inspection.protocol import DAMAGED, DONE, FORMAT, LOCKED, TOO_LARGE, TYPE_ROOM, UNSHOWN

try:
    import pydsscodec
except ImportError:
    pydsscodec = None  # type: ignore[assignment]

BLOCK, HEAD = 512, 6
"""Bytes of a block of sound, and of what stands before the sound in it."""
SHORTER, LONGER = 40, 42
"""Bytes of a frame of SP, by turns."""
LEADING = 128
"""Blocks that are decoded before a part of QP, some eighteen seconds: behind them nothing is heard of what came before."""
STEP = 128
"""Blocks that the decoder gets at once."""
LONGEST = 2 * 3600
"""Seconds of SP that can be gone through in time."""
LOUDEST = 32767
_DSS, _DS2 = b"\x02dss".ljust(2 * BLOCK, b"\0"), b"\x03ds2".ljust(3 * BLOCK, b"\0")
_BEGINNINGS = {b"\x02dss": _DSS, b"\x03dss": _DSS, b"\x01ds2": _DS2, b"\x03ds2": _DS2}
"""What the decoder is given instead of the file's own beginning."""
_LOCKED = b"\x03enc"


class Kind(NamedTuple):
    """A way of recording: samples a second, samples of a frame, frames that may begin in a block, blocks of a part."""

    rate: int
    frame: int
    most: int
    part: int


KINDS = {
    "dss_sp": Kind(11025, 264, 13, 1024),
    "ds2_sp": Kind(12000, 288, 13, 1024),
    "ds2_qp": Kind(16000, 256, 10, 256),
    "ds2_qp7": Kind(16000, 256, 43, 256),
}
"""By the decoder's own names."""


class Unplayable(Exception):
    """It is not to be played here; the reason is one of `UNSHOWN`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def dictate(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer for one recording."""
    length = int.from_bytes(source.read(8), "big")
    source.read(TYPE_ROOM)
    number = int.from_bytes(source.read(4), "big")
    try:
        tape = Tape(AskedFor(source, sink, length))
        answer = tape.part(number - 1) if number else tape.measured()
        first = len(answer) if number else tape.rate
    except Unplayable as fault:
        answer, first = b"", -1 - UNSHOWN.index(fault.reason)
    except Exception:  # noqa: BLE001 (whatever bad content makes a decoder raise)
        answer, first = b"", -1 - UNSHOWN.index(DAMAGED)
    view = memoryview(DONE + first.to_bytes(8, "big", signed=True) + answer)
    while view:
        view = view[sink.write(view) :]


class Tape:
    """The blocks of a recording. `Unplayable` for what is no such recording, or is locked."""

    def __init__(self, file: AskedFor) -> None:
        self._file, magic = file, file.part(0, 4)
        if magic == _LOCKED:
            raise Unplayable(LOCKED)
        if pydsscodec is None or magic not in _BEGINNINGS:
            raise Unplayable(FORMAT)
        self._beginning = _BEGINNINGS[magic]
        self._start = BLOCK * (magic[0] if self._beginning is _DSS else 3)
        self._blocks = max(0, file.length - self._start) // BLOCK
        name = pydsscodec.detect_format(self._beginning + self._sound(0, STEP))
        if name not in KINDS:
            raise Unplayable(FORMAT)
        self._kind, self._is_steady = KINDS[name], name.endswith("_sp")

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self._kind.rate

    def measured(self) -> bytes:
        """How many samples each part has, by the frames that begin in its blocks."""
        size = self._kind.part
        counts = [self._samples(first, first + size) for first in range(0, self._blocks, size)]
        if not any(counts):
            raise Unplayable(DAMAGED)
        if self._is_steady:
            if sum(counts) > LONGEST * self.rate:
                raise Unplayable(TOO_LARGE)
            self._require_one_piece()
        return b"".join(count.to_bytes(4, "big") for count in (len(counts), *counts))

    def part(self, number: int) -> bytes:
        """The samples of one part, exactly as many as were counted; silence where the decoder gave fewer."""
        first = number * self._kind.part
        last = min(first + self._kind.part, self._blocks)
        lead = 0 if self._is_steady else max(0, first - LEADING)
        before, wanted = self._samples(lead, first), self._samples(first, last)
        found = array("h")
        for piece in self._followed(last) if self._is_steady else self._taken_out(lead, last):
            found.extend(_whole(piece[before : before + wanted - len(found)]))
            before = max(0, before - len(piece))
        found.frombytes(bytes(2 * (wanted - len(found))))
        if sys.byteorder == "big":
            found.byteswap()
        return found.tobytes()

    def _followed(self, last: int) -> Iterator[list[float]]:
        """Decoded from the beginning through the block behind a part, in which its last frame ends."""
        decoder = pydsscodec.StreamingDecoder()
        decoder.push(self._beginning)
        for at in range(0, last + 1, STEP):
            yield decoder.push(self._sound(at, min(at + STEP, last + 1)))

    def _taken_out(self, first: int, last: int) -> Iterator[list[float]]:
        yield pydsscodec.decode_bytes(self._beginning + self._sound(first, last + 1)).samples

    def _samples(self, first: int, last: int) -> int:
        counts = [head[2] for head in self._heads(first, last)]
        if max(counts, default=0) > self._kind.most:
            raise Unplayable(DAMAGED)
        return sum(counts) * self._kind.frame

    def _require_one_piece(self) -> None:
        """Each block goes on where the one before ended: else words were put in or over, which the decoder would miss."""
        expected: tuple[int, int] | None = (0, 0)
        for head in self._heads(0, self._blocks):
            count, turn = head[2], head[0] >> 7
            at = max(0, 2 * (head[1] + turn) - HEAD)
            if not count:
                expected = None if self._beginning is _DSS else (-1, -1)
                continue
            if expected not in (None, (at, turn)):
                raise Unplayable(FORMAT)
            pair = count // 2 * (SHORTER + LONGER)
            odd = (SHORTER if turn else LONGER) if count % 2 else 0
            expected = (at + pair + odd - (BLOCK - HEAD), turn ^ count % 2)

    def _heads(self, first: int, last: int) -> Iterator[bytes]:
        for at in range(first, min(last, self._blocks), STEP):
            sound = self._sound(at, min(at + STEP, last))
            yield from (sound[place : place + HEAD] for place in range(0, len(sound), BLOCK))

    def _sound(self, first: int, last: int) -> bytes:
        """Whole blocks, as far as there are any."""
        start, blocks = self._start, self._blocks
        return self._file.part(start + min(first, blocks) * BLOCK, start + min(last, blocks) * BLOCK)


def _whole(samples: list[float]) -> array[int]:
    """As numbers of 16 bits; what is louder than they can say is as loud as they can."""
    try:
        return array("h", map(int, samples))
    except (OverflowError, ValueError):
        return array("h", [int(max(-LOUDEST, min(LOUDEST, each))) if each == each else 0 for each in samples])
