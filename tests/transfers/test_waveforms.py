"""The waveform of a recording: shown to those who may hear it, when they ask for it, and then it was opened."""

from __future__ import annotations

import pytest

from tests.transfers.browsing import sign_in
from tests.transfers.conftest import INDIVIDUAL, sound_of, text_of
from vault.bundles.models import Version
from vault.errors import NotFound
from vault.transfers.reading import open_content
from vault.transfers.waveforms import peaks_in


@pytest.fixture
def recording(desk):
    wanted = {"title": "Interview", "individuals": (INDIVIDUAL,)}
    return desk.store(sound_of(200_000), "talk.wav", "interview_audio", **wanted).version


def test_it_is_a_picture_of_numbers_alone_and_seeing_it_is_opening_the_recording(
    client, desk, recording, trail
):
    browser, path = sign_in(client, desk), f"/documents/{recording.document_id}"
    page = browser.get(f"{path}/recording").text
    asked = browser.get(f"{path}/recording?waveform=1").text
    assert "Show the waveform" in page
    assert "<img" not in page
    assert (
        f'<img src="{path}/waveform?version=1" alt="How loud it is, from the beginning to the end">' in asked
    )
    assert "document.opened" not in trail()

    picture = browser.get(f"{path}/waveform?version=1")

    assert picture.mimetype == "image/svg+xml"
    assert picture.text.count("M") == 400
    assert "v92M" in picture.text
    assert len(picture.data) < 6000
    assert picture.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert (picture.headers["X-Content-Type-Options"], picture.headers["Cache-Control"]) == (
        "nosniff",
        "no-store",
    )
    assert trail()[-1] == "document.opened"


def test_what_is_taken_away_while_it_is_drawn_is_not_shown(desk, recording):
    runtime = desk.runtime
    with runtime.transaction(desk.actor) as tx:
        content, _opened = open_content(tx, recording.document_id)

    assert len(peaks_in(content, runtime.store, lambda: True)) == 400
    with pytest.raises(NotFound):
        peaks_in(content, runtime.store, lambda: False)


def test_a_damaged_recording_has_an_empty_one(client, desk, recording):
    with desk.runtime.session() as session:
        session.get_one(Version, recording.id).extension = "flac"

    picture = sign_in(client, desk).get(f"/documents/{recording.document_id}/waveform")

    assert 'd=""' in picture.text


def test_what_is_not_decoded_has_none_and_its_page_is_right_without(client, desk, recording, trail):
    paper = desk.store(text_of(100)).version
    with desk.runtime.session() as session:
        session.get_one(Version, recording.id).media_type = "audio/mp4"
    browser = sign_in(client, desk)

    page = browser.get(f"/documents/{recording.document_id}/recording")

    assert "<audio" in page.text
    assert "waveform" not in page.text
    for version in (paper, recording):
        assert browser.get(f"/documents/{version.document_id}/waveform").status_code == 404
    assert "document.opened" not in trail()
