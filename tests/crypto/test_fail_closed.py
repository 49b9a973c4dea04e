"""Objects that were changed: not one plaintext byte of a changed part comes out."""

import contextlib
import os
import random
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from tests.crypto.bits import flip
from vault.crypto import header, marks, payload
from vault.crypto.payload import CHUNK, SEALED
from vault.crypto.secret import check
from vault.errors import BadRange, Tampered, VaultError

KEY, NONCE, VERSION = os.urandom(16), os.urandom(16), uuid4()
SLOT = os.urandom(32)
CONTENT = random.Random(1).randbytes(3 * CHUNK + 1000)


def sealed_object(content: bytes, file_key: bytes = KEY, version_id: UUID = VERSION) -> bytes:
    writer = payload.PayloadWriter(file_key, NONCE)
    return header.object_head(version_id, file_key, NONCE) + writer.write(content) + writer.finish()


OBJECT = sealed_object(CONTENT)
HEAD, CHUNKS = OBJECT[:126], [OBJECT[at : at + SEALED] for at in range(126, len(OBJECT), SEALED)]
PIECE = 100_000


def reading(stored: bytes, start: int, end: int, length: int = len(CONTENT), head: bytes = HEAD) -> bytes:
    """What a range request gets of a stored object."""

    def pieces(first: int, last: int):
        wanted = stored[first:last]
        return (wanted[at : at + PIECE] for at in range(0, len(wanted), PIECE))

    return b"".join(payload.read_range(head, KEY, length, start, end, pieces))


def opened(stored: bytes, last: int) -> Iterator[bytes]:
    """The content up to `last`, read from a store that gives a chunk at a time."""

    def chunks(start: int, end: int) -> Iterator[bytes]:
        return (stored[at : min(at + SEALED, end)] for at in range(start, end, SEALED))

    return payload.read_range(HEAD, KEY, len(CONTENT), 0, last, chunks)


def until_refused(pieces: Iterator[bytes]) -> Iterator[bytes]:
    with contextlib.suppress(Tampered):
        yield from pieces


def whole(stored: bytes, length: int = len(CONTENT)) -> bytes:
    """What a reader gets of a stored object, with the checks that come before the first byte."""
    payload.check_size(length, len(stored))
    header.check_object_head(stored[:126], VERSION, KEY)
    return reading(stored, 0, length - 1, length, stored[:126])


def refused_in_full(stored: bytes) -> bool:
    """Nothing but verified whole chunks comes out of the unannounced reader, and never a clean end."""
    released = bytearray()
    try:
        for content in payload.open_payload(KEY, [stored[110:]]):
            released += content
    except VaultError:
        return CONTENT.startswith(bytes(released))
    return False


def test_the_whole_object_reads_back():
    assert whole(OBJECT) == CONTENT


def test_any_range_is_the_slice_of_the_content():
    dice = random.Random(2)
    edges = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, len(CONTENT) - 1]
    pairs = [(a, b) for a in edges for b in edges if a <= b]
    pairs += [tuple(sorted(dice.sample(range(len(CONTENT)), 2))) for _ in range(100)]
    for start, end in pairs:
        assert reading(OBJECT, start, end) == CONTENT[start : end + 1]


def test_a_range_costs_only_its_own_chunks():
    asked = []

    def read(start: int, end: int):
        asked.append((start, end))
        return [OBJECT[start:end]]

    b"".join(payload.read_range(HEAD, KEY, len(CONTENT), CHUNK, CHUNK, read))

    assert asked == [(126 + SEALED, 126 + 2 * SEALED)]


@pytest.mark.parametrize(
    ("start", "end"), [(-1, 5), (5, 4), (0, len(CONTENT)), (len(CONTENT), len(CONTENT)), (0, -1)]
)
def test_a_range_outside_the_content_is_a_bad_range(start, end):
    with pytest.raises(BadRange):
        reading(OBJECT, start, end)


def test_an_empty_object_is_verified_too():
    stored = sealed_object(b"")
    assert whole(stored, 0) == b""
    with pytest.raises(Tampered):
        whole(stored[:-1] + bytes([stored[-1] ^ 1]), 0)
    with pytest.raises(BadRange):
        reading(stored, 0, 0, 0)


def test_no_bit_of_a_head_can_be_flipped():
    for position in range(126 * 8):
        with pytest.raises(Tampered):
            reading(OBJECT, 0, 0, head=flip(HEAD, position))


def test_no_bit_before_the_nonce_can_be_flipped_unseen_by_the_head_check():
    for position in range(110 * 8):
        with pytest.raises(Tampered):
            header.check_object_head(flip(HEAD, position), VERSION, KEY)


@pytest.mark.parametrize("size", [0, 109, 110, 125, 127])
def test_a_head_has_126_bytes(size):
    with pytest.raises(Tampered):
        header.check_object_head((HEAD + b"\0")[:size], VERSION, KEY)
    with pytest.raises(Tampered):
        reading(OBJECT, 0, 0, head=(HEAD + b"\0")[:size])


def test_one_flipped_bit_in_any_of_300_payload_bytes_is_refused_and_only_what_came_before_is_read():
    dice = random.Random(3)
    for position in dice.sample(range(126, len(OBJECT)), 300):
        stored = flip(OBJECT, position * 8 + dice.randrange(8))
        first = (position - 126) // SEALED * CHUNK
        last = min(first + CHUNK, len(CONTENT)) - 1
        with pytest.raises(Tampered):
            reading(stored, first, last)
        assert b"".join(until_refused(opened(stored, last))) == CONTENT[:first]


CUTS = sorted(
    {
        size
        for boundary in (0, 22, 62, 110, 126, *(126 + SEALED * n for n in range(1, 4)), len(OBJECT))
        for size in (boundary - 1, boundary, boundary + 1)
        if 0 <= size < len(OBJECT)
    }
)


@pytest.mark.parametrize("size", CUTS)
def test_an_object_cut_anywhere_is_refused(size):
    with pytest.raises(Tampered):
        whole(OBJECT[:size])
    with pytest.raises(Tampered):
        reading(OBJECT[:size], 0, len(CONTENT) - 1)
    assert refused_in_full(OBJECT[:size])


@pytest.mark.parametrize("extra", [b"\0", CHUNKS[0], CHUNKS[-1]], ids=["byte", "chunk", "last chunk"])
def test_an_object_with_something_appended_is_refused(extra):
    with pytest.raises(Tampered):
        whole(OBJECT + extra)
    assert refused_in_full(OBJECT + extra)


def test_a_store_that_sends_more_than_asked_is_refused():
    with pytest.raises(Tampered):
        b"".join(payload.read_range(HEAD, KEY, len(CONTENT), 0, 9, lambda a, b: [OBJECT[a : b + 1]]))


OTHER = [sealed_object(CONTENT, os.urandom(16))[126 + SEALED * n :][:SEALED] for n in range(4)]
ARRANGEMENTS = {
    "swapped": [CHUNKS[1], CHUNKS[0], CHUNKS[2], CHUNKS[3]],
    "repeated": [CHUNKS[0], CHUNKS[0], CHUNKS[2], CHUNKS[3]],
    "reordered": [CHUNKS[2], CHUNKS[0], CHUNKS[1], CHUNKS[3]],
    "first of another version": [OTHER[0], *CHUNKS[1:]],
    "last of another version": [*CHUNKS[:3], OTHER[3]],
}


@pytest.mark.parametrize("chunks", ARRANGEMENTS.values(), ids=ARRANGEMENTS)
def test_chunks_in_another_order_or_of_another_version_are_refused(chunks):
    stored = HEAD + b"".join(chunks)
    with pytest.raises(Tampered):
        whole(stored)
    assert refused_in_full(stored)


def test_an_object_of_another_version_is_refused():
    with pytest.raises(Tampered):
        whole(sealed_object(CONTENT, version_id=uuid4()))
    with pytest.raises(Tampered):
        whole(sealed_object(CONTENT, file_key=os.urandom(16)))


@pytest.mark.parametrize("length", [CHUNK, 2 * CHUNK, 3 * CHUNK, 3 * CHUNK + 999, 1, 0])
def test_a_lowered_length_is_refused_even_with_the_object_cut_to_match(length):
    stored = OBJECT[: payload.object_length(length)]
    with pytest.raises(Tampered):
        whole(stored, length)
    proof = marks.seal(KEY, SLOT, VERSION, len(CONTENT), len(OBJECT), b"d" * 32)
    with pytest.raises(Tampered):
        check(proof, marks.seal(KEY, SLOT, VERSION, length, len(stored), b"d" * 32))


def chunk(content: bytes, number: int, last: bool) -> bytes:
    sealed = bytearray(len(content) + 16)
    payload.PayloadWriter(KEY, NONCE, number)._seal(bytearray(content), last, memoryview(sealed))
    return bytes(sealed)


def test_a_last_chunk_that_does_not_say_so_is_refused():
    stored = HEAD + chunk(b"only", 0, False)
    with pytest.raises(Tampered):
        whole(stored, 4)
    assert refused_in_full(stored)


def test_a_chunk_that_says_it_is_the_last_and_is_not_is_refused():
    stored = HEAD + chunk(CONTENT[:CHUNK], 0, True) + b"".join(CHUNKS[1:])
    with pytest.raises(Tampered):
        whole(stored)
    assert refused_in_full(stored)


def test_an_empty_last_chunk_is_refused():
    stored = HEAD + chunk(CONTENT[:CHUNK], 0, False) + chunk(b"", 1, True)
    with pytest.raises(Tampered):
        payload.plaintext_length(len(stored))
    with pytest.raises(Tampered):
        whole(stored, CHUNK)
    assert refused_in_full(stored)


def test_object_sizes_and_plaintext_lengths_go_together():
    for length in (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, 10**12):
        assert payload.plaintext_length(payload.object_length(length)) == length
    for size in (0, 125, 126, 141, 126 + SEALED + 1, 126 + SEALED + 16):
        with pytest.raises(Tampered):
            payload.plaintext_length(size)
