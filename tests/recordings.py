"""Small valid recordings of every accepted format, of a given length: silence, but each as its format has it.

`SAMPLES` names them: file name → function of seconds. WMA, DSS, DS2, M4A and the videos have true headers over noise.
"""

from __future__ import annotations

import io
import struct
import wave
import zlib
from collections.abc import Callable

OPUS_SILENCE = b"\xf8\xff\xfe"
"""One packet of 20 ms (RFC 6716 §3: TOC byte, then nothing to decode)."""
NOISE = zlib.compress(bytes(range(256)) * 40) * 40


def wav(seconds: float, hertz: int = 16000) -> bytes:
    """16 bits, mono."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(hertz)
        writer.writeframes(bytes(2 * round(hertz * seconds)))
    return file.getvalue()


def mp3(seconds: float, header: bytes = b"\xff\xfb\x90\xc0") -> bytes:
    """Layer III, 128 kbit/s, 44.1 kHz, mono: frames of 417 bytes, 1152 samples each, with empty side information."""
    return (header + bytes(413)) * round(seconds * 44100 / 1152)


def m4a(seconds: float, brand: bytes = b"M4A ", handler: bytes = b"soun", rate: int = 6000) -> bytes:
    """An ISO file whose movie header says its length in thousandths."""
    length = round(seconds * 1000)
    header = box(b"mvhd", bytes(12) + (1000).to_bytes(4, "big") + length.to_bytes(4, "big") + bytes(80))
    described = box(b"hdlr", bytes(8) + handler + bytes(12) + b"Handler\0")
    movie = box(b"moov", header + box(b"trak", box(b"mdia", described)))
    return box(b"ftyp", brand + bytes(4) + brand + b"isom") + movie + box(b"mdat", noise(seconds * rate))


def mp4(seconds: float) -> bytes:
    """A video, as its handler says."""
    return m4a(seconds, b"isom", b"vide", 60_000)


def opus(seconds: float) -> bytes:
    """Ogg pages (RFC 3533, RFC 7845) with their checksums, 50 packets of silence each."""
    head = b"OpusHead\x01\x01" + (312).to_bytes(2, "little") + (48000).to_bytes(4, "little") + bytes(3)
    pages = [page(0, 2, 0, [head]), page(1, 0, 0, [b"OpusTags" + bytes(8)])]
    packets = round(seconds * 50)
    for number in range(0, packets, 50):
        held = min(50, packets - number)
        ends = number + held == packets
        granule = 312 + 960 * (number + held)
        pages.append(page(2 + number // 50, 4 if ends else 0, granule, [OPUS_SILENCE] * held))
    return b"".join(pages)


def flac(seconds: float, hertz: int = 16000, level: Callable[[int], int] = lambda _frame: 0) -> bytes:
    """Frames of 4096 samples, each one constant subframe (RFC 9639), with their checksums; padding as noise has it."""
    blocks = max(1, round(seconds * hertz / 4096))
    samples = blocks * 4096
    facts = (hertz << 44) | (15 << 36) | samples
    described = (4096).to_bytes(2, "big") * 2 + bytes(6) + facts.to_bytes(8, "big") + bytes(16)
    padding = b"\x81" + (samples // 8).to_bytes(3, "big") + bytes(samples // 8)
    return (
        b"fLaC\x00\x00\x00\x22"
        + described
        + padding
        + b"".join(_flac_frame(block, level(block)) for block in range(blocks))
    )


def wma(seconds: float, rate: int = 4000) -> bytes:
    """An ASF header with file and stream properties, then a data object."""
    played = round(seconds * 10_000_000)
    properties = bytes(40) + played.to_bytes(8, "little") * 2 + bytes(8) + bytes(16)
    form = (353).to_bytes(2, "little") + b"\1\0" + (16000).to_bytes(4, "little") + rate.to_bytes(4, "little")
    stream = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b") + bytes(38) + form + b"\x01\0\x10\0\0\0"
    objects = _asf("a1dcab8c47a9cf118ee400c00c205365", properties)
    objects += _asf("9107dcb7b7a9cf118ee600c00c205365", stream)
    head = _asf("3026b2758e66cf11a6d900aa0062ce6c", b"\2\0\0\0\1\2" + objects)
    return head + _asf("3626b2758e66cf11a6d900aa0062ce6c", noise(seconds * rate))


def dss(seconds: float, magic: bytes = b"\x02dss", rate: int = 1715) -> bytes:
    """Two blocks of 512 bytes with the length as HHMMSS at byte 62, then sound."""
    whole = round(seconds)
    clock = f"{whole // 3600:02}{whole // 60 % 60:02}{whole % 60:02}".encode()
    head = magic + bytes(8) + b"DEMO RECORDER   " + bytes(10) + b"261122090000261122100000" + clock
    return head.ljust(1024, b"\0") + noise(seconds * rate)


def ds2(seconds: float) -> bytes:
    """The newer sort, at 28 kbit/s."""
    return dss(seconds, b"\x03ds2", 3500)


def webm(seconds: float, *, with_length: bool = True) -> bytes:
    """EBML, a segment with its information, a cluster of noise. What browsers record themselves states no length."""
    head = element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", b"webm") + element(b"\x42\x87", b"\4"))
    length = element(b"\x44\x89", struct.pack(">d", seconds * 1000)) if with_length else b""
    facts = element(b"\x15\x49\xa9\x66", element(b"\x2a\xd7\xb1", (1_000_000).to_bytes(3, "big")) + length)
    cluster = element(
        b"\x1f\x43\xb6\x75", element(b"\xe7", b"\0") + element(b"\xec", noise(seconds * 60_000))
    )
    return head + element(b"\x18\x53\x80\x67", facts + cluster)


SAMPLES: dict[str, Callable[[float], bytes]] = {
    "talk.wav": wav,
    "talk.mp3": mp3,
    "talk.m4a": m4a,
    "talk.ogg": opus,
    "talk.opus": opus,
    "talk.flac": flac,
    "talk.wma": wma,
    "talk.dss": dss,
    "talk.ds2": ds2,
}
VIDEOS: dict[str, Callable[[float], bytes]] = {"talk.mp4": mp4, "talk.webm": webm}


def noise(length: float) -> bytes:
    """So many bytes."""
    return (NOISE * (round(length) // len(NOISE) + 1))[: round(length)]


def box(kind: bytes, content: bytes) -> bytes:
    """ISO 14496-12."""
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def element(name: bytes, content: bytes) -> bytes:
    """EBML (RFC 8794): id, size in one byte or eight, content."""
    size = bytes([0x80 | len(content)]) if len(content) < 127 else b"\x01" + len(content).to_bytes(7, "big")
    return name + size + content


def page(number: int, flags: int, granule: int, packets: list[bytes]) -> bytes:
    """An Ogg page; packets of under 255 bytes."""
    head = (
        b"OggS\0"
        + bytes([flags])
        + granule.to_bytes(8, "little")
        + b"\1\2\3\4"
        + number.to_bytes(4, "little")
    )
    body = bytes([len(packets), *map(len, packets)]) + b"".join(packets)
    return head + _checksum(head + bytes(4) + body, 32, 0x04C11DB7).to_bytes(4, "little") + body


def _flac_frame(number: int, level: int) -> bytes:
    """Fixed block size 4096, 16 bits, mono, one constant subframe. Frame numbers in UTF-8's way."""
    head = b"\xff\xf8\xc0\x08" + chr(number).encode()
    head += _checksum(head, 8, 0x07).to_bytes(1, "big") + b"\0" + level.to_bytes(2, "big")
    return head + _checksum(head, 16, 0x8005).to_bytes(2, "big")


def _checksum(content: bytes, bits: int, polynomial: int) -> int:
    """A CRC that starts at 0 and reflects nothing."""
    top, mask, rest = 1 << bits - 1, (1 << bits) - 1, 0
    for byte in content:
        rest ^= byte << bits - 8
        for _ in range(8):
            rest = (rest << 1 ^ (polynomial if rest & top else 0)) & mask
    return rest


def _asf(guid: str, content: bytes) -> bytes:
    return bytes.fromhex(guid) + (24 + len(content)).to_bytes(8, "little") + content
