"""ZIP files, read as one who expects the worst: what the directory says is checked before anything is unpacked.

`open_pack` raises `Unacceptable` with a code for what no word processor writes: too much, too many, overlapping entries,
bytes in front or behind. Content is unpacked one entry at a time and never beyond a budget, whatever the entry says of its
size."""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import BinaryIO, cast

from vault.inspection.asked import AskedFor
from vault.inspection.polyglots import END_OF_ZIP, POLYGLOT

ZIP_BOMB, DAMAGED, LOCKED, NESTED, UNSEEN_SIZE = "zip-bomb", "damaged", "locked", "nested", "unseen-size"
MEBIBYTE = 1024 * 1024
MOST_ENTRIES = 10_000
LARGEST_DIRECTORY = 4 * MEBIBYTE
MOST_UNPACKED = 2048 * MEBIBYTE
SUSPECT_SIZE, SUSPECT_RATIO = 64 * MEBIBYTE, 200
MOST_READ = 96 * MEBIBYTE
"""Bytes unpacked here, of one file and of all that lies within it."""
LARGEST_PART = 24 * MEBIBYTE


class Unacceptable(Exception):
    """The archive is to be refused or marked, by this code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Budget:
    """What may still be unpacked."""

    def __init__(self, most: int = MOST_READ) -> None:
        self.left = most


class Pack:
    """An archive whose directory is in order. What says how parts belong together comes first, the largest part last."""

    def __init__(self, archive: zipfile.ZipFile, budget: Budget) -> None:
        self._archive, self._budget = archive, budget
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        self.entries = sorted(entries, key=lambda each: (not each.filename.endswith(".rels"), each.file_size))

    def names(self) -> list[str]:
        """Of all entries, as the directory spells them."""
        return [entry.filename for entry in self.entries]

    def read(self, entry: zipfile.ZipInfo, most: int = LARGEST_PART) -> bytes:
        """An entry's content, at most `most` bytes of it. `Unacceptable` when it is longer than it says."""
        room = min(most, self._budget.left)
        if not room:
            raise Unacceptable(UNSEEN_SIZE)
        content = self._unpacked(entry, room + 1)
        self._budget.left -= min(len(content), self._budget.left)
        if len(content) > entry.file_size:
            raise Unacceptable(ZIP_BOMB)
        if len(content) > room and most >= LARGEST_PART:
            raise Unacceptable(UNSEEN_SIZE)
        return content[:room]

    def _unpacked(self, entry: zipfile.ZipInfo, most: int) -> bytes:
        file = cast(BinaryIO, self._archive.fp)
        file.seek(entry.header_offset)
        header = file.read(30)
        if header[:4] != b"PK\x03\x04":
            raise Unacceptable(DAMAGED)
        name, extra = struct.unpack("<HH", header[26:30])
        file.seek(entry.header_offset + 30 + name + extra)
        if entry.compress_type == zipfile.ZIP_STORED:
            return file.read(min(most, entry.compress_size))
        packed = file.read(min(entry.compress_size, 2 * LARGEST_PART))
        try:
            return zlib.decompressobj(-15).decompress(packed, most)
        except zlib.error:
            raise Unacceptable(DAMAGED) from None


def open_pack(file: AskedFor | BinaryIO, length: int, budget: Budget) -> Pack:
    """The archive in `file`, of `length` bytes. Errors: `Unacceptable`."""
    source = cast(BinaryIO, file)
    _check_end(source, length)
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, RuntimeError, ValueError, struct.error, OverflowError):
        raise Unacceptable(DAMAGED) from None
    entries = archive.infolist()
    _check_sizes(entries, length)
    _check_places(entries, archive.start_dir, length)
    return Pack(archive, budget)


def _check_end(file: BinaryIO, length: int) -> None:
    """One record ends the file, with a directory that is neither long nor elsewhere (APPNOTE 4.3.16)."""
    file.seek(max(0, length - 65_557))
    tail = file.read(65_557)
    at = tail.rfind(END_OF_ZIP)
    if at < 0 or len(tail) - at < 22:
        raise Unacceptable(DAMAGED)
    entries, size, _start, comment = struct.unpack("<HIIH", tail[at + 10 : at + 22])
    if len(tail) - at - 22 != comment:
        raise Unacceptable(POLYGLOT)
    locator = tail[max(0, at - 20) : at]
    if locator[:4] == b"PK\x06\x07":
        file.seek(min(int.from_bytes(locator[8:16], "little"), length))
        record = file.read(56).ljust(56, b"\xff")
        entries, size = (int.from_bytes(record[place : place + 8], "little") for place in (32, 40))
    if entries > MOST_ENTRIES or size > LARGEST_DIRECTORY:
        raise Unacceptable(ZIP_BOMB)


def _check_sizes(entries: list[zipfile.ZipInfo], length: int) -> None:
    if len(entries) > MOST_ENTRIES:
        raise Unacceptable(ZIP_BOMB)
    unpacked = sum(entry.file_size for entry in entries)
    is_swollen = unpacked > SUSPECT_SIZE and unpacked > SUSPECT_RATIO * length
    if unpacked > MOST_UNPACKED or is_swollen:
        raise Unacceptable(ZIP_BOMB)
    if any(entry.flag_bits & 1 for entry in entries):
        raise Unacceptable(LOCKED)
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise Unacceptable(DAMAGED)


def _check_places(entries: list[zipfile.ZipInfo], directory: int, length: int) -> None:
    """No two entries share bytes (CVE-2024-0450), the first begins the file, none has a name twice."""
    at = 0
    for entry in sorted(entries, key=lambda each: each.header_offset):
        if entry.header_offset < at:
            raise Unacceptable(ZIP_BOMB)
        spelling = "utf-8" if entry.flag_bits & 0x800 else "cp437"
        name = entry.orig_filename.encode(spelling, "replace")
        at = entry.header_offset + 30 + len(name) + entry.compress_size
    if entries and min(entry.header_offset for entry in entries) != 0:
        raise Unacceptable(POLYGLOT)
    names = [entry.filename.lower() for entry in entries]
    if at > directory or directory > length or len(set(names)) != len(names):
        raise Unacceptable(DAMAGED)
