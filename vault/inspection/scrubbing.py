"""Taking out what a file says besides its content: where and when a picture was taken, authors, earlier states of the text.

Runs in a forked process only. It asks as `whole` does; the answer is u64 2⁶⁴-1, i64 length (-1 for a file that cannot be
cleaned) and as many bytes: the same document without those.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

import pikepdf
from PIL import Image

from vault.inspection.asked import AskedFor
from vault.inspection.office_scrubbing import scrub_open_xml
from vault.inspection.protocol import DONE, TYPE_ROOM

LARGEST = 64 * 1024 * 1024
_ORIENTATION = 0x0112
_JPEG_KEPT = {0xE0, 0xE2, 0xEE}
"""JFIF, colour profiles, Adobe's colour transform."""
_PNG_KEPT = {
    b"IHDR",
    b"PLTE",
    b"IDAT",
    b"IEND",
    b"tRNS",
    b"gAMA",
    b"cHRM",
    b"sRGB",
    b"iCCP",
    b"sBIT",
    b"bKGD",
    b"pHYs",
}
_PDF_SAID = ("/Metadata", "/PieceInfo", "/LastModified")
_NOTE_SAID = ("/T", "/M", "/CreationDate")


def scrub(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer for one file."""
    length = int.from_bytes(source.read(8), "big")
    extension = source.read(TYPE_ROOM).rstrip(b"\0").decode("ascii")
    clean = _scrubbed(extension, AskedFor(source, sink, length))
    sink.write(DONE + (-1 if clean is None else len(clean)).to_bytes(8, "big", signed=True))
    view = memoryview(clean or b"")
    while view:
        view = view[sink.write(view) :]


def _scrubbed(extension: str, file: AskedFor) -> bytes | None:
    if file.length > LARGEST or extension not in _SCRUBBERS:
        return None
    try:
        return _SCRUBBERS[extension](file)
    except Exception:  # noqa: BLE001 (whatever bad content makes a parser raise)
        return None


def _jpeg(file: AskedFor) -> bytes:
    """The same picture to the bit: segments that describe it are left out, and all behind its end."""
    content = file.read()
    turned = Image.open(io.BytesIO(content), formats=["JPEG"]).getexif().get(_ORIENTATION, 1)
    clean = bytearray(content[:2])
    if turned in range(2, 9):
        exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, turned, 0, 0)
        clean += b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    for marker, segment in _segments(content):
        is_said = 0xE0 <= marker <= 0xEF or marker == 0xFE
        is_profile = marker != 0xE2 or segment[4:15] == b"ICC_PROFILE"
        if not is_said or (marker in _JPEG_KEPT and is_profile):
            clean += segment
    return bytes(clean)


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and whole of each segment (ITU T.81 §B.1.1); the scan with all that follows it up to the end of the picture."""
    at = 2
    while content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xDA:
            end = _end_of_scans(content, at)
            yield marker, content[at:end]
            return
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        yield marker, content[at : at + 2 + length]
        at += 2 + length
    raise ValueError("no segment begins here")


def _end_of_scans(content: bytes, at: int) -> int:
    """Behind the first end-of-image marker; within a scan 0xFF is followed by 0 or a restart."""
    while True:
        at = content.index(b"\xff", at + 1)
        if content[at + 1] == 0xD9:
            return at + 2


def _png(file: AskedFor) -> bytes:
    """The same picture to the bit, without the chunks that describe it (PNG §11.3), and all behind its end."""
    content = file.read()
    clean, at = bytearray(content[:8]), 8
    while True:
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if kind in _PNG_KEPT:
            clean += content[at : at + 12 + length]
        at += 12 + length
        if kind == b"IEND":
            return bytes(clean)
        if at >= len(content):
            raise ValueError("the picture does not end")


def _pdf(file: AskedFor) -> bytes:
    """The same pages; written anew, so that no earlier state is left in it."""
    target = io.BytesIO()
    with pikepdf.open(cast(BinaryIO, file), suppress_warnings=True) as document:
        if "/Info" in document.trailer:
            del document.trailer["/Info"]
        for each in document.objects:
            shell = each.stream_dict if isinstance(each, pikepdf.Stream) else each
            if not isinstance(shell, pikepdf.Dictionary):
                continue
            for name in _PDF_SAID:
                if name in shell:
                    del shell[name]
            is_note = str(shell.get("/Type", "")) == "/Annot" and str(shell.get("/Subtype", "")) != "/Widget"
            for name in _NOTE_SAID if is_note else ():
                if name in shell:
                    del shell[name]
        document.save(target, deterministic_id=True, fix_metadata_version=False)
    return target.getvalue()


_SCRUBBERS: dict[str, Callable[[AskedFor], bytes]] = {
    "jpg": _jpeg,
    "png": _png,
    "pdf": _pdf,
    "docx": scrub_open_xml,
    "xlsx": scrub_open_xml,
}
