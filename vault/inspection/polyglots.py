"""Files that are two kinds at once: what one program shows as a picture, another unpacks or runs.

Looked at are a file's first and last 64 KiB, where the other kind has to be to be found by what opens it.
"""

from __future__ import annotations

import re

from vault.inspection.asked import BLOCK, AskedFor

POLYGLOT = "polyglot"
END_OF_ZIP = b"PK\x05\x06"
ENTRY_OF_DIRECTORY = b"PK\x01\x02"
LONGEST_COMMENT = 65_535
EARLY = 1024
"""Bytes: readers of PDF take one that begins within them (ISO 32000-1, annex H)."""

_ACTIVE = re.compile(rb"<(?:script|!doctype\s+html|html|iframe|svg|\?php|object)[\s>/]", re.IGNORECASE)
_OTHER_ARCHIVES = (b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c")
_OWN_ARCHIVE, _OWN_PDF = b"PK\x03\x04", b"%PDF-"
_BINARY = (b"%PDF-", b"\xff\xd8\xff", b"\x89PNG", b"II*\0", b"MM\0*", b"RIFF", b"OggS", b"fLaC", b"ID3")


def find_second_nature(file: AskedFor) -> set[str]:
    """`POLYGLOT` when the file is something else besides."""
    head = file.part(0, BLOCK)
    tail = file.part(max(0, file.length - BLOCK - 22), file.length)
    is_archive, is_pdf = head.startswith(_OWN_ARCHIVE), head.startswith(_OWN_PDF)
    found = [
        not is_pdf and _OWN_PDF in head[:EARLY],
        not is_archive and _ends_as_zip(file, tail, is_pdf),
        head.startswith(_BINARY) and _ACTIVE.search(head[:EARLY]) is not None,
        head.startswith(_BINARY) and _behind_the_end(head, tail, is_pdf),
    ]
    return {POLYGLOT} if any(found) else set()


def _ends_as_zip(file: AskedFor, tail: bytes, is_pdf: bool) -> bool:
    """Whether a ZIP's directory ends the file (APPNOTE 4.3.16), so that unpackers find it: with something in it, and its
    comment reaching the file's end, or behind the end of the PDF."""
    at = len(tail)
    while (at := tail.rfind(END_OF_ZIP, 0, at)) >= 0:
        record = tail[at : at + 22]
        if len(record) < 22:
            continue
        entries, size = int.from_bytes(record[10:12], "little"), int.from_bytes(record[12:16], "little")
        rest = len(tail) - at - 22
        is_last = int.from_bytes(record[20:22], "little") == rest or (is_pdf and tail.find(b"%%EOF", at) < 0)
        start = file.length - len(tail) + at - size
        if entries and is_last and start >= 0 and file.part(start, start + 4) == ENTRY_OF_DIRECTORY:
            return True
    return False


def _behind_the_end(head: bytes, tail: bytes, is_pdf: bool) -> bool:
    """Whether another archive or a web page follows what shows as the document."""
    end = tail.rfind(b"%%EOF") if is_pdf else _end_of_picture(head, tail)
    behind = tail[end:] if end >= 0 else b""
    return any(mark in behind for mark in _OTHER_ARCHIVES) or _ACTIVE.search(behind) is not None


def _end_of_picture(head: bytes, tail: bytes) -> int:
    """Where in `tail` a JPEG or PNG is over; -1 where that cannot be said."""
    if head.startswith(b"\x89PNG"):
        return tail.rfind(b"IEND\xaeB`\x82")
    return tail.rfind(b"\xff\xd9") if head.startswith(b"\xff\xd8\xff") else -1
