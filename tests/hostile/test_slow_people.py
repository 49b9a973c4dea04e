"""Whoever is slow keeps nobody waiting: heads, bodies and readers on a real server with two threads, plain and TLS.

Patience is a second everywhere, so that what is slow here is slow soon.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.factory import test_settings
from tests.hostile.small_app import POURED
from tests.transfers.test_server import eventually, everything, status_of
from vault.supervisor import child_environment, web_command

MANY = 40
HELLO = b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SLOW_HEAD = b"GET /hello HTTP/1.1\r\nHost: x\r\nX-"
SHORT_BODY = b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"
LONG_BODY = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


@dataclass
class Door:
    """A server with two threads, and what its application has noted."""

    process: subprocess.Popen[bytes]
    port: int
    notes: Path
    tls: ssl.SSLContext | None

    def reach(self, buffer: int = 0) -> socket.socket:
        """A connection without TLS, whatever the server speaks; `buffer` bytes are received ahead at most."""
        line = socket.socket()
        if buffer:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        line.settimeout(20)
        try:
            line.connect(("127.0.0.1", self.port))
        except OSError:
            line.close()
            raise
        return line

    def connect(self, buffer: int = 0) -> socket.socket:
        line = self.reach(buffer)
        return self.tls.wrap_socket(line, server_hostname="localhost") if self.tls else line

    def seconds_for_a_page(self) -> float:
        begun = time.monotonic()
        with self.connect() as line:
            line.sendall(HELLO)
            assert status_of(everything(line)) == 200
        return time.monotonic() - begun

    def noted(self) -> list[str]:
        return self.notes.read_text().splitlines() if self.notes.exists() else []

    def forget(self) -> None:
        self.notes.unlink(missing_ok=True)


@pytest.fixture(scope="module", params=["plain", "tls"])
def door(request, tmp_path_factory) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("door")
    (folder / "tmp").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    given: dict[str, object] = {"bind": f"127.0.0.1:{port}", "web_processes": 1, "web_threads": 2}
    tls = None
    if request.param == "tls":
        given |= {"tls_cert": folder / "tls.pem", "tls_key": folder / "tls.key"}
        make_certificate(folder / "tls.pem", folder / "tls.key")
        tls = ssl.create_default_context(cafile=folder / "tls.pem")
    settings = test_settings(folder, **given)
    command = ["tests.hostile.small_app:app" if w == "wsgi:app" else w for w in web_command(settings)]
    patience = {f"CASEVAULT_{name}_SECONDS": "1" for name in ("HEAD", "BODY", "READER")}
    env = child_environment(settings) | patience | {"CASEVAULT_TEST_NOTES": str(folder / "notes")}
    process = subprocess.Popen(command, env=env, start_new_session=True)
    running = Door(process, port, folder / "notes", tls)
    try:
        await_page(running)
        yield running
    finally:
        process.terminate()
        process.wait(20)


def make_certificate(certificate: Path, key: Path) -> None:
    """Self-signed, for localhost, for a day."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    key.write_bytes(private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def await_page(door: Door) -> None:
    for _attempt in range(200):
        assert door.process.poll() is None
        try:
            door.seconds_for_a_page()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the server does not answer")


def one_answer(line: socket.socket) -> bytes:
    """Head and body of an answer on a line that is kept."""
    received = b""
    while not received.endswith(b"ok"):
        piece = line.recv(1000)
        assert piece
        received += piece
    return received


def ended_within(line: socket.socket, seconds: float) -> bytes:
    """What comes until the server closes; it must do so by then."""
    begun = time.monotonic()
    received = everything(line)
    assert time.monotonic() - begun < seconds
    return received


@pytest.mark.parametrize("start", [b"", SLOW_HEAD, SHORT_BODY], ids=["nothing", "a head", "a short body"])
def test_those_who_send_slowly_keep_no_page_waiting(door, start):
    with ExitStack() as stack:
        for _ in range(MANY):
            line = stack.enter_context(door.connect())
            line.sendall(start)
        assert door.seconds_for_a_page() < 0.8


def test_those_who_never_shake_hands_keep_no_page_waiting(door):
    with ExitStack() as stack:
        lines = [stack.enter_context(door.reach()) for _ in range(MANY)]
        for line in lines:
            line.sendall(b"\x16\x03\x01")
        assert door.seconds_for_a_page() < 0.8
        ended_within(lines[0], 4)


def test_those_who_do_not_hang_up_keep_no_page_waiting(door):
    with ExitStack() as stack:
        for _ in range(MANY):
            line = stack.enter_context(door.connect())
            line.sendall(HELLO)
            assert status_of(line.recv(1000)) == 200
        assert door.seconds_for_a_page() < 0.8


def test_a_connection_that_says_nothing_is_closed(door):
    with door.connect() as line:
        assert ended_within(line, 4) == b""


def test_a_head_that_takes_too_long_is_refused(door):
    with door.connect() as line:
        line.sendall(SLOW_HEAD)
        assert status_of(ended_within(line, 6)) == 408


def test_a_head_without_end_is_refused(door):
    with door.connect() as line:
        line.sendall(b"GET /hello HTTP/1.1\r\nX: " + b"a" * 70_000)
        assert status_of(ended_within(line, 6)) == 431


def test_a_body_that_stops_coming_is_torn_and_told(door):
    door.forget()
    with door.connect() as line:
        line.sendall(LONG_BODY % 500_000 + b"x" * 100_000)
        assert not door.noted()
        ended_within(line, 8)
    assert door.noted() == ["body 100000 TooSlow"]


def test_a_body_that_drips_is_torn_and_told(door):
    door.forget()
    with door.connect() as line:
        line.sendall(LONG_BODY % 50_000)
        begun = time.monotonic()
        while not door.noted() and time.monotonic() - begun < 8:
            line.sendall(b"x" * 10)
            time.sleep(0.05)
    (noted,) = door.noted()
    assert int(noted.split()[1]) < 50_000


def test_a_chunked_body_that_stops_coming_is_torn_and_told(door):
    door.forget()
    with door.connect() as line:
        head = b"POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        line.sendall(head + b"100000\r\n" + b"x" * 5000)
        ended_within(line, 8)
    (noted,) = door.noted()
    assert noted.endswith("TooSlow")


def test_a_sender_who_is_slow_and_honest_arrives(door):
    door.forget()
    with door.connect() as line:
        line.sendall(LONG_BODY.replace(b"/body", b"/slow") % 30_000)
        for _ in range(20):
            line.sendall(b"x" * 1500)
            time.sleep(0.1)
        assert status_of(one_answer(line)) == 200
    assert door.noted() == ["body 30000 whole"]


def test_a_reader_who_takes_nothing_is_left(door):
    door.forget()
    with door.connect(buffer=100_000) as line:
        line.sendall(b"GET /pour HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(door.noted)
    assert door.noted() == ["poured a part"]


def test_a_reader_who_is_slow_and_alive_gets_everything(door):
    door.forget()
    received = 0
    with door.connect(buffer=100_000) as line:
        line.sendall(b"GET /pour HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        begun = time.monotonic()
        while piece := line.recv(64 * 1024):
            received += len(piece)
            if time.monotonic() - begun < 2.5:
                time.sleep(0.1)
    assert received > POURED
    assert door.noted() == ["poured all"]


def test_a_kept_connection_answers_again_and_what_came_early_too(door):
    kept = HELLO.replace(b"close", b"keep-alive")
    with door.connect() as line:
        for _ in range(3):
            line.sendall(kept)
            assert status_of(one_answer(line)) == 200
            time.sleep(0.1)
        line.sendall(kept + LONG_BODY % 3 + b"abc" + kept + HELLO)
        assert everything(line).count(b"HTTP/1.1 200") == 4


def test_what_is_sent_beside_a_body_is_the_next_request(door):
    door.forget()
    with door.connect() as line:
        line.sendall(LONG_BODY % 40_000 + b"x" * 40_000 + HELLO)
        assert everything(line).count(b"HTTP/1.1 200") == 2
    assert door.noted() == ["body 40000 whole", "body 0 whole"]


@pytest.mark.parametrize("pause", [0, pytest.param(5.5, marks=pytest.mark.long)])
def test_what_comes_late_in_a_body_that_nobody_read_is_no_request(door, pause):
    with door.connect() as line:
        line.sendall(LONG_BODY.replace(b"/body", b"/deaf") % 90_000 + b"x" * 50_000)
        assert one_answer(line)
        time.sleep(pause)
        try:
            line.sendall(b"y" * 100 + b"\r\n\r\n" + HELLO * 2)
        except OSError:
            return
        assert everything(line) == b""


def test_an_answer_reaches_whoever_still_sends(door):
    with door.connect() as line:
        line.sendall(LONG_BODY.replace(b"/body", b"/deaf") % 6_000_000)
        for _ in range(30):
            line.sendall(b"x" * 200_000)
            time.sleep(0.01)
        assert status_of(one_answer(line)) == 200


@pytest.mark.parametrize("door", ["tls"], indirect=True)
def test_a_renewed_certificate_is_shown_without_a_restart(door):
    before = ssl.get_server_certificate(("127.0.0.1", door.port))
    make_certificate(door.notes.parent / "tls.pem", door.notes.parent / "tls.key")
    door.tls = ssl.create_default_context(cafile=door.notes.parent / "tls.pem")
    assert door.seconds_for_a_page() < 2
    assert ssl.get_server_certificate(("127.0.0.1", door.port)) != before


def test_whoever_waits_to_be_asked_is_asked_for_the_body(door):
    door.forget()
    with door.connect() as line:
        line.sendall((LONG_BODY % 3).replace(b"Host", b"Expect: 100-continue\r\nHost"))
        assert status_of(line.recv(1000)) == 100
        line.sendall(b"abc")
        assert status_of(one_answer(line)) == 200
    assert door.noted() == ["body 3 whole"]


def test_a_server_that_is_asked_to_stop_waits_for_nobody_who_says_nothing(door):
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(door.connect()).sendall(SLOW_HEAD)
        begun = time.monotonic()
        os.kill(door.process.pid, 15)
        assert door.process.wait(15) == 0
        assert time.monotonic() - begun < 8
