"""Without a session nothing is told, and nothing is done for a page of another site."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from tests.browsing import Browser
from tests.factory import test_settings
from tests.fakes import RecordingBell
from tests.hostile.routes import SAFE, Way, ways
from tests.world import World
from vault.app import create_app
from vault.crypto.encoding import b64url
from vault.db import make_engine
from vault.models import METADATA
from vault.runtime import Runtime
from vault.store.memory import MemoryStore
from vault.web.csrf import FIELD

BARE = Runtime(test_settings(Path()), make_engine("sqlite://"), None, MemoryStore(), RecordingBell())
WAYS = list(ways(create_app(BARE)))
PUBLIC = {
    "static": "our own style and scripts",
    "healthz": "whether the process answers",
    "readyz": "which parts answer",
    "openapi": "the description of the API",
    "people_pages.sign_in": "the page to sign in",
    "people.begin_session": "signing in",
    "api_people.begin_session": "signing in",
    "people_pages.sign_out": "signing out twice does no harm",
    "people_pages.enrolment": "whoever has an enrolment link has no account yet",
    "people_pages.enrol": "the same",
    "shares_pages.landing": "recipients have no account",
    "shares_pages.opening": "the same",
    "shares_pages.opening_here": "the same",
    "shares_pages.code": "the same",
    "shares_pages.receipt": "the same: their cookie is asked for",
    "shares_pages.wrong_person": "the same: the secret or their cookie is asked for",
    "shares_pages.deletion_form": "the same",
    "shares_pages.deletion": "the same",
    "shares_pages.documents": "the same: their cookie is asked for",
    "shares_pages.content": "the same",
    "shares_pages.recording": "the same",
    "shares_pages.waveform": "the same",
    "shares_pages.look": "the same",
    "shares_pages.page_image": "the same",
    "shares_pages.pieces": "the same",
    "shares_pages.finish": "the same",
    "drops_pages.landing": "whoever is asked for files has no account",
    "drops_pages.opening": "the same",
    "drops_pages.opening_here": "the same",
    "drops_pages.files": "the same: their cookie is asked for",
    "drops_pages.send_files": "the same",
    "drops_pages.stop_file": "the same",
    "drops_pages.create_upload": "the same",
    "drops_pages.list_uploads": "the same",
    "drops_pages.show_upload": "the same",
    "drops_pages.append_upload": "the same",
    "drops_pages.stop_upload": "the same",
    "drops_pages.receipt": "the same",
    "drops_pages.get_receipt": "the same",
    "drops_pages.leave": "the same",
}
BY_LINK = ("shares_pages.", "drops_pages.")
NEEDS_NO_TOKEN = {
    *(f"shares_pages.{name}" for name in ("opening", "opening_here", "code", "finish")),
    *(f"shares_pages.{name}" for name in ("receipt", "wrong_person", "deletion")),
    *("drops_pages.opening", "drops_pages.opening_here", "drops_pages.leave"),
}
LOOKS_ALONE = {
    *("audit_entries", "audit_head", "clock_mark", "readings", "sessions", "known_devices"),
    *("unlockings", "enrolments"),
}


def address(way: Way, **ids: object) -> str:
    return way.path(every=uuid4(), link="A" * 22, n=1, name="app.css", **ids)


def named(way: Way) -> str:
    return f"{way.method} {way.rule}"


def test_the_public_ways_are_these_and_no_others():
    assert set(PUBLIC) == set(PUBLIC) & {way.endpoint for way in WAYS}


@pytest.mark.parametrize("way", [way for way in WAYS if way.endpoint not in PUBLIC], ids=named)
def test_a_stranger_is_asked_to_sign_in(world: World, way: Way):
    own = {name: things[0] for name, things in world.own.items()}
    client = world.app.test_client()
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/sign-in").text)[1]
    for ids in (own, {}):
        form = {} if way.is_api else {FIELD: token}
        answer = client.open(address(way, **ids), method=way.method, data=form)
        if way.method in SAFE and not way.is_api:
            assert answer.status_code == 303
            assert answer.headers["Location"].startswith("/sign-in")
        else:
            assert answer.status_code == 401


def status_with(world: World, cookie: str) -> int:
    """What the worklist says to this session cookie and no other."""
    client = world.app.test_client(use_cookies=False)
    return client.get("/cases", headers={"Cookie": f"casevault={cookie}"}).status_code


@pytest.mark.parametrize("cookie", ["", "x", "A" * 64, "\x7f", "ü", "a=b; casevault=c", "A" * 6000])
def test_a_cookie_that_is_none_is_no_session(world: World, cookie: str):
    assert status_with(world, cookie) == 303


def test_a_cookie_with_one_bit_changed_is_no_session(world: World):
    assert status_with(world, world.cookie) == 200
    for at in (0, 20, 30, 63):
        wrong = "B" if world.cookie[at] != "B" else "C"
        assert status_with(world, world.cookie[:at] + wrong + world.cookie[at + 1 :]) == 303


def test_a_session_id_without_its_secret_is_worth_nothing(world: World):
    assert status_with(world, b64url(world.own["session_id"][0].bytes + bytes(32))) == 303


UNSAFE = [way for way in WAYS if way.method not in SAFE]
ELSEWHERE = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://elsewhere.example"},
    {"Origin": "http://localhost.elsewhere.example"},
    {"Origin": "http://localhost:81"},
]


@pytest.mark.parametrize("way", UNSAFE, ids=named)
def test_a_page_of_another_site_does_nothing_even_with_the_token(world: World, way: Way):
    browser = Browser(world.app, world.actor)
    own = {name: things[0] for name, things in world.own.items()}
    for headers in ELSEWHERE:
        path = address(way, **own)
        form = browser.client.open(path, method=way.method, data={FIELD: browser.token}, headers=headers)
        json = browser.client.open(path, method=way.method, json={}, headers=headers)
        assert (form.status_code, json.status_code) == (403, 403), headers
        assert json.json["type"] == "/problems/foreign-request"


@pytest.mark.parametrize("way", [way for way in UNSAFE if not way.is_api], ids=named)
def test_a_form_without_its_token_does_nothing(world: World, way: Way):
    browser = Browser(world.app, world.actor)
    own = {name: things[0] for name, things in world.own.items()}
    for form in ({}, {FIELD: ""}, {FIELD: "A" * 43}, {FIELD: [browser.token[:-1] + "~", "x"]}):
        answer = browser.client.open(address(way, **own), method=way.method, data=form)
        if way.endpoint in NEEDS_NO_TOKEN:
            assert answer.status_code in (400, 410)
        elif way.plain in ("/bundles/<>/documents", "/documents/<>/versions"):
            assert answer.status_code in (403, 415)
        else:
            assert answer.status_code == 403, form


@pytest.mark.parametrize("way", [way for way in UNSAFE if not way.is_api], ids=named)
def test_a_form_that_pretends_to_be_text_or_a_query_does_nothing(world: World, way: Way):
    """What a page of an old browser could send without asking first."""
    browser = Browser(world.app, world.actor)
    own = {name: things[0] for name, things in world.own.items()}
    path = address(way, **own)
    for kind in ("text/plain", "text/plain; application/json", "application/x-www-form-urlencoded", ""):
        answer = browser.client.open(
            f"{path}?{FIELD}={browser.token}", method=way.method, data=b'{"a":1}', content_type=kind
        )
        assert answer.status_code in (400, 403, 410, 415), kind
        assert (
            (answer.status_code == 403)
            or way.endpoint in NEEDS_NO_TOKEN
            or way.endpoint.startswith("transfers")
        )


def test_looking_changes_nothing(world: World):
    """GET and HEAD of every page, with ids that are one's own: no row but of the log, and of what was read."""

    def rows() -> dict[str, int]:
        with world.make.runtime.session() as session:
            counts = {
                table.name: session.scalar(select(func.count()).select_from(table))
                for table in METADATA.sorted_tables
            }
        return {name: count for name, count in counts.items() if name not in LOOKS_ALONE}

    world.renew()
    browser, before = Browser(world.app, world.actor), rows()
    own = {name: things[0] for name, things in world.own.items()}
    looked = [way for way in WAYS if way.method in SAFE and not way.endpoint.startswith(BY_LINK)]
    for way in looked:
        browser.client.open(address(way, **own), method=way.method).close()
    assert len(looked) > 80
    assert rows() == before


def test_what_a_head_says_is_what_a_get_would_say(world: World):
    browser = Browser(world.app, world.actor)
    for at in (0, -1):
        own = {name: things[at] for name, things in world.own.items()}
        for path in (address(way, **own) for way in WAYS if way.method == "GET"):
            whole, head = browser.client.get(path), browser.client.head(path)
            assert (head.status_code, head.data) == (whole.status_code, b""), path
            assert head.headers.get("Content-Type") == whole.headers.get("Content-Type"), path


def test_a_token_of_a_form_is_worth_nothing_to_another_session(world: World):
    mine, theirs = Browser(world.app, world.actor), Browser(world.app, world.foreigner)
    answer = mine.client.post("/cases/search", data={"number": "815-26-00001", FIELD: theirs.token})
    assert answer.status_code == 403
