"""How loud a recording is from its beginning to its end: of each part, the loudest sample. Runs in a forked process only.

First come u64 length and the format (its extension) in 32 bytes; then `AskedFor`'s questions go out; the answer is u64
2⁶⁴-1, i64 count (0 where nothing can be drawn) and as many bytes, 255 being the loudest of all. Of a long recording a
window in the middle of each part is read, and never more of it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import BinaryIO

from vault.inspection import compressed
from vault.inspection.asked import BLOCK, AskedFor
from vault.inspection.protocol import DONE, PARTS, TYPE_ROOM

WINDOW = 32 * 1024
"""Bytes of a WAV that are read of each part; a smaller part is read whole."""
PLAIN, FLOATING, EXTENSIBLE = 1, 3, 0xFFFE
"""Formats of samples in a WAV (mmreg.h); the last says further on which of the others it has."""
UNFINISHED = (0, 0xFFFFFFFF)
"""What a recorder that was switched off leaves as the length of the sound."""
MOST_CHUNKS = 64

Loudness = Iterator[float]


def draw(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer for one recording."""
    length = int.from_bytes(source.read(8), "big")
    extension = source.read(TYPE_ROOM).rstrip(b"\0").decode("ascii")
    found = peaks(extension, AskedFor(source, sink, length))
    sink.write(DONE + len(found).to_bytes(8, "big") + found)


def peaks(extension: str, file: AskedFor) -> bytes:
    """A byte for each of `PARTS` parts; none where the format is not known or its content makes no sense."""
    reader = _READERS.get(extension)
    if reader is None:
        return b""
    try:
        loudness = list(reader(file))
    except Exception:  # noqa: BLE001 (whatever bad content makes a decoder raise)
        return b""
    loudest = max(loudness, default=0.0)
    if len(loudness) != PARTS or not 0 <= loudest < float("inf"):
        return b""
    return bytes(round(255 * each / loudest) if loudest else 0 for each in loudness)


def _wav(file: AskedFor) -> Loudness:
    """Samples as they are: 8, 16, 24 or 32 bits, or floating."""
    start, end, width, is_floating = _sound(file)
    samples = (end - start) // width
    for part in range(PARTS):
        first, last = samples * part // PARTS, samples * (part + 1) // PARTS
        at, stop = start + first * width, start + max(last, first + 1) * width
        if stop - at > WINDOW:
            at, stop = _window(at, stop, start, width)
        yield _loudest(file.part(at, min(stop, end)), width, is_floating)


def _window(at: int, stop: int, start: int, width: int) -> tuple[int, int]:
    """The middle of a part, moved so that it lies within one block, and whole samples of it."""
    at += (stop - at - WINDOW) // 2
    if at // BLOCK != (at + WINDOW - 1) // BLOCK:
        at = (at // BLOCK + 1) * BLOCK
    at += -(at - start) % width
    return at, at + (WINDOW - width) // width * width


def _loudest(content: bytes, width: int, is_floating: bool) -> float:
    if width == 1:
        return max(max(content) - 128, 128 - min(content))
    if width == 3:  # the two bytes that matter
        inner = bytearray(len(content) // 3 * 2)
        inner[::2], inner[1::2] = content[1::3], content[2::3]
        content, width = bytes(inner), 2
    samples = array("f" if is_floating else {2: "h", 4: "i"}[width])
    samples.frombytes(content)
    return max(max(samples), -min(samples))


def _sound(file: AskedFor) -> tuple[int, int, int, bool]:
    """Where the sound begins and ends, bytes of a sample, and whether it is floating (RIFF, WAVE)."""
    if file.part(0, 4) != b"RIFF":
        raise ValueError
    at, form = 12, b""
    for _ in range(MOST_CHUNKS):
        head = file.part(at, at + 8)
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"fmt ":
            form = file.part(at + 8, at + 8 + min(size, 40))
        if head[:4] == b"data":
            whole = file.length if size in UNFINISHED else min(file.length, at + 8 + size)
            return at + 8, whole, *_samples(form)
        at += 8 + size + size % 2
    raise ValueError


def _samples(form: bytes) -> tuple[int, bool]:
    kind, bits = (int.from_bytes(form[at : at + 2], "little") for at in (0, 14))
    if kind == EXTENSIBLE:
        kind = int.from_bytes(form[24:26], "little")
    if (kind, bits) not in {(PLAIN, 8), (PLAIN, 16), (PLAIN, 24), (PLAIN, 32), (FLOATING, 32)}:
        raise ValueError
    return bits // 8, kind == FLOATING


_READERS: dict[str, Callable[[AskedFor], Loudness]] = {"wav": _wav, **compressed.READERS}
