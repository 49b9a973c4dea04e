"""The page of a recording: native audio that needs no script, and what browsers cannot play."""

from __future__ import annotations

import pytest

from tests.transfers.browsing import sign_in
from tests.transfers.conftest import INDIVIDUAL, sound_of, text_of
from vault.bundles.models import Version


@pytest.fixture
def recording(desk):
    return desk.store(
        sound_of(2_000_000), "talk.wav", "interview_audio", title="Interview", individuals=(INDIVIDUAL,)
    ).version


def test_the_page_plays_without_script_and_loads_nothing_by_itself(client, desk, recording):
    page = sign_in(client, desk).get(f"/documents/{recording.document_id}/recording")

    assert page.status_code == 200
    assert "<bdi>Interview</bdi>" in page.text
    assert INDIVIDUAL in page.text
    assert 'preload="none"' in page.text
    assert f'src="/documents/{recording.document_id}/content?version=1"' in page.text
    assert "2 MB" in page.text
    assert "plays as it loads" in page.text


def test_showing_the_page_is_not_opening_the_recording(client, desk, recording, trail):
    sign_in(client, desk).get(f"/documents/{recording.document_id}/recording")

    assert "document.opened" not in trail()


def test_what_no_browser_plays_is_offered_for_download_only(client, desk, recording):
    with desk.runtime.session() as session:
        session.get_one(Version, recording.id).media_type = "audio/x-ms-wma"

    browser = sign_in(client, desk)
    page = browser.get(f"/documents/{recording.document_id}/recording")
    content = browser.get(f"/documents/{recording.document_id}/content")

    assert "Browsers cannot play this kind of recording." in page.text
    assert "<audio" not in page.text
    assert content.headers["Content-Disposition"].startswith("attachment")


def test_a_document_has_no_recording_page(client, desk):
    version = desk.store(text_of(100)).version

    assert sign_in(client, desk).get(f"/documents/{version.document_id}/recording").status_code == 404
