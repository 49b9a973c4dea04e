"""tus 1.0 at /files/, as its specification says, and what we promise on top."""

from __future__ import annotations

import pytest

from tests.transfers.conftest import text_of
from tests.transfers.sending import TUS


@pytest.mark.parametrize("length", [1, 65535, 65536, 65537, 200_000])
@pytest.mark.parametrize("piece", [200_000, 65536, 10_007])
def test_a_file_sent_in_pieces_comes_back_byte_for_byte(sender, length, piece, trail):
    content = text_of(length)
    place = sender.begun(length)
    for at in range(0, length, piece):
        answer = sender.patch(place, at, content[at : at + piece])
        assert answer.status_code == 204, answer.text
        assert int(answer.headers["Upload-Offset"]) == min(at + piece, length)
    assert answer.headers["Casevault-State"] == "stored"
    assert sender.read(answer.headers["Casevault-Document"]) == content
    assert trail().count("upload.begun") == trail().count("document.deposited") == 1


def test_a_file_may_come_with_its_creation(sender):
    content = text_of(100_000)
    answer = sender.create(len(content), content)
    assert answer.status_code == 201
    assert answer.headers["Upload-Offset"] == "100000"
    assert sender.read(answer.headers["Casevault-Document"]) == content


def test_whoever_does_not_remember_asks_how_far_it_is(sender):
    content = text_of(150_000)
    place = sender.begun(len(content))
    assert sender.offset(place) == 0
    sender.patch(place, 0, content[:70_001])
    answer = sender.client.head(place, headers=TUS)
    assert answer.headers["Upload-Offset"] == "70001"
    assert answer.headers["Upload-Length"] == "150000"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Upload-Expires" in answer.headers
    wrong = sender.patch(place, 70_000, content[70_000:])
    assert wrong.status_code == 409
    assert wrong.headers["Upload-Offset"] == "70001"
    assert sender.patch(place, 70_001, content[70_001:]).headers["Casevault-State"] == "stored"
    assert sender.offset(place) == len(content)


def test_the_hashes_of_another_process_are_made_anew(sender, monkeypatch):
    from vault.transfers import digests

    content = text_of(300_000)
    place = sender.begun(len(content))
    for at in range(0, len(content), 100_000):
        digests.KEPT._kept.clear()
        answer = sender.patch(place, at, content[at : at + 100_000])
    assert answer.headers["Casevault-State"] == "stored"
    assert sender.read(answer.headers["Casevault-Document"]) == content
