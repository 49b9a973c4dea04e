"""Sessions under attack: cookies, fixation, theft, idle time in the middle of work, and ways out of the house."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.browsing import Browser
from tests.factory import PASSWORD, Factory, new_runtime
from tests.hostile.lint import Lint
from vault.app import create_app
from vault.web.signin import PLAIN_COOKIE, SECURE_COOKIE

HTTPS = "https://vault.example"
ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "////evil.example/%2f..",
    "\\\\evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "/%09/evil.example",
    "/\x00//evil.example",
    "/\r\n/evil.example",
    "https://evil.example",
    "https:evil.example",
    "HTTPS:/evil.example",
    "http://localhost.evil.example/",
    "//localhost@evil.example/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "evil.example",
    ".evil.example",
    "@evil.example",
    "?next=//evil.example",
    "#@evil.example",
    " //evil.example",
    "\u2028//evil.example",
    "/\u202e//evil",
    "//[::1]/",
    "/session/end",
    "/sign-in?next=//evil.example",
    "/api/v1/cases",
    "x" * 1999,
]


OUR_OWN = ("/", "/%09/evil.example")
"""Where those may lead: the second is an address of this house that does not exist, and no browser decodes it."""


def sign_in(client: FlaskClient, username: str, base_url: str = "http://localhost", **more: str):
    """By the page, with its token."""
    page = client.get("/sign-in", base_url=base_url)
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)[1]
    form = {"csrf": token, "username": username, "password": PASSWORD, **more}
    return client.post("/session", data=form, base_url=base_url)


@pytest.fixture
def secure(tmp_path: Path, clock) -> Iterator[tuple[Flask, Factory]]:
    """A vault that people reach over TLS."""
    with new_runtime(tmp_path, clock, base_url=HTTPS) as runtime:
        app = create_app(runtime)
        lint = Lint(app.wsgi_app)
        app.wsgi_app = lint  # type: ignore[method-assign]
        yield app, Factory(runtime, clock)
        assert lint.answers
        assert lint.faults == []


def test_cookies_over_tls_are_bound_to_the_host_and_out_of_reach(secure):
    app, make = secure
    client, person = app.test_client(), make.person()

    answers = [client.get("/sign-in", base_url=HTTPS), sign_in(client, person.username, HTTPS)]
    lent = make.share(make.actor(person))
    visit = app.test_client().post(lent.path, data={"secret": lent.code}, base_url=HTTPS)

    cookies: dict[str, str] = {}
    for answer in (*answers, visit):
        for line in answer.headers.getlist("Set-Cookie"):
            [(name, morsel)] = SimpleCookie(line).items()
            assert morsel["secure"], line
            assert morsel["httponly"], line
            assert (morsel["path"], morsel["domain"]) == ("/", ""), line
            cookies[re.sub("visit-.*", "visit", name)] = morsel["samesite"]
    assert cookies == {
        "__Host-csrf": "Strict",
        SECURE_COOKIE: "Lax",
        f"{SECURE_COOKIE}-device": "Strict",
        "__Host-visit": "Lax",
    }
    assert answers[0].headers["Strict-Transport-Security"].startswith("max-age=63072000")


def test_a_plain_cookie_is_no_session_where_people_come_over_tls(secure):
    """A neighbour on another host of the domain can set plain names, never `__Host-` ones."""
    app, make = secure
    browser = Browser(app, make.actor())
    assert browser.client.get("/cases", base_url=HTTPS).status_code == 303


def test_a_session_begins_with_a_new_id_and_ends_the_one_before(app, make):
    """Whoever planted their own session in a browser neither gets the next one nor keeps the planted one."""
    person, planted = make.person(), Browser(app, make.actor())

    answer = planted.post("/session", username=person.username, password=PASSWORD)

    assert answer.status_code == 303
    assert planted.client.get_cookie(PLAIN_COOKIE).value != planted.cookie
    planted.client.set_cookie(PLAIN_COOKIE, planted.cookie)
    assert planted.get("/cases").status_code == 303


def test_a_planted_cookie_is_never_taken_over(app, make):
    client = app.test_client()
    client.set_cookie(PLAIN_COOKIE, "A" * 64)
    sign_in(client, make.person().username)
    assert client.get_cookie(PLAIN_COOKIE).value != "A" * 64


def test_a_cookie_kept_from_before_is_dead_after_signing_out(app, make):
    thief, owner = (Browser(app, actor) for actor in [make.actor()] * 2)
    assert thief.get("/cases").status_code == 200
    owner.post("/session/end")
    assert thief.get("/cases").status_code == 303
    assert thief.api("GET", "/cases").status_code == 401


def test_a_cookie_kept_from_before_is_dead_after_a_new_password(app, make):
    person = make.person()
    thief, owner = Browser(app, make.actor(person)), Browser(app, make.actor(person))
    new = "nine slow barges pass the lock"
    assert owner.post("/account/password", old=PASSWORD, new=new, again=new).status_code == 303
    assert thief.get("/cases").status_code == 303


def test_signing_out_is_no_link(app, make):
    browser = Browser(app, make.actor())
    for path in ("/session/end", "/session"):
        assert browser.get(path).status_code == 405
    assert browser.client.post("/session/end", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert browser.get("/cases").status_code == 200


def test_another_address_or_browser_in_mid_session_keeps_the_session(app, make):
    """People change networks on the road; an address proves nothing."""
    browser = Browser(app, make.actor())
    for address, agent in (("203.0.113.9", "Firefox"), ("2001:db8::1", "curl"), ("10.0.0.1", "")):
        where = {"environ_base": {"REMOTE_ADDR": address}, "headers": {"User-Agent": agent}}
        assert browser.get("/cases", **where).status_code == 200


def test_work_after_the_session_idled_is_not_done_and_leads_back(app, make, clock, trail):
    actor = make.actor()
    case, browser = make.case(actor), Browser(app, actor)
    clock.move(minutes=31)
    before = trail()

    page = browser.get(f"/cases/{case.id}")
    form = browser.post(f"/cases/{case.id}/bundles", title="Late", tier="confidential")
    call = browser.api("POST", f"/cases/{case.id}/bundles", {"title": "Late", "tier": "confidential"})
    upload = browser.files(f"/bundles/{case.id}/documents", document_type="rrf")

    assert page.status_code == 303
    assert page.headers["Location"] == f"/sign-in?next=/cases/{case.id}&notice=session-ended"
    assert (form.status_code, call.status_code, upload.status_code) == (401, 401, 401)
    assert form.content_type == "text/html; charset=utf-8"
    assert call.json["type"] == "/problems/unauthenticated"
    assert trail() == before


def test_the_session_ends_after_its_longest_time_however_busy(app, make, clock):
    browser = Browser(app, make.actor())
    for _ in range(12 * 3):
        clock.move(minutes=20)
        last = browser.get("/cases").status_code
    assert last == 303


@pytest.mark.parametrize("target", ELSEWHERE, ids=range(len(ELSEWHERE)))
def test_nobody_is_led_out_of_the_house_after_signing_in(app, make, target):
    person, client = make.person(), app.test_client()
    page = client.get("/sign-in", query_string={"next": target})
    [kept] = re.findall(r'name="next" value="([^"]*)"', page.text) or ["/"]
    assert kept in OUR_OWN

    answer = sign_in(client, person.username, next=target)

    assert answer.status_code in (303, 400)
    assert answer.headers.get("Location", "/") in OUR_OWN
    again = client.get("/sign-in", query_string={"next": target})
    assert again.headers.get("Location", "/") in OUR_OWN


def test_the_way_on_is_a_path_of_ours(app, make):
    person, client = make.person(), app.test_client()
    assert sign_in(client, person.username, next="/cases?of=mine").headers["Location"] == "/cases?of=mine"
