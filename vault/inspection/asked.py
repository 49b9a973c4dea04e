"""A file as the process that looks at it sees one: it asks its parent for the blocks it needs, and keeps the last of them.

A question is u64 start, u64 end, answered by as many bytes; it comes from `looking` in the parent.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import Any, BinaryIO

BLOCK = 64 * 1024
KEPT = 1024
"""Blocks."""


class AskedFor(io.RawIOBase):
    """`length` bytes, seekable, in blocks of 64 KiB."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, length: int) -> None:
        self._source, self._sink, self.length = source, sink, length
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.length}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        end = self.length if size is None or size < 0 else min(self.length, self._at + size)
        found = bytearray()
        while self._at < end:
            number, start = divmod(self._at, BLOCK)
            piece = self._block(number)[start : start + end - self._at]
            found += piece
            self._at += len(piece)
        return bytes(found)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def part(self, start: int, end: int) -> bytes:
        """The bytes from `start` up to, not including, `end`, as far as there are any; the place is as before."""
        at, self._at = self._at, max(0, min(start, self.length))
        content = self.read(max(0, end - self._at))
        self._at = at
        return content

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            start, end = number * BLOCK, min((number + 1) * BLOCK, self.length)
            self._sink.write(start.to_bytes(8, "big") + end.to_bytes(8, "big"))
            content = self._source.read(end - start)
            if len(content) != end - start:
                raise SystemExit(1)  # the parent has had enough
            if len(self._blocks) >= KEPT:
                self._blocks.popitem(last=False)
            self._blocks[number] = content
        self._blocks.move_to_end(number)
        return self._blocks[number]
