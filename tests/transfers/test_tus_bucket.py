"""Objects in a bucket of a real server: an upload begins on one web process, breaks, and goes on on another."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator

import pytest

from tests.buckets import REGION
from tests.transfers.killing import (
    Client,
    Mortal,
    assert_no_plaintext_on_disk,
    assert_nothing_half_visible,
    deposits,
    marked,
    mortal_vault,
)
from vault.store.s3.state import PART

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
    client = Client(mortal, marked(LENGTH, seed=29), PIECE)
    client.begin()
    client.send_next()
    for moment in MOMENTS:
        killer = threading.Thread(target=lambda after=moment: (time.sleep(after), mortal.kill()))
        killer.start()
        with contextlib.suppress(OSError, http.client.HTTPException):
            while not client.is_sent:
                client.send_next()
        killer.join()
        assert_nothing_half_visible(mortal)
        mortal.start()
        client.offset()
    client.finish()
    assert deposits(mortal) == 1
    assert_nothing_half_visible(mortal)
    assert_no_plaintext_on_disk(mortal)
    assert not list(mortal.desk.runtime.store.partial_names())
    assert not (tmp_path / "objects").exists()
