"""A PDF with a stamp on every page: made in a process of its own, and held in memory until it has been handed on.

It is never kept: what one look is given says when that look was. A process that makes one must not wait for a slow reader,
so its answer is taken at once; how much of such answers this process holds is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Lock

from vault.errors import Busy, Conflict
from vault.inspection.formats import MediaType
from vault.inspection.keeper import KEEPER, Keeper
from vault.inspection.looking import MOST_READS, Dialogue, Read, Silent
from vault.inspection.protocol import LETTERS, STAMP

LARGEST = 64 * 1024 * 1024
"""Bytes of a PDF that is stamped."""
MOST_HELD = 4 * LARGEST
MOST_MORE = 16 * 1024 * 1024
"""Bytes that a stamped file may have beyond the original's."""
PATIENCE = 30.0
PIECE = 64 * 1024
CANNOT = "This document could not be stamped, so it is not sent. Tell the person who sent you the link."


class Room:
    """How many bytes of stamped files may be held at once, by one web process."""

    def __init__(self, most: int) -> None:
        self._lock, self._left = Lock(), most

    def take(self, length: int) -> None:
        """`Busy` when there is no room for so many."""
        with self._lock:
            if length > self._left:
                raise Busy(
                    "Too many documents are being sent just now. Try again in a moment.", retry_after=20
                )
            self._left -= length

    def give_back(self, length: int) -> None:
        """They are held no more."""
        with self._lock:
            self._left += length


ROOM = Room(MOST_HELD)


def stamped(
    media: MediaType,
    length: int,
    read: Read,
    lines: Sequence[str],
    *,
    keeper: Keeper = KEEPER,
    patience: float = PATIENCE,
    room: Room = ROOM,
) -> tuple[int, Iterator[bytes]]:
    """How long the stamped file is, and its pieces, to be closed when they are not taken to the end.

    `Conflict` when it cannot be stamped; what `read` raises goes on; `Busy`.
    """
    if media.extension != "pdf" or length > LARGEST:
        raise Conflict(CANNOT)
    pieces = _pieces(media, length, read, _packed(lines), (keeper, patience, room))
    return int.from_bytes(next(pieces), "big"), pieces


def can_join_letters(keeper: Keeper = KEEPER) -> bool:
    """Whether this machine draws Arabic rightly, asked of a process that would; `Busy` when there is none."""
    with keeper.begin(LETTERS) as channel:
        return channel.recv(1) == b"\1"


def _pieces(
    media: MediaType, length: int, read: Read, wanted: bytes, how: tuple[Keeper, float, Room]
) -> Iterator[bytes]:
    """The length in eight bytes, then the file."""
    keeper, patience, room = how
    held = length + MOST_MORE
    room.take(held)
    try:
        content = _made(media, length, read, wanted, keeper, patience)
        room.give_back(held - len(content))
        held = len(content)
        yield len(content).to_bytes(8, "big")
        for start in range(0, len(content), PIECE):
            yield bytes(content[start : start + PIECE])
    finally:
        room.give_back(held)


def _made(
    media: MediaType, length: int, read: Read, wanted: bytes, keeper: Keeper, patience: float
) -> memoryview:
    with keeper.begin(STAMP) as channel:
        dialogue = Dialogue(channel, length, read, patience)
        try:
            left = dialogue.said(media.extension, MOST_READS, wanted)
            if not 0 < left <= length + MOST_MORE:
                raise Conflict(CANNOT)
            content = bytearray()
            while len(content) < left:
                content += dialogue.received(min(left - len(content), PIECE))
        except Silent as fault:
            raise Conflict(CANNOT) from fault
    return memoryview(content)


def _packed(lines: Sequence[str]) -> bytes:
    text = "\n".join(" ".join(line.split()) for line in lines).encode("utf-8")
    return len(text).to_bytes(2, "big") + text
