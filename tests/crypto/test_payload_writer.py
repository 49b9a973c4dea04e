"""Writing a payload in any pieces, with breaks, and reading a large one in little memory."""

import itertools
import os
import random
import tracemalloc
from collections.abc import Iterator
from uuid import uuid4

import pytest

from vault.crypto import header, payload
from vault.crypto.payload import CHUNK, PayloadWriter
from vault.errors import Invalid

KEY, NONCE = os.urandom(16), os.urandom(16)
CONTENT = random.Random(4).randbytes(2 * CHUNK)


def at_once(content: bytes) -> bytes:
    writer = PayloadWriter(KEY, NONCE)
    return writer.write(content) + writer.finish()


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("piece", [1000, CHUNK - 1, CHUNK, 3 * CHUNK])
def test_the_pieces_in_which_content_comes_do_not_show(length, announced, piece):
    content = CONTENT[:length]
    writer = PayloadWriter(KEY, NONCE, length=length if announced else None)

    written = b"".join(writer.write(content[at : at + piece]) for at in range(0, length, piece))

    assert written + writer.finish() == at_once(content)


@pytest.mark.parametrize("offset", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK])
def test_a_writer_goes_on_where_another_stopped(offset):
    first = PayloadWriter(KEY, NONCE, length=len(CONTENT))
    written = first.write(CONTENT[:offset])

    second = PayloadWriter(KEY, NONCE, first.chunk, length=len(CONTENT))
    written += second.write(first.pending) + second.write(CONTENT[offset:]) + second.finish()

    assert written == at_once(CONTENT)


def test_with_an_announced_length_less_than_a_chunk_waits_until_the_end():
    writer = PayloadWriter(KEY, NONCE, length=2 * CHUNK)

    assert len(writer.write(CONTENT[:CHUNK])) == payload.SEALED
    assert (writer.chunk, writer.pending) == (1, b"")


def test_content_longer_or_shorter_than_announced_is_refused():
    with pytest.raises(Invalid, match="longer"):
        PayloadWriter(KEY, NONCE, length=3).write(b"four")
    with pytest.raises(Invalid, match="shorter"):
        PayloadWriter(KEY, NONCE, length=3).finish()


def test_memory_stays_flat_over_a_large_file():
    length, piece = 48 << 20, bytes(1 << 20)
    head = header.object_head(uuid4(), KEY, NONCE)

    def stored(start: int, end: int) -> Iterator[bytes]:
        writer = PayloadWriter(KEY, NONCE, length=length)
        pieces = (writer.write(piece) for _ in range(length // len(piece)))
        return itertools.chain(pieces, (writer.finish() for _ in range(1)))

    tracemalloc.start()
    read = sum(len(content) for content in payload.read_range(head, KEY, length, 0, length - 1, stored))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert read == length
    assert peak < 8 << 20
