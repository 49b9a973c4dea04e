"""A real server and raw sockets: what is ambiguous is refused, and what is torn leaves nothing."""

from __future__ import annotations

import re
import socket
import time

import pytest
from sqlalchemy import func, select

from tests.factory import PASSWORD
from tests.transfers.test_server import Server, everything, server, status_of
from vault.cases.models import Case
from vault.people.sessions import cookie_of

__all__ = ["server"]

HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: hidden\r\n\r\n"


def ask(server: Server, raw: bytes, shut: bool = True) -> bytes:
    """All that the server says to these bytes."""
    with server.connect() as line:
        line.sendall(raw)
        if shut:
            line.shutdown(socket.SHUT_WR)
        return everything(line)


def head(server: Server, first: str, *lines: str) -> bytes:
    cookie = f"Cookie: casevault={cookie_of(server.desk.actor)}"
    return "\r\n".join([first, "Host: 127.0.0.1", cookie, *lines]).encode("latin-1") + b"\r\n\r\n"


def count_of_cases(server: Server) -> int:
    with server.desk.runtime.session() as session:
        return session.scalar(select(func.count()).select_from(Case)) or 0


def answers(received: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]


LENGTHS = {
    "length and chunks": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "chunks and length": ["Transfer-Encoding: chunked", "Content-Length: 5"],
    "two lengths": ["Content-Length: 0", f"Content-Length: {len(HIDDEN)}"],
    "lengths in a list": [f"Content-Length: 0, {len(HIDDEN)}"],
    "a length with a sign": ["Content-Length: +0"],
    "a negative length": ["Content-Length: -1"],
    "a length in hex": ["Content-Length: 0x0"],
    "a length with a blank": ["Content-Length: 0 0"],
    "a length in other digits": ["Content-Length: \u00b2"],
    "an underscored length": ["Content-Length: 1_0"],
    "chunked twice": ["Transfer-Encoding: chunked, chunked"],
    "an unknown coding": ["Transfer-Encoding: xchunked"],
    "chunked then something": ["Transfer-Encoding: chunked, identity"],
    "a coding with a blank": ["Transfer-Encoding : chunked"],
    "a folded coding": ["Transfer-Encoding:", " chunked"],
    "a vertical tab": ["Transfer-Encoding: \x0bchunked"],
    "a NUL": ["Transfer-Encoding: chunked\x00"],
    "a bare CR": ["X: a\rTransfer-Encoding: chunked"],
    "a quoted coding": ['Transfer-Encoding: "chunked"'],
}


@pytest.mark.parametrize("lines", LENGTHS.values(), ids=LENGTHS)
def test_a_body_whose_length_is_ambiguous_hides_no_second_request(server, lines):
    body = b"0\r\n\r\n" + HIDDEN
    raw = head(server, "POST /api/v1/cases/search HTTP/1.1", "Content-Type: application/json", *lines) + body

    received = ask(server, raw)

    assert b'"process": true' not in received
    assert all(400 <= status < 502 for status in answers(received)), received[:300]
    assert len(answers(received)) <= 1


CHUNKS = {
    "a length that is none": b"zz\r\n",
    "a negative length": b"-1\r\n",
    "a length with a prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "an endless length": b"f" * 5000,
    "a huge length": b"ffffffffffffffff\r\nhello",
    "too little": b"ff\r\n{}",
    "too much": b"1\r\n{}\r\n0\r\n\r\n",
    "a bare LF": b"2\n{}\n0\n\n",
    "no end": b"2\r\n{}\r\n",
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_chunks_that_are_none_store_nothing(server, chunks):
    before = count_of_cases(server)
    lines = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    received = ask(server, head(server, "POST /api/v1/cases HTTP/1.1", *lines) + chunks)
    assert all(status in (400, 413) for status in answers(received)), received[:300]
    assert count_of_cases(server) == before


@pytest.mark.parametrize("cut", [1, 10, 20])
def test_a_json_body_that_breaks_off_stores_nothing(server, cut):
    before, body = count_of_cases(server), b'{"number": "815-26-70707"}'
    lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    raw = head(server, "POST /api/v1/cases HTTP/1.1", *lines)

    received = ask(server, raw + body[:-cut])

    assert all(status == 400 for status in answers(received)), received[:300]
    assert count_of_cases(server) == before


@pytest.mark.parametrize("off", [-3, 5])
def test_a_length_that_lies_stores_nothing(server, off):
    before, body = count_of_cases(server), b'{"number": "815-26-70708"}'
    lines = ("Content-Type: application/json", f"Content-Length: {len(body) + off}")
    received = ask(server, head(server, "POST /api/v1/cases HTTP/1.1", *lines) + body)
    assert answers(received)[0] == 400
    assert count_of_cases(server) == before


def test_a_sign_in_that_breaks_off_is_no_try(server):
    form = f"username=person1&password={PASSWORD}".encode()
    lines = ("Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(form) + 1}")
    received = ask(server, head(server, "POST /session HTTP/1.1", *lines) + form)
    assert all(400 <= status < 500 for status in answers(received))
    assert b"Set-Cookie: casevault=" not in received


HEADS = {
    "a long line": ["GET /cases?" + "a" * 9000 + " HTTP/1.1"],
    "a long header": ["GET /cases HTTP/1.1", "X-Long: " + "a" * 20_000],
    "many headers": ["GET /cases HTTP/1.1", *(f"X-{number}: 1" for number in range(500))],
    "a long cookie": ["GET /cases HTTP/1.1", "X: 1", "Cookie: a=" + "b" * 20_000],
    "10,000 ranges": ["GET /cases HTTP/1.1", "Range: bytes=" + ",".join(f"{n}-{n}" for n in range(10_000))],
    "a header without a name": ["GET /cases HTTP/1.1", ": x"],
    "a header without a colon": ["GET /cases HTTP/1.1", "nothing"],
    "a blank in a name": ["GET /cases HTTP/1.1", "X Y: 1"],
    "a NUL in a value": ["GET /cases HTTP/1.1", "X: a\x00b"],
    "a folded header": ["GET /cases HTTP/1.1", "X: a", " b"],
    "another protocol": ["GET /cases HTTP/9.9"],
    "no protocol": ["GET /cases"],
    "a preface": ["PRI * HTTP/2.0"],
    "no path": ["GET  HTTP/1.1"],
    "a path with a NUL": ["GET /cases\x00 HTTP/1.1"],
    "a TLS hello": ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
}


@pytest.mark.parametrize("lines", HEADS.values(), ids=HEADS)
def test_a_head_that_is_none_is_refused(server, lines):
    received = ask(server, head(server, lines[0], *lines[1:]))
    statuses = answers(received)
    assert all(400 <= status < 506 for status in statuses), received[:200]
    assert b"Traceback" not in received
    assert cookie_of(server.desk.actor).encode() not in received


@pytest.mark.parametrize(
    "line",
    [
        "GET http://evil.example/cases HTTP/1.1",
        "GET //evil.example/cases HTTP/1.1",
        "GET http://evil.example HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "TRACE /cases HTTP/1.1",
        "CONNECT evil.example:443 HTTP/1.1",
        "GET /cases;jsessionid=1 HTTP/1.1",
        "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1",
        "GET /../../../../etc/passwd HTTP/1.1",
        "GET /static/../../pyproject.toml HTTP/1.1",
        "GET /static/..%2f..%2fpyproject.toml HTTP/1.1",
    ],
)
def test_a_request_line_leads_to_no_other_host_and_no_file(server, line):
    received = ask(server, head(server, line, "X-Secret: 4711", "Connection: close"))
    assert status_of(received) < 500
    assert b"evil" not in received
    assert b"4711" not in received
    assert b"root:" not in received
    assert b"[project]" not in received


def test_the_word_of_whoever_connects_is_believed_for_nothing(server):
    spoofed = (
        *(
            "X-Forwarded-Proto: https",
            "X-Forwarded-Ssl: on",
            "X-Forwarded-Protocol: ssl",
            "Forwarded: proto=https",
        ),
        *("X-Forwarded-Host: evil.example", "Script-Name: /evil", "SCRIPT_NAME: /evil", "PATH_INFO: /evil"),
        *("X-Forwarded-Prefix: /evil", "X-Forwarded-For: 203.0.113.9"),
    )
    received = ask(server, head(server, "GET / HTTP/1.1", *spoofed, "Connection: close"))
    assert status_of(received) == 303
    assert b"\r\nLocation: /cases\r\n" in received
    assert b"evil" not in received
    assert b"Strict-Transport-Security" not in received


def test_the_server_names_itself_and_no_version(server):
    received = ask(server, head(server, "GET /healthz HTTP/1.1", "Connection: close"))
    assert re.findall(rb"\r\nServer: ([^\r]*)", received) in ([], [b"gunicorn"])


def test_two_requests_in_one_line_get_two_answers_in_order(server):
    first = head(server, "GET /healthz HTTP/1.1")
    received = ask(server, first + head(server, "GET /nowhere HTTP/1.1", "Connection: close"), shut=False)
    assert answers(received) == [200, 404]


def test_those_who_say_nothing_keep_nobody_waiting(server):
    silent = [server.connect() for _ in range(40)]
    try:
        for line in silent:
            line.sendall(b"GET /cases HTTP/1.1\r\nHost: slow\r\nX-")
        begun = time.monotonic()
        assert status_of(ask(server, head(server, "GET /healthz HTTP/1.1", "Connection: close"))) == 200
        assert time.monotonic() - begun < 5
    finally:
        for line in silent:
            line.close()
