"""What some bytes are, by their signatures. Pure, and strict: what is not surely one thing is 'unknown'."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator

UNKNOWN = "unknown"

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_LOCKED = "EncryptedPackage".encode("utf-16-le")
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_AUDIO = bytes.fromhex("409e69f84d5bcf11a8fd00805f5c442b")
_ASF_VIDEO = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")

_ENTRY = b"PK\x03\x04"
_OPEN_XML_TOPS = {"[Content_Types].xml", "_rels", "docProps", "customXml", "word", "xl"}

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis"}
_M4A_BRANDS = {b"M4A ", b"M4B "}
_MP4_BRANDS = {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV"}
_MP4_BRANDS |= {b"dash", b"3gp4", b"3gp5", b"3gp6"}

_OGG_CODECS = {b"OpusHead": "opus", b"\x01vorbis": "ogg", b"Speex   ": "ogg", b"\x7fFLAC": "ogg"}

# The tags by which browsers take text for a page (WHATWG MIME Sniffing, section 7.1), and SVG.
_MARKUP = re.compile(
    rb"<(?:!--|\?xml|(?:!doctype html|html|head|script|iframe|h1|div|font"
    rb"|table|a|style|title|b|body|br|p|svg)[>\s/])",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def recognise(head: bytes) -> str:
    """The code of what `head` (the first bytes of a file, at most 64 KiB) is.

    An accepted content (see `formats.Format.contents`), a reason for refusal ('junk', 'macros', 'locked',
    'markup'), or 'unknown'.
    """
    for signature, read in _SIGNATURES:
        if head.startswith(signature):
            return read(head)
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if b"%PDF-" in head[:1024]:
        return "junk"
    if _is_mp3(head):
        return "mp3"
    return _text(head)


def _riff(head: bytes) -> str:
    return {b"WAVE": "wav", b"WEBP": "webp"}.get(head[8:12], UNKNOWN)


def _compound(head: bytes) -> str:
    """An OLE file: a locked Office document if it says so early enough, else an old one."""
    return "locked" if _LOCKED in head else UNKNOWN


def _asf(head: bytes) -> str:
    return "wma" if _ASF_AUDIO in head and _ASF_VIDEO not in head else UNKNOWN


def _ogg(head: bytes) -> str:
    packet = head[27 + head[26] :] if len(head) > 27 else b""
    return next((code for mark, code in _OGG_CODECS.items() if packet.startswith(mark)), UNKNOWN)


def _matroska(head: bytes) -> str:
    """EBML whose DocType (RFC 8794 §11.2.7) is webm."""
    return "webm" if b"\x42\x82\x84webm" in head[:128] else UNKNOWN


def _iso_media(head: bytes) -> str:
    """ISO 14496-12 by its brands. Recorders give sound a video brand too: a track's handler decides."""
    size, major = int.from_bytes(head[:4], "big"), head[8:12]
    if not 16 <= size <= 1024:
        return UNKNOWN
    compatible = {head[at : at + 4] for at in range(16, size, 4)}
    if major in _HEIC_BRANDS or (major == b"mif1" and compatible & _HEIC_BRANDS):
        return "heic"
    has_video = re.search(rb"hdlr.{8}vide", head, re.DOTALL) is not None
    if major in _M4A_BRANDS:
        return UNKNOWN if has_video else "m4a"
    if major in _MP4_BRANDS:
        return "mp4" if has_video else "mp4-no-video"
    return UNKNOWN


def _is_mp3(head: bytes) -> bool:
    """MPEG audio layer III: two frames in a row, or an ID3 tag and then a frame or the end of `head`."""
    if head[:3] == b"ID3":
        if len(head) < 10 or head[3] not in (2, 3, 4) or any(byte & 0x80 for byte in head[6:10]):
            return False
        at = 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        behind = head[at:].lstrip(b"\0")
        return len(behind) < 4 or _frame_length(behind[:4]) > 0
    length = _frame_length(head[:4])
    return length > 0 and _frame_length(head[length : length + 4]) > 0


def _frame_length(header: bytes) -> int:
    """Bytes of the layer III frame that starts so (ISO 11172-3 §2.4.2.3), 0 if none does."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, rate, sampling = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or rate in (0, 15) or sampling == 3:
        return 0
    first = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    second = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    kbits = (first if version == 3 else second)[rate - 1]
    hertz = (44100, 48000, 32000)[sampling] >> {3: 0, 2: 1, 0: 2}[version]
    return (144 if version == 3 else 72) * kbits * 1000 // hertz + (header[2] >> 1 & 1)


def _text(head: bytes) -> str:
    """UTF-8 without control characters; 'markup' if a browser or a shell would make more of it than text."""
    body = head.removeprefix(b"\xef\xbb\xbf")
    if _MARKUP.match(body.lstrip()) or body.startswith(b"#!"):
        return "markup"
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as fault:
        if fault.reason != "unexpected end of data":
            return UNKNOWN
        text = body[: fault.start].decode("utf-8")  # a head may end in the middle of a character
    return UNKNOWN if _CONTROL.search(text) else "txt"


def _archive(head: bytes) -> str:
    """A zip file: OpenDocument by its first entry, Office Open XML by its names, else unknown."""
    entries = list(_entries(head))
    if entries and entries[0][0] == "mimetype":
        return "odt" if entries[0][1] == b"application/vnd.oasis.opendocument.text" else UNKNOWN
    tops = [name.split("/")[0] for name, _ in entries]
    if not tops or tops[0] not in _OPEN_XML_TOPS or ("word" in tops) == ("xl" in tops):
        return UNKNOWN
    if any(name.rpartition("/")[2].lower() == "vbaproject.bin" for name, _ in entries):
        return "macros"
    declared = next((_inflated(content) for name, content in entries if name == "[Content_Types].xml"), b"")
    if b"macroenabled" in declared.lower() or b"vbaproject" in declared.lower():
        return "macros"
    return "docx" if "word" in tops else "xlsx"


def _entries(head: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and (still packed) content from each local file header within `head` (APPNOTE 4.3.7).

    A header says how long its content is, or (flag 3, a streaming writer) nothing: then the next is searched.
    """
    at = 0
    while head.startswith(_ENTRY, at) and at + 30 <= len(head):
        packed = int.from_bytes(head[at + 18 : at + 22], "little")
        name_length, extra = (int.from_bytes(head[at + spot : at + spot + 2], "little") for spot in (26, 28))
        name = head[at + 30 : at + 30 + name_length]
        start = at + 30 + name_length + extra
        if head[at + 6] & 8 and packed == 0:
            following = head.find(_ENTRY, start)
            packed = (following if following >= 0 else len(head)) - start
        yield name.decode("utf-8", "replace"), head[start : start + packed]
        at = start + packed
        if head[at : at + 4] == b"PK\x07\x08":
            at = head.find(_ENTRY, at)
            if at < 0:
                return


def _inflated(content: bytes) -> bytes:
    """Deflated content as far as it goes, at most 1 MiB; content that is not deflated comes back as it is."""
    try:
        return zlib.decompressobj(-15).decompress(content, 1 << 20)
    except zlib.error:
        return content


_SIGNATURES: tuple[tuple[bytes, Callable[[bytes], str]], ...] = (
    (b"%PDF-", lambda _: "pdf"),
    (_ENTRY, _archive),
    (_OLE, _compound),
    (b"{\\rtf", lambda _: "rtf"),
    (b"\xff\xd8\xff", lambda _: "jpeg"),
    (b"\x89PNG\r\n\x1a\n", lambda _: "png"),
    (b"II*\0", lambda _: "tiff"),
    (b"MM\0*", lambda _: "tiff"),
    (b"RIFF", _riff),
    (b"OggS", _ogg),
    (b"fLaC", lambda _: "flac"),
    (_ASF, _asf),
    *((bytes([sort]) + b"dss", lambda _: "dss") for sort in (2, 3, 6)),
    *((bytes([sort]) + b"ds2", lambda _: "ds2") for sort in (1, 3, 7, 8)),
    (b"\x03enc", lambda _: "ds2"),  # locked on the recorder; only its own software opens it
    (b"\x1a\x45\xdf\xa3", _matroska),
)
