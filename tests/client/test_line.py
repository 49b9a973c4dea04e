"""The line to a server that fails in the ways servers and gateways do, and how long somebody waits for it."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from vault.client.line import LARGEST_ANSWER, Line, Lost, error_of
from vault.client.progress import Progress, duration, size
from vault.client.session import Patience, Session
from vault.errors import (
    Busy,
    Invalid,
    Misconfigured,
    NotFound,
    Refused,
    StorageFull,
    TooLarge,
    UploadEnded,
    VaultError,
    WrongOffset,
)

PROBLEM = "application/problem+json"


class Server:
    """Answers what it is told to, in this order; `asked` are the requests that came."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.asked.append((f"{self.command} {self.path}", dict(self.headers)))
                status, headers, body = outer.answers.pop(0)
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_HEAD = do_DELETE = answer

            def log_message(self, *_words: object) -> None:
                """Nothing."""

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def will(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        self.answers.append(
            (status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
        )


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.http.shutdown()
    running.http.server_close()


@pytest.fixture
def ask(server) -> Iterator[Callable[[], VaultError]]:
    """`ask()` is the error of the server's next answer."""
    line = Line(server.url)
    yield lambda: error_of(line.send("GET", "/", {}))
    line.close()


@pytest.fixture
def session(server) -> Iterator[Session]:
    """Signed in, and its waits take no time: they are kept in `session.waited`."""
    waited: list[float] = []
    server.will(201, Set_Cookie="casevault=secret; HttpOnly; Path=/")
    found = Session(Line(server.url), "amal", "a password", patience=Patience(sleep=waited.append))
    found.sign_in()
    found.waited = waited  # type: ignore[attr-defined]
    yield found
    found.line.close()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid", Invalid),
        (403, "forbidden", Refused),
        (404, "not-found", NotFound),
        (410, "upload-ended", UploadEnded),
        (503, "busy", Busy),
        (507, "storage-full", StorageFull),
    ],
)
def test_an_error_of_the_vault_is_raised_as_what_it_is(server, ask, status, code, kind):
    body = b'{"type": "/problems/%s", "detail": "Because.", "errors": [{"pointer": "/a", "detail": "b"}]}'
    server.will(status, body % code.encode(), Content_Type=PROBLEM, Retry_After="7")

    error = ask()

    assert type(error) is kind
    assert (error.message, error.retry_after, error.errors[0].pointer) == ("Because.", 7, "/a")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, Invalid),
        (400, Invalid),
        (404, NotFound),
        (413, TooLarge),
        (500, VaultError),
        (502, Busy),
        (504, Busy),
    ],
)
def test_an_answer_of_a_gateway_is_raised_by_its_status(server, ask, status, kind):
    server.will(status, b"<html>Sorry</html>", Content_Type="text/html", Location="http://elsewhere.example")

    assert type(ask()) is kind


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"type": 5, "errors": []}'])
def test_a_problem_that_is_none_is_no_crash(server, ask, body):
    server.will(400, body, Content_Type=PROBLEM)

    assert type(ask()) is Invalid


def test_an_offset_comes_with_its_error(server, ask):
    server.will(409, b'{"type": "/problems/wrong-offset"}', Content_Type=PROBLEM, Upload_Offset="123")

    error = ask()

    assert isinstance(error, WrongOffset)
    assert error.offset == 123


def test_an_answer_that_does_not_end_is_left(server):
    server.will(200, b"", Content_Length=str(LARGEST_ANSWER + 10))
    server.will(200, b"", Content_Length="5")
    line = Line(server.url, timeout=0.5)

    for _ in range(2):
        with pytest.raises(Lost):
            line.send("GET", "/", {})
    line.close()


def test_nobody_at_all_is_lost():
    with pytest.raises(Lost, match="cannot be reached"):
        Line("http://127.0.0.1:9").send("GET", "/", {})


def test_what_the_cookie_says_goes_along_and_nowhere_else(server, session):
    server.will(200)
    session.call("GET", "/api/v1/cases")
    server.will(204, b"")
    session.sign_out()

    assert [headers.get("Cookie") for _, headers in server.asked] == [
        None,
        "casevault=secret",
        "casevault=secret",
    ]
    assert "secret" not in repr(session)
    assert "a password" not in repr(session)


def test_a_session_that_has_ended_is_begun_again_once(server, session):
    server.will(401)
    server.will(201, Set_Cookie="casevault=other")
    server.will(200, b'{"a": 1}')

    assert session.call("GET", "/x") == {"a": 1}

    assert [what for what, _ in server.asked[1:]] == ["GET /x", "POST /api/v1/session", "GET /x"]
    assert server.asked[-1][1]["Cookie"] == "casevault=other"


def test_a_busy_vault_is_asked_again_when_it_says(server, session):
    server.will(503, b"", Retry_After="7")
    server.will(502, b"")
    server.will(200)

    session.call("GET", "/x")

    assert session.waited == [7.0, 2.0]


def test_what_makes_something_carries_one_key_through_all_tries(server, session):
    server.will(502, b"")
    server.will(201)

    session.call("POST", "/api/v1/cases", {"number": "815"}, makes=True)

    keys = [headers.get("Idempotency-Key") for _, headers in server.asked[1:]]
    assert keys[0]
    assert keys[0] == keys[1]


def test_one_waits_longer_and_longer_and_gives_up():
    waited: list[float] = []
    patience = Patience(give_up=200, sleep=waited.append)

    with pytest.raises(Busy):
        for _ in range(20):
            patience.after(Busy("nobody"))

    assert waited == [1, 2, 5, 15, 60, 60]
    patience.progressed()
    patience.after(Busy("nobody"))
    assert waited[-1] == 1


def test_one_gives_up_at_once_with_no_patience():
    with pytest.raises(Busy):
        Patience(give_up=0).after(Busy("nobody"))


@pytest.mark.parametrize(
    "url", ["http://vault.example.org", "https://", "ftp://127.0.0.1", "https://a:b@c", "x"]
)
def test_an_address_that_would_carry_a_password_in_clear_is_refused(url):
    with pytest.raises(Misconfigured):
        Line(url)


@pytest.mark.parametrize(
    "url", ["http://localhost:8000", "http://[::1]", "http://127.9.9.9/x", "https://a.example"]
)
def test_this_machine_and_tls_are_taken(url):
    Line(url).close()


def certificate(folder: Path) -> Path:
    """Key and certificate of 127.0.0.1 in one file, signed by nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    begins = datetime.now(UTC) - timedelta(hours=1)
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = folder / "vault.pem"
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


def test_a_certificate_that_nobody_vouches_for_stops_everything(server, tmp_path, monkeypatch):
    context, pem = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), certificate(tmp_path)
    context.load_cert_chain(pem)
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    url = server.url.replace("http:", "https:")
    line = Line(url)

    with pytest.raises(Misconfigured, match="not trusted"):
        line.send("POST", "/api/v1/session", {}, b"a password")
    assert not server.asked

    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    server.will(201)
    assert line.send("POST", "/api/v1/session", {}, b"a password").status == 201
    line.close()


class Paper:
    """A stream that is no terminal."""

    def __init__(self, is_terminal: bool) -> None:
        self.text, self._is_terminal = "", is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """Nothing."""


def test_progress_is_a_line_for_each_tenth_with_rate_and_time_left():
    paper, seconds = Paper(is_terminal=False), iter(range(0, 1000, 10))
    progress = Progress("a.pdf", paper, lambda: next(seconds))  # type: ignore[arg-type]

    for count in range(0, 30_000_001, 1_000_000):
        progress(count, 30_000_000)
    progress.end()

    lines = paper.text.splitlines()
    assert len(lines) == 11
    assert lines[0] == "a.pdf: 0 %, 0 bytes of 30.0 MB are safe"
    assert lines[5] == "a.pdf: 50 %, 15.0 MB of 30.0 MB are safe, 100.0 kB/s, 2 min 30 s left"
    assert lines[-1] == "a.pdf: 100 %, 30.0 MB of 30.0 MB are safe, 100.0 kB/s"


def test_on_a_terminal_the_line_is_written_anew():
    paper, seconds = Paper(is_terminal=True), iter(range(100))
    progress = Progress("a.pdf", paper, lambda: next(seconds))  # type: ignore[arg-type]

    progress(0, 10)
    progress(10, 10)
    progress.end()

    assert paper.text.count("\r") == 2
    assert paper.text.endswith("safe, 10 bytes/s\n")


def test_sizes_and_times_in_words():
    assert [size(n) for n in (0, 999, 1000, 12_345_678, 5 * 10**12)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "12.3 MB",
        "5.0 TB",
    ]
    assert [duration(n) for n in (0.4, 59, 61, 3661)] == ["0 s", "59 s", "1 min 1 s", "1 h 1 min"]
