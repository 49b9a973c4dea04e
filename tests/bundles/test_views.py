"""Bundles and documents over HTTP: each journey once as pages, once as JSON."""

import re

import pytest

from tests.browsing import Browser
from vault.access.actor import Role
from vault.bundles.members import add_member

PASSWORD = "nine brass lanterns over the harbour"
OTHER = "some gravel between the two old mills"
INDIVIDUAL = "815-00000001"


@pytest.fixture
def desk(app, make):
    """An actor, a browser of the same session, a case."""

    class Desk:
        actor = make.actor()
        browser = Browser(app, actor)
        case = make.case(actor)

    return Desk


def problem(response):
    return response.json["type"].rpartition("/")[2]


def test_a_bundle_is_made_locked_and_unlocked_by_pages(desk):
    browser = desk.browser
    form = browser.get(f"/cases/{desk.case.id}/bundles/new").text
    assert "If the password is lost, the bundle is lost." in form
    fields = {"title": "Main <b>file</b>", "tier": "confidential"}
    differing = browser.post(
        f"/cases/{desk.case.id}/bundles", password=PASSWORD, password_again=OTHER, **fields
    )
    assert differing.status_code == 400
    assert "The two passwords are not the same." in differing.text
    weak = browser.post(
        f"/cases/{desk.case.id}/bundles", password="password123", password_again="password123", **fields
    )
    assert (weak.status_code, "at least 15 characters" in weak.text) == (400, True)

    made = browser.post(
        f"/cases/{desk.case.id}/bundles", follow=True, password=PASSWORD, password_again=PASSWORD, **fields
    )
    address = made.request.path
    assert "Main &lt;b&gt;file&lt;/b&gt;" in made.text
    assert "open until" in made.text
    assert "Add files" in made.text

    locked = browser.post(f"{address}/locking", follow=True)
    assert "Main" not in locked.text
    assert "locked" in locked.text
    assert "Add files" not in locked.text
    wrong = browser.post(f"{address}/unlocking", password=OTHER)
    assert (wrong.status_code, "This is not the bundle" in wrong.text) == (423, True)
    assert OTHER not in wrong.text
    case_page = browser.get(f"/cases/{desk.case.id}").text
    assert "Locked bundle" in case_page
    assert "Main" not in case_page.replace('id="main"', "").replace("#main", "")
    assert "open until" in browser.post(f"{address}/unlocking", follow=True, password=PASSWORD).text


def test_too_many_guesses_are_said_with_the_time_to_wait(desk, make):
    bundle = make.bundle(desk.actor, desk.case, password=PASSWORD)
    for _ in range(5):
        assert desk.browser.post(f"/bundles/{bundle.id}/unlocking", password=OTHER).status_code == 423

    refused = desk.browser.post(f"/bundles/{bundle.id}/unlocking", password=PASSWORD)
    assert (refused.status_code, "Too many attempts" in refused.text) == (429, True)
    by_program = desk.browser.api("POST", f"/bundles/{bundle.id}/unlocking", {"password": PASSWORD})
    assert (by_program.status_code, problem(by_program)) == (429, "too-many")
    assert int(by_program.headers["Retry-After"]) > 0


def test_a_bundle_by_the_api(desk):
    browser = desk.browser
    made = browser.api(
        "POST",
        f"/cases/{desk.case.id}/bundles",
        {"title": "Medical", "tier": "strictly_confidential", "password": PASSWORD},
    )
    assert made.status_code == 201
    address = f"/bundles/{made.json['id']}"
    assert made.location.endswith(f"/api/v1{address}")
    assert (made.json["title"], made.json["state"], made.json["files"]) == ("Medical", "open", [])

    assert browser.api("POST", f"{address}/locking").status_code == 201
    shown = browser.api("GET", address).json
    assert (shown["title"], shown["state"], shown["files"]) == (None, "locked", None)
    for path in (f"{address}/documents",):
        answer = browser.api("GET", path)
        assert (answer.status_code, problem(answer)) == (423, "bundle-locked")
    answer = browser.api("POST", f"{address}/unlocking", {"password": OTHER})
    assert (answer.status_code, problem(answer)) == (423, "bundle-locked")
    assert browser.api("POST", f"{address}/unlocking", {"password": PASSWORD}).json["title"] == "Medical"
    assert browser.api("GET", f"{address}/documents").json == {"items": []}
    listed = browser.api("GET", f"/cases/{desk.case.id}/bundles").json["items"]
    assert [bundle["title"] for bundle in listed] == ["Medical"]

    changed = browser.api("PUT", f"{address}/password", {"old": PASSWORD, "new": None})
    assert (changed.status_code, changed.json["has_password"]) == (200, False)
    assert browser.api("PUT", f"{address}/password", {"old": None, "new": None}).status_code == 409
    assert browser.api("POST", f"{address}/unlocking", {"password": PASSWORD}).status_code == 409


def test_a_foreign_bundle_and_document_answer_like_missing_ones(app, desk, make):
    bundle = make.bundle(desk.actor, desk.case)
    document = make.document(desk.actor, bundle)
    stranger = Browser(app, make.actor(make.person(office=make.office("KLA", "Kampala"))))
    missing = desk.case.id
    for pattern in ("/bundles/{}", "/bundles/{}/documents", "/bundles/{}/members", "/documents/{}"):
        found = bundle.id if "bundles" in pattern else document.id
        answers = [stranger.api("GET", pattern.format(asked)) for asked in (found, missing)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].json | {"instance": ""} == answers[1].json | {"instance": ""}
        assert stranger.get(pattern.format(found)).status_code in (303, 404)
    for act_on in ("unlocking", "password", "members"):
        body = {"password": "x"} if act_on == "unlocking" else {"person": str(missing)}
        body = {"old": None, "new": OTHER} if act_on == "password" else body
        method = "PUT" if act_on == "password" else "POST"
        assert stranger.api(method, f"/bundles/{bundle.id}/{act_on}", body).status_code == 404


def test_a_colleague_who_is_no_member_is_told_whom_to_ask(app, desk, make):
    bundle = make.bundle(desk.actor, desk.case, title="Medical")
    document = make.document(desk.actor, bundle)
    colleague = Browser(app, make.actor())
    shown = colleague.get(f"/bundles/{bundle.id}").text

    assert "Only members can open this bundle." in shown
    assert "1 document" in shown
    assert "Medical" not in shown
    assert colleague.api("GET", f"/bundles/{bundle.id}/documents").status_code == 403
    assert colleague.api("POST", f"/bundles/{bundle.id}/unlocking", {"password": "x"}).status_code == 403
    assert colleague.api("GET", f"/documents/{document.id}").status_code == 404
    assert colleague.get(f"/bundles/{bundle.id}/history").status_code == 403


def test_members_are_added_and_taken_off_by_pages(app, desk, make):
    bundle = make.bundle(desk.actor, desk.case)
    colleague = make.person(username="amal")
    page = desk.browser.get(f"/bundles/{bundle.id}/members").text
    assert "Amal" in page
    assert "Take off" not in page

    added = desk.browser.post(f"/bundles/{bundle.id}/members", follow=True, person=colleague.id)
    assert "Take off Amal" in added.text
    again = desk.browser.post(f"/bundles/{bundle.id}/members", person=colleague.id)
    assert (again.status_code, "is a member already" in again.text) == (409, True)
    removed = desk.browser.post(f"/bundles/{bundle.id}/members/removal", follow=True, person=colleague.id)
    assert "Take off" not in removed.text
    last = desk.browser.post(f"/bundles/{bundle.id}/members/removal", person=desk.actor.id)
    assert (last.status_code, "This is the last member" in last.text) == (409, True)
    desk.browser.get(f"/bundles/{bundle.id}")
    history = desk.browser.get(f"/bundles/{bundle.id}/history").text
    for sentence in ("A bundle got new keys.", "A person or team is no longer a member of a bundle."):
        assert sentence in history


def test_members_by_the_api(desk, make):
    bundle = make.bundle(desk.actor, desk.case)
    colleague = make.person()
    make.clock.move(seconds=1)
    address = f"/bundles/{bundle.id}/members"
    assert desk.browser.api("POST", address, {"person": str(colleague.id)}).status_code == 201
    members = desk.browser.api("GET", address).json["items"]
    assert [member["person"] for member in members] == [str(desk.actor.id), str(colleague.id)]
    assert all(len(member["fingerprint"].split()) == 6 for member in members)
    left = desk.browser.api("DELETE", address, {"person": str(colleague.id)})
    assert [member["person"] for member in left.json["items"]] == [str(desk.actor.id)]
    assert desk.browser.api("DELETE", address, {"person": str(colleague.id)}).status_code == 404


def test_the_password_is_changed_by_a_page(desk, make):
    bundle = make.bundle(desk.actor, desk.case, password=PASSWORD)
    address = f"/bundles/{bundle.id}/password"
    assert "Present password" in desk.browser.get(address).text

    nothing = desk.browser.post(address, old=PASSWORD)
    assert (nothing.status_code, "Give a new password" in nothing.text) == (400, True)
    forgotten = desk.browser.post(address, new=OTHER, new_again=OTHER)
    assert "present password" in forgotten.text
    wrong = desk.browser.post(address, old=OTHER, new=OTHER, new_again=OTHER)
    assert wrong.status_code == 423
    changed = desk.browser.post(address, follow=True, old=PASSWORD, new=OTHER, new_again=OTHER)
    assert "The bundle&#39;s password is changed." in changed.text
    removed = desk.browser.post(address, follow=True, old=OTHER, remove="true")
    assert "open, no password" in removed.text


def test_a_document_is_shown_described_and_its_versions_listed(desk, make):
    bundle = make.bundle(desk.actor, desk.case, title="Main file")
    document = make.document(desk.actor, bundle, title="استمارة <1>")
    address = f"/documents/{document.id}"
    page = desk.browser.get(address).text
    assert "<bdi>استمارة &lt;1&gt;</bdi>" in page
    assert f'<bdi class="caseno" dir="ltr" translate="no">{INDIVIDUAL}</bdi>' in page
    assert "Version 1" in page

    edit = desk.browser.get(f"{address}/edit").text
    revision = re.search(r'name="revision" value="(\d+)"', edit)[1]
    fields = {"title": "Signed form", "document_type": "declaration", "language": "fr"}
    saved = desk.browser.post(
        f"{address}/edit", follow=True, individuals=["", INDIVIDUAL], revision=revision, **fields
    )
    assert "Signed form" in saved.text
    assert "Declaration" in saved.text
    assert INDIVIDUAL in saved.text
    emptied = desk.browser.post(f"{address}/edit", follow=True, individuals=[""], **fields)
    assert INDIVIDUAL not in emptied.text
    stale = desk.browser.post(f"{address}/edit", individuals=[""], revision=revision, **fields)
    assert stale.status_code == 409


def test_documents_by_the_api(desk, make):
    bundle = make.bundle(desk.actor, desk.case)
    document = make.document(desk.actor, bundle)
    address = f"/documents/{document.id}"
    (listed,) = desk.browser.api("GET", f"/bundles/{bundle.id}/documents").json["items"]
    read = desk.browser.api("GET", address)
    assert {name: read.json[name] for name in listed} == listed
    assert read.headers["ETag"] == '"1"'
    changed = desk.browser.api("PATCH", address, {"title": "Signed"}, {"If-Match": '"1"'})
    assert (changed.json["title"], changed.json["individuals"]) == ("Signed", [INDIVIDUAL])
    assert desk.browser.api("PATCH", address, {"title": "Mine"}, {"If-Match": '"1"'}).status_code == 412
    assert desk.browser.api("PATCH", address, {"individuals": ["815-9"]}).status_code == 400
    versions = desk.browser.api("GET", f"{address}/versions").json["items"]
    assert [(version["number"], version["file_name"]) for version in versions] == [(1, "form.pdf")]


def test_a_locked_bundles_document_leads_to_the_password(desk, make):
    bundle = make.bundle(desk.actor, desk.case, password=PASSWORD)
    document = make.document(desk.actor, bundle)
    desk.browser.post(f"/bundles/{bundle.id}/locking")

    for page in ("", "/edit", "/withdrawal", "/move"):
        assert desk.browser.get(f"/documents/{document.id}{page}").location == f"/bundles/{bundle.id}"
    answer = desk.browser.api("GET", f"/documents/{document.id}")
    assert (answer.status_code, problem(answer)) == (423, "bundle-locked")


def test_a_document_is_moved_and_withdrawn_by_pages(desk, make):
    source = make.bundle(desk.actor, desk.case, title="Main file")
    target = make.bundle(desk.actor, desk.case, title="Medical")
    document = make.document(desk.actor, source, title="Wrong place")
    move = desk.browser.get(f"/documents/{document.id}/move").text
    assert "Medical" in move
    moved = desk.browser.post(f"/documents/{document.id}/move", follow=True, bundle=target.id)
    assert moved.request.path == f"/bundles/{target.id}"
    assert "Wrong place" in moved.text

    assert "Withdraw a wrong document" in desk.browser.get(f"/documents/{document.id}/withdrawal").text
    withdrawn = desk.browser.post(f"/documents/{document.id}/withdrawal", follow=True, reason="Another's.")
    assert "withdrawn" in withdrawn.text
    assert "Another&#39;s." in desk.browser.get(f"/documents/{document.id}").text
    assert desk.browser.get(f"/documents/{document.id}/withdrawal").status_code == 404


def test_a_reviewer_is_offered_only_what_a_reviewer_may_do(app, desk, make, act):
    reviewer = make.actor(None, Role.REVIEWER)
    bundle = make.bundle(desk.actor, desk.case)
    document = make.document(desk.actor, bundle)
    with act(desk.actor) as tx:
        add_member(tx, bundle.id, reviewer.id)
    browser = Browser(app, reviewer)
    pages = browser.get(f"/bundles/{bundle.id}").text + browser.get(f"/documents/{document.id}").text

    assert "Registration form" in pages
    for offer in ("Add files", "Withdraw", "Move to another bundle", "Change the description", "Password"):
        assert offer not in pages
    assert browser.get(f"/documents/{document.id}/edit").status_code == 403
    assert browser.get(f"/bundles/{bundle.id}/password").status_code == 403


def test_a_bundle_that_does_not_verify_keeps_the_others_readable(desk, make, runtime):
    from vault.bundles.models import Bundle

    broken, sound = (make.bundle(desk.actor, desk.case, title=title) for title in ("Broken", "Sound"))
    with runtime.session() as session:
        session.get_one(Bundle, broken.id).generation = 7

    shown = desk.browser.get(f"/cases/{desk.case.id}").text
    assert "does not verify" in shown
    assert "Sound" in shown
    assert "Broken" not in shown
    assert desk.browser.get(f"/bundles/{broken.id}").status_code == 200
    assert desk.browser.get(f"/bundles/{sound.id}").status_code == 200
