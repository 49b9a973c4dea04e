"""Bodies that no honest page or program sends are refused with a clear answer, and nothing of them is stored."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import func, select

from tests.browsing import Browser
from tests.world import World
from vault.cases.models import Case
from vault.web.csrf import FIELD

MIB = 1024 * 1024
JSON = "application/json"


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world.app, world.actor)


@pytest.fixture(autouse=True)
def nothing_is_stored(world: World):
    """Each of these tests leaves as many cases as there were."""

    def count() -> int:
        with world.make.runtime.session() as session:
            return session.scalar(select(func.count()).select_from(Case)) or 0

    before = count()
    yield
    assert count() == before


def deep(opening: str, closing: str, levels: int = 100_000) -> bytes:
    return (opening * levels + closing * levels).encode()


BROKEN = {
    "nothing": b"",
    "blank": b"  ",
    "cut": b'{"number": "815-26-',
    "twice": b'{"number": "815-26-00001", "number": "815-26-00002"}',
    "twice in a list": b'{"number": "1", "aliases": [{"a": 1, "a": 2}]}',
    "twice by escape": b'{"number": "1", "n\\u0075mber": "2"}',
    "twice by form": '{"é": 1, "e\u0301": 2, "number": "1"}'.encode(),
    "two values": b'{"number": "1"}{"number": "2"}',
    "comment": b'{"number": "1" /* x */}',
    "single quotes": b"{'number': '1'}",
    "NaN": b'{"number": "1", "priority": NaN}',
    "infinity": b'{"number": "1", "priority": -Infinity}',
    "a huge number": b'{"number": "1", "priority": ' + b"9" * 10_000 + b"}",
    "a huge exponent": b'{"number": "1", "priority": 1e999999}',
    "NUL": b'{"number": "815\\u0000-26-00001"}',
    "raw NUL": b'{"number": "815\0"}',
    "NUL in a name": b'{"number": "1", "a\\u0000": 1}',
    "NUL in a list": b'{"number": "1", "aliases": ["a\\u0000"]}',
    "half a pair": b'{"number": "\\ud800"}',
    "half a pair in a list": b'{"number": "815-26-00001", "aliases": ["\\udfff"]}',
    "overlong": b'{"number": "\xc0\xaf\xe0\x80\xaf"}',
    "not UTF-8": b'{"number": "\xff\xfe"}',
    "latin": b'{"number": "\xe9"}',
    "a list": b'[{"number": "1"}]',
    "a text": b'"815-26-00001"',
    "null": b"null",
    "a number for a text": b'{"number": 81526}',
    "a list for a text": b'{"number": ["815-26-00001"]}',
    "an object for a text": b'{"number": {"$ne": ""}}',
    "deep lists": deep("[", "]"),
    "deep objects": deep('{"a":', "}", 50_000).replace(b":}", b":1}"),
    "deep inside": b'{"number": "1", "aliases": ' + deep("[", "]", 900) + b"}",
    "proto": b'{"number": "1", "__proto__": {"admin": true}}',
    "class": b'{"number": "1", "__class__": "x"}',
    "5,000 aliases": json.dumps({"number": "1", "aliases": ["x" * 100] * 5000}).encode(),
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_json_that_is_none_or_says_two_things_is_refused(browser, body):
    for path in ("/api/v1/cases", "/cases"):
        answer = browser.client.post(path, data=body, content_type=JSON)
        assert answer.status_code == 400
        assert answer.json["type"] == "/problems/invalid"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig", "utf-7"])
def test_json_in_another_encoding_is_read_as_json_or_refused(browser, encoding):
    """RFC 8259 §8.1 wants UTF-8; whatever else is understood must not be a way round the checks."""
    body = '{"number": "815-26-00001", "number": "815-26-00002"}'.encode(encoding)
    assert browser.client.post("/api/v1/cases", data=body, content_type=JSON).status_code == 400


@pytest.mark.parametrize("path", ["/api/v1/cases", "/cases", "/api/v1/session", "/session"])
def test_json_over_a_mebibyte_is_not_read(browser, path):
    body = b'{"number": "' + b"1" * MIB + b'"}'
    answer = browser.client.post(path, data=body, content_type=JSON)
    assert answer.status_code == 413
    assert answer.json["type"] == "/problems/too-large"


def test_a_length_over_a_mebibyte_is_refused_before_it_is_read(browser):
    answer = browser.client.post(
        "/api/v1/cases", data=b"{}", content_type=JSON, headers={"Content-Length": str(10**15)}
    )
    assert answer.status_code in (400, 413)


@pytest.mark.parametrize(
    ("body", "statuses"),
    [
        (b"number=%00", (400,)),
        (b"number=815-26-00001%00", (400,)),
        (b"number%00=815-26-00001", (400,)),
        (b"number=815-26-00001&number=815-26-00002", (400,)),
        (b"number=\xff\xfe", (403,)),  # no text, so no token either
        (b"number=815-26-00001&" + b"&".join(b"f%d=1" % each for each in range(10_000)), (400, 413)),
        (b"number=" + b"1" * 400_000, (400, 413)),
        (b"number=" + b"1" * 2 * MIB, (413,)),
        (b"&" * 100_000, (400, 413)),
        (b"number=1&priority=urgent&priority=", (400,)),
        (b"number=1&__class__=x", (400,)),
        (b"number=1&office=" + b"a" * 5000, (400,)),
        (b"number=1&individuals=" + b"%0a".join([b"x" * 81] * 50), (400,)),
    ],
    ids=range(13),
)
def test_a_form_that_no_page_sends_is_refused(browser, body, statuses):
    form = f"{FIELD}={browser.token}&".encode() + body
    answer = browser.client.post("/cases", data=form, content_type="application/x-www-form-urlencoded")
    assert answer.status_code in statuses
    assert answer.content_type == "text/html; charset=utf-8"


def test_bytes_that_are_no_text_stay_as_they_were_sent(browser):
    """Overlong and broken UTF-8 is not turned into what it resembles."""
    form = f"{FIELD}={browser.token}&number=%c0%af%ff%3Cb%3E&priority=none".encode()
    answer = browser.client.post("/cases", data=form, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert "%C0%AF%FF&lt;b&gt;" in answer.text


def test_a_stranger_cannot_fill_the_memory_with_a_form(world):
    """Forms are read whole: so they are short, for everybody, also where no token is asked for."""
    body = b"secret=" + b"A" * (MIB + 1)
    for path in (
        "/session",
        "/s/" + "A" * 22,
        "/s/" + "A" * 22 + "/opening",
        "/nowhere",
        "/account/password",
    ):
        answer = world.app.test_client().post(
            path, data=body, content_type="application/x-www-form-urlencoded"
        )
        assert answer.status_code in (404, 413)


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/plain;charset=utf-8",
        "application/xml",
        "text/xml",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "application/json-patch+json",
        "application/vnd.api+json",
        "application/yaml",
        "application/x-python-pickle",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "",
        "ü",
    ],
)
def test_the_api_takes_json_alone(browser, kind):
    answer = browser.client.post("/api/v1/cases", data=b'{"number": "815-26-00009"}', content_type=kind)
    assert answer.status_code in (400, 403, 415)
    assert answer.content_type == "application/problem+json"


PARTS = {
    "no boundary": ("multipart/form-data", b"--x--"),
    "empty boundary": ("multipart/form-data; boundary=", b"----"),
    "a long boundary": ("multipart/form-data; boundary=" + "a" * 5000, b""),
    "no end": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1',
    ),
    "no name": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n",
    ),
    "no header": ("multipart/form-data; boundary=x", b"--x\r\n\r\n1\r\n--x--\r\n"),
    "a long header": (
        "multipart/form-data; boundary=x",
        b"--x\r\nA: " + b"a" * 100_000 + b"\r\n\r\n1\r\n--x--\r\n",
    ),
    "10,000 fields": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\n1\r\n' * 10_000 + b"--x--\r\n",
    ),
    "10,000 files": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n\r\n' * 10_000
        + b"--x--\r\n",
    ),
    "nested": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="file"\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n'
        b'--y\r\nContent-Disposition: file; filename="a.pdf"\r\n\r\n%PDF\r\n--y--\r\n--x--\r\n',
    ),
    "a field after the file": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="document_type"\r\n\r\nrrf\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-1.7\n%%EOF\n\r\n'
        b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nlate\r\n--x--\r\n',
    ),
}


@pytest.mark.parametrize(("kind", "body"), PARTS.values(), ids=PARTS)
def test_a_multipart_body_that_is_not_one_stores_nothing(world, browser, kind, body):
    path = f"/bundles/{world.own['bundle_id'][0]}/documents"
    before = browser.api("GET", path).json["items"]
    answer = browser.client.post(f"/api/v1{path}", data=body, content_type=kind)
    assert answer.status_code in (400, 413, 415)
    assert browser.api("GET", path).json["items"] == before


def test_a_password_of_a_mebibyte_is_not_hashed(world):
    answer = world.app.test_client().post(
        "/api/v1/session", json={"username": "a", "password": "x" * 1000_000}
    )
    assert answer.status_code == 400
    assert answer.json["errors"][0]["pointer"] == "/password"


def test_what_was_typed_wrongly_is_never_said_back(world):
    secret = "a password that must not come back"
    for body in (
        {"username": ["x"], "password": secret},
        {"username": "x", "password": [secret]},
        {secret: 1},
    ):
        answer = world.app.test_client().post("/api/v1/session", json=body)
        assert answer.status_code == 400
        assert secret not in answer.json["detail"]
        assert not [fault for fault in answer.json["errors"] if secret in fault["detail"]]
