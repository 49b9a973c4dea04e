"""How long a recording says it is, as far as its own headers agree with its size. Runs in the child process only.

`file` is seekable and reads the recording; whatever a parser raises costs the length and nothing else. tinytag reads
what it reads well; Ogg (it would read every page), WebM and dictation files are read here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from tinytag import TinyTag

TAIL = 128 * 1024
"""Bytes from the end in which an Ogg file's last page begins: a page has at most 65,307."""
MARGIN = 1024 * 1024
"""Bytes of a WAV that may be something else than sound, or a tenth of the file if that is more."""
MOST_ELEMENTS = 32

_INFO, _SEGMENT, _CLUSTER = b"\x15\x49\xa9\x66", b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_SCALE, _DURATION = b"\x2a\xd7\xb1", b"\x44\x89"


def measure(media_type: str, file: BinaryIO, length: int) -> float | None:
    """Seconds, or None where nothing is said or two statements differ. Raises whatever bad content makes it raise."""
    reader = _READERS.get(media_type)
    return reader(file, length) if reader else None


def _tagged(file: BinaryIO, _length: int) -> float | None:
    return TinyTag.get(file_obj=file, tags=False).duration


def _wav(file: BinaryIO, length: int) -> float | None:
    """The data chunk lies within the file and fills it nearly."""
    seconds, sound = _sound(file)
    return seconds if sound <= length and length - sound <= max(MARGIN, length // 10) else None


def _mp3(file: BinaryIO, length: int) -> float | None:
    """What a Xing or VBRI header counts, or what frames of one size come to, lies within the file."""
    seconds, sound = _sound(file)
    return seconds if sound <= length + length // 50 + 4096 else None


def _sound(file: BinaryIO) -> tuple[float, float]:
    """Seconds, and the bytes of sound that they come from."""
    found = TinyTag.get(file_obj=file, tags=False)
    seconds = found.duration or 0.0
    return seconds, seconds * (found.bitrate or 0.0) * 125


def _iso(file: BinaryIO, length: int) -> float | None:
    """The movie header (ISO 14496-12 §8.2.2) of a file none of whose first boxes reaches beyond its end."""
    at = 0
    for _ in range(MOST_ELEMENTS):
        if at >= length:
            break
        file.seek(at)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        size = int.from_bytes(head[8:16], "big") if size == 1 else size or length - at
        at += size
        if size < 8 or at > length:
            return None
    file.seek(0)
    return _tagged(file, length)


def _ogg(file: BinaryIO, length: int) -> float | None:
    """The last page's granule position (RFC 3533 §6) of the stream that begins the file."""
    head = file.read(512)
    serial, packet = head[14:18], head[27 + head[26] :]
    rate, skipped = _ogg_rate(packet)
    file.seek(max(0, length - TAIL))
    tail = file.read(TAIL)
    at = len(tail)
    while (at := tail.rfind(b"OggS\0", 0, at)) >= 0:
        granule = int.from_bytes(tail[at + 6 : at + 14], "little", signed=True)
        if tail[at + 14 : at + 18] == serial and granule >= 0:
            return (granule - skipped) / rate
    return None


def _ogg_rate(packet: bytes) -> tuple[int, int]:
    """Granules a second, and how many come before the sound."""
    if packet.startswith(b"OpusHead"):
        return 48000, int.from_bytes(packet[10:12], "little")
    if packet.startswith(b"\x01vorbis"):
        return int.from_bytes(packet[12:16], "little"), 0
    if packet.startswith(b"Speex   "):
        return int.from_bytes(packet[36:40], "little"), 0
    return int.from_bytes(
        packet[27:30], "big"
    ) >> 4, 0  # FLAC in Ogg: the rate is the 20 bits of its STREAMINFO


def _dictated(file: BinaryIO, _length: int) -> float | None:
    """DSS and DS2 keep their length as six digits, HHMMSS, at byte 62."""
    digits = file.read(68)[62:]
    if len(digits) != 6 or not digits.isdigit():
        return None
    hours, minutes, seconds = (int(digits[at : at + 2]) for at in (0, 2, 4))
    return hours * 3600 + minutes * 60 + seconds if minutes < 60 and seconds < 60 else None


def _webm(file: BinaryIO, length: int) -> float | None:
    """Duration × TimestampScale of the segment's information (RFC 9559 §5.1.2); what browsers record has none."""
    inside = next((start for name, start, _ in _elements(file, 0, length) if name == _SEGMENT), length)
    for name, start, end in _elements(file, inside, length):
        if name == _CLUSTER:
            return None
        if name == _INFO:
            facts = {each: _content(file, first, last) for each, first, last in _elements(file, start, end)}
            (ticks,) = struct.unpack(">f" if len(facts[_DURATION]) == 4 else ">d", facts[_DURATION])
            return float(ticks) * int.from_bytes(facts.get(_SCALE, b"\x0f\x42\x40"), "big") / 1e9
    return None


def _elements(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Id, start and end of the first EBML elements (RFC 8794 §4) between two places."""
    for _ in range(MOST_ELEMENTS):
        if at >= end:
            return
        file.seek(at)
        head = file.read(12)
        id_length = 9 - head[0].bit_length()
        size_length = 9 - head[id_length].bit_length()
        start = at + id_length + size_length
        size = int.from_bytes(head[id_length : id_length + size_length], "big") & (1 << 7 * size_length) - 1
        unknown = size == (1 << 7 * size_length) - 1
        at = end if unknown else start + size
        yield head[:id_length], start, min(at, end)


def _content(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(min(end - start, 64))


_READERS: dict[str, Callable[[BinaryIO, int], float | None]] = {
    "audio/wav": _wav,
    "audio/mpeg": _mp3,
    "audio/mp4": _iso,
    "audio/ogg": _ogg,
    "audio/flac": _tagged,
    "audio/x-ms-wma": _tagged,
    "audio/x-dss": _dictated,
    "audio/x-ds2": _dictated,
    "video/mp4": _iso,
    "video/webm": _webm,
}
