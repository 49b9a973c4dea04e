"""Interviews on video: taken where the office has approved it, then played and restricted as sound is."""

from __future__ import annotations

import pytest

from tests.recordings import VIDEOS, mp4, wav
from tests.transfers.browsing import JSON, post_files, sign_in
from tests.transfers.conftest import INDIVIDUAL
from vault.access.actor import Role
from vault.bundles.documents import change_document
from vault.errors import Conflict, Invalid
from vault.people.approvals import approve_video, withdraw_video
from vault.transfers.exports import export_version
from vault.transfers.uploads import Wanted

TYPE = "interview_video"


@pytest.fixture
def decide(make, act):
    """`decide(approve_video)`: the controller of the office says so."""
    controller = make.actor(None, Role.CONTROLLER)

    def said(verb) -> None:
        with act(controller) as tx:
            verb(tx, "memo 12")

    return said


@pytest.fixture
def browser(client, desk):
    return sign_in(client, desk)


def send(browser, desk, name: str, content: bytes, **fields: object):
    asked = {"document_type": TYPE, "individuals": INDIVIDUAL} | fields
    return post_files(browser, f"/bundles/{desk.bundle_id}/documents", [(name, content)], **asked)


@pytest.mark.parametrize("name", VIDEOS)
def test_video_is_stored_whole_where_the_office_has_approved_it(browser, desk, decide, name):
    content = VIDEOS[name](5)
    assert send(browser, desk, name, content).status_code == 400

    decide(approve_video)
    answer = send(browser, desk, name, content)

    assert answer.status_code == 201
    (found,) = browser.get(f"/api/v1/bundles/{desk.bundle_id}/documents", headers=JSON).json["items"]
    assert (found["kind"], found["version"]["duration_ms"]) == ("recording", 5000)
    path = f"/documents/{found['id']}/content"
    assert browser.get(path).data == content
    part = browser.get(path, headers={"Range": "bytes=70000-70099"})
    assert part.data == content[70_000:70_100]
    assert part.headers["Content-Disposition"].startswith("inline")
    page = browser.get(f"/documents/{found['id']}/recording").text
    assert '<video data-player controls preload="none"' in page
    assert "<audio" not in page


def test_the_form_offers_video_only_where_it_is_approved(browser, desk, decide):
    path = f"/bundles/{desk.bundle_id}/documents/new"
    before = browser.get(path).text
    decide(approve_video)
    after = browser.get(path).text

    assert [TYPE in page for page in (before, after)] == [False, True]
    assert [".mp4" in page for page in (before, after)] == [False, True]


def test_a_withdrawn_approval_takes_no_more_and_takes_nothing_away(browser, desk, decide):
    decide(approve_video)
    stored = send(browser, desk, "talk.mp4", mp4(2)).json["items"][0]["document"]
    decide(withdraw_video)

    assert send(browser, desk, "talk.mp4", mp4(2)).status_code == 400
    assert post_files(browser, f"/documents/{stored}/versions", [("talk.mp4", mp4(3))]).status_code == 400
    assert browser.get(f"/documents/{stored}/recording").status_code == 200
    assert browser.get(f"/documents/{stored}/content").data == mp4(2)
    assert browser.get(f"/documents/{stored}/edit").status_code == 200


def test_an_approval_withdrawn_while_a_video_arrives_stops_it(browser, desk, decide, act):
    from vault.transfers.receiving import receive_file, settle

    decide(approve_video)
    wanted = Wanted("talk.mp4", TYPE, individuals=(INDIVIDUAL,))
    transact = lambda: act(desk.actor)  # noqa: E731
    arrived = receive_file(transact, desk.runtime.store, desk.bundle_id, wanted, iter([mp4(1)]))
    decide(withdraw_video)

    with pytest.raises(Invalid):
        settle(transact, desk.runtime.store, arrived)
    assert browser.get(f"/api/v1/bundles/{desk.bundle_id}/documents", headers=JSON).json["items"] == []


def test_video_is_restricted_as_sound_is(browser, desk, decide, act):
    decide(approve_video)
    assert send(browser, desk, "talk.mp4", mp4(1), individuals=[]).status_code == 400
    assert send(browser, desk, "talk.wav", wav(1)).status_code == 415
    assert send(browser, desk, "talk.mp4", mp4(1), document_type="interview_audio").status_code == 415
    stored = desk.store(mp4(1), "talk.mp4", TYPE, individuals=(INDIVIDUAL,)).version.document_id
    recipient = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
    with pytest.raises(Conflict), act(desk.actor) as tx:
        export_version(tx, stored, [recipient])
    for other in ("interview_audio", "rrf"):
        with pytest.raises(Invalid), act(desk.actor) as tx:
            change_document(tx, stored, {"document_type": other})


def test_sound_does_not_become_video(desk, decide, act):
    decide(approve_video)
    stored = desk.store(wav(1), "talk.wav", "interview_audio", individuals=(INDIVIDUAL,)).version.document_id

    with pytest.raises(Invalid), act(desk.actor) as tx:
        change_document(tx, stored, {"document_type": TYPE})
