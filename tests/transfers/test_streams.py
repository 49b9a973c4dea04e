"""Running streams: they end when the right ends, break where bytes do not verify, and say truthfully what went out."""

from __future__ import annotations

import itertools
import tracemalloc
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.transfers.browsing import sign_in
from tests.transfers.conftest import PASSWORD, text_of
from vault.access.actor import SYSTEM
from vault.bundles.documents import withdraw_document
from vault.bundles.members import remove_member
from vault.bundles.models import Unlocking
from vault.bundles.service import lock_bundle
from vault.people.leaving import record_leaving
from vault.people.models import Person, PersonSession
from vault.people.service import lock_sign_in
from vault.people.sessions import end_session
from vault.store import base as store
from vault.transfers import reading
from vault.transfers.models import Reading
from vault.transfers.reading import MOST_RANGES, merged
from vault.web import streams
from vault.web.streams import Broken

CHUNK = 65536
PIECE = store.PIECE // (CHUNK + 16) * CHUNK
"""Bytes that a stream hands over at once."""
CONTENT = text_of(5 * PIECE + 1000)


@pytest.fixture
def at_every_piece(monkeypatch):
    """The right is asked for before every piece, so that no test waits a second."""
    monkeypatch.setattr(streams, "ASK_EVERY", 0.0)


@pytest.fixture
def stream(client, desk, at_every_piece):
    """A download of the colleague's, and the way to get its pieces."""
    desk.document_id = desk.store(CONTENT).version.document_id
    desk.maker = desk.actor
    desk.actor = desk.add_colleague()
    answer = sign_in(client, desk).get(f"/documents/{desk.document_id}/content", buffered=False)
    assert answer.status_code == 200
    pieces = iter(answer.response)
    assert next(pieces) == CONTENT[:PIECE]
    yield pieces
    answer.close()


def end_membership(desk):
    with desk.runtime.transaction(desk.maker) as tx:
        remove_member(tx, desk.bundle_id, desk.actor.id)


def withdraw(desk):
    with desk.runtime.transaction(desk.maker) as tx:
        withdraw_document(tx, desk.document_id, "wrong file")


def sign_out(desk):
    with desk.runtime.transaction(desk.actor) as tx:
        end_session(tx, desk.actor.session.id)


def lock_out(desk):
    with desk.runtime.transaction(SYSTEM) as tx:
        lock_sign_in(tx, desk.actor.id)


def let_account_expire(desk):
    with desk.runtime.session() as session:
        session.get_one(Person, desk.actor.id).expires_at = desk.runtime.clock.now()


def leave(desk):
    with desk.runtime.transaction(SYSTEM) as tx:
        record_leaving(tx, desk.actor.id)


def let_session_lapse(desk):
    desk.make.wait(hours=13)


ENDS = (end_membership, withdraw, sign_out, lock_out, let_account_expire, leave, let_session_lapse)


@pytest.mark.parametrize("ends", ENDS)
def test_a_running_download_stops_when_the_right_to_it_ends(stream, desk, ends):
    assert next(stream) == CONTENT[PIECE : 2 * PIECE]

    ends(desk)

    with pytest.raises(Broken):
        next(stream)


def test_lock_now_stops_the_running_downloads_of_that_session(new_desk, client, at_every_piece):
    desk = new_desk(password=PASSWORD)
    stored = desk.store(CONTENT).version
    answer = sign_in(client, desk).get(f"/documents/{stored.document_id}/content", buffered=False)
    pieces = iter(answer.response)
    next(pieces)

    with desk.runtime.transaction(desk.actor) as tx:
        lock_bundle(tx, desk.bundle_id)

    with pytest.raises(Broken):
        next(pieces)


def test_an_untouched_right_lets_the_stream_run_to_its_end(stream):
    assert b"".join(stream) == CONTENT[PIECE:]


def test_the_right_is_asked_for_at_most_once_a_second(client, desk, monkeypatch):
    asked, time = [], itertools.count(0, 0.3)
    monkeypatch.setattr(streams.time, "monotonic", lambda: next(time))

    def allow() -> bool:
        asked.append(1)
        return True

    stream = streams.Stream(iter([b"a"] * 20), 0, allow, lambda ranges: None)

    assert b"".join(stream) == b"a" * 20
    assert 0 < len(asked) <= 8


def test_what_was_handed_out_is_kept_however_the_stream_ends(stream, desk, client):
    next(stream)
    stream.close()

    with desk.runtime.session() as session:
        row = session.scalars(select(Reading)).one()
        assert row.ranges == [[0, 2 * PIECE - 1]]
        assert row.bytes_served == 2 * PIECE


def test_bad_bytes_break_the_stream_before_they_are_sent(desk, client):
    version = desk.store(CONTENT).version
    whole = bytearray(desk.runtime.store.get(version.object_name))
    whole[126 + 2 * store.PIECE + 5] ^= 1
    desk.runtime.store.delete(version.object_name)
    desk.runtime.store.put(version.object_name, bytes(whole))

    answer = sign_in(client, desk).get(f"/documents/{version.document_id}/content", buffered=False)
    received: list[bytes] = []
    with pytest.raises(Broken):
        received.extend(answer.response)
    answer.close()

    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert b"".join(received) == CONTENT[: 2 * PIECE]


def test_a_long_stream_keeps_session_and_bundle_in_use(new_desk, client, clock, at_every_piece, monkeypatch):
    monkeypatch.setattr(reading, "USE_EVERY", 0.0)
    monkeypatch.setattr("vault.transfers.watch.USE_EVERY", 0.0)
    desk = new_desk(password=PASSWORD)
    stored = desk.store(CONTENT).version
    answer = sign_in(client, desk).get(f"/documents/{stored.document_id}/content", buffered=False)

    for _piece in answer.response:
        clock.move(minutes=10)
    answer.close()

    last = clock.now() - timedelta(minutes=10)
    with desk.runtime.session() as session:
        assert session.get_one(PersonSession, desk.actor.session.id).seen_at >= last
        assert session.scalars(select(Unlocking)).one().used_at >= last


def test_a_large_download_needs_little_memory(desk, client):
    version = desk.store(text_of(12_000_000)).version
    answer = sign_in(client, desk).get(f"/documents/{version.document_id}/content", buffered=False)

    tracemalloc.start()
    received = sum(len(piece) for piece in answer.response)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    answer.close()

    assert received == 12_000_000
    assert peak < 4_000_000


def test_ranges_are_joined_where_they_touch_and_stay_few():
    assert merged([], [(0, 9), (10, 19)]) == [[0, 19]]
    assert merged([[0, 9], [20, 29]], [(5, 20)]) == [[0, 29]]
    assert merged([[0, 9]], [(50, 59)]) == [[0, 9], [50, 59]]
    many = [(at, at) for at in range(0, 10_000, 2)]
    found = merged([[20_000, 20_001]], many)
    assert len(found) == MOST_RANGES
    assert found[-1] == [20_000, 20_001]
    assert {at for start, end in found for at in range(start, end + 1)} >= {at for at, _ in many}
