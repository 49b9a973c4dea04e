"""Pieces read ahead are the same pieces, and stop when nobody wants more."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from vault.errors import Tampered
from vault.web.readahead import AHEAD, ReadAhead


def test_all_pieces_come_in_their_order():
    pieces = [bytes([number]) * 10 for number in range(100)]
    assert list(ReadAhead(iter(pieces))) == pieces


def test_no_pieces_are_none():
    assert list(ReadAhead(iter([]))) == []


def test_an_error_comes_where_its_piece_would():
    def broken() -> Iterator[bytes]:
        yield from (b"one", b"two", b"three")
        raise Tampered

    ahead = ReadAhead(broken())
    assert [next(ahead), next(ahead), next(ahead)] == [b"one", b"two", b"three"]
    with pytest.raises(Tampered):
        next(ahead)
    with pytest.raises(StopIteration):
        next(ahead)


def test_little_is_read_ahead_of_a_slow_reader_and_nothing_after_the_end():
    made: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            made.append(1)
            yield b"x"

    ahead, before = ReadAhead(endless()), threading.active_count()
    assert next(ahead) == next(ahead) == b"x"
    time.sleep(0.2)
    assert len(made) <= 2 + AHEAD + 1
    ahead.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before
