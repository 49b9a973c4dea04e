"""Dictations on the page of a recording: played where they can be, opened and counted like the file itself."""

from __future__ import annotations

import pytest

from tests.dictations import qp
from tests.transfers.browsing import sign_in
from tests.transfers.conftest import INDIVIDUAL, sound_of
from vault.transfers.models import Reading

pytest.importorskip("pydsscodec")


def kept(desk, content: bytes, name: str = "talk.ds2"):
    wanted = {"title": "Interview", "individuals": (INDIVIDUAL,)}
    return desk.store(content, name, "interview_audio", **wanted).version


def test_a_dictation_plays_as_sound_in_ranges_and_is_opened_and_counted(client, desk, trail):
    version = kept(desk, qp(700))
    browser, path = sign_in(client, desk), f"/documents/{version.document_id}"

    page = browser.get(f"{path}/recording")
    assert f'<source src="{path}/sound?version=1" type="audio/wav">' in page.text
    assert "waveform" not in page.text
    assert "document.opened" not in trail()

    part = browser.get(f"{path}/sound", headers={"Range": "bytes=1000-2999"})
    heard = part.data
    part.close()
    with desk.runtime.session() as session:
        ranges = session.query(Reading).filter_by(version_id=version.id).one().ranges
    whole = browser.get(f"{path}/sound")

    assert (part.status_code, whole.status_code) == (206, 200)
    assert part.headers["Content-Range"] == f"bytes 1000-2999/{44 + 2 * 256 * 700}"
    assert heard == whole.data[1000:3000]
    assert ranges == [[1000 * version.length // len(whole.data), 2999 * version.length // len(whole.data)]]
    assert trail().count("document.opened") == 1
    assert whole.mimetype == "audio/wav"
    assert whole.headers["ETag"] == f'"{version.id}-wav"'
    assert whole.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert (whole.headers["X-Content-Type-Options"], whole.headers["Cache-Control"]) == (
        "nosniff",
        "no-store",
    )
    tagged = browser.get(f"{path}/sound", headers={"If-None-Match": whole.headers["ETag"]})
    assert tagged.status_code == 304
    assert browser.get(f"{path}/sound", headers={"Range": "bytes=9999999-"}).status_code == 416


def test_what_the_recorder_locked_or_nobody_can_read_says_so(client, desk, trail):
    locked, damaged = kept(desk, b"\3enc" + qp(40)[4:]), kept(desk, qp(40)[:1536] + b"\xff" * 5120)
    browser = sign_in(client, desk)

    page = browser.get(f"/documents/{locked.document_id}/recording")

    assert "locked on the recorder" in page.text
    assert "<audio" not in page.text
    for version in (locked, damaged):
        assert browser.get(f"/documents/{version.document_id}/sound").status_code == 422
    assert "document.opened" not in trail()


def test_other_recordings_have_no_sound_of_their_own(client, desk):
    version = kept(desk, sound_of(2000), "talk.wav")

    assert sign_in(client, desk).get(f"/documents/{version.document_id}/sound").status_code == 404
