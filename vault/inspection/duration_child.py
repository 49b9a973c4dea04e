"""The process that measures one recording, and ends: `sound.measure` over bytes that it asks its parent for.

Started by `duration` as `python -m vault.inspection.duration_child`; standard input and output are one socket. First
comes u64 length and the media type in 32 bytes; a question is u64 start, u64 end, answered by as many bytes; the result
is u64 2⁶⁴-1 and i64 milliseconds. A crash is an answer too: the socket ends.
"""

from __future__ import annotations

import io
import sys
from typing import BinaryIO, cast

from vault.inspection.child import confine
from vault.inspection.duration import BLOCK, DONE, TYPE_ROOM
from vault.inspection.sound import measure


class AskedFor(io.RawIOBase):
    """The recording as a file; each block of 64 KiB is asked for once."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, length: int) -> None:
        self._source, self._sink, self._length = source, sink, length
        self._at = 0
        self._blocks: dict[int, bytes] = {}

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._length if size < 0 else min(self._length, self._at + size)
        found = bytearray()
        while self._at < end:
            number, start = divmod(self._at, BLOCK)
            piece = self._block(number)[start : start + end - self._at]
            found += piece
            self._at += len(piece)
        return bytes(found)

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            start, end = number * BLOCK, min((number + 1) * BLOCK, self._length)
            self._sink.write(start.to_bytes(8, "big") + end.to_bytes(8, "big"))
            self._sink.flush()
            content = self._source.read(end - start)
            if len(content) != end - start:
                raise SystemExit(1)  # the parent has had enough
            self._blocks[number] = content
        return self._blocks[number]


def main() -> None:
    """Measure one recording."""
    confine()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    length = int.from_bytes(source.read(8), "big")
    media_type = source.read(TYPE_ROOM).rstrip(b"\0").decode("ascii")
    seconds = measure(media_type, cast(BinaryIO, AskedFor(source, sink, length)), length)
    sink.write(DONE + round((seconds or 0) * 1000).to_bytes(8, "big", signed=True))
    sink.flush()


if __name__ == "__main__":
    main()
