"""Bookmarks: places that members name, under the bundle's key, for all who may open the recording."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import select, text

from tests.browsing import Browser
from tests.recordings import wav
from tests.transfers.conftest import INDIVIDUAL, text_of
from vault.access.actor import Role
from vault.audit.models import AuditEntry
from vault.bundles.bookmarks import add_bookmark, bookmarks_of, label_of, remove_bookmark
from vault.bundles.documents import move_document, withdraw_document
from vault.bundles.models import Bookmark, Bundle, Document
from vault.bundles.opening import open_bundle
from vault.bundles.service import lock_bundle
from vault.cases.models import Case
from vault.errors import BundleLocked, Conflict, Invalid, NotFound, Refused
from vault.transfers.forms import place_of

LABEL = "The night of the crossing"


@pytest.fixture
def recording(desk):
    wanted = {"title": "Interview", "individuals": (INDIVIDUAL,)}
    return desk.store(wav(60), "talk.wav", "interview_audio", **wanted).version.document_id


@pytest.fixture
def browser(app, desk):
    return Browser(app, desk.actor)


def labels(desk, recording) -> list[tuple[int, str]]:
    with desk.runtime.transaction(desk.actor) as tx:
        document = tx.session.get_one(Document, recording)
        opened = open_bundle(tx, tx.session.get_one(Bundle, document.bundle_id))
        return [(each.position_ms, label_of(opened, each)) for each in bookmarks_of(tx, document)]


def test_a_bookmark_is_there_for_every_member_in_the_order_of_places(desk, recording, act, trail):
    reviewer = desk.add_colleague(Role.REVIEWER)
    with act(desk.actor) as tx:
        add_bookmark(tx, recording, 30_000, LABEL)
    with act(reviewer) as tx:
        add_bookmark(tx, recording, 1500, "  The   village ")

    assert labels(desk, recording) == [(1500, "The village"), (30_000, LABEL)]
    assert trail()[-2:] == ["bookmark.added"] * 2


def test_neither_the_log_nor_the_database_holds_a_label(desk, recording, act, runtime):
    with act(desk.actor) as tx:
        bookmark = add_bookmark(tx, recording, 30_000, LABEL)

    with runtime.session() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.number.desc())).first()
        assert entry.event == "bookmark.added"
        assert LABEL.encode() not in entry.leaf
        row = session.execute(text("SELECT * FROM bookmarks")).one()
        assert not [
            value
            for value in row
            if LABEL.encode() in (value if isinstance(value, bytes) else str(value).encode())
        ]
        assert session.get_one(Bookmark, bookmark.id).label_lock


def test_one_removes_ones_own_and_those_who_may_change_the_recording_any(desk, recording, act, trail):
    first, second = desk.add_colleague(Role.REVIEWER), desk.add_colleague(Role.REVIEWER)
    with act(first) as tx:
        kept, own, other = (add_bookmark(tx, recording, at, "here").id for at in (1, 2, 3))

    with pytest.raises(Refused), act(second) as tx:
        remove_bookmark(tx, recording, kept)
    with act(first) as tx:
        remove_bookmark(tx, recording, own)
    with act(desk.actor) as tx:
        remove_bookmark(tx, recording, other)

    assert labels(desk, recording) == [(1, "here")]
    assert trail()[-3:] == ["access.refused", "bookmark.removed", "bookmark.removed"]


def test_strangers_documents_and_locked_bundles_have_no_bookmarks(desk, new_desk, recording, act, make):
    form = desk.store(text_of(100)).version.document_id
    with pytest.raises(NotFound), act(desk.actor) as tx:
        add_bookmark(tx, form, 0, "")
    with pytest.raises(NotFound), act(make.actor()) as tx:
        add_bookmark(tx, recording, 0, "")
    with pytest.raises(NotFound), act(desk.actor) as tx:
        remove_bookmark(tx, recording, uuid4())
    sealed = new_desk("815-26-00499", password="the heron sleeps at noon")
    wanted = {"title": "Interview", "individuals": ("815-00001299",)}
    hidden = sealed.store(wav(1), "talk.wav", "interview_audio", **wanted).version.document_id
    with act(sealed.actor) as tx:
        lock_bundle(tx, sealed.bundle_id)
    with pytest.raises(BundleLocked), act(sealed.actor) as tx:
        add_bookmark(tx, hidden, 0, "")


def test_a_place_lies_within_the_recording_and_a_withdrawn_one_takes_none(desk, recording, act):
    for place in (-1, 60_001):
        with pytest.raises(Invalid), act(desk.actor) as tx:
            add_bookmark(tx, recording, place, "")
    for label in ("a" * 201, "a\x07"):
        with pytest.raises(Invalid), act(desk.actor) as tx:
            add_bookmark(tx, recording, 0, label)
    with act(desk.actor) as tx:
        withdraw_document(tx, recording, "the wrong file")
    with pytest.raises(Conflict), act(desk.actor) as tx:
        add_bookmark(tx, recording, 0, "")


def test_bookmarks_go_with_a_recording_that_is_moved(desk, recording, act, make):
    with act(desk.actor) as tx:
        add_bookmark(tx, recording, 30_000, LABEL)
        case = tx.session.get_one(Case, tx.session.get_one(Bundle, desk.bundle_id).case_id)
    other = make.bundle(desk.actor, case)

    with act(desk.actor) as tx:
        move_document(tx, recording, other.id)

    assert labels(desk, recording) == [(30_000, LABEL)]
    with desk.runtime.session() as session:
        assert session.scalars(select(Bookmark)).one().bundle_id == other.id


def test_a_bookmark_is_made_by_form_without_script_and_leads_to_its_place(browser, desk, recording):
    page = f"/documents/{recording}/recording"
    answer = browser.post(f"/documents/{recording}/bookmarks", at="0:30", label="القرية")

    assert (answer.status_code, answer.location) == (303, f"{page}#bookmarks")
    shown = browser.get(page).text
    assert "<bdi>القرية</bdi>" in shown
    assert f'href="{page}?t=0:30&amp;version=1#t=0:30" data-seek="30.0"' in shown
    assert "#t=30.0" in browser.get(f"{page}?t=0:30").text
    removal = shown.partition("/bookmarks/")[2].partition('"')[0]
    path = next(
        part for part in shown.split('"') if part.endswith("/removal") and "00000000-0000-0000" not in part
    )
    assert removal
    assert browser.post(path).status_code == 303
    assert labels(desk, recording) == []


@pytest.mark.parametrize("at", ["", "late", "1:2:3:4", "-1", "0:61", "٠:٣٠", "2:00"])
def test_a_place_that_is_none_is_said_beside_its_field(browser, recording, at):
    answer = browser.post(f"/documents/{recording}/bookmarks", at=at, label="here")

    assert answer.status_code == 400
    assert 'id="e-at"' in answer.text
    assert 'value="here"' in answer.text


def test_programs_list_add_and_remove(browser, recording):
    path = f"/documents/{recording}/bookmarks"
    made = browser.api("POST", path, {"at": "0:12.5", "label": "here"})

    assert made.status_code == 201
    assert (made.json["position_ms"], made.json["label"], made.json["may_remove"]) == (12_500, "here", True)
    assert browser.api("GET", path).json["items"] == [made.json]
    assert browser.api("POST", path, {"at": "0:99"}).status_code == 400
    assert browser.api("DELETE", f"{path}/{made.json['id']}").json == {"items": []}
    assert browser.api("DELETE", f"{path}/{made.json['id']}").status_code == 404


def test_a_page_for_people_leads_from_the_list_to_the_recording(browser, recording):
    answer = browser.get(f"/documents/{recording}/bookmarks")

    assert answer.location == f"/documents/{recording}/recording#bookmarks"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("7", 7000),
        ("12:34", 754_000),
        ("1:02:03.5", 3_723_500),
        ("90:00", 5_400_000),
        (" 0:01,25 ", 1250),
        ("x", None),
    ],
)
def test_places_are_read_as_people_write_them(text, place):
    assert place_of(text) == place


def test_a_recording_holds_so_many_bookmarks_and_no_more(desk, recording, act, monkeypatch):
    monkeypatch.setattr("vault.bundles.bookmarks.MOST_BOOKMARKS", 2)
    with act(desk.actor) as tx:
        for at in range(2):
            add_bookmark(tx, recording, at, "")
    with pytest.raises(Conflict), act(desk.actor) as tx:
        add_bookmark(tx, recording, 3, "")
