"""A member to whose caseload a case does not belong, before a reason is given: every way in, and nothing is told or done."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from tests.browsing import Browser
from tests.hostile.routes import SAFE, Way, send
from tests.hostile.test_foreign_ids import FIRST, WAYS
from tests.world import World
from vault.access.caseload import AccessReason, Assignment
from vault.bundles.models import Document, Version
from vault.shares.models import Loan, Share
from vault.transfers.models import Reading

OF_BUNDLES = {"bundle_id", "document_id", "bookmark_id"}
INSIDE = [way for way in WAYS if set(way.names) & OF_BUNDLES]
TOLD = ("Registration form", "Main file", "form.pdf", "talk.wav", "Interview<", '"Interview"', "%PDF", "RIFF")
KNOWN_OUTSIDE = {
    "bundles.show",
    "bundles.members",
    "bundles.reason_form",
    "bundles.post_reason",
    "shares.list_bundle_shares",
    "drops.list_requests",
    "bundles.documents",
    "bundles.versions",
    "transfers.bookmarks",
}
"""What may be known of a sealed bundle, where the reason is given, and what leads people on."""


@pytest.fixture(scope="module")
def outside(world: World) -> World:
    """The caseworker at home is a member of all that is there, and no case is assigned to them."""
    world.renew()
    with world.make.runtime.session() as session:
        over = update(Assignment).where(Assignment.person_id == world.actor.id)
        session.execute(over.values(ended_at=world.make.clock.now()))
    world.actor = world.make.actor(world.people[0])
    return world


def counts(world: World) -> list[int]:
    with world.make.runtime.session() as session:
        tables = (Document, Version, Share, Loan, Reading, AccessReason)
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def asked(world: World, way: Way) -> TestResponse:
    own = {name: things[0] for name, things in world.own.items()}
    if "/bookmarks" in way.plain:
        own["document_id"] = own["recording_id"]
    ids = {"document": own["document_id"], "bundle": world.own["bundle_id"][1], "person": own["person"]}
    ids["token"] = world.own["token_id"][0]
    return send(Browser(world.app, world.actor), way, way.path(**own), way.body(**ids))


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, marks=[] if way in FIRST else pytest.mark.once)
        for way in INSIDE
        if way.endpoint.removeprefix("api_") not in KNOWN_OUTSIDE
    ],
    ids=lambda way: f"{way.method} {way.rule}",
)
def test_no_way_leads_into_a_bundle_before_the_reason(outside: World, way: Way):
    before = counts(outside)
    answer = asked(outside, way)
    assert not [word for word in TOLD if word in answer.text]
    assert counts(outside) == before
    if way.is_api and way.method != "HEAD" and answer.status_code == 403:
        assert answer.json["type"] in ("/problems/reason-due", "/problems/forbidden"), answer.text
    elif way.method in SAFE and answer.status_code == 303:
        assert "/reason" in answer.headers["Location"]
    else:
        assert answer.status_code in (303, 403, 404), answer.text  # what is no right of a caseworker is 404


@pytest.mark.parametrize("way", [way for way in INSIDE if way.endpoint.removeprefix("api_") in KNOWN_OUTSIDE])
def test_what_may_be_known_outside_tells_no_title(outside: World, way: Way):
    if way.endpoint.endswith("post_reason") or (way.method not in SAFE):
        return
    answer = asked(outside, way)
    assert not [word for word in TOLD if word in answer.text]


def test_afterwards_all_of_it_opens_in_this_session_and_in_no_other(outside: World):
    bundle, document = outside.own["bundle_id"][0], outside.own["document_id"][0]
    browser = Browser(outside.app, outside.actor)
    due = browser.api("GET", f"/documents/{document}/content")
    assert (due.status_code, due.json["reason"]["bundle"]) == (403, str(bundle))
    given = browser.client.post(due.json["reason"]["address"], json={"reason": "the interpreter asked"})
    assert (given.status_code, given.json["is_due"]) == (201, False)
    assert browser.api("GET", f"/documents/{document}/content").status_code == 200
    assert browser.api("GET", f"/bundles/{bundle}").json["title"] == "Main file"

    other = Browser(outside.app, outside.make.actor(outside.people[0]))
    assert other.api("GET", f"/documents/{document}/content").json["type"] == "/problems/reason-due"
    assert (
        other.get(f"/documents/{document}/content")
        .headers["Location"]
        .startswith(f"/bundles/{bundle}/reason")
    )
