"""Looking without having: no route gives a byte of the original, and each look is stamped, counted and kept nowhere."""

from __future__ import annotations

import io
import re

import pikepdf
import pytest
from PIL import Image, ImageChops
from sqlalchemy import select

from tests.browsing import Browser
from tests.databases import content_of
from tests.proof.witness import everything_below
from tests.recordings import wav
from vault.access.actor import STRANGER, visitor
from vault.audit.models import AuditEntry
from vault.demo.papers import make_identity_copy_png, make_rrf_pdf
from vault.errors import Gone
from vault.shares.arrivals import open_link
from vault.shares.reading import VisitWatch
from vault.shares.service import revoke_share
from vault.shares.showing import share_of
from vault.shares.visits import enter

FORM, CARD, SOUND = make_rrf_pdf("815-26-00001", ["815-00000001"], 1), make_identity_copy_png(1), wav(60)
JSON = {"Accept": "application/json"}


@pytest.fixture
def desk(make):
    """A form of two pages, a card and a recording of a minute."""
    owner = make.actor()
    bundle = make.bundle(owner)
    return owner, [
        make.document(owner, bundle, FORM, title="The form"),
        make.document(owner, bundle, CARD, file_name="card.png", title="The card"),
        make.document(
            owner, bundle, SOUND, file_name="talk.wav", document_type="interview_audio", title="Talk"
        ),
    ]


@pytest.fixture
def visit(app, make, runtime, desk):
    """`visit(mode)` opens a link on all of them; what it gives asks: `get("/documents")`."""

    def begin(mode, language="en", **said):
        lent = make.share(*desk, mode=mode, language=language, **said)
        client = app.test_client()
        cookie = open_link(runtime, lent.share.id, lent.secret)
        client.set_cookie(f"visit-{lent.path.removeprefix('/s/')}", cookie)

        def get(path, method="GET", **options):
            return client.open(lent.path + path, method=method, buffered=True, **options)

        get.lent = lent
        return get

    return begin


def drawn(answer) -> Image.Image:
    assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    assert len(answer.data) <= 60_000
    return Image.open(io.BytesIO(answer.data)).convert("L")


def differ(one: Image.Image, other: Image.Image) -> float:
    """The share of dots that differ."""
    change = ImageChops.difference(one, other.resize(one.size)).point(lambda tone: 255 if tone > 24 else 0)
    return change.histogram()[255] / (one.width * one.height)


def every_rule(app):
    return [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/s/<link>")]


def test_no_route_of_a_link_to_look_by_gives_the_original_or_more_than_a_piece(app, visit):
    get, asked = visit("view_only"), []
    for rule in every_rule(app):
        for n in (1, 2, 3) if "<int:n>" in rule.rule else (1,):
            path = rule.rule.removeprefix("/s/<link>").replace("<int:n>", str(n)).replace("<int:number>", "1")
            for headers in ({} if n < 3 else JSON, {"Range": "bytes=0-"}) if "GET" in rule.methods else ():
                answer = get(path, headers=headers)
                asked.append(rule.endpoint)
                for original in (FORM, CARD):
                    for start in range(0, len(original) - 32, 900):
                        assert original[start : start + 32] not in answer.data, (path, headers)
                assert len(answer.data) < len(SOUND) / 1.9, (path, headers)
    assert set(asked) >= {f"shares_pages.{name}" for name in ("content", "look", "page_image", "pieces")}
    for n in (1, 2, 3):
        assert get(f"/documents/{n}/content").status_code == 404
        assert get(f"/documents/{n}/content", "HEAD").status_code == 404


def test_a_recording_comes_in_pieces_to_a_player_alone(visit, app):
    get = visit("view_only")
    path = "/documents/3/pieces"
    assert get(path).status_code == 416
    assert get(path, headers={"Range": "bytes=0-", "Sec-Fetch-Dest": "document"}).status_code == 404
    first = get(path, headers={"Range": "bytes=0-", "Sec-Fetch-Dest": "audio"})
    assert first.status_code == 206
    assert len(first.data) == min(1024 * 1024, len(SOUND) // 2 + len(SOUND) % 2)
    assert first.headers["Content-Range"] == f"bytes 0-{len(first.data) - 1}/{len(SOUND)}"
    got = first.data
    while len(got) < len(SOUND):
        got += get(path, headers={"Range": f"bytes={len(got)}-"}).data
    assert got == SOUND
    assert app.test_client().get(get.lent.path + path, headers={"Range": "bytes=0-"}).status_code == 410
    for other in (1, 2):
        assert get(f"/documents/{other}/pieces", headers={"Range": "bytes=0-"}).status_code == 404
    player = get("/documents/3/recording").text
    assert path in player
    assert "download" not in re.sub("not to be downloaded|nodownload", "", player)


def test_pages_carry_the_stamp_of_who_looks_and_when(visit, clock):
    iris, ines = visit("view_only"), visit("view_only", name="إيناس 12/2026")
    first = drawn(iris("/documents/1/pages/1"))

    assert differ(first, drawn(iris("/documents/1/pages/1"))) == 0
    assert differ(first, drawn(ines("/documents/1/pages/1"))) > 0.005
    clock.move(minutes=5)
    assert differ(first, drawn(iris("/documents/1/pages/1"))) > 0.0004
    bare = drawn(visit("download")("/documents/1/pages/1"))
    assert differ(bare, first) > 0.001
    for n in (1, 2):
        answer = iris(f"/documents/{n}/pages/1")
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["Cache-Control"] == "no-store"
    assert iris("/documents/1/pages/3").status_code == 404
    assert iris("/documents/3/pages/1").status_code == 404
    assert iris("/documents/3/pages").status_code == 404


WORDS = {
    "en": ("to be looked at, not to be downloaded", "Looking can be recorded", "Previous page"),
    "fr": ("à regarder", "peut être enregistré", "Page précédente"),
    "ar": ("للاطلاع", "قد يُسجَّل", "الصفحة السابقة"),
    "es": ("para mirarlos", "puede quedar registrado", "Página anterior"),
}


@pytest.mark.parametrize("language", WORDS)
def test_the_recipient_is_told_what_stands_on_the_pages_in_their_language(visit, language):
    get = visit("view_only", language=language)
    listed, looked = get("/documents").text, get("/documents/1/pages?page=2").text
    told, recorded, previous = WORDS[language]
    assert told in listed
    assert "/documents/1/content" not in listed
    assert "/deletion" not in listed
    assert recorded in looked
    assert previous in looked
    assert 'loading="lazy"' in looked
    assert "Iris Okello" in looked
    assert "Page 2 of 2" in looked or language != "en"


def test_what_was_looked_at_counts_as_its_share_and_stands_in_the_log(visit, app, runtime):
    get = visit("view_only")
    sender = Browser(app, get.lent.owner)

    def told(n):
        return sender.api("GET", f"/shares/{get.lent.share.id}").json["served"][n]

    assert get("/documents/1/pages/1").status_code == 200
    assert (told(0)["is_whole"], told(0)["bytes_served"]) == (False, len(FORM) // 2)
    get("/documents/1/pages/2")
    get("/documents/2/pages/1")
    assert [told(n)["is_whole"] for n in (0, 1, 2)] == [True, True, False]
    assert told(1)["bytes_served"] == len(CARD)
    with runtime.session() as session:
        events = session.scalars(select(AuditEntry.event)).all()
    assert events.count("share.document_opened") == 2
    shown = get("/documents/1/pages?page=2", headers=JSON).json
    assert (shown["number"], shown["count"]) == (2, 2)
    assert shown["text"]
    assert shown["stamp"][0] == "Iris Okello"


def test_a_watermarked_pdf_is_made_anew_and_whole_and_all_else_is_looked_at(visit, app, runtime, clock, desk):
    get = visit("watermarked")
    path = "/documents/1/content"

    answer = get(path, headers={"Range": "bytes=0-99", "If-None-Match": "*"})

    assert answer.status_code == 200
    assert answer.headers["Accept-Ranges"] == "none"
    assert int(answer.headers["Content-Length"]) == len(answer.data) != len(FORM)
    assert not {"ETag", "Content-Range"} & set(answer.headers.keys())
    with pikepdf.open(io.BytesIO(answer.data)) as document, pikepdf.open(io.BytesIO(FORM)) as original:
        assert len(document.pages) == len(original.pages) == 2
        assert all("/CasevaultStamp" in page.obj.Resources.XObject for page in document.pages)
        contents = [page.obj.Resources.XObject.CasevaultPage.read_bytes() for page in document.pages]
        assert all(page.obj.Contents.read_bytes() in contents[n] for n, page in enumerate(original.pages))
    clock.move(minutes=1)
    assert get(path).data != answer.data
    assert get(path, "HEAD").status_code == 200
    for n in (2, 3):
        assert get(f"/documents/{n}/content").status_code == 404
    assert get("/documents/2/pages/1").status_code == 200
    assert get("/documents/3/pieces", headers={"Range": "bytes=0-9"}).data == SOUND[:10]
    assert "made anew and comes whole" in get("/documents").text
    sender = Browser(app, get.lent.owner)
    served = sender.api("GET", f"/shares/{get.lent.share.id}").json["served"][0]
    assert (served["is_whole"], served["bytes_served"]) == (True, 2 * len(FORM))
    assert sender.get(f"/documents/{desk[1][0].id}/content").data == FORM


def test_nothing_of_a_look_stays_anywhere(visit, runtime, tmp_path, monkeypatch):
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    get, seen = visit("view_only"), visit("watermarked")
    made = [get(f"/documents/{n}/pages/1").data for n in (1, 2)]
    made += [get("/documents/1/pages").data, seen("/documents/1/content").data]
    places = [everything_below(runtime.settings.data), everything_below(folder)]
    places += [content_of(runtime.settings.database_url), content_of(runtime.settings.keystore_url)]
    places += [runtime.store.get(name) for name in runtime.store.names()]
    for haystack in places:
        assert b"Resettlement registration" not in haystack
        assert b"WEBP" not in haystack
        for content in made:
            assert content[100:164] not in haystack


def test_a_page_that_cannot_be_shown_says_whom_to_ask(make, runtime, app):
    owner = make.actor()
    torn = make.document(owner, make.bundle(owner), b"%PDF-1.7\nnothing")
    for mode, path in (("view_only", "pages/1"), ("watermarked", "content")):
        lent = make.share(owner, [torn], mode=mode)
        client = app.test_client()
        cookie = open_link(runtime, lent.share.id, lent.secret)
        client.set_cookie(f"visit-{lent.path.removeprefix('/s/')}", cookie)
        answer = client.get(f"{lent.path}/documents/1/{path}")
        assert answer.status_code in (409, 422)
        assert "Tell the person who sent you the link" in answer.text


def test_parts_of_what_was_made_stand_for_bytes_of_the_original():
    assert [share_of(1000, page, 3) for page in range(3)] == [(0, 332), (333, 665), (666, 999)]
    assert [share_of(2, page, 5) for page in range(5)] == [(0, 0), (0, 0), (0, 0), (1, 1), (1, 1)]
    assert share_of(1000, 0, 5000, 5000) == (0, 999)
    assert share_of(1000, 0, 5000, 2500) == (0, 499)


def test_what_is_revoked_while_a_page_is_drawn_is_not_handed_out(make, runtime, act, desk):
    lent = make.share(*desk, mode="view_only")
    cookie = open_link(runtime, lent.share.id, lent.secret)
    with act(STRANGER) as tx:
        visit = enter(tx, lent.share.id, cookie)
        watch = VisitWatch(runtime, visitor(visit.opening.id), visit)
    watch.require_allowed()
    with act(lent.owner) as tx:
        revoke_share(tx, lent.share.id, "wrong mission")
    with pytest.raises(Gone):
        watch.require_allowed()
