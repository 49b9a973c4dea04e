"""Cases over HTTP: each journey once as pages, once as JSON."""

import re

import pytest

from tests.browsing import Browser
from vault.access.actor import Role


@pytest.fixture
def browse(app, make):
    return lambda *roles: Browser(app, make.actor(None, *roles))


def problem(response):
    return response.json["type"].rpartition("/")[2]


def test_an_empty_worklist_says_what_to_do(browse):
    browser = browse()

    assert browser.get("/").location == "/cases"
    shown = browser.get("/cases").text
    assert "No cases are assigned to you. Ask your supervisor, or search by number." in shown
    assert "Add a case" in shown
    assert "Add a case" not in browse(Role.REVIEWER).get("/cases").text


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR])
def test_who_sees_no_cases_is_led_elsewhere(browse, role):
    browser = browse(role)

    assert browser.get("/").location != "/cases"
    assert browser.get("/cases").status_code == 403


def test_a_stranger_is_sent_to_sign_in_or_refused(app):
    stranger = app.test_client()

    assert stranger.get("/cases").status_code == 303
    assert stranger.get("/api/v1/cases").status_code == 401


def test_a_case_is_added_found_and_changed_by_pages(browse):
    browser = browse()
    form = browser.get("/cases/new").text
    assert 'name="number"' in form

    page = browser.post(
        "/cases", follow=True, number="815-26-00412", aliases="815-12C34567\r\n", individuals="815-1\n815-2"
    )
    assert page.status_code == 200
    assert "815-12C34567" in page.text
    address = page.request.path
    assert re.fullmatch(r"/cases/[0-9a-f-]{36}", address)
    assert browser.post("/cases/search", number="815 26 00412").location == address
    assert "815-26-00412" in browser.get("/cases").text

    edit = browser.get(f"{address}/edit").text
    revision = re.search(r'name="revision" value="(\d+)"', edit)[1]
    fields = {"number": "815-26-00412", "priority": "urgent", "aliases": "", "individuals": "815-2"}
    changed = browser.post(f"{address}/edit", follow=True, revision=revision, **fields)
    assert "urgent" in changed.text
    assert "815-12C34567" not in changed.text
    again = browser.post(f"{address}/edit", revision=revision, **fields)
    assert again.status_code == 409
    assert "Somebody changed this case meanwhile" in again.text


def test_numbers_stand_in_no_address(browse):
    browser = browse()
    page = browser.post("/cases", follow=True, number="815-26-00412")
    browser.post("/cases", number="815-26-00413", individuals="815-7")
    browser.post("/cases", number="815-26-00414", individuals="815-7")
    found = browser.post("/cases/search", number="815-7")

    assert found.status_code == 200
    assert "815-26-00413" in found.text
    for address in re.findall(r'(?:href|action)="([^"]*)"', page.text + found.text):
        assert "815" not in address.replace("%", "")[:20] or "/cases/" in address
        assert "26-004" not in address


def test_a_wrong_form_is_shown_again_with_what_was_typed(browse):
    shown = browse().post("/cases", number="815\u200b26", stage="Interview")

    assert shown.status_code == 400
    assert "A number has no control or invisible characters" in shown.text
    assert 'value="Interview"' in shown.text


def test_an_unusual_number_is_remarked_upon(browse):
    browser = browse()

    assert "unusual form" in browser.post("/cases", follow=True, number="G 17").text
    assert "unusual form" not in browser.post("/cases", follow=True, number="815-26-00412").text


def test_search_that_finds_nothing_says_so(browse):
    shown = browse().post("/cases/search", number="815-26-99999")

    assert shown.status_code == 200
    assert "No case with this number, or you have no access to it." in shown.text


def test_the_same_by_the_api(browse):
    browser = browse()
    made = browser.api("POST", "/cases", {"number": "815-26-00412", "individuals": ["815-1"]})
    assert made.status_code == 201
    case = made.json
    assert made.location.endswith(f"/api/v1/cases/{case['id']}")
    assert (case["state"], case["office"]["code"]) == ("active", "NBO")

    assert browser.api("POST", "/cases", {"number": "81526 00412"}).status_code == 409
    found = browser.api("POST", "/cases/search", {"number": "8152600412"}).json
    assert [item["id"] for item in found["items"]] == [case["id"]]
    address = f"/cases/{case['id']}"
    read = browser.api("GET", address)
    assert (read.headers["ETag"], read.json["bundles"]) == ('"1"', [])
    changed = browser.api("PATCH", address, {"stage": "Submitted"}, {"If-Match": '"1"'})
    assert (changed.status_code, changed.json["stage"], changed.headers["ETag"]) == (200, "Submitted", '"2"')
    assert changed.json["individuals"] == case["individuals"]
    stale = browser.api("PATCH", address, {"stage": "Departed"}, {"If-Match": '"1"'})
    assert (stale.status_code, problem(stale)) == (412, "precondition-failed")
    assert browser.api("PATCH", address, {"name": "Amal"}).status_code == 400
    assert browser.api("PATCH", address, {"individuals": ["\u0007"]}).status_code == 400


def test_lists_are_paged_and_may_be_ones_own(browse, make):
    browser, other = browse(Role.SUPERVISOR), browse()
    for number in range(3):
        assert other.api("POST", "/cases", {"number": f"815-26-0000{number}"}).status_code == 201
    first = browser.api("GET", "/cases?limit=2")
    assert len(first.json["items"]) == 2
    assert 'rel="next"' in first.headers["Link"]
    rest = browser.api("GET", f"/cases?limit=2&after={first.json['next']}")
    assert len(rest.json["items"]) == 1
    assert browser.api("GET", "/cases?of=mine").json["items"] == []
    assert browser.api("GET", "/cases?after=nonsense").status_code == 400


def test_a_foreign_case_answers_like_a_missing_one(app, make, browse):
    case = make.case()
    stranger = Browser(app, make.actor(make.person(office=make.office("KLA", "Kampala"))))
    answers = [stranger.api("GET", f"/cases/{found}") for found in (case.id, make.home.id)]

    for answer in answers:
        assert answer.status_code == 404
        assert answer.json | {"instance": ""} == answers[0].json | {"instance": ""}
