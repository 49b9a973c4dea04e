"""Two workers with a beat each archive a case, while they are killed and their broker is emptied: done once, all of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_server

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotThere
from sqlalchemy import func, select, update

from tests.archiving import Archivings
from tests.databases import bare_pair, is_postgresql
from tests.factory import Factory, test_settings
from tests.fakes import SettableClock
from vault.archive.packaging import STEPS
from vault.archive.receipting import receipt_name
from vault.assembly import open_runtime, set_up
from vault.audit.models import AuditEntry
from vault.jobs import DONE, RUNNING, Job
from vault.runtime import Runtime
from vault.settings import Settings
from vault.stores import archive_of

PROGRAM = Path(__file__).with_name("whole_worker.py")
ROOT = PROGRAM.parents[2]
OPTIONS = ["--quiet", "worker", "--beat", "--concurrency=1", "--without-mingle", "--without-gossip"]
PATIENCE = 120


@dataclass(frozen=True)
class Broker:
    """Its address, and an act after which it has forgotten everything."""

    url: str
    forget: Callable[[], object]


@pytest.fixture
def broker(request, tmp_path) -> Iterator[Broker]:
    """The embedded one beside SQLite, Redis beside PostgreSQL, as they are used."""
    if not is_postgresql():
        messages = tmp_path / "vault" / "queue" / "messages"
        yield Broker("filesystem://", lambda: [each.unlink(missing_ok=True) for each in messages.iterdir()])
        return
    request.getfixturevalue("need")("Redis (apt install redis-server)", bool(shutil.which("redis-server")))
    with redis_server(tmp_path) as url:
        yield Broker(url, Redis.from_url(url).flushall)


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """A real one that keeps nothing, on a free port of loopback."""
    with create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        while True:
            try:
                Redis(port=port).ping()
                break
            except NotThere:
                assert server.poll() is None
                time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
        server.kill()


@pytest.fixture
def runtime(tmp_path, broker) -> Iterator[Runtime]:
    """A vault that was set up on disk, whose bell is real."""
    folder = tmp_path / "vault"
    folder.mkdir()
    with bare_pair(folder) as pair:
        settings = test_settings(folder, **pair.settings, broker_url=broker.url)
        set_up(settings)
        runtime = open_runtime(settings, clock=SettableClock(datetime.now(UTC) - timedelta(minutes=1)))
        yield runtime
        runtime.close()


def start(settings: Settings, number: int) -> subprocess.Popen[bytes]:
    known = {
        "PYTHONPATH": str(ROOT),
        "CASEVAULT_DATA": str(settings.data),
        "CASEVAULT_DATABASE_URL": settings.database_url,
        "CASEVAULT_KEYSTORE_URL": settings.keystore_url,
        "CASEVAULT_BROKER_URL": settings.broker_url,
    }
    with (settings.data / f"worker{number}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM), *OPTIONS, f"--hostname=w{number}@here"],
            env=os.environ | known,
            cwd=settings.data,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def kill(worker: subprocess.Popen[bytes]) -> None:
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def ten_minutes_pass(runtime: Runtime) -> None:
    """For jobs whose worker was killed: nobody holds them any more."""
    with runtime.session() as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        session.execute(update(Job).where(Job.state == RUNNING).values(lease_until=past))


def test_two_workers_and_beats_archive_a_case_whoever_is_killed_and_whatever_is_forgotten(runtime, broker):
    office = Archivings(Factory(runtime, runtime.clock))
    closure = office.closed()
    workers = [start(runtime.settings, number) for number in range(2)]
    try:
        office.archive(closure)
        broker.forget()
        for number in (0, 1):
            jobs_done(runtime, 3 * (number + 1))
            kill(workers[number])
            broker.forget()
            ten_minutes_pass(runtime)
            workers[number] = start(runtime.settings, number)
        jobs_done(runtime, 12)
        assert office.state(closure) == "archived"
    finally:
        for worker in workers:
            kill(worker)
    rows = office.packages(closure)
    names = sorted(name for row in rows for name in (row.object_name, receipt_name(row)))
    assert sorted(archive_of(runtime).names("packages/")) == names
    assert not list(archive_of(runtime).partial_names())
    with runtime.session() as session:
        told = dict(session.execute(select(AuditEntry.event, func.count()).group_by(AuditEntry.event)).all())
    assert [told[event] for event in ("package.stored", "package.receipted", "case.archived")] == [3, 3, 1]


def jobs_done(runtime: Runtime, wanted: int) -> None:
    """So many jobs of archiving were done; each worker that was killed lets go of what it had."""
    deadline = time.monotonic() + PATIENCE
    done = 0
    while done < wanted:
        logs = "".join(path.read_text() for path in runtime.settings.data.glob("worker*.log"))
        assert time.monotonic() < deadline, f"{done} of {wanted}\n{logs}"
        time.sleep(0.05)
        with runtime.session() as session:
            mine = select(func.count()).where(Job.name.in_(STEPS.values()), Job.state == DONE)
            done = session.scalar(mine) or 0
