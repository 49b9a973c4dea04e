"""Recordings of every accepted format are stored and given back as they were, and nothing else under their names."""

from __future__ import annotations

import pytest

from tests.recordings import SAMPLES, VIDEOS, dss, wav
from tests.transfers.browsing import JSON, files_form, sign_in, token_of
from tests.transfers.conftest import INDIVIDUAL
from vault.web.locale import clock_of

MEDIA = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "wma": "audio/x-ms-wma",
    "dss": "audio/x-dss",
    "ds2": "audio/x-ds2",
}
SIGNATURES = {b"\x02dss": "dss", b"\x03dss": "dss", b"\x06dss": "dss", b"\x01ds2": "ds2", b"\x03ds2": "ds2"}
SIGNATURES |= {b"\x07ds2": "ds2", b"\x08ds2": "ds2", b"\x03enc": "ds2"}


@pytest.fixture
def send(client, desk):
    """`send(name, content)`: the page's form with this file; returns the browser and the answer."""
    browser = sign_in(client, desk)
    page = f"/bundles/{desk.bundle_id}/documents"

    def post(name: str, content: bytes, **fields: object):
        asked = {"document_type": "interview_audio", "individuals": INDIVIDUAL} | fields
        form = files_form([(name, content)], csrf=token_of(browser, f"{page}/new"), **asked)
        return browser, browser.post(page, data=form, content_type="multipart/form-data")

    return post


def only_document(browser, desk) -> dict:
    (found,) = browser.get(f"/api/v1/bundles/{desk.bundle_id}/documents", headers=JSON).json["items"]
    return found


@pytest.mark.parametrize("name", SAMPLES)
def test_a_recording_comes_back_byte_for_byte_whole_and_by_ranges(send, desk, name):
    content = SAMPLES[name](5)

    browser, answer = send(name, content)

    assert answer.status_code == 303, answer.text
    found = only_document(browser, desk)
    assert (found["kind"], found["individuals"]) == ("recording", [INDIVIDUAL])
    assert found["version"]["media_type"] == MEDIA[name.rpartition(".")[2]]
    path = f"/documents/{found['id']}/content"
    assert browser.get(path).data == content
    last = len(content) - 1
    for start, end in [(0, 0), (last, last), (1, 700), (last // 2, last), (65_535, 65_536)]:
        if start <= last:
            part = browser.get(path, headers={"Range": f"bytes={start}-{end}"})
            assert part.status_code == 206
            assert part.data == content[start : end + 1]


@pytest.mark.parametrize("name", SAMPLES)
def test_something_else_under_a_recordings_name_is_refused(send, desk, name):
    other = dss(5) if name != "talk.dss" else wav(1)

    browser, answer = send(name, other)

    assert answer.status_code == 415
    assert "although its name says so" in answer.text
    assert browser.get(f"/api/v1/bundles/{desk.bundle_id}/documents", headers=JSON).json["items"] == []


@pytest.mark.parametrize("name", SAMPLES)
def test_a_recording_that_names_nobody_is_refused(send, name):
    _browser, answer = send(name, SAMPLES[name](1), individuals=[])

    assert answer.status_code == 400
    assert "A recording names at least one individual" in answer.text


@pytest.mark.parametrize("name", [*SAMPLES, *VIDEOS])
def test_a_recording_is_no_document(send, name):
    _browser, answer = send(name, (SAMPLES | VIDEOS)[name](1), document_type="rrf")

    assert answer.status_code == 415
    assert "this document type is for a document or a picture" in answer.text


@pytest.mark.parametrize("magic", SIGNATURES)
def test_dictation_recorders_sign_their_files_in_several_ways(send, magic):
    _browser, answer = send(f"talk.{SIGNATURES[magic]}", dss(5, magic))

    assert answer.status_code == 303


@pytest.mark.parametrize("name", SAMPLES)
def test_the_duration_is_shown_where_recordings_are_listed(send, desk, name):
    browser, _answer = send(name, SAMPLES[name](12))

    found = only_document(browser, desk)
    versions = browser.get(f"/api/v1/documents/{found['id']}/versions", headers=JSON).json["items"]

    assert abs(found["version"]["duration_ms"] - 12_000) <= 200
    assert versions == [found["version"]]
    clock = f'<bdi class="size" dir="ltr">{clock_of(found["version"]["duration_ms"])}</bdi>'
    assert "0:1" in clock
    assert clock in browser.get(f"/bundles/{desk.bundle_id}").text
    assert clock in browser.get(f"/documents/{found['id']}").text


def test_a_recording_whose_length_is_not_believed_is_stored_all_the_same(send, desk):
    content = wav(5)
    content = content[:40] + b"\xf0\xff\xff\xff" + content[44:]

    browser, answer = send("talk.wav", content)

    assert answer.status_code == 303
    found = only_document(browser, desk)
    assert found["version"]["duration_ms"] is None
    assert browser.get(f"/documents/{found['id']}/content").data == content
    assert browser.get(f"/bundles/{desk.bundle_id}").status_code == 200


def test_a_document_has_no_duration(send, desk):
    browser, _answer = send("form.pdf", b"%PDF-1.7\n", document_type="rrf")

    assert only_document(browser, desk)["version"]["duration_ms"] is None
