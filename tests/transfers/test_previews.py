"""Looking at a document: what reading takes, one event, and nothing left behind."""

from __future__ import annotations

import io
import re
import tempfile
from io import StringIO

import pytest
from PIL import Image

from tests.browsing import Browser
from tests.databases import content_of
from tests.inspection.papers import BODY, NUMBERING, STYLES, paper, written
from tests.proof.canaries import Canary, all_logged
from tests.proof.witness import everything_below
from tests.transfers.conftest import PASSWORD, Desk
from vault.bundles.members import remove_member
from vault.bundles.service import lock_bundle
from vault.people.sessions import end_session
from vault.transfers.models import Reading
from vault.web.headers import USER_CONTENT_POLICY

PAGES = paper(*(f"<b>words</b> of page {number}" for number in range(1, 8)))


@pytest.fixture
def form(desk):
    """A PDF of seven pages."""
    return desk.store(PAGES, "form.pdf").version.document_id


@pytest.fixture
def browser(app, desk):
    return Browser(app, desk.actor)


def test_pages_are_shown_three_at_a_time_their_words_before_their_pictures(browser, form):
    first, last = (
        browser.get(f"/documents/{form}/pages").text,
        browser.get(f"/documents/{form}/pages?first=7").text,
    )

    assert "pages 1 to 3 of 7" in first
    assert first.index("&lt;b&gt;words&lt;/b&gt; of page 2") < first.index(
        f"/documents/{form}/pages/2?version=1"
    )
    assert re.search(r'<img [^>]*alt="Page 2" width="800" height="1133" loading="lazy"', first)
    assert f'rel="next" href="/documents/{form}/pages?version=1&amp;first=4"' in first
    assert 'rel="prev"' not in first
    assert "page 7 of 7" in last
    assert f'rel="prev" href="/documents/{form}/pages?version=1&amp;first=4"' in last
    assert f'href="/documents/{form}/pages"' in browser.get(f"/documents/{form}").text


def test_a_picture_of_a_page_can_do_nothing_and_is_kept_nowhere(browser, form):
    for prefix in ("", "/api/v1"):
        answer = browser.get(f"{prefix}/documents/{form}/pages/2?version=1")
        assert answer.content_type == "image/webp"
        assert Image.open(io.BytesIO(answer.data)).size == (800, 1133)
        wanted = {
            "Content-Security-Policy": USER_CONTENT_POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
            "Content-Disposition": "inline",
        }
        assert {name: answer.headers[name] for name in wanted} == wanted


def test_a_program_gets_the_same_as_data(browser, form):
    found = browser.api("GET", f"/documents/{form}/pages?first=6").json
    assert (found["count"], [page["number"] for page in found["pages"]]) == (7, [6, 7])
    assert found["pages"][0]["text"] == "<b>words</b> of page 6"


def test_a_word_document_is_shown_as_text_with_its_structure(browser, desk):
    content = written(
        *BODY, "<w:p><w:r><w:t>&lt;script&gt;</w:t></w:r></w:p>", styles=STYLES, numbering=NUMBERING
    )
    document = desk.store(content, "statement.docx").version.document_id
    page = browser.get(f"/documents/{document}/pages").text
    assert '<h3 dir="auto">Statement</h3>' in page
    assert '<li class="deep-2" dir="auto">4.i) within</li>' in page
    assert page.count('<ul class="plain">') == 1
    assert '<td dir="auto">Amina\nWarsame</td>' in page
    assert "&lt;script&gt;" in page
    assert browser.get(f"/documents/{document}/pages/1").status_code == 422
    assert browser.api("GET", f"/documents/{document}/pages").json["blocks"][0]["level"] == 2


def test_looking_is_opening_once_in_a_session(browser, desk, form, trail):
    browser.get(f"/documents/{form}/pages")
    browser.get(f"/documents/{form}/pages/1")
    browser.get(f"/documents/{form}/pages/99")

    assert trail().count("document.opened") == 1
    with desk.runtime.session() as session:
        (row,) = session.query(Reading).all()
        assert (row.ranges, row.bytes_served) == ([], 0)


def test_what_cannot_be_shown_says_what_to_do_and_was_not_opened(browser, desk, trail):
    recording = desk.store(b"\xff\xd8\xff\xe0" + bytes(100), "card.jpg", "identity_copy").version.document_id
    answer = browser.api("GET", f"/documents/{recording}/pages")
    assert (answer.status_code, answer.json["type"]) == (422, "/problems/not-shown")
    assert "Download" in answer.json["detail"]
    assert "document.opened" not in trail()


class Interrupted:
    """The store. When something of it is read first, something else happens."""

    def __init__(self, store, happens):
        self._store, self._happens = store, [happens]

    def __getattr__(self, name):
        return getattr(self._store, name)

    def read(self, *asked):
        while self._happens:
            self._happens.pop()()
        return self._store.read(*asked)


@pytest.mark.parametrize("path", ["pages", "pages/1"])
def test_who_loses_the_right_while_a_page_is_made_does_not_get_it(app, desk, form, trail, path):
    colleague, actor = desk.add_colleague(), desk.actor

    def remove():
        with desk.runtime.transaction(actor) as tx:
            remove_member(tx, desk.bundle_id, colleague.id)

    def end():
        with desk.runtime.transaction(actor) as tx:
            end_session(tx, actor.session.id)

    for looker, happens, status in ((colleague, remove, 404), (actor, end, 401)):
        desk.runtime.store = Interrupted(desk.runtime.store, happens)
        assert Browser(app, looker).api("GET", f"/documents/{form}/{path}").status_code == status
    assert "document.opened" not in trail()


@pytest.mark.parametrize("path", ["pages", "pages/1"])
def test_looking_takes_what_reading_takes(app, new_desk, make, trail, path):
    desk = new_desk(password=PASSWORD)
    document = desk.store(PAGES, "form.pdf").version.document_id
    looker = Browser(app, desk.actor)
    assert Browser(app, make.actor()).api("GET", f"/documents/{document}/{path}").status_code == 404
    with desk.runtime.transaction(desk.actor) as tx:
        lock_bundle(tx, desk.bundle_id)
    assert looker.api("GET", f"/documents/{document}/{path}").status_code == 423
    assert "document.opened" not in trail()


def test_what_is_protected_asks_once_and_not_at_each_page(app, make, runtime, clock):
    actor = make.actor()
    desk = Desk(runtime, make, actor, make.bundle(actor, tier="strictly_confidential").id)
    document = desk.store(PAGES, "form.pdf").version.document_id
    looker = Browser(app, make.app(actor).actor)
    for number in (1, 2, 3):
        assert looker.api("GET", f"/documents/{document}/pages/{number}").status_code == 200
        clock.move(minutes=6)
    clock.move(minutes=20)
    for path in ("pages", "pages/4"):
        assert looker.api("GET", f"/documents/{document}/{path}").json["type"] == "/problems/step-up-due"


def test_nothing_of_what_was_looked_at_is_left_anywhere(app, desk, watched, tmp_path, monkeypatch):
    """Disk, temporary folder, database with its journal, logs: searched while a page is made and afterwards."""
    log, spare = StringIO(), tmp_path / "spare"
    spare.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spare))
    monkeypatch.setenv("TMPDIR", str(spare))
    canaries = [Canary.of("words", "quiet heron"), Canary.of("name", "tired kestrel")]
    files = {
        "form.pdf": paper("quiet heron"),
        "talk.docx": written("<w:p><w:r><w:t>quiet heron</w:t></w:r></w:p>"),
    }
    stored = {
        name: desk.store(file, name, title="tired kestrel").version.document_id
        for name, file in files.items()
    }
    looker, during = Browser(app, desk.actor), []

    def traces():
        settings = desk.runtime.settings
        databases = content_of(settings.database_url) + content_of(settings.keystore_url)
        return everything_below(tmp_path) + databases + log.getvalue().encode()

    desk.runtime.store = Interrupted(desk.runtime.store, lambda: during.append(traces()))
    with all_logged(log):
        answers = [looker.get(f"/documents/{document}/pages").data for document in stored.values()]
        picture = looker.get(f"/documents/{stored['form.pdf']}/pages/1").data

    assert all(b"quiet heron" in answer for answer in answers)
    assert picture[:4] == b"RIFF"
    seen = [Canary("picture", picture[20:44]), *canaries]
    for place in (*during, traces()):
        assert [canary.name for canary in seen if canary.found_in(place)] == []
        assert b"age-encryption.org" in place
    assert list(spare.iterdir()) == []
