"""After the password and before the second factor nothing opens: every way in, walked with half a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browsing import Browser
from tests.factory import Factory, new_runtime
from tests.fakes import SettableClock
from tests.hostile.routes import SAFE, Way
from tests.hostile.test_strangers import PUBLIC, WAYS, address, named
from tests.world import World
from vault.app import create_app

OPEN_TO_HALF = {
    "people_pages.prove_page": "where the factor is proved",
    "people.prove_factor": "the same",
    "api_people.prove_factor": "the same",
    "people.challenge": "the same, by passkey",
    "api_people.challenge": "the same, by passkey",
    "people_pages.new_factor": "where the first one is added",
    "people_pages.add_factor": "the same",
    "people_pages.waiting": "the same",
    "people_pages.confirm": "the same",
    "people_pages.reset_read": "what an administrator did to them",
    "people.end_own_session": "signing out",
    "api_people.end_own_session": "signing out",
}
CLOSED = [way for way in WAYS if way.endpoint not in PUBLIC and way.endpoint not in OPEN_TO_HALF]


@pytest.fixture(scope="module", params=["required", "held"])
def halved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose caseworker has half a session: everybody must have a factor, or this person holds one."""
    folder: Path = tmp_path_factory.mktemp("half")
    clock = SettableClock()
    with new_runtime(folder, clock) as runtime:
        world = World(create_app(runtime), Factory(runtime, clock))
        if request.param == "held":
            world.make.app(world.actor)
            world.actor = world.make.actor(world.people[0])
        else:
            object.__setattr__(runtime.settings, "mfa", "required")
        yield world


def test_these_ways_are_open_to_half_a_session_and_no_others():
    assert set(OPEN_TO_HALF) == set(OPEN_TO_HALF) & {way.endpoint for way in WAYS}
    assert len(CLOSED) > 150


@pytest.mark.parametrize("way", CLOSED, ids=named)
def test_half_a_session_reaches_nothing(halved: World, way: Way):
    browser = Browser(halved.app, halved.actor)
    own = {name: things[0] for name, things in halved.own.items()}
    for ids in (own, {}):
        path = address(way, **ids)
        form = {"data": {"csrf": browser.token}} if not way.is_api and way.method not in SAFE else {}
        answer = browser.client.open(path, method=way.method, **form)
        if way.method in SAFE and not way.is_api:
            assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/session/factor")
        else:
            assert answer.status_code == 401
        program = browser.client.open(
            path, method=way.method, json={}, headers={"Accept": "application/json"}
        )
        assert program.status_code == 401
        if way.method != "HEAD":
            assert program.json["type"] == "/problems/factor-due"


def test_half_a_session_is_nobody_to_links_and_sees_no_places(halved: World):
    browser = Browser(halved.app, halved.actor)
    page = browser.get("/session/factor", follow_redirects=True)
    assert page.status_code == 200
    assert "/cases" not in page.text
    assert browser.get("/sign-in").location.startswith("/session/factor")


def test_half_a_session_can_sign_out(halved: World):
    browser = Browser(halved.app, halved.make.actor(halved.people[0]))
    assert browser.api("DELETE", "/session").status_code == 204
    assert browser.api("GET", "/cases").json["type"] == "/problems/unauthenticated"
