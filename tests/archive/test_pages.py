"""The pages and the API of closing: what a person sees and does, without script, and what a program gets."""

from __future__ import annotations

import re

import pytest

from tests.browsing import Browser
from tests.closings import HOLDERS, WHY, Closings
from vault.access.actor import Role
from vault.cases.models import Case
from vault.cases.service import change_case
from vault.crypto.identity import age_recipient, new_seed, public_key


@pytest.fixture
def office(make):
    return Closings(make)


def outcome(browser, case, individual, **more) -> int:
    return browser.post(f"/cases/{case.id}/outcomes", individual=individual, **more).status_code


def test_a_controller_adds_an_identity_and_another_confirms_it(make, app):
    office = Closings(make, identities=0)
    first, second = Browser(app, office.controller), Browser(app, office.second)
    recipient = age_recipient(public_key(new_seed()))
    assert "Fewer than two" in first.get("/office/archive-identities").text
    assert "archive-identities" in first.get("/office/matrix").text
    asked = first.post("/office/archive-identities", recipient=f" {recipient}\n", holder=HOLDERS[0])
    page = first.confirm(asked, follow=True).text
    assert "waits for a second person" in page
    assert "Confirm the identity" not in page
    (shown,) = second.api("GET", "/office/archive-identities").json["items"]
    path = f"/office/archive-identities/{shown['id']}"
    seen = re.search(r'name="seen" value="(\w+)"', second.get(path).text)[1]
    assert second.post(f"{path}/confirmation", seen=seen).status_code == 400
    confirmed = second.confirm(second.post(f"{path}/confirmation", seen=seen, compared="true"), follow=True)
    assert "confirmed" in confirmed.text
    assert second.api("GET", path).json["recipient"] == recipient


def test_a_case_is_closed_and_reopened_on_its_pages(office, make, app):
    case, (bundle,) = office.case()
    office.end(case, None)
    document = make.document(office.owner, bundle)
    link = make.share(office.owner, [document]).share
    owner, archivist, second = (
        Browser(app, actor) for actor in (office.owner, office.archivist, office.second)
    )
    path = f"/cases/{case.id}"
    assert "not final" in archivist.get(f"{path}/closure").text
    individual = owner.api("GET", f"{path}/outcomes").json["items"][0]["individual"]
    assert outcome(owner, case, individual, outcome="departed") == 400
    assert outcome(owner, case, individual, outcome="departed", outcome_on="2026-01-02") == 303
    assert "departed" in owner.get(path).text

    page = archivist.get(f"{path}/closure").text
    assert "A mission" in page
    sent = {"reason": WHY, "closed_on": str(office.today), "kept": str(link.id), "kept_reason": "still read"}
    done = archivist.confirm(archivist.post(f"{path}/closure", **sent), follow=True)
    assert "Closing 1" in done.text

    shown = owner.get(path).text
    assert "This case is closed" in shown
    assert "Closed by" in shown
    assert "New bundle" not in shown
    assert owner.post(f"{path}/edit", priority="urgent").status_code == 409
    assert "This case is closed" in owner.api("PATCH", path, {"priority": "urgent"}).json["detail"]
    assert owner.api("GET", f"/shares/{link.id}").json["state"] == "live"
    assert owner.api("POST", "/cases/search", {"number": case.number}).json["items"][0]["state"] == "closed"
    assert owner.get(f"{path}/closure").status_code == 403

    archivist.post(f"{path}/reopening", reason="They came back.")
    seen = re.search(r'name="seen" value="(\w+)"', second.get(f"{path}/closure").text)[1]
    second.confirm(second.post(f"{path}/reopening/approval", seen=seen))
    assert "This case is closed" not in owner.get(path).text


def test_a_program_reads_the_checklist_and_closes(office, app, runtime):
    case, (bundle,) = office.case()
    office.make.document(office.owner, bundle)
    archivist = Browser(app, office.archivist)
    found = archivist.api("GET", f"/cases/{case.id}/closure").json
    assert (found["may_close"], found["checklist"]["faults"], found["checklist"]["files"]) == (True, [], 1)
    office.close(case)
    found = archivist.api("GET", f"/cases/{case.id}/closure").json
    assert (found["state"], found["checklist"], found["may_reopen"]) == ("closed", None, True)
    assert (found["closures"][0]["headers"], found["closures"][0]["reason"]) == (1, WHY)
    proposed = archivist.api("POST", f"/cases/{case.id}/reopening", {"reason": "They came back."})
    assert (proposed.status_code, proposed.json["reopening"]["digest"]) == (201, None)
    assert archivist.api("POST", f"/cases/{case.id}/reopening/withdrawal").json["reopening"] is None
    with runtime.session() as session:
        assert session.get_one(Case, case.id).state == "closed"


def test_the_archivist_finds_what_can_be_closed_and_what_is(office, app):
    ready, closed, going, lonely = (office.case()[0] for _ in range(4))
    office.close(closed)
    office.end(going, "accepted")
    with office.runtime.transaction(office.owner) as tx:
        change_case(tx, lonely.id, {"individuals": []})
    archivist = Browser(app, office.archivist)
    page = archivist.get("/archive").text
    assert 'href="/archive"' in page
    assert f"/cases/{ready.id}/closure" in page
    found = archivist.api("GET", "/archive").json
    assert [row["case_id"] for row in found["ready"]] == [str(ready.id)]
    (row,) = found["closed"]
    assert (row["case_id"], row["number"], row["is_to_reopen"]) == (str(closed.id), 1, False)
    assert Browser(app, office.owner).get("/archive").status_code == 403
    elsewhere = office.make.actor(office.make.person(Role.ARCHIVIST, office=office.make.office()))
    assert Browser(app, elsewhere).api("GET", "/archive").json == {"ready": [], "closed": []}


def test_what_stands_against_closing_is_told_to_a_program(office, app):
    case, _ = office.case()
    office.end(case, "on_hold")
    archivist = Browser(app, office.archivist)
    sent = {"reason": WHY, "closed_on": str(office.today)}
    answer = archivist.api("POST", f"/cases/{case.id}/closure", sent)
    assert answer.status_code == 409
    assert answer.json["errors"][0]["pointer"] == "/individuals"
    assert "is not final" in answer.json["detail"]
