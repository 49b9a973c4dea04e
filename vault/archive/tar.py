"""The tar of a package: plain files in one spelling, so that the same files make the same bytes (POSIX.1-2001, pax).

Each has a ustar header, and before it a pax header with `size` where that takes over 8 GiB; owner 0, mode 0444, time 0; two
blocks of zeros end it. What a reader finds otherwise is no package: `Broken`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from vault.archive.sums import Counted, Lanes

BLOCK = 512
END = bytes(2 * BLOCK)
PATH = re.compile(r"(?=.{1,180}\Z)[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
"""Names that are the same file on every system; none leads out of its folder."""

_OCTAL_LIMIT = 8**11
_NAME, _PREFIX = 100, 155
_SIZE, _TYPE = slice(124, 136), slice(156, 157)


class Broken(Exception):
    """The tar ends too early, or has a block that no package has; `place` is where, in bytes."""

    def __init__(self, place: int) -> None:
        super().__init__(f"at byte {place:,}")
        self.place = place


class Sink(Protocol):
    """What takes a tar: an open file, or an object that grows."""

    def write(self, content: bytes, /) -> object:
        """All of the bytes are taken."""


class TarWriter:
    """Files in, a tar out, and the sums of it. Each file comes whole, with its size in bytes announced."""

    def __init__(self, sink: Sink, lanes: Lanes) -> None:
        self._sink = sink
        self.counted: Counted = lanes.counted(Lanes.TAR)

    def add(self, path: str, size: int, pieces: Iterable[bytes]) -> None:
        """One file; ValueError when its pieces are not as long as announced."""
        self._write(header(path, size))
        written = 0
        for piece in pieces:
            self._write(piece)
            written += len(piece)
        if written != size:
            raise ValueError(f"{path} has {written} bytes, and {size} were announced")
        self._write(bytes(-size % BLOCK))

    def end(self) -> None:
        """Nothing comes any more."""
        self._write(END)

    def _write(self, content: bytes) -> None:
        if content:
            self._sink.write(content)
            self.counted.update(content)


class TarReader:
    """A tar in, files out, in their order. `counted` has the sums of all that was read, `place` how many bytes were."""

    def __init__(self, pieces: Iterable[bytes], lanes: Lanes) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")
        self._left = 0
        self.counted: Counted = lanes.counted(Lanes.TAR)
        self.place = 0

    def files(self) -> Iterator[tuple[str, int]]:
        """Path and size of each; its `content` is read before the next is asked for. `Broken` for what is no package."""
        while (block := self._take(BLOCK)) != bytes(BLOCK):
            if block[_TYPE] == b"x":
                block += self._take(2 * BLOCK)
            try:
                path, size = _read(block)
            except ValueError:
                raise Broken(self.place - len(block)) from None
            self._left = size
            yield path, size
            for _ in self.content():
                pass
            if any(self._take(-size % BLOCK)):
                raise Broken(self.place)
        if self._take(BLOCK) != bytes(BLOCK) or self._next():
            raise Broken(self.place)

    def content(self) -> Iterator[bytes]:
        """The bytes of the file that `files` gave last, or what is left of them."""
        while self._left:
            piece = self._some(self._left)
            self._left -= len(piece)
            yield piece

    def _take(self, size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            taken += self._some(size - len(taken))
        return taken

    def _some(self, most: int) -> bytes:
        if not self._rest and not self._next():
            raise Broken(self.place)
        piece = bytes(self._rest[:most])
        self._rest = self._rest[most:]
        self.place += len(piece)
        return piece

    def _next(self) -> bool:
        """Whether there is more: `_rest` is what comes next."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self.counted.update(piece)
            self._rest = memoryview(piece)
        return True


def header(path: str, size: int) -> bytes:
    """The blocks before a file's content; ValueError for a path that no package has."""
    if not PATH.fullmatch(path):
        raise ValueError(path)
    if size < _OCTAL_LIMIT:
        return _ustar(path, size, b"0")
    top, _, last = path.rpartition("/")
    record = _record(b"size", size)
    return (
        _ustar(f"{top}/PaxHeaders/{last}" if top else f"PaxHeaders/{last}", len(record), b"x")
        + record.ljust(BLOCK, b"\0")
        + _ustar(path, 0, b"0")
    )


def read_header(take: Callable[[int], bytes]) -> tuple[str, int, int]:
    """Path, size and the bytes of the blocks of the file whose blocks `take` gives the first so many bytes of.

    ValueError for what is no file of a package.
    """
    block = take(BLOCK)
    if block[_TYPE] == b"x":
        block = take(3 * BLOCK)
    return (*_read(block), len(block))


def _ustar(path: str, size: int, kind: bytes) -> bytes:
    prefix, name = _split(path)
    fields = (
        *(name.ljust(_NAME, b"\0"), b"0000444\0", b"0000000\0", b"0000000\0", b"%011o\0" % size),
        *(b"%011o\0" % 0, b" " * 8, kind, bytes(100), b"ustar\x0000", bytes(64)),
        *(b"0000000\0", b"0000000\0", prefix.ljust(_PREFIX, b"\0"), bytes(12)),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _split(path: str) -> tuple[bytes, bytes]:
    """Prefix and name: as one if it fits, else cut at the first slash that lets both fit."""
    whole = path.encode("ascii")
    if len(whole) <= _NAME:
        return b"", whole
    place = whole.find(b"/", len(whole) - _NAME - 1)
    if not 0 < place <= _PREFIX:
        raise ValueError(path)
    return whole[:place], whole[place + 1 :]


def _record(name: bytes, number: int) -> bytes:
    """`<its own length> <name>=<number>` and a line end."""
    rest = b" %s=%d\n" % (name, number)
    length = len(rest) + 2
    return b"%d%s" % (length if len(b"%d" % length) == 2 else length + 1, rest)


def _read(block: bytes) -> tuple[str, int]:
    """Path and size that the blocks announce; ValueError unless `header` writes the same for them."""
    last = block[-BLOCK:]
    prefix, name = last[345:500].rstrip(b"\0"), last[:_NAME].rstrip(b"\0")
    path = (prefix + b"/" + name if prefix else name).decode("ascii")
    if len(block) == BLOCK:
        size = int(last[_SIZE].rstrip(b"\0"), 8)
    else:
        size = int(block[BLOCK : 2 * BLOCK].rstrip(b"\0\n").partition(b"=")[2])
        if size < _OCTAL_LIMIT:
            raise ValueError(path)
    if header(path, size) != block:
        raise ValueError(path)
    return path, size
