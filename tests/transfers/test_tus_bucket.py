"""Objects in a bucket of a real server: an upload begins on one web process, breaks, and goes on on another."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator

import pytest

from tests.buckets import REGION
from tests.transfers.conftest import text_of
from tests.transfers.killing import (
    Client,
    Mortal,
    assert_no_plaintext_on_disk,
    assert_nothing_half_visible,
    deposits,
    marked,
    mortal_vault,
)
from tests.transfers.sending import assert_tidy
from vault.store.s3 import client
from vault.store.s3.state import PART
from vault.store.s3.store import S3Store

LENGTH, PIECE = 2 * PART + 3_000_000, 3_000_000
MOMENTS = (0.02, 0.1, 0.25)
"""Seconds after which a web process dies."""


@pytest.fixture
def mortal(tmp_path, ceph) -> Iterator[Mortal]:
    said = {"store": f"s3://{ceph.new_bucket()}/vault", "s3_endpoint": ceph.url, "s3_region": REGION}
    with mortal_vault(tmp_path, **said) as running:
        running.start()
        yield running


def test_an_upload_goes_on_on_another_web_process_wherever_the_first_one_dies(mortal, tmp_path):
    sending = Client(mortal, marked(LENGTH, seed=29), PIECE)
    sending.begin()
    sending.send_next()
    for moment in MOMENTS:
        killer = threading.Thread(target=lambda after=moment: (time.sleep(after), mortal.kill()))
        killer.start()
        with contextlib.suppress(OSError, http.client.HTTPException):
            while not sending.is_sent:
                sending.send_next()
        killer.join()
        assert_nothing_half_visible(mortal)
        mortal.start()
        sending.offset()
    sending.finish()
    assert deposits(mortal) == 1
    assert_nothing_half_visible(mortal)
    assert_no_plaintext_on_disk(mortal)
    assert not list(mortal.desk.runtime.store.partial_names())
    assert not (tmp_path / "objects").exists()


def test_a_bucket_that_does_not_answer_is_told_and_nothing_is_lost(ceph, app, desk, sender, monkeypatch):
    monkeypatch.setattr(client, "ATTEMPTS", 1)
    content, good = text_of(300_000), ceph.new_store()
    desk.runtime.store = good
    place = sender.begun(len(content))
    assert sender.patch(place, 0, content[:200_000]).status_code == 204
    desk.runtime.store = S3Store("gone", client.Service("", "http://127.0.0.1:9", REGION))
    answer = sender.patch(place, 200_000, content[200_000:], Accept="application/json")
    assert (answer.status_code, answer.json["type"]) == (503, "/problems/store-unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    ready = app.test_client().get("/readyz")
    assert (ready.status_code, ready.json["store"]) == (503, False)
    desk.runtime.store = good
    assert sender.offset(place) == 200_000
    answer = sender.patch(place, 200_000, content[200_000:])
    assert answer.status_code == 204
    assert sender.read(answer.headers["Casevault-Document"]) == content
    assert_tidy(desk)
