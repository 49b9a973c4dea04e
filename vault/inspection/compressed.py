"""Samples of an MP3 and of a FLAC: short windows all over the file, decoded. Runs in a forked process only.

miniaudio decodes them. There is no wheel of it for every machine: where it is missing, neither is drawn.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable, Iterator

from vault.inspection.asked import BLOCK, AskedFor
from vault.inspection.protocol import PARTS

try:
    import miniaudio  # type: ignore[import-untyped]
except ImportError:
    miniaudio = None

WINDOW = 4 * 1024
"""Bytes of an MP3 that are decoded for each part: half a second at 64 kbit/s."""
FLAC_WINDOWS = PARTS // 2
"""Places in a FLAC that are looked for; each stands for two parts."""


def _mp3(file: AskedFor) -> Iterator[float]:
    """A frame is found by its first bits wherever one begins to read."""
    start = _behind_tags(file)
    share = _share(file.part(start, start + 2048))
    places = [start + int((file.length - start) * share(part / PARTS)) for part in range(PARTS)]
    yield from (_decoded(file, min(at, file.length - WINDOW)) for at in places)


def _decoded(file: AskedFor, at: int) -> float:
    at = max(0, at)
    end = at + WINDOW
    if at // BLOCK != (end - 1) // BLOCK:
        at, end = end // BLOCK * BLOCK, end // BLOCK * BLOCK + WINDOW
    try:
        return _loudest(miniaudio.mp3_read_s16(file.part(at, end)).samples)
    except miniaudio.DecodeError:
        return 0.0


def _behind_tags(file: AskedFor) -> int:
    """Where the sound begins: behind ID3v2, whose length is four times seven bits."""
    head = file.part(0, 10)
    if head[:3] != b"ID3":
        return 0
    size = 0
    for byte in head[6:]:
        size = size << 7 | byte & 0x7F
    return min(10 + size, file.length)


def _share(head: bytes) -> Callable[[float], float]:
    """Which share of the bytes comes before a share of the time: as the table in a Xing header says, else the same."""
    at = head.find(b"Xing")
    flags = int.from_bytes(head[at + 4 : at + 8], "big") if at >= 0 else 0
    if not flags & 4:
        return lambda share: share
    at += 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1)
    table = head[at : at + 100]
    return lambda share: table[int(share * 100)] / 256


def _flac(file: AskedFor) -> Iterator[float]:
    """STREAMINFO (RFC 9639 §8.2) says how many samples there are; the decoder looks for the frame that has one."""
    facts = int.from_bytes(file.part(18, 26), "big")
    rate, samples = facts >> 44, facts & (1 << 36) - 1
    if file.part(0, 4) != b"fLaC" or not samples:
        raise ValueError
    for window in range(FLAC_WINDOWS):
        stream = miniaudio.stream_any(
            _Source(file),
            miniaudio.FileFormat.FLAC,
            nchannels=1,
            sample_rate=rate,
            frames_to_read=max(1, min(16384, samples // FLAC_WINDOWS)),
            seek_frame=samples * window // FLAC_WINDOWS,
        )
        loudness = _loudest(next(stream))
        stream.close()
        yield from (loudness, loudness)


def _loudest(samples: array[int]) -> float:
    return max(max(samples), -min(samples)) if samples else 0.0


READERS: dict[str, Callable[[AskedFor], Iterator[float]]] = {}
if miniaudio is not None:
    READERS.update(mp3=_mp3, flac=_flac)
    _WHENCE = {
        miniaudio.SeekOrigin.START: io.SEEK_SET,
        miniaudio.SeekOrigin.CURRENT: io.SEEK_CUR,
        miniaudio.SeekOrigin.END: io.SEEK_END,
    }

    class _Source(miniaudio.StreamableSource):  # type: ignore[misc]
        """The file as the decoder reads it."""

        def __init__(self, file: AskedFor) -> None:
            self._file = file
            file.seek(0)

        def read(self, num_bytes: int) -> bytes:
            return self._file.read(num_bytes)

        def seek(self, offset: int, origin: miniaudio.SeekOrigin) -> bool:
            self._file.seek(offset, _WHENCE[origin])
            return True
