"""What a link's own page and the API say was served: whole or a part, bytes, and of a recording the minutes."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.browsing import Browser
from tests.factory import PDF
from tests.recordings import wav
from vault.access.actor import Role
from vault.bundles.models import Document, Version
from vault.shares.arrivals import open_link

SECOND = 32_000
"""Bytes of the recording below."""
SOUND = wav(60)


@pytest.fixture
def lent(make, runtime, tamper):
    """A link on a paper and on a recording of a minute."""
    owner = make.actor()
    bundle = make.bundle(owner)
    paper = make.document(owner, bundle, title="Form")
    sound = make.document(
        owner, bundle, SOUND, file_name="talk.wav", document_type="interview_audio", title="Talk"
    )
    with runtime.session() as session:
        version = session.scalars(select(Version).where(Version.document_id == sound.id)).one()
    tamper(version, duration_ms=60_000)
    return make.share(owner, [paper, sound])


@pytest.fixture
def visit(app, runtime, lent):
    """`visit()` opens the link on a new device; what it gives reads a document, or a range of it."""

    def begin(link=lent):
        client = app.test_client()
        cookie = open_link(runtime, link.share.id, link.secret)
        client.set_cookie(f"visit-{link.path.removeprefix('/s/')}", cookie)

        def read(n, part=""):
            headers = {"Range": f"bytes={part}"} if part else {}
            assert client.get(f"{link.path}/documents/{n}/content", headers=headers, buffered=True).data

        return read

    return begin


@pytest.fixture
def told(app, lent):
    """`told()` is what the sender's API says was served, `told.page()` the page."""
    browser = Browser(app, lent.owner)

    def ask():
        return browser.api("GET", f"/shares/{lent.share.id}").json["served"]

    ask.page = lambda: browser.get(f"/shares/{lent.share.id}").text
    return ask


def test_before_the_first_visit_nothing_was_served(told):
    assert [(each["bytes_served"], each["is_whole"], each["last_at"]) for each in told()] == [
        (0, False, None),
        (0, False, None),
    ]
    assert told.page().count("nothing yet") == 2


def test_all_visits_count_together_whole_or_a_part_with_bytes_and_minutes(visit, told):
    first = visit()
    first(1)
    first(2, f"44-{44 + 10 * SECOND - 1}")
    second = visit()
    second(1)
    second(2, f"{44 + 40 * SECOND}-{44 + 60 * SECOND - 1}")

    paper, sound = told()

    assert (paper["is_whole"], paper["bytes_served"], paper["length"]) == (True, 2 * len(PDF), len(PDF))
    assert (paper["spans"], paper["duration_ms"]) == (None, None)
    assert (sound["is_whole"], sound["bytes_served"]) == (False, 30 * SECOND)
    seconds = [(round(start / 1000), round(end / 1000)) for start, end in sound["spans"]]
    assert seconds == [(0, 10), (40, 60)]
    page = told.page()
    assert "all of it" in page
    assert "a part" in page
    assert '<bdi dir="ltr">0:00–0:10</bdi>, <bdi dir="ltr">0:40–1:00</bdi>' in page


def test_parts_of_several_visits_make_a_whole(visit, told):
    half = len(SOUND) // 2
    visit()(2, f"0-{half - 1}")
    assert told()[1]["is_whole"] is False
    visit()(2, f"{half}-")

    sound = told()[1]

    assert (sound["is_whole"], sound["bytes_served"]) == (True, len(SOUND))


def test_another_links_visits_and_colleagues_are_not_in_it(app, make, runtime, lent, visit, told):
    with runtime.session() as session:
        documents = [session.get_one(Document, each.document_id) for each in lent.share.documents]
    assert Browser(app, lent.owner).get(f"/documents/{documents[0].id}/content").data == PDF
    other = make.share(lent.owner, documents)
    visit(other)(1)

    assert [each["bytes_served"] for each in told()] == [0, 0]


def test_lists_leave_it_out_and_whoever_may_not_see_the_link_is_told_nothing(app, make, lent, visit):
    visit()(1)

    listed = Browser(app, lent.owner).api("GET", "/shares").json["items"]
    assert [each["served"] for each in listed] == [None]
    stranger = Browser(app, make.actor(make.person(Role.CASEWORKER, office=make.office())))
    assert stranger.api("GET", f"/shares/{lent.share.id}").status_code == 404
