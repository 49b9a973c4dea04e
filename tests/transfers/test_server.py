"""A real server with real sockets: torn bodies, lying lengths, broken streams, no plaintext on disk, flat memory."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.databases import Pair, bare_pair
from tests.factory import Factory, test_settings
from tests.fakes import RecordingBell
from tests.transfers.conftest import NUMBER, Desk, text_of
from vault.assembly import open_runtime, set_up
from vault.bundles.members import remove_member
from vault.bundles.models import Version
from vault.bundles.service import create_bundle
from vault.cases.service import create_case
from vault.clock import Clock
from vault.people.sessions import cookie_of
from vault.settings import Settings
from vault.supervisor import child_environment, web_command
from vault.transfers.models import Reading, Upload

FIELD = b'--xYz\r\nContent-Disposition: form-data; name="document_type"\r\n\r\nother\r\n'
FILE = b'--xYz\r\nContent-Disposition: form-data; name="file"; filename="form.txt"\r\n\r\n'
END = b"\r\n--xYz--\r\n"


@dataclass
class Server:
    """A running server, a desk in it, and its process."""

    desk: Desk
    port: int
    process: subprocess.Popen[bytes]
    temporary: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def head(self, method: str, path: str, **headers: str) -> bytes:
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Cookie: casevault={cookie_of(self.desk.actor)}",
        ]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    def post_head(self, length: int | None, **headers: str) -> bytes:
        headers |= {"Content-Type": "multipart/form-data; boundary=xYz", "Connection": "close"}
        if length is not None:
            headers["Content-Length"] = str(length)
        return self.head("POST", f"/api/v1/bundles/{self.desk.bundle_id}/documents", **headers)

    def post(self, body: bytes, announced: int | None = None, **headers: str) -> bytes:
        """What the server answers to this body, after which nothing more is sent."""
        with self.connect() as line:
            line.sendall(self.post_head(len(body) if announced is None else announced, **headers))
            line.sendall(body)
            line.shutdown(socket.SHUT_WR)
            return everything(line)

    def worker_ids(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(each) for each in children.split()]

    def peak_memory(self) -> int:
        """The most that any worker has had resident, in bytes."""
        states = [Path(f"/proc/{each}/status").read_text() for each in self.worker_ids()]
        return max(int(re.search(r"VmHWM:\s+(\d+)", state)[1]) for state in states) * 1024  # type: ignore[index]


def everything(line: socket.socket) -> bytes:
    received = b""
    try:
        while piece := line.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with bare_pair(folder) as pair:
        yield from serve(test_settings(folder, **pair.settings, bind=f"127.0.0.1:{port}", web_processes=1))


def serve(settings: Settings) -> Iterator[Server]:
    """A running server, and a runtime on the same vault."""
    set_up(settings)
    port = int(settings.bind.rpartition(":")[2])
    clock = Clock()
    runtime = open_runtime(settings, RecordingBell(), clock)
    make = Factory(runtime, clock)  # type: ignore[arg-type]
    assert make.home
    actor = make.actor()
    with runtime.transaction(actor) as tx:
        opened = create_bundle(tx, create_case(tx, NUMBER), "Main file", "confidential")
    temporary = settings.data / "tmp"
    stored = Pair(settings.database_url, settings.keystore_url)
    environment = child_environment(settings) | stored.environment
    process = subprocess.Popen(web_command(settings), env=environment, start_new_session=True)
    running = Server(Desk(runtime, make, actor, opened.bundle.id), port, process, temporary)
    try:
        await_answer(running)
        yield running
    finally:
        process.terminate()
        process.wait(20)
        runtime.engine.dispose()
        runtime.keystore.engine.dispose()


def await_answer(server: Server) -> None:
    for _attempt in range(200):
        assert server.process.poll() is None
        try:
            with server.connect() as line:
                line.sendall(server.head("GET", "/healthz", Connection="close"))
                if status_of(everything(line)) == 200:
                    return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the server does not answer")


def eventually(check) -> None:
    for _attempt in range(100):
        if check():
            return
        time.sleep(0.05)
    assert check()


def unfinished(server: Server) -> list[Upload]:
    with server.desk.runtime.session() as session:
        return list(
            session.scalars(select(Upload).where(Upload.completed_at.is_(None), Upload.dropped_at.is_(None)))
        )


def count_of_versions(server: Server) -> int:
    with server.desk.runtime.session() as session:
        return len(session.scalars(select(Version)).all())


def stored_length(server: Server) -> int:
    with server.desk.runtime.session() as session:
        return session.scalars(select(Version).order_by(Version.deposited_at.desc())).first().length


def assert_nothing_new(server: Server, before: int) -> None:
    store = server.desk.runtime.store
    eventually(lambda: not unfinished(server))
    assert count_of_versions(server) == before
    # The row goes first, its bytes after the commit.
    eventually(lambda: not list(store.partial_names()))
    eventually(lambda: len(list(store.names("versions/"))) == before)


def test_a_whole_body_is_stored(server):
    content = text_of(100_000)

    assert status_of(server.post(FIELD + FILE + content + END)) == 201
    assert stored_length(server) == len(content)


@pytest.mark.parametrize("cut", [1, 4, 9, 50, 60_000])
def test_a_body_that_breaks_off_leaves_nothing_and_is_told(server, cut):
    before, body = count_of_versions(server), FIELD + FILE + text_of(100_000) + END

    answer = server.post(body[:-cut], announced=len(body))

    assert status_of(answer) == 400
    assert b"broke off" in answer
    assert_nothing_new(server, before)


def test_a_line_that_goes_dead_leaves_nothing(server):
    before, body = count_of_versions(server), FIELD + FILE + text_of(6_000_000) + END

    with server.connect() as line:
        line.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"
        )  # reset instead of a clean end
        line.sendall(server.post_head(len(body)) + body[:5_000_000])
        eventually(lambda: unfinished(server))

    assert_nothing_new(server, before)


def test_a_length_that_is_too_long_leaves_nothing(server):
    before, body = count_of_versions(server), FIELD + FILE + text_of(1000) + END

    answer = server.post(body, announced=len(body) + 10)

    assert status_of(answer) == 400
    assert_nothing_new(server, before)


def test_a_length_that_is_too_short_leaves_nothing(server):
    before, body = count_of_versions(server), FIELD + FILE + text_of(1000) + END

    answer = server.post(body, announced=len(body) - 10)

    assert status_of(answer) == 400
    assert_nothing_new(server, before)


def test_a_chunked_body_is_stored_when_it_is_whole(server):
    content = text_of(300_000)
    body = FIELD + FILE + content + END
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:7], body[7:99_999], body[99_999:])
    )
    before = count_of_versions(server)

    for ending, status in ((b"0\r\n\r\n", 201), (b"", 400)):
        with server.connect() as line:
            line.sendall(server.post_head(None, Transfer_Encoding="chunked") + chunks + ending)
            line.shutdown(socket.SHUT_WR)
            assert status_of(everything(line)) == status

    assert count_of_versions(server) == before + 1


def test_no_plaintext_touches_a_disk_while_a_file_arrives_and_memory_stays_flat(server):
    marker = os.urandom(32).hex().encode()
    content = (marker + text_of(1_000_000)) * 24
    body = FIELD + FILE + content + END
    server.post(FIELD + FILE + text_of(3_000_000) + END)  # whatever is loaded once is loaded now
    before, seen = server.peak_memory(), set()
    temporary_before = set(os.listdir(server.temporary))

    with server.connect() as line:
        line.sendall(server.post_head(len(body)))
        for at in range(0, len(body), 1_000_000):
            line.sendall(body[at : at + 1_000_000])
            seen |= set(os.listdir(server.temporary)) | deleted_files(server)
        answer = everything(line)

    assert status_of(answer) == 201
    assert hashlib.sha256(downloaded(server, answer)).digest() == hashlib.sha256(content).digest()
    assert not seen - temporary_before - {"beat"}
    assert server.peak_memory() - before < 12_000_000
    folder = server.temporary.parent
    assert not [path for path in folder.rglob("*") if path.is_file() and marker in path.read_bytes()]


def downloaded(server: Server, receipt: bytes) -> bytes:
    """The content of the document that a receipt names."""
    document = re.search(rb'"document":"([^"]+)"', receipt)[1].decode()  # type: ignore[index]
    with server.connect() as line:
        line.sendall(server.head("GET", f"/documents/{document}/content", Connection="close"))
        return everything(line).partition(b"\r\n\r\n")[2]


def deleted_files(server: Server) -> set[str]:
    """Files without a name that a worker holds open: how temporary files hide. gunicorn's own heartbeat is one."""
    found = set()
    for worker in server.worker_ids():
        for descriptor in Path(f"/proc/{worker}/fd").iterdir():
            try:
                target, size = os.readlink(descriptor), os.stat(descriptor).st_size
            except OSError:
                continue
            if target.endswith("(deleted)") and size:
                found.add(target)
    return found


def test_two_uploads_at_once_are_both_stored(server):
    before, answers = count_of_versions(server), []

    def send(length: int) -> None:
        answers.append(server.post(FIELD + FILE + text_of(length) + END))

    senders = [threading.Thread(target=send, args=(2_000_000 + number,)) for number in range(4)]
    for each in senders:
        each.start()
    for each in senders:
        each.join()

    assert [status_of(answer) for answer in answers] == [201] * 4
    assert count_of_versions(server) == before + 4


def test_two_further_versions_at_once_get_two_numbers(server):
    first = server.desk.store(text_of(10)).version
    head = server.post_head(None, Transfer_Encoding="chunked").replace(
        f"/bundles/{server.desk.bundle_id}/documents".encode(),
        f"/documents/{first.document_id}/versions".encode(),
    )
    lines = [server.connect() for _ in range(3)]
    for number, line in enumerate(lines):
        body = FILE + b"version %d" % number + END
        line.sendall(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        line.shutdown(socket.SHUT_WR)
    answers = [everything(line) for line in lines]

    assert [status_of(answer) for answer in answers] == [201] * 3
    with server.desk.runtime.session() as session:
        numbers = session.scalars(
            select(Version.number).where(Version.document_id == first.document_id)
        ).all()
    assert sorted(numbers) == [1, 2, 3, 4]
    for line in lines:
        line.close()


def test_a_download_that_may_not_go_on_breaks_within_a_second(server):
    desk = server.desk
    document_id = desk.store(text_of(24_000_000)).version.document_id
    maker = desk.actor
    desk.actor = desk.add_colleague()
    try:
        with server.connect() as line:
            line.sendall(server.head("GET", f"/documents/{document_id}/content"))
            received = line.recv(100_000)
            assert status_of(received) == 200
            assert b"Content-Length: 24000000" in received
            with desk.runtime.transaction(maker) as tx:
                remove_member(tx, desk.bundle_id, desk.actor.id)
            ended_at = time.monotonic()
            count = len(received)
            while piece := slowly(line):
                count += len(piece)
            assert time.monotonic() - ended_at < 3
        assert count < 24_000_000
    finally:
        desk.actor = maker


def slowly(line: socket.socket) -> bytes:
    """What a slow client reads; nothing once the server has closed."""
    time.sleep(0.01)
    try:
        return line.recv(65536)
    except ConnectionResetError:
        return b""


def test_bad_bytes_end_the_connection_short_of_the_announced_length(server):
    version = server.desk.store(text_of(3_000_000)).version
    (path,) = server.temporary.parent.rglob(version.object_name.rpartition("/")[2])
    with path.open("r+b") as file:
        file.seek(2_000_000)
        byte = file.read(1)
        file.seek(2_000_000)
        file.write(bytes([byte[0] ^ 1]))

    with server.connect() as line:
        line.sendall(server.head("GET", f"/documents/{version.document_id}/content"))
        head, _, body = everything(line).partition(b"\r\n\r\n")

    assert b"Content-Length: 3000000" in head
    assert body == text_of(3_000_000)[: len(body)]
    assert 0 < len(body) <= (2_000_000 - 126) // 65552 * 65536
    assert len(body) % 65536 == 0


def test_an_abandoned_download_is_kept_as_far_as_it_went(server):
    version = server.desk.store(text_of(20_000_000)).version

    with server.connect() as line:
        line.sendall(server.head("GET", f"/documents/{version.document_id}/content"))
        line.recv(200_000)

    def served() -> int:
        with server.desk.runtime.session() as session:
            return session.scalars(select(Reading).where(Reading.version_id == version.id)).one().bytes_served

    eventually(served)
    assert 65536 <= served() < 20_000_000
