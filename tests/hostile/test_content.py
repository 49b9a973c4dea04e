"""What people typed and uploaded is shown as it is, is never run, and names no path and no header."""

from __future__ import annotations

import gzip
import re
import zipfile
from html.parser import HTMLParser
from io import BytesIO

import pytest
from werkzeug.http import parse_options_header

from tests.browsing import Browser
from tests.factory import PDF
from tests.hostile.routes import ways
from tests.world import World
from vault.access.actor import Role
from vault.web.headers import USER_CONTENT_POLICY

MARKUP = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"
TEMPLATES = "{{7*7}}${7*7}#{7*7}<%= 7*7 %>%(x)s{0}{% raw %}"
LINE = f"{MARKUP[:45]}{TEMPLATES[:38]}"


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world.app, world.actor)


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and all text outside of them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def assert_inert(page: str) -> Tags:
    """Nothing in the page runs or leads away but our own files and places."""
    tags = Tags(page)
    for tag, attributes in tags.found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], attributes
        for name in ("src", "href", "action", "formaction", "poster", "data"):
            target = attributes.get(name)
            assert target is None or re.match(r"/(?!/)|[?#]|$|https?://127\.0\.0\.1:8000/", target), (
                attributes
            )
        assert tag not in ("iframe", "object", "embed", "base", "style", "frame"), tag
        assert tag != "script" or (attributes.get("src") or "").startswith("/static/")
        assert tag != "img" or (attributes.get("src") or "").startswith(("/static/", "data:image/png"))
        assert tag != "meta" or (attributes.get("http-equiv") or "").lower() != "refresh"
    return tags


@pytest.fixture(scope="module")
def filled(world: World) -> tuple[World, set[str]]:
    """The world with what is meant to break pages in every field that takes free text, and which fields took it."""
    browser, taken = Browser(world.app, world.actor), set()

    def say(where: str, method: str, path: str, body: dict) -> dict:
        answer = browser.api(method, path, body)
        assert answer.status_code < 500, (where, answer.text)
        if answer.status_code < 300:
            taken.add(where)
        return answer.json or {}

    case, bundle, document = (world.own[name][0] for name in ("case_id", "bundle_id", "document_id"))
    say("stage", "PATCH", f"/cases/{case}", {"stage": LINE[:60]})
    say("aliases", "PATCH", f"/cases/{case}", {"aliases": [LINE[:40]]})
    say("individuals", "PATCH", f"/cases/{case}", {"individuals": ["815-00000001", LINE[:30]]})
    made = say("bundle", "POST", f"/cases/{case}/bundles", {"title": LINE, "tier": "confidential"})
    say("document", "PATCH", f"/documents/{document}", {"title": LINE})
    recipient = {"name": LINE, "organisation": f"{LINE} & co", "email": "a+<b>'\"@mission.example"}
    wanted = {"documents": [str(document)], "recipient": recipient}
    world.make.agreement(world.make.home, f"{LINE} & co", reference=LINE[:80])
    say("odd email", "POST", f"/bundles/{bundle}/shares", wanted)
    recipient["email"] = "{{7*7}}@mission.example"
    share = say("recipient", "POST", f"/bundles/{bundle}/shares", wanted)
    say("revocation", "POST", f"/shares/{share['id']}/revocation", {"reason": LINE})
    say("lent", "POST", f"/bundles/{bundle}/shares", wanted)
    second = world.own["document_id"][1]
    say("withdrawal", "POST", f"/documents/{second}/withdrawal", {"reason": LINE})
    world.own["bundle_id"].append(made["id"])
    administrator = Browser(world.app, world.make.actor(None, Role.ADMINISTRATOR))
    for where, path, form in (
        ("office", "/offices", {"code": "XB", "name": LINE}),
        (
            "person",
            "/people",
            {
                "username": "xb.1",
                "display_name": LINE,
                "office": world.own["office"][0],
                "roles": "caseworker",
            },
        ),
    ):
        if administrator.post(path, **form).status_code < 400:
            taken.add(where)
    return world, taken


def test_the_fields_took_what_was_typed(filled):
    """What a field refuses cannot be shown; these take it."""
    _world, taken = filled
    assert taken >= {
        "stage",
        "bundle",
        "document",
        "recipient",
        "revocation",
        "lent",
        "withdrawal",
        "office",
        "person",
    }


def test_every_page_shows_it_as_it_is_and_runs_nothing(filled):
    world, _taken = filled
    roles = ([], [Role.CONTROLLER], [Role.AUDITOR], [Role.ADMINISTRATOR], [Role.SUPERVISOR])
    actors = [world.actor, *(world.make.actor(None, *each) for each in roles[1:])]
    seen, shown = 0, 0
    for actor in actors:
        browser, walked = Browser(world.app, actor), set[str]()
        for way in ways(world.app):
            if way.method != "GET" or way.is_api or way.endpoint in ("static", "healthz", "readyz"):
                continue
            for at in (0, 1, -1):
                own = {name: things[min(at, len(things) - 1)] for name, things in world.own.items()}
                path = way.path(link="A" * 22, n=1, every=world.own["case_id"][0], **own)
                if path in walked:
                    continue
                walked.add(path)
                page = browser.get(path)
                if page.content_type != "text/html; charset=utf-8":
                    continue
                tags = assert_inert(page.text)
                seen += 1
                shown += "<script>alert(1)" in tags.text or "{{7*7}}" in tags.text
                assert not re.search(r"\D49\$|<script>alert|<img src=x", page.text)
    assert seen > 100
    assert shown > 10


def test_the_recipients_page_shows_it_as_it_is(world, make_share):
    client, lent = make_share(title=LINE)
    page = client.get(f"{lent.path}/documents").text
    assert LINE in assert_inert(page).text


@pytest.fixture
def make_share(world: World):
    """`make_share(title=…)`: a link on a new document, opened in a recipient's browser."""

    def opened(**wanted: str):
        bundle = world.make.bundle(world.actor)
        lent = world.make.share(world.actor, [world.make.document(world.actor, bundle, **wanted)])
        client = world.app.test_client()
        assert client.post(lent.path, data={"secret": lent.code}).status_code == 303
        return client, lent

    return opened


NAMES = [
    "../../etc/passwd.pdf",
    "..\\..\\windows\\system32\\a.pdf",
    "/etc/passwd.pdf",
    "C:\\a.pdf",
    "\\\\host\\share\\a.pdf",
    "-rf.pdf",
    "--help.pdf",
    "$(id).pdf",
    "`id`.pdf",
    "a;id;.pdf",
    "a|b&c.pdf",
    "a\tb.pdf",
    'a"b.pdf',
    "a'b.pdf",
    "a%00b.pdf",
    "a%0d%0aSet-Cookie: a=b.pdf",
    "photo\u202efdp.exe.pdf",
    "\u2066\u2067evil\u2069.pdf",
    "\u200b\u200f\ufeff.pdf",
    "zero\u200cjoin.pdf",
    "<script>alert(1)</script>.pdf",
    "{{7*7}}.pdf",
    "%(name)s %s {0}.pdf",
    "=cmd|' /C calc'!A0.pdf",
    "CON.pdf",
    "...pdf.pdf",
    ".htaccess.pdf",
    " .pdf",
    "résumé \U0001f600 ملف 文件.pdf",
    "e\u0301.pdf",
    "a" * 4096 + ".pdf",
    "é" * 2000 + ".pdf",
    "a; filename*=UTF-8''evil.exe.pdf",
    'a"; filename="evil.exe.pdf',
    "a.exe.pdf",
    "a.pdf.",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_file_name_is_shown_and_nothing_else(world, browser, name):
    bundle = world.own["bundle_id"][0]

    stored = browser.files(f"/api/v1/bundles/{bundle}/documents", name, document_type="rrf")

    if stored.status_code == 400:
        assert "name" in stored.json["detail"].lower() or "type" in stored.json["detail"].lower()
        return
    assert stored.status_code in (201, 415)
    if stored.status_code == 415:
        return
    [item] = stored.json["items"]
    document = browser.api("GET", f"/documents/{item['document']}").json
    kept = document["versions"][0]["file_name"]
    assert len(kept) <= 150
    assert kept == kept.strip()
    assert not re.search(r"[/\\\x00-\x1f\x7f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]", kept)
    assert_inert(browser.get(f"/documents/{item['document']}").text)
    content = browser.get(f"/documents/{item['document']}/content")
    kind, options = parse_options_header(content.headers["Content-Disposition"])
    assert kind == "attachment"
    assert set(options) == {"filename"}
    assert re.fullmatch(r"[A-Za-z0-9._-]+_rrf_v1\.pdf", options["filename"])
    assert content.data == PDF
    assert content.headers["Content-Security-Policy"] == USER_CONTENT_POLICY


@pytest.mark.parametrize("name", ["a\r\nX-Evil: 1\r\n.pdf", "a\x00.pdf", "a\nb.pdf", "a\x7f\x1b[31m.pdf"])
def test_a_raw_control_character_in_a_file_name_is_gone_or_refused(world, browser, name):
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"'.encode()
    field = b'--x\r\nContent-Disposition: form-data; name="document_type"\r\n\r\nrrf\r\n'
    body = field + b"--x\r\n" + head + b"\r\n\r\n" + PDF + b"\r\n--x--\r\n"
    path = f"/api/v1/bundles/{world.own['bundle_id'][0]}/documents"
    answer = browser.client.post(path, data=body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code in (201, 400, 415)
    if answer.status_code == 201:
        assert re.fullmatch(r"[\w\[\].]+", answer.json["items"][0]["file"])
    assert "X-Evil" not in answer.headers


def zipped(**members: str) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/"), text)
    return packed.getvalue()


HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
ACTIVE = {
    "page.html": HTML,
    "page.htm": HTML,
    "page.xhtml": b'<html xmlns="http://www.w3.org/1999/xhtml"/>',
    "page.pdf": HTML,
    "page.png": HTML,
    "page.docx": HTML,
    "drawing.svg": SVG,
    "drawing.png": SVG,
    "drawing.svgz": gzip.compress(SVG),
    "drawing.pdf": b"\xef\xbb\xbf" + SVG,
    "program.exe": b"MZ\x90\x00" + bytes(200),
    "program.pdf": b"MZ\x90\x00" + bytes(200),
    "program.pdf.exe": PDF,
    "program": b"\x7fELF" + bytes(200),
    "program.wav": b"\x7fELF" + bytes(200),
    "script.sh": b"#!/bin/sh\nid\n",
    "script.js": b"alert(1)",
    "script.txt.js": b"alert(1)",
    "script.py": b"import os",
    "script.pdf": b"#!/bin/sh\nid\n",
    "page.mhtml": b"MIME-Version: 1.0\nContent-Type: text/html\n\n<script>",
    "page.xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "macro.docm": zipped(word__vbaProject_bin="x"),
    "archive.zip": zipped(a="b"),
    "archive.docx": zipped(a="b"),
    "archive.jar": zipped(META__INF="b"),
    "app.apk": zipped(classes="b"),
    "link.lnk": b"L\0\0\0",
    "link.url": b"[InternetShortcut]\nURL=https://evil.example",
    "page.swf": b"FWS\x05" + bytes(50),
    "empty.pdf": b"",
    "nothing": PDF,
    "a.php.pdf\x2e": b"<?php phpinfo(); ?>",
    "text.txt": b"\xff\xfe\x00binary\x00",
}


@pytest.mark.parametrize("name", ACTIVE)
def test_a_file_that_could_run_or_is_not_what_its_name_says_is_refused(world, browser, name):
    path = f"/bundles/{world.own['bundle_id'][0]}/documents"
    before = browser.api("GET", path).json["items"]
    document_type = "interview_audio" if name.endswith(".wav") else "rrf"

    answer = browser.files(f"/api/v1{path}", name, ACTIVE[name], document_type=document_type)

    assert answer.status_code in (400, 415)
    assert answer.content_type == "application/problem+json"
    assert browser.api("GET", path).json["items"] == before


def test_text_that_looks_like_a_page_is_a_download_in_a_sandbox(world, browser):
    path = f"/api/v1/bundles/{world.own['bundle_id'][0]}/documents"
    answer = browser.files(
        path, "note.txt", b"Dear colleague,\n<b>not</b> bold\n", document_type="correspondence"
    )
    content = browser.get(f"/documents/{answer.json['items'][0]['document']}/content")
    assert content.headers["Content-Disposition"].startswith("attachment")
    assert content.headers["Content-Type"].startswith("text/plain")
    assert content.headers["Content-Security-Policy"] == USER_CONTENT_POLICY
    assert content.headers["X-Content-Type-Options"] == "nosniff"
