"""The pages and the API of retention and holds: what a person sees and does, without script, and what a program gets."""

from __future__ import annotations

import re

from tests.browsing import Browser
from tests.retention.conftest import WHY
from vault.access.actor import Role


def test_a_controller_chooses_a_schedule_and_the_records_authority_approves_it(office, make, app):
    controller = Browser(app, office.controller)
    authority = Browser(app, make.actor(None, Role.RECORDS_AUTHORITY))
    page = controller.get("/office/retention").text
    assert "No schedule: choose" in page
    assert "20 years after the case was closed" in page
    assert "/office/retention" in controller.get("/office/matrix").text
    by_code = {row["code"]: row for row in controller.api("GET", "/office/retention").json["items"]}
    path = f"/office/retention/classes/{by_code['recordings']['id']}"
    assert "destroy, by two people" in controller.get(path).text
    assert "destroy" not in controller.get(f"/office/retention/classes/{by_code['case-records']['id']}").text
    said = {
        "title": "Interviews",
        "citation": "ADM/2024/3",
        "counts_from": "transcript_stored",
        "unit": "months",
    }
    assert controller.post(f"{path}/versions", **said, period="0", action="destroy").status_code == 400
    shown = controller.post(f"{path}/versions", **said, period="6", action="destroy", follow=True).text
    assert "6 months after the first transcript was stored" in shown
    assert "The records authority of the office approves it" in shown
    rule = re.search(r"/office/retention/versions/([0-9a-f-]{36})", authority.get(path).text)[0]
    seen = re.search(r'name="seen" value="(\w+)"', authority.get(rule).text)[1]
    assert "in force" in authority.confirm(authority.post(f"{rule}/approval", seen=seen), follow=True).text
    assert controller.api("GET", rule).json["state"] == "in_force"

    wanted = {"code": "drafts", "disposal": "temporary"}
    added = controller.api("POST", "/office/retention/classes", wanted)
    assert (added.status_code, added.json["types_to_take"][0]["code"]) == (201, "retrieved_copy")
    body = said | {"period": 1, "action": "review", "counts_from": "case_closed"}
    proposed = controller.api("POST", f"/office/retention/classes/{added.json['id']}/versions", body)
    assert proposed.json["state"] == "waiting"
    assert controller.post(f"/office/retention/versions/{proposed.json['id']}/withdrawal").status_code == 303


def test_a_hold_is_placed_seen_and_released_by_those_who_may_and_nobody_else_is_told(office, make, app):
    controller, second, worker = (
        Browser(app, actor) for actor in (office.controller, office.second, office.worker)
    )
    case = f"/cases/{office.case.id}"
    assert controller.post("/holds", reason=WHY).status_code == 400
    placed = controller.post("/holds", bundle=office.bundle.id, reason=WHY, follow=True).text
    assert WHY in placed
    assert "You placed it" in placed
    assert "1 hold is on this case" in controller.get(case).text
    assert "bundle 1" in second.get(f"{case}/holds").text
    body = {"document": str(office.recording.id), "reason": WHY}
    hold = controller.api("POST", "/holds", body).json
    assert (hold["level"], hold["case_number"], hold["may_release"]) == (
        "document",
        office.case.number,
        False,
    )
    assert "2 holds" in second.get(case).text
    assert len(second.api("GET", "/holds?limit=1").json["items"]) == 1
    assert "Interview, sound recording" in second.get("/holds").text
    kept = office.class_of("interview_audio")
    assert WHY in controller.post("/holds", retention_class=kept.id, reason=WHY, follow=True).text

    assert "hold" not in worker.get(case).text.lower().replace("household", "")
    assert "/holds" not in worker.get(f"/documents/{office.recording.id}").text
    for path in (f"/holds/{hold['id']}", f"{case}/holds", f"/documents/{office.recording.id}/holds"):
        assert worker.api("GET", path).status_code in (403, 404)
    assert worker.api("GET", "/holds").status_code == worker.api("POST", "/holds", body).status_code == 403
    assert worker.api("GET", f"/holds/{hold['id']}").status_code == 404

    asked = second.post(f"/holds/{hold['id']}/release", reason="It is over")
    assert "It is over" in second.confirm(asked, follow=True).text
    assert second.post(f"/holds/{hold['id']}/release", reason="Again").status_code == 409


def test_what_is_due_is_listed_with_its_reasons(office, app, pass_time, scan):
    archivist = office.archivist
    assert "No scan has been made yet" in Browser(app, archivist).get("/office/retention/due").text
    pass_time(days=31)
    scan()
    office.hold("case", office.case)
    browser = Browser(app, office.make.actor(None, Role.ARCHIVIST))
    page = browser.get("/office/retention/due").text
    assert "on hold" in page
    assert "1 document due" in page
    assert "Interview, sound recording: no schedule, choose" in page
    (row,) = browser.api("GET", "/office/retention/due").json["items"]
    assert row["reasons"] == ["held", "awaiting_disposal"]
    assert Browser(app, office.worker).get("/office/retention/due").status_code in (303, 403)
