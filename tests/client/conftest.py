"""A vault that runs apart, a person with a password and an open bundle, a line that can be slow and can be cut."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select as select_rows
from sqlalchemy.orm import selectinload

from tests.databases import Pair, bare_pair
from tests.factory import PASSWORD, Factory, test_settings
from tests.fakes import RecordingBell
from tests.places import ROOT
from tests.transfers.conftest import INDIVIDUAL, NUMBER
from vault.access.actor import Actor, Role
from vault.assembly import open_runtime, set_up
from vault.bundles.models import Document, Version
from vault.bundles.service import create_bundle
from vault.cases.service import create_case
from vault.clock import Clock
from vault.crypto.passwords import derive
from vault.people.models import Person
from vault.runtime import Runtime
from vault.settings import Settings
from vault.supervisor import child_environment, web_command
from vault.transfers.reading import open_content

USERNAME = "amal"
BUNDLE_PASSWORD = "the heron sleeps at noon"


@dataclass
class Line:
    """A line from 127.0.0.1:`port` to a server: `rate` bytes a second upwards (None: as fast as it goes)."""

    to_port: int
    rate: int | None = None
    sent: int = 0
    is_cut: bool = False
    port: int = 0
    heard: bytearray = field(default_factory=bytearray)
    _ends: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Whatever is under way breaks."""
        for end in self._ends:
            end.close()
        self._ends.clear()

    def close(self) -> None:
        self._door.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
                if self.is_cut:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self.to_port))
            except OSError:
                if self._door.fileno() < 0:
                    return
                near.close()
                continue
            self._ends += [near, far]
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        try:
            while True:
                for end in select.select([near, far], [], [])[0]:
                    piece = end.recv(65536)
                    if not piece:
                        raise ConnectionResetError
                    if end is near:
                        self.sent += len(piece)
                        self.heard += piece if self.rate is None else b""
                        time.sleep(len(piece) / self.rate if self.rate else 0)
                        far.sendall(piece)
                    else:
                        near.sendall(piece)
        except (OSError, ValueError):
            near.close()
            far.close()


@dataclass
class Place:
    """A vault that runs, and who works in it."""

    settings: Settings
    runtime: Runtime
    make: Factory
    actor: Actor
    bundle_id: UUID
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return int(self.settings.bind.rpartition(":")[2])

    @property
    def url(self) -> str:
        return f"http://{self.settings.bind}"

    def start(self) -> None:
        stored = Pair(self.settings.database_url, self.settings.keystore_url)
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                web_command(self.settings),
                env=child_environment(self.settings) | stored.environment,
                start_new_session=True,
                stderr=log,
            )
        for _attempt in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        pytest.fail("the server does not answer")

    def kill(self) -> None:
        """All its processes, at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def new_bundle(self, number: str, password: str | None = None) -> UUID:
        """A bundle of a new case, which has one individual."""
        profile = self.settings.new_profile() if password else None
        key = derive(password, profile) if password and profile else None
        with self.runtime.transaction(self.actor) as tx:
            case = create_case(tx, number, individuals=[f"815-000{number[-5:]}"])
            return create_bundle(tx, case, "Main file", "confidential", key, profile).bundle.id

    def versions(self, bundle_id: UUID | None = None) -> list[Version]:
        query = select_rows(Version).order_by(Version.deposited_at, Version.id)
        with self.runtime.session() as session:
            return list(session.scalars(query.where(Version.bundle_id == (bundle_id or self.bundle_id))))

    def document(self, document_id: str) -> Document:
        with self.runtime.session() as session:
            loaded = [selectinload(Document.individuals)]
            return session.get_one(Document, UUID(document_id), options=loaded)

    def sha256_of(self, document_id: str) -> str:
        """As the vault keeps it, of the current version."""
        with self.runtime.transaction(self.actor) as tx:
            content, opened = open_content(tx, UUID(document_id))
            return opened.digest_of(content.version)


def command(*words: object) -> list[str]:
    return [sys.executable, "-c", "from vault.cli import main; main()", *map(str, words)]


@dataclass
class Ran:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Terminal:
    """Runs commands as a person does, without any setting of the server's."""

    place: Place
    password_file: Path
    url: str = ""

    def words(self, *words: object) -> list[str]:
        url = self.url or self.place.url
        who = ("--url", url, "--user", USERNAME, "--password-file", self.password_file)
        return command(*words, *who, "--patience", 30)

    def run(self, *words: object, given: str = "", timeout: float = 120) -> Ran:
        done = subprocess.run(
            self.words(*words), cwd=ROOT, input=given, capture_output=True, text=True, timeout=timeout
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, *words: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.words(*words),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("vault")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with bare_pair(folder) as pair:
        settings = test_settings(folder, **pair.settings, bind=f"127.0.0.1:{port}", web_processes=1)
        yield from run_place(settings)


def run_place(settings: Settings) -> Iterator[Place]:
    """A vault that runs, with one caseworker, one case and one bundle."""
    set_up(settings)
    clock = Clock()
    runtime = open_runtime(settings, RecordingBell(), clock)
    make = Factory(runtime, clock)  # type: ignore[arg-type]
    person: Person = make.person(Role.CASEWORKER, username=USERNAME)
    actor = make.actor(person)
    with runtime.transaction(actor) as tx:
        case = create_case(tx, NUMBER, individuals=[INDIVIDUAL, "815-00005678"])
        opened = create_bundle(tx, case, "Main file", "confidential")
    running = Place(settings, runtime, make, actor, opened.bundle.id, settings.data)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        runtime.close()


@pytest.fixture
def terminal(place: Place, tmp_path: Path) -> Terminal:
    password_file = tmp_path / "password.txt"
    password_file.write_text(f"{PASSWORD}\n")
    return Terminal(place, password_file)


@pytest.fixture
def new_line(place: Place) -> Iterator[Callable[..., Line]]:
    """`new_line(rate=…)`: a line to the vault."""
    lines: list[Line] = []

    def make_line(rate: int | None = None) -> Line:
        lines.append(Line(place.port, rate))
        return lines[-1]

    yield make_line
    for line in lines:
        line.close()


def until(check: Callable[[], object], seconds: float = 30) -> None:
    """Wait for it; fail when it does not come."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end
        time.sleep(0.02)
