"""A vault whose server dies whenever a test wants, and what must be true of it whenever it is dead."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from tests.databases import bare_pair
from tests.factory import Factory, test_settings
from tests.fakes import RecordingBell
from tests.transfers.conftest import NUMBER, Desk
from vault.assembly import open_runtime, set_up
from vault.audit.models import AuditEntry
from vault.bundles.models import Version
from vault.bundles.service import create_bundle
from vault.cases.service import create_case
from vault.clock import Clock
from vault.crypto.payload import object_length
from vault.people.sessions import cookie_of
from vault.settings import Settings
from vault.store.base import Store
from vault.supervisor import child_environment, web_command
from vault.transfers.models import Upload

ROOT = Path(__file__).parents[2]
MARKER = b"8d0f6c1be2a94f35b7716e0a52c3d498"
"""Stands in every 4 KiB of what is sent."""


def marked(length: int, seed: int) -> bytes:
    """Plain text of so many bytes, different for each seed."""
    words = random.Random(seed)
    pieces = (words.randbytes(2032).hex().encode() + MARKER for _ in range(length // 4096 + 1))
    return b"".join(pieces)[:length]


@dataclass
class Mortal:
    """The vault, and the server that runs now (0: none)."""

    desk: Desk
    port: int
    starter: subprocess.Popen[str]
    group: int = 0

    def start(self) -> None:
        """A server answers."""
        assert self.starter.stdin
        assert self.starter.stdout
        self.starter.stdin.write("\n")
        self.starter.stdin.flush()
        self.group = int(self.starter.stdout.readline())
        for _try in range(400):
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.ask("GET", "/healthz")[0] == 200:
                    return
            time.sleep(0.02)
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        """No process of the server lives."""
        while any(living(self.group)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.group, signal.SIGKILL)
        self.group = 0

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """One request of the person at the desk; OSError or HTTPException when the server is gone."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            more = {"Cookie": f"casevault={cookie_of(self.desk.actor)}", "Tus-Resumable": "1.0.0"}
            line.request(method, path, body, more | (headers or {}))
            answer = line.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            line.close()


def living(group: int) -> Iterator[int]:
    """Processes of a group that are not dead, reaped or not."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _parent, its_group = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                yield int(folder.name)


@contextmanager
def mortal_vault(folder: Path, **said: str) -> Iterator[Mortal]:
    """A vault on a disk, or where settings say, with a bundle, and nothing that serves it yet."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with bare_pair(folder) as pair:
        settings = test_settings(folder, bind=f"127.0.0.1:{port}", web_processes=1, **pair.settings, **said)
        set_up(settings)
        clock = Clock()
        runtime = open_runtime(settings, RecordingBell(), clock)
        make = Factory(runtime, clock)  # type: ignore[arg-type]
        actor = make.actor()
        with runtime.transaction(actor) as tx:
            opened = create_bundle(
                tx, create_case(tx, NUMBER, individuals=["815-00000001"]), "Main file", "confidential"
            )
        environment = pair.environment | {f"CASEVAULT_{name.upper()}": text for name, text in said.items()}
        starter = starter_of(settings, environment)
        mortal = Mortal(Desk(runtime, make, actor, opened.bundle.id), port, starter)
        try:
            yield mortal
        finally:
            if mortal.group:
                mortal.kill()
            starter.kill()
            starter.communicate()
            runtime.close()


def starter_of(settings: Settings, environment: dict[str, str]) -> subprocess.Popen[str]:
    """What forks servers of this vault."""
    arguments = web_command(settings)[3:]
    starter = subprocess.Popen(
        [sys.executable, "-m", "tests.transfers.quick_server", *arguments],
        cwd=ROOT,
        env=child_environment(settings) | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout
    assert starter.stdout.readline() == "loaded\n"
    return starter


@dataclass
class Client:
    """Sends one file, goes on after each break, and remembers what was acknowledged."""

    mortal: Mortal
    content: bytes
    piece: int
    fingerprint: str = field(default_factory=lambda: hashlib.sha256(os.urandom(16)).hexdigest())
    place: str = ""
    acknowledged: int = 0

    def begin(self) -> None:
        """The upload is there. If an earlier answer was lost, it is found by its fingerprint."""
        found = json.loads(self.mortal.ask("GET", "/files/")[2])["items"]
        known = [item["id"] for item in found if item["fingerprint"] == self.fingerprint]
        if known:
            self.place = f"/files/{known[0]}"
            return
        said = {
            "bundle": str(self.mortal.desk.bundle_id),
            "filename": "interview.txt",
            "document_type": "rrf",
            "fingerprint": self.fingerprint,
            "sha256": hashlib.sha256(self.content).hexdigest(),
        }
        words = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items())
        headers = {"Upload-Length": str(len(self.content)), "Upload-Metadata": words}
        status, answer, text = self.mortal.ask("POST", "/files/", headers)
        assert status == 201, text
        self.place = answer["Location"]

    def offset(self) -> int:
        """How far the server says it is: never less than it has acknowledged."""
        status, headers, _ = self.mortal.ask("HEAD", self.place)
        assert status == 200
        at = int(headers["Upload-Offset"])
        assert at >= self.acknowledged, (at, self.acknowledged)
        self.acknowledged = at
        return at

    def send_next(self) -> None:
        """The next piece is acknowledged; it costs an error when the server dies meanwhile."""
        at = self.acknowledged
        headers = {"Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"}
        body = self.content[at : at + self.piece]
        status, answer, text = self.mortal.ask("PATCH", self.place, headers, body)
        assert status == 204, text
        self.acknowledged = int(answer["Upload-Offset"])
        assert self.acknowledged == at + len(body)

    @property
    def is_sent(self) -> bool:
        return self.acknowledged == len(self.content)

    def finish(self) -> None:
        """Go on by HEAD to the end; what was stored is what was sent."""
        self.send_rest()
        page = json.loads(self.mortal.ask("GET", self.place)[2])
        status, _, stored = self.mortal.ask("GET", f"/documents/{page['document']}/content")
        assert status == 200
        assert hashlib.sha256(stored).digest() == hashlib.sha256(self.content).digest()

    def send_rest(self) -> None:
        """Go on by HEAD until it is a version."""
        if not self.place:
            self.begin()
        self.offset()
        while not self.is_sent:
            self.send_next()
        for _try in range(100):
            self.offset()
            page = json.loads(self.mortal.ask("GET", self.place)[2])
            if page["state"] != "checking":
                break
            time.sleep(0.02)
        assert page["state"] == "stored", page


def assert_nothing_half_visible(mortal: Mortal) -> None:
    """Every version is sealed and its object whole; every object and partial is one that a row names."""
    runtime = mortal.desk.runtime
    store: Store = runtime.store
    with runtime.session() as session:
        versions = {each.object_name: each for each in session.scalars(select(Version))}
        open_uploads = select(Upload).where(Upload.completed_at.is_(None), Upload.dropped_at.is_(None))
        unfinished = {each.object_name: each for each in session.scalars(open_uploads)}
    for name, version in versions.items():
        assert version.seal
        assert store.size(name) == version.object_length == object_length(version.length)
    for name in set(store.names("versions/")) - set(versions):
        assert unfinished[name].offset == unfinished[name].length
    for name in store.partial_names("versions/"):
        assert (
            name in unfinished
            or name in versions
            or name in {each.stale_object_name for each in unfinished.values()}
        )
    for name, upload in unfinished.items():
        assert (store.partial_size(name) or store.size(name) or 0) >= upload.offset // 65536 * 65552


def assert_no_plaintext_on_disk(mortal: Mortal) -> None:
    """In no file below the data folder: objects, partials, databases, their logs, temporary files."""
    for path in mortal.desk.runtime.settings.data.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert MARKER not in path.read_bytes(), path


def deposits(mortal: Mortal) -> int:
    """How many documents the audit log says were deposited."""
    with mortal.desk.runtime.session() as session:
        return len(
            session.scalars(select(AuditEntry.number).where(AuditEntry.event == "document.deposited")).all()
        )
