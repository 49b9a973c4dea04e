"""Headers on every answer, and our own files served once and for ever."""

from __future__ import annotations

import gzip
import re

import pytest

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}
ADDRESSES = [
    "/case",
    "/api/v1/case",
    "/fails/missing",
    "/fails/crash",
    "/nowhere",
    "/static/app.css",
    "/tone.wav",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_answer_carries_the_headers(guest, address):
    headers = guest.get(address).headers
    assert ALWAYS.items() <= dict(headers).items()
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "camera=()" in headers["Permissions-Policy"]
    assert {"Server", "X-Powered-By", "Strict-Transport-Security"}.isdisjoint(headers.keys())


def test_the_policy_is_exactly_this(guest):
    assert guest.get("/case").headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
        "require-trusted-types-for 'script'"
    )


def test_what_users_brought_in_may_do_nothing(guest):
    assert guest.get("/tone.wav").headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


def test_pages_are_never_stored(guest):
    for address in ("/case", "/api/v1/case", "/fails/missing"):
        assert guest.get(address).headers["Cache-Control"] == "no-store"


def test_https_is_remembered(guest):
    answer = guest.get("/case", base_url="https://vault.example")
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000"


def test_a_named_version_is_kept_for_ever_and_a_wrong_one_is_not(guest):
    address = re.search(r'"(/static/app\.css\?v=[^"]+)"', guest.get("/case").text).group(1)
    assert guest.get(address).headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert guest.get(address + "x").headers["Cache-Control"] == "public, no-cache"
    assert "Set-Cookie" not in guest.get(address).headers


def test_files_go_out_compressed_to_those_who_can_read_it(guest):
    packed = guest.get("/static/app.css", headers={"Accept-Encoding": "br, gzip"})
    plain = guest.get("/static/app.css")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert guest.get("/static/app.css", headers={"If-None-Match": plain.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("name", ["../vault/errors.py", "nothing.css", "js", "js/", "%2e%2e/pyproject.toml"])
def test_only_our_own_files_are_served(guest, name):
    assert guest.get(f"/static/{name}").status_code == 404


def test_a_first_visit_stays_small(guest):
    """Compressed: a page 14 kB, the style 8 kB, scripts of a page 12 kB."""
    style = guest.get("/static/app.css", headers={"Accept-Encoding": "gzip"}).data
    scripts = [
        guest.get(f"/static/js/{name}.js", headers={"Accept-Encoding": "gzip"}).data
        for name in ("share", "player", "copy")
    ]
    page = gzip.compress(guest.get("/case").data)
    assert len(style) <= 8_000
    assert sum(map(len, scripts)) <= 12_000
    assert len(page) <= 14_000


def test_the_style_knows_no_left_and_no_right(guest):
    style = re.sub(r"/\*.*?\*/", "", guest.get("/static/app.css").text)
    assert re.findall(r"(?:margin|padding|border|inset)?-?\b(?:left|right)\b\s*:", style) == []
    assert re.findall(r"text-align:\s*(?:left|right)|float:\s*(?:left|right)", style) == []


@pytest.mark.parametrize("name", ["share", "player", "copy"])
def test_scripts_write_no_markup(guest, name):
    script = guest.get(f"/static/js/{name}.js").text
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", script
    )
