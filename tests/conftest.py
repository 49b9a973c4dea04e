"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.databases import CHOICE, DATABASES, SERVER, chosen, is_postgresql, leave, unchecked
from tests.dialects import share_what_is_compiled
from tests.fakes import SettableClock
from tests.places import IN_CI, TESTS
from tests.places import LONG as LONG_RUN
from tests.postgres import Cluster, programs
from tests.radosgws import RUN, is_installed

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from playwright.sync_api import Browser

    from tests.buckets import Server
    from tests.factory import Factory
    from vault.access.actor import Actor
    from vault.runtime import Runtime, Transaction

WITHOUT_ROWS = {
    *("bench", "client", "crypto", "demo", "house", "inspection", "kms", "store"),
    *("hostile/test_bodies.py", "hostile/test_half_sessions.py", "hostile/test_slow_people.py"),
    *("hostile/test_content.py", "hostile/test_requests.py", "hostile/test_server.py"),
    "hostile/test_strangers.py",
    *("archive/test_cold_open.py", "archive/test_index.py", "archive/test_oracles.py"),
    *("archive/test_packing.py", "archive/test_tar.py", "archive/test_verifying.py"),
    *("transfers/test_tus_bucket.py", "transfers/test_tus_clients.py", "transfers/test_tus_killed.py"),
    *("transfers/test_recording_formats.py", "proof/test_slow_download.py"),
}
"""Folders and files whose tests run on SQLite only. Clients keep none themselves; what they and browsers store, others
store on PostgreSQL, too. Half a session and a stranger are turned away before anything is looked for; headers, bodies and
names are read before anything is stored, a killed server's pieces lie in the object store, packages are made of values."""
LONG = {
    *("browser", "client/test_import.py", "client/test_upload.py", "test_up.py", "web/test_browser.py"),
    "transfers/test_tus_killed.py",
}
"""Files of a minute or so: begun last, they would keep one core busy while the other has nothing left to do."""
CLUSTER = pytest.StashKey[Cluster]()
STAY_AT_HOME = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-quic"),
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests that take minutes, too")
    parser.addoption("--database", choices=DATABASES, help="what stores the rows; SQLite if nothing is said")


def pytest_configure(config: pytest.Config) -> None:
    """The database of this run. PostgreSQL is the server that CASEVAULT_TEST_POSTGRES names, else one of this run."""
    share_what_is_compiled()
    if hasattr(config, "workerinput"):
        return  # a process of a run inherits its environment
    os.environ[RUN] = str(os.getpid())
    os.environ[CHOICE] = config.getoption("--database") or chosen()
    if config.getoption("--long"):
        os.environ[LONG_RUN] = "1"
    if is_postgresql() and SERVER not in os.environ:
        folder = programs()
        if folder is None:
            raise pytest.UsageError("PostgreSQL is not there. On Debian: apt install postgresql")
        config.stash[CLUSTER] = Cluster(folder)
        os.environ[SERVER] = config.stash[CLUSTER].url


def pytest_unconfigure(config: pytest.Config) -> None:
    """The server of this run is gone with all that this process made on one."""
    leave()
    if CLUSTER in config.stash:
        del os.environ[SERVER]
        config.stash[CLUSTER].close()


def pytest_report_header() -> str | None:
    """The one line about what PostgreSQL is not asked again."""
    return f"without rows, so with SQLite only: {' '.join(sorted(WITHOUT_ROWS))}" if is_postgresql() else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is read stays until the end: to look through it for garbage, again and again, takes a third of the reading."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """On PostgreSQL what keeps no rows is not even read, unless it is asked for by name: then each test says why not."""
    return True if is_postgresql() and _is_among(collection_path, WITHOUT_ROWS) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `long` wait for `--long`, those of one database for it; PostgreSQL needs no test that keeps no rows.
    Files that take long come first.
    """
    items.sort(key=lambda item: not _is_among(item.path, LONG))
    other = "sqlite" if is_postgresql() else "postgresql"
    for item in items:
        if is_postgresql() and (_has(item, "browser", "once") or _is_among(item.path, WITHOUT_ROWS)):
            item.add_marker(pytest.mark.skip(reason="is the same on any database: runs with SQLite"))
        if item.get_closest_marker("long") and not config.getoption("--long"):
            item.add_marker(pytest.mark.skip(reason="takes minutes: give --long"))
        if item.get_closest_marker(other):
            item.add_marker(pytest.mark.skip(reason=f"is about {other}: give --database {other}"))


def _has(item: pytest.Item, *markers: str) -> bool:
    return any(item.get_closest_marker(name) for name in markers)


def _is_among(path: Path, places: set[str]) -> bool:
    if path == TESTS or not path.is_relative_to(TESTS):
        return False
    place = path.relative_to(TESTS)
    return place.parts[0] in places or place.as_posix() in places


@pytest.fixture(scope="session")
def need() -> Callable[[str, bool], None]:
    """`need(tool, present)`: a missing tool skips the test with its name; where CI is set it fails."""

    def ask(tool: str, present: bool) -> None:
        if present:
            return
        if IN_CI:
            pytest.fail(f"{tool} is not there and CI needs it")
        pytest.skip(f"{tool} is not there")

    return ask


@pytest.fixture(scope="session")
def node_packages(need: Callable[[str, bool], None]) -> Path:
    """The folder tests/node with what its lock file names installed (once, whichever process comes first)."""
    need("node and npm", bool(shutil.which("node") and shutil.which("npm")))
    folder = TESTS / "node"
    wanted, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    with wanted.open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            need(
                f"what tests/node/package-lock.json names ({done.stderr.strip()[-200:]})",
                done.returncode == 0,
            )
    return folder


@pytest.fixture(scope="module")
def chromium(need: Callable[[str, bool], None]) -> Iterator[Browser]:
    """A Chromium that calls nobody by itself. One for each file: its driver keeps an event loop while it lives."""
    program = shutil.which("chromium")
    need("chromium", program is not None)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=STAY_AT_HOME)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def moto() -> Iterator[Server]:
    """An S3 server that knows what AWS knows, and little of locks."""
    from tests.buckets import known_to_boto3, running_moto

    with known_to_boto3(), running_moto() as server:
        yield server


@pytest.fixture(scope="session")
def ceph(need: Callable[[str, bool], None]) -> Iterator[Server]:
    """A real S3 server. It keeps locks, and does not know conditional writes in buckets with versions."""
    from tests.buckets import known_to_boto3, radosgw

    need("Ceph (apt install ceph-mon ceph-osd radosgw)", is_installed())
    with known_to_boto3():
        yield radosgw()


@pytest.fixture
def clock() -> SettableClock:
    """The vault's clock. It stands still until a test moves it."""
    return SettableClock()


@pytest.fixture
def runtime(tmp_path: Path, clock: SettableClock) -> Iterator[Runtime]:
    """A whole vault: the databases of this run, a file keyring, objects in memory, cheap passwords, a bell that records."""
    from tests.factory import new_runtime

    with new_runtime(tmp_path, clock) as running:
        yield running


@pytest.fixture
def make(runtime: Runtime, clock: SettableClock) -> Factory:
    """Made-up people and things: `make.person(Role.AUDITOR)`, `make.actor(person)`."""
    from tests.factory import Factory

    return Factory(runtime, clock)


@pytest.fixture
def act(runtime: Runtime) -> Callable[[Actor], AbstractContextManager[Transaction]]:
    """`with act(actor) as tx:` is one transaction of that actor."""
    return runtime.transaction


@pytest.fixture
def trail(runtime: Runtime) -> Callable[[], list[str]]:
    """`trail()` is the names of all events in the audit log, oldest first."""
    from sqlalchemy import select

    from vault.audit.models import AuditEntry

    def names() -> list[str]:
        with runtime.session() as session:
            return list(session.scalars(select(AuditEntry.event).order_by(AuditEntry.number)))

    return names


@pytest.fixture
def tamper(runtime: Runtime) -> Callable[..., None]:
    """`tamper(row, column=value)` writes to the database as a thief with its password would, past every check."""

    from sqlalchemy import update

    def write(row: Any, **columns: Any) -> None:
        change = update(type(row)).where(type(row).id == row.id).values(columns)
        with runtime.engine.begin() as connection, unchecked(connection, row.__tablename__):
            connection.execute(change)

    return write


@pytest.fixture
def app(runtime: Runtime) -> Flask:
    """The web application around `runtime`."""
    from tests.applications import app_around

    return app_around(runtime)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without script that keeps its cookies."""
    return app.test_client()
