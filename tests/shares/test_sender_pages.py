"""The sender's pages and the API for links."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.browsing import Browser
from tests.fakes import START
from vault.access.actor import Role
from vault.bundles.service import lock_bundle
from vault.shares.arrivals import open_link

RECIPIENT = {"name": "Iris Okello", "organisation": "A mission", "email": "iris@mission.example"}


@pytest.fixture
def desk(make, app):
    """Somebody's browser, an open bundle, and a document in it."""
    actor = make.actor()
    bundle = make.bundle(actor)
    browser = Browser(app, actor)
    browser.actor = actor
    return browser, bundle, make.document(actor, bundle, title="Form <b>1</b>")


def asked(*documents, **changes):
    return {"documents": [str(document.id) for document in documents], "recipient": RECIPIENT} | changes


def test_the_form_preselects_no_document_and_says_when_the_link_ends(desk):
    browser, bundle, document = desk

    page = browser.get(f"/bundles/{bundle.id}/shares/new").text

    assert "Form &lt;b&gt;1&lt;/b&gt;" in page
    assert f'value="{document.id}"' in page
    assert not re.search(r"<input[^>]*\bchecked", page)
    assert "whichever comes first" in page
    assert '<datalist id="organisations">' in page


def test_a_link_is_shown_once_and_opens(desk, runtime, client):
    browser, bundle, document = desk

    made = browser.post(
        f"/bundles/{bundle.id}/shares",
        documents=document.id,
        max_openings=2,
        expires_at="",
        password="",
        **RECIPIENT,
    )

    assert made.status_code == 201
    url = re.search(r'<bdi dir="ltr">(http\S+?)</bdi>', made.text)[1]
    assert "1 document" in made.text
    assert "2 times" in made.text
    path, _, code = url.partition("#")
    assert client.post(path.removeprefix(runtime.settings.base_url), data={"secret": code}).status_code == 303
    share_id = re.search(r'href="/shares/([0-9a-f-]{36})"', made.text)[1]
    assert code not in browser.get(f"/shares/{share_id}").text


def test_the_agreement_is_named(desk):
    browser, bundle, document = desk

    made = browser.api("POST", f"/bundles/{bundle.id}/shares", asked(document))

    assert made.json["agreement"] == "DSA-2026-001"
    assert "DSA-2026-001" in browser.get(f"/bundles/{bundle.id}/shares/new").text
    assert "DSA-2026-001" in browser.get(f"/shares/{made.json['id']}").text


def test_a_form_that_does_not_fit_comes_back_with_what_was_typed(desk):
    browser, bundle, document = desk

    answer = browser.post(
        f"/bundles/{bundle.id}/shares",
        documents=document.id,
        name="Iris Okello",
        organisation="",
        email="nobody",
        expires_at="2027-11-22T09:00",
        max_openings="0",
        password="short",
    )

    assert answer.status_code == 400
    assert 'value="Iris Okello"' in answer.text
    assert re.search(r"<input[^>]*\bchecked", answer.text)
    for field in ("organisation", "email", "max_openings", "password"):
        assert f'id="e-{field}"' in answer.text
    assert "short" not in re.findall(r'value="([^"]*)"', answer.text)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"view_only": True, "mode": "download"}, "/view_only"),
        ({"documents": []}, "/documents"),
        ({"max_openings": "3"}, "/max_openings"),
        ({"max_openings": 101}, "/max_openings"),
        ({"expires_at": "2026-11-29"}, "/expires_at"),
        ({"expires_at": (START + timedelta(days=31)).isoformat()}, "/expires_at"),
        ({"password": "1234567"}, "/password"),
        ({"recipient": RECIPIENT | {"name": "a\u202eb"}}, "/recipient/name"),
        ({"recipient": RECIPIENT | {"name": "a\nb"}}, "/recipient/name"),
        ({"recipient": RECIPIENT | {"email": "a@b\n.c"}}, "/recipient/email"),
        ({"note": "x"}, "/note"),
    ],
)
def test_what_cannot_be_is_refused_by_name(desk, change, pointer):
    browser, bundle, document = desk

    answer = browser.api("POST", f"/bundles/{bundle.id}/shares", asked(document, **change))

    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.json["errors"]] == [pointer]


def test_a_program_makes_lists_extends_and_revokes(desk, runtime):
    browser, bundle, document = desk

    made = browser.api("POST", f"/bundles/{bundle.id}/shares", asked(document, max_openings=1)).json
    assert made["url"].startswith(f"{runtime.settings.base_url}/s/")
    listed = browser.api("GET", "/shares").json["items"]
    assert [(item["id"], item["state"]) for item in listed] == [(made["id"], "live")]
    assert browser.api("GET", f"/bundles/{bundle.id}/shares").json["may_share"] is True

    later = (START + timedelta(days=20)).isoformat()
    longer = browser.api("POST", f"/shares/{made['id']}/extension", {"expires_at": later})
    assert (longer.status_code, longer.json["expires_at"]) == (201, "2026-12-12T09:00:00Z")
    ended = browser.api("POST", f"/shares/{made['id']}/revocation", {"reason": "wrong mission"})
    assert (ended.json["state"], ended.json["may_revoke"]) == ("revoked", False)
    assert ended.headers["Location"] == f"/api/v1/shares/{made['id']}"


def test_the_list_goes_on_page_by_page(desk, make, clock):
    browser, bundle, document = desk
    for _ in range(3):
        clock.move(seconds=1)
        browser.api("POST", f"/bundles/{bundle.id}/shares", asked(document))

    first = browser.api("GET", "/shares?limit=2").json
    second = browser.api("GET", f"/shares?limit=2&after={first['next']}").json

    assert len(first["items"]) == 2
    assert len(second["items"]) == 1
    assert second["next"] is None
    moments = [item["created_at"] for item in first["items"] + second["items"]]
    assert moments == sorted(moments, reverse=True)
    assert browser.api("GET", f"/shares?after={document.id}").status_code == 400
    assert browser.api("GET", "/shares?after=x").status_code == 400


def test_the_pages_of_a_link_show_its_life(desk, make, runtime):
    browser, _bundle, document = desk
    lent = make.share(browser.actor, [document], openings=1)
    assert "Not opened yet" in browser.get(f"/shares/{lent.share.id}/openings").text
    open_link(runtime, lent.share.id, lent.secret)

    page = browser.get(f"/shares/{lent.share.id}").text
    listed = browser.get("/shares").text

    assert "used up" in page
    assert "used up" in listed
    assert "1 of 1" in page
    assert "Iris Okello" in listed
    assert "Copy of an identity document" in page
    assert "22 Nov 2026" in browser.get(f"/shares/{lent.share.id}/openings").text
    assert browser.get(f"/shares/{lent.share.id}/extension").status_code == 200


def test_forms_revoke_and_extend_and_say_so(desk, make):
    browser, _bundle, document = desk
    lent = make.share(browser.actor, [document])

    too_late = browser.post(f"/shares/{lent.share.id}/extension", expires_at="2027-12-12T09:00")
    longer = browser.post(f"/shares/{lent.share.id}/extension", follow=True, expires_at="2026-12-12T09:00")
    without = browser.post(f"/shares/{lent.share.id}/revocation", reason="")
    ended = browser.post(f"/shares/{lent.share.id}/revocation", follow=True, reason="wrong mission")

    assert too_late.status_code == 400
    assert "The link lives longer now." in longer.text
    assert "12 Dec 2026, 09:00 UTC" in longer.text
    assert without.status_code == 400
    assert "The link is revoked. Nobody can open it any more." in ended.text


def test_a_suspended_link_is_resumed_by_its_owner(desk, make, tamper, runtime):
    browser, _bundle, document = desk
    lent = make.share(browser.actor, [document])
    tamper(lent.share, suspended_at=START)

    assert "This link is suspended" in browser.get(f"/shares/{lent.share.id}").text
    again = browser.post(f"/shares/{lent.share.id}/resumption", follow=True)

    assert "The link works again." in again.text
    assert open_link(runtime, lent.share.id, lent.secret)


def test_a_foreign_link_answers_like_a_missing_one(desk, make, app):
    _browser, _bundle, _document = desk
    lent = make.share()
    other = Browser(app, make.actor(make.person(Role.SUPERVISOR, office=make.office())))
    missing = make.person().id

    for path in ("", "/openings"):
        foreign, absent = (other.api("GET", f"/shares/{it}{path}") for it in (lent.share.id, missing))
        assert foreign.status_code == absent.status_code == 404
        assert foreign.json["detail"] == absent.json["detail"]
    assert other.api("GET", "/shares").json["items"] == []


def test_an_office_supervisor_sees_and_revokes_what_others_made(make, app):
    lent = make.share()
    supervisor = Browser(app, make.actor(None, Role.SUPERVISOR))

    shown = supervisor.api("GET", f"/shares/{lent.share.id}").json
    assert (shown["may_revoke"], shown["may_extend"]) == (True, False)
    assert (
        supervisor.api("POST", f"/shares/{lent.share.id}/revocation", {"reason": "away"}).status_code == 201
    )


def test_the_form_of_a_locked_bundle_leads_to_its_password(make, app, act):
    actor = make.actor()
    bundle = make.bundle(actor, password="seven herons at noon")
    with act(actor) as tx:
        lock_bundle(tx, bundle.id)

    answer = Browser(app, actor).get(f"/bundles/{bundle.id}/shares/new")

    assert (answer.status_code, answer.headers["Location"]) == (303, f"/bundles/{bundle.id}")


def test_withdrawing_and_moving_by_form_ends_the_links(desk, make, runtime):
    browser, bundle, document = desk
    actor = browser.actor
    second = make.document(actor, bundle)
    one, two = make.share(actor, [document]), make.share(actor, [second])
    target = make.bundle(actor)

    gone = browser.post(f"/documents/{document.id}/withdrawal", follow=True, reason="somebody else's")
    moved = browser.post(f"/documents/{second.id}/move", follow=True, bundle=target.id)

    assert "The document is withdrawn, and its links have ended." in gone.text
    assert "The document is moved, and its links have ended." in moved.text
    assert not any(runtime.keystore.is_live(lent.share.slot_id) for lent in (one, two))
    again = browser.post(f"/documents/{document.id}/withdrawal", reason="twice")
    assert again.status_code in (404, 409)


def test_withdrawing_and_moving_by_api(desk, make):
    browser, bundle, document = desk
    second = make.document(browser.actor, bundle)
    target = make.bundle(browser.actor)

    gone = browser.api("POST", f"/documents/{document.id}/withdrawal", {"reason": "somebody else's"})
    moved = browser.api("POST", f"/documents/{second.id}/move", {"bundle": str(target.id)})

    assert (gone.status_code, gone.headers["Location"]) == (201, f"/api/v1/documents/{document.id}")
    assert (moved.status_code, moved.headers["Location"]) == (201, f"/api/v1/documents/{second.id}")
    assert browser.api("GET", f"/documents/{second.id}").json["bundle_id"] == str(target.id)
