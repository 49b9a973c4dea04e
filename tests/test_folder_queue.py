"""The embedded queue: many ring at once, nobody reads half a message, and a torn one ends no worker."""

from __future__ import annotations

import os
import threading
from queue import Empty
from uuid import uuid4

import pytest

from vault.jobs import Bell, make_celery


@pytest.fixture
def channel(tmp_path):
    with make_celery("filesystem://", tmp_path).connection_for_read() as connection:
        yield connection.default_channel


def read(channel) -> dict | None:
    try:
        return channel._get("casevault")
    except Empty:
        return None


def test_a_message_is_whole_or_not_there(tmp_path, channel, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bell, found = Bell("filesystem://", tmp_path), []

    def ring() -> None:
        for _ in range(50):
            bell.ring(uuid4())

    ringers = [threading.Thread(target=ring) for _ in range(4)]
    for each in ringers:
        each.start()
    is_over = False
    while not is_over:
        is_ringing = any(each.is_alive() for each in ringers)
        message = read(channel)
        found += [message] if message else []
        is_over = message is None and not is_ringing
    for each in ringers:
        each.join()

    assert len({message["properties"]["delivery_tag"] for message in found}) == 4 * 50
    assert os.listdir(tmp_path / "queue" / "messages") == []


def test_a_message_still_being_written_is_not_seen(tmp_path, channel, monkeypatch):
    seen = []
    monkeypatch.setattr("json.dump", lambda *_: seen.append(channel._size("casevault")))
    Bell("filesystem://", tmp_path).ring(uuid4())
    assert seen == [0]
    assert channel._size("casevault") == 1


@pytest.mark.parametrize("torn", [b"", b'{"body": "', b"\0" * 40])
def test_a_torn_message_is_dropped_and_the_next_one_read(tmp_path, channel, monkeypatch, caplog, torn):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "queue" / "messages" / "00000000000000000000_torn.casevault.msg").write_bytes(torn)
    job_id = uuid4()
    Bell("filesystem://", tmp_path).ring(job_id)

    assert str(job_id) in str(read(channel))
    assert "a sweep finds its job" in caplog.text
