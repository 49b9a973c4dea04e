"""Recovery at the pages and at the API: asked for, seen by members, released, completed; the six words of new keys."""

from __future__ import annotations

import re

import pytest

from tests.browsing import API, Browser, post_confirmed
from tests.desks import REASON, Desks
from vault.access.actor import Role
from vault.bundles.members import add_member
from vault.people.enrolments import issue_enrolment
from vault.people.models import Person

PASSWORD = "nine slow barges pass the lock"
NEW_PASSWORD = "four quiet kettles hum by morning"


@pytest.fixture
def desks(make) -> Desks:
    return Desks(make)


def asked_of(receiver, **more) -> dict:
    return {"purpose": "recover", "receiver": str(receiver.id), "reason": REASON} | more


def test_a_recovery_from_page_to_page(app, make, desks):
    owner, receiver = make.actor(), make.actor()
    case = make.case(owner)
    bundle = make.bundle(owner, case, password=PASSWORD)
    make.assign(case, receiver)
    controller, member = Browser(app, desks.controller), Browser(app, owner)
    path = f"/bundles/{bundle.id}"
    assert f"{path}/recoveries/new" in controller.get(path).text
    assert f"{path}/recoveries/new" not in member.get(path).text
    assert "both recovery desks together" in member.get(f"{path}/password").text
    form = controller.get(f"{path}/recoveries/new")
    assert "After 24 hours" in form.text
    empty = controller.post(f"{path}/recoveries", purpose="recover", receiver=receiver.id)
    assert empty.status_code == 400
    made = controller.post(f"{path}/recoveries", **asked_of(receiver))
    here = made.location.partition("?")[0]
    for page in (path, f"/cases/{case.id}"):
        assert here in member.get(page).text
        assert "See why, and stop it" in member.get(page).text
    assert REASON in member.get(here).text
    assert Browser(app, desks.clerk).post(f"{here}/release", officer=desks.auditor.id).status_code == 409

    make.wait(hours=24)
    desks.renewed()
    clerk, auditor = Browser(app, desks.clerk), Browser(app, desks.auditor)
    question = clerk.post(f"{here}/release", officer=desks.auditor.id)
    assert case.number in question.text
    assert "Released." in clerk.confirm(question, follow=True).text
    assert "Open it with both halves" in auditor.get(here).text
    assert "Open it with both halves" not in Browser(app, desks.supervisor).get(here).text
    differs = auditor.post(f"{here}/completion", new=NEW_PASSWORD, new_again=PASSWORD)
    assert differs.status_code == 400
    question = auditor.post(f"{here}/completion", new=NEW_PASSWORD, new_again=NEW_PASSWORD)
    assert "Done. Both officers stand in the log." in auditor.confirm(question, follow=True).text

    browser = Browser(app, desks.sign_in(receiver))
    assert "Password of the bundle" in browser.get(path).text
    assert "Main file" in browser.post(f"{path}/unlocking", follow=True, password=NEW_PASSWORD).text
    assert here not in browser.get(path).text


def test_a_recovery_by_the_api(app, make, desks):
    owner, receiver = make.actor(), make.actor()
    bundle = make.bundle(owner, password=PASSWORD)
    make.assign(bundle, receiver)
    controller, member = Browser(app, desks.controller), Browser(app, owner)
    wanted = asked_of(receiver, urgency="emergency")
    path = f"/bundles/{bundle.id}/recoveries"
    assert controller.api("POST", path, wanted | {"colour": "red"}).status_code == 400
    assert controller.api("POST", path, wanted | {"purpose": "look"}).status_code == 400
    made = controller.api("POST", path, wanted)
    assert (made.status_code, made.json["state"]) == (201, "ready")
    assert controller.api("POST", path, wanted).status_code == 409
    here = f"/recoveries/{made.json['id']}"
    assert made.headers["Location"].endswith(here)
    assert member.api("GET", f"/bundles/{bundle.id}").json["recovery"]["id"] == made.json["id"]
    clerk, auditor = Browser(app, desks.clerk).client, Browser(app, desks.auditor).client
    released = post_confirmed(clerk, f"{API}{here}/release", json={"officer": str(desks.auditor.id)})
    assert released.json["state"] == "released"
    done = post_confirmed(auditor, f"{API}{here}/completion", json={})
    assert (done.status_code, done.json["state"], done.json["officer"]) == (
        201,
        "done",
        released.json["officer"],
    )
    assert Browser(app, receiver).api("GET", f"/bundles/{bundle.id}").json["title"] == "Main file"


def test_a_member_stops_it_at_the_page(app, make, desks):
    owner = make.actor()
    bundle = make.bundle(owner)
    made = Browser(app, desks.controller).post(f"/bundles/{bundle.id}/recoveries", **asked_of(make.actor()))
    here = made.location.partition("?")[0]
    stopped = Browser(app, owner).post(f"{here}/ending", follow=True, reason="I still have it")
    assert "stopped by a member" in stopped.text
    assert Browser(app, owner).post(f"{here}/ending", reason="again").status_code == 409
    assert Browser(app, make.actor()).post(f"{here}/ending", reason="no").status_code == 403


def test_the_overview_counts_for_all_and_names_for_the_controller_alone(app, make, act):
    owner = make.actor()
    older = make.case(owner)
    make.bundle(owner, older)
    desks = Desks(make)
    newer = make.case(owner)
    bundle = make.bundle(owner, newer)
    Browser(app, desks.controller).post(f"/bundles/{bundle.id}/recoveries", **asked_of(owner))
    admin, page = Browser(app, make.actor(None, Role.ADMINISTRATOR)), "/office/recovery"
    for actor in (desks.controller, desks.supervisor, desks.auditor):
        shown = Browser(app, actor).api("GET", page).json
        assert [(each["recoverable"], each["not_yet"]) for each in shown["offices"]] == [(1, 1)]
        assert [each["case_number"] for each in shown["recoveries"]] == [newer.number]
        names = [each["case_number"] for each in shown["without"]]
        assert names == ([older.number] if actor is desks.controller else [])
        assert [desk["able"] for desk in shown["offices"][0]["desks"]] == [2, 2]
    told = admin.api("GET", page).json
    assert (told["without"], told["recoveries"], told["to_review"]) == ([], [], [])
    assert [(each["recoverable"], each["not_yet"]) for each in told["offices"]] == [(1, 1)]
    for number in (older.number, newer.number):
        assert number not in admin.get(page).text
    assert older.number in Browser(app, desks.controller).get(page).text
    assert Browser(app, make.actor(None, Role.INTERPRETER)).get(page).status_code == 403


def test_a_colleague_with_new_keys_is_a_member_again_when_six_words_were_compared(app, make, act):
    owner, other = make.actor(), make.actor()
    bundle = make.bundle(owner)
    with act(owner) as tx:
        add_member(tx, bundle.id, other.id)
    link = make.confirmed(make.actor(None, Role.ADMINISTRATOR), lambda tx: issue_enrolment(tx, other.id))
    make.enrol(link.url("http://localhost"))
    browser, path = Browser(app, owner), f"/bundles/{bundle.id}/members"
    with make.runtime.session() as session:
        person = session.get_one(Person, other.id)
    row = next(each for each in browser.api("GET", path).json["possible"] if each["person"] == str(other.id))
    assert row["has_new_key"]
    assert row["fingerprint"] in Browser(app, make.actor(person)).get("/account").text
    page = browser.get(path).text
    assert "has got new keys: compare" in page
    refused = browser.post(path, person=other.id)
    assert refused.status_code == 400
    assert re.search(rf"Compare these six words first: {row['fingerprint']}", refused.text)
    problem = browser.api("POST", path, {"person": str(other.id), "compared": False})
    assert (problem.status_code, problem.json["errors"][0]["pointer"]) == (400, "/compared")
    assert browser.post(path, person=other.id, compared="true").status_code == 303
    assert browser.api("POST", path, {"person": str(make.actor().id)}).status_code == 201
