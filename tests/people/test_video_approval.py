"""An office takes recordings on video only where its controller has recorded the approval."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.browsing import Browser
from vault.access.actor import Role
from vault.audit.models import AuditEntry
from vault.errors import Conflict, Invalid, Refused
from vault.people.approvals import approve_video, is_video_approved, remark_of, withdraw_video
from vault.people.models import Office

REMARK = "Approved by the representative, memo 12 of 3 November"


@pytest.fixture
def controller(make):
    return make.actor(None, Role.CONTROLLER)


def test_the_controller_records_and_withdraws_the_approval(controller, act, trail):
    with act(controller) as tx:
        assert not is_video_approved(tx, controller.office_id)
        approve_video(tx, REMARK)
    with act(controller) as tx:
        office = tx.session.get_one(Office, controller.office_id)
        assert is_video_approved(tx, office.id)
        assert (office.video_approved_at, office.video_approved_by_id) == (tx.now, controller.id)
        assert remark_of(tx, office) == REMARK
        withdraw_video(tx, "The memo has lapsed")
    with act(controller) as tx:
        assert not is_video_approved(tx, controller.office_id)

    assert trail()[-2:] == ["office.video_approved", "office.video_withdrawn"]


def test_the_log_keeps_a_digest_of_the_remark_and_none_of_its_words(controller, act, runtime):
    with act(controller) as tx:
        approve_video(tx, REMARK)

    with runtime.session() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.number.desc())).first()
    assert entry.office_id == controller.office_id
    assert b"digest" in entry.leaf
    assert b"memo" not in entry.leaf


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CONTROLLER])
def test_nobody_else_approves(role, make, act):
    for verb in (approve_video, withdraw_video):
        with pytest.raises(Refused), act(make.actor(None, role)) as tx:
            verb(tx, REMARK)


def test_an_approval_is_of_one_office(controller, make, act):
    other = make.office()
    with act(controller) as tx:
        approve_video(tx, REMARK)
        assert not is_video_approved(tx, other.id)


def test_nothing_is_approved_or_withdrawn_twice_or_without_a_word(controller, act):
    with pytest.raises(Conflict), act(controller) as tx:
        withdraw_video(tx, REMARK)
    for remark in ("", "   ", "a" * 1001):
        with pytest.raises(Invalid), act(controller) as tx:
            approve_video(tx, remark)
    with act(controller) as tx:
        approve_video(tx, REMARK)
    with pytest.raises(Conflict), act(controller) as tx:
        approve_video(tx, REMARK)


def test_the_page_says_what_is_so_and_takes_the_decision(app, controller):
    browser = Browser(app, controller)
    assert "This office takes no interviews on video." in browser.get("/office/video").text

    answer = browser.post("/office/video/approval", remark=REMARK)

    assert answer.location == "/office/video?notice=saved"
    page = browser.get("/office/video").text
    assert "This office takes interviews on video" in page
    assert REMARK in page
    assert browser.post("/office/video/approval", remark=REMARK).status_code == 409
    assert browser.post("/office/video/withdrawal", remark="").status_code == 400
    assert browser.post("/office/video/withdrawal", remark="lapsed").status_code == 303


def test_programs_do_the_same(app, controller, make):
    browser = Browser(app, controller)

    made = browser.api("POST", "/office/video/approval", {"remark": REMARK})

    assert (made.status_code, made.headers["Location"]) == (201, "/api/v1/office/video")
    assert browser.api("GET", "/office/video").json == made.json
    assert made.json["remark"] == REMARK
    assert browser.api("POST", "/office/video/withdrawal", {"remark": "lapsed"}).json["approved_at"] is None
    assert Browser(app, make.actor()).api("GET", "/office/video").status_code == 403
