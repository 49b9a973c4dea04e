"""A real worker over the embedded queue, and what keeps it from sharing or losing things."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.databases import bare_database, make_tables
from vault.db import Base, make_engine
from vault.jobs import Bell, Job, enqueue
from worker.application import PerProcess, make_app

PROGRAM = Path(__file__).with_name("small_worker.py")
ROOT = PROGRAM.parents[2]
OPTIONS = [
    "worker",
    "--beat",
    "--concurrency=2",
    "--without-mingle",
    "--without-gossip",
    "--loglevel=warning",
]


@pytest.fixture
def database(tmp_path):
    with bare_database(tmp_path) as url:
        make_tables(url, Base.metadata, tables=[Job.__table__])
        engine = make_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def worker(tmp_path, database):
    """A worker process with two children and beat; killed at the end, with all of them."""
    url = database.url.render_as_string(hide_password=False)
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM), str(tmp_path), *OPTIONS],
            env=os.environ | {"PYTHONPATH": str(ROOT), "CASEVAULT_DATABASE_URL": url},
            cwd=tmp_path,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        yield process
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def queue(database, number: int, name: str = "write") -> Job:
    now = datetime.now(UTC)
    with Session(database, expire_on_commit=False) as session, session.begin():
        return enqueue(session, name, None, now, details={"number": number})


def states_until(database, worker, is_right) -> dict[str, str]:
    """The state of each job by its name, when it is right or half a minute has passed."""
    deadline, states = time.monotonic() + 30, {}
    while time.monotonic() < deadline and worker.poll() is None and not is_right(states):
        time.sleep(0.1)
        with Session(database) as session, session.begin():
            states = dict(session.execute(select(Job.name, Job.state)).all())
    return states


def test_a_worker_does_what_is_rung_for_and_finds_what_is_not(tmp_path, database, worker, caplog):
    bell = Bell("filesystem://", tmp_path)
    rung = [queue(database, number) for number in range(20)]
    lost = queue(database, 99)  # nobody rings for this one
    for job in rung:
        bell.ring(job.id)
        bell.ring(job.id)  # a doubled message does nothing
    bell.ring_sweep()

    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and worker.poll() is None:
        with Session(database) as session, session.begin():
            states = dict(session.execute(select(Job.id, Job.state).where(Job.name == "write")).all())
        if set(states.values()) == {"done"}:
            break
        time.sleep(0.1)

    assert set(states.values()) == {"done"}, (tmp_path / "worker.log").read_text()
    assert lost.id in states
    assert caplog.records == []
    written = [line.split() for line in (tmp_path / "written").read_text().splitlines()]
    assert sorted(int(number) for number, _ in written) == [*range(20), 99]
    assert str(worker.pid) not in {process for _, process in written}
    assert (tmp_path / "tmp").stat().st_mode & 0o777 == 0o700
    assert not list((tmp_path / "tmp").glob("*.msg"))


def test_a_job_may_take_long_while_it_says_so_and_its_process_ends_when_it_does_not(
    tmp_path, database, worker
):
    bell = Bell("filesystem://", tmp_path)
    for number, name in enumerate(("hang", "go on")):
        bell.ring(queue(database, number, name).id)
    states = states_until(database, worker, lambda states: states.get("go on") == "done")
    assert states == {"hang": "running", "go on": "done"}, (tmp_path / "worker.log").read_text()
    written = dict(line.split() for line in (tmp_path / "written").read_text().splitlines())
    assert not Path("/proc", written["0"]).exists()
    bell.ring(queue(database, 2).id)
    assert states_until(database, worker, lambda states: states.get("write") == "done")["write"] == "done"


def test_the_app_takes_nothing_but_json_and_keeps_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", None)
    app = make_app("filesystem://", tmp_path, lambda: None)
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_ignore_result
    assert app.conf.task_acks_late
    assert app.conf.worker_prefetch_multiplier == 1
    assert not app.conf.worker_enable_remote_control
    assert not app.conf.worker_send_task_events
    assert {name for name in app.tasks if not name.startswith("celery.")} == {
        "casevault.run_job",
        "casevault.sweep",
    }


def test_a_process_opens_one_runtime_and_a_forked_one_its_own():
    opened = []
    runtime = PerProcess(lambda: opened.append(os.getpid()) or object())
    threads = [threading.Thread(target=runtime) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == [os.getpid()]

    fork = os.fork()
    if fork == 0:  # pragma: no cover (measured in the parent only)
        runtime()
        os._exit(0 if opened[1:] == [os.getpid()] else 1)
    assert os.waitpid(fork, 0)[1] == 0
    assert len(opened) == 1


def test_a_worker_knows_every_table_before_its_first_job():
    """`people.forget` asks all tables that refer to sessions: one that the worker does not know would be passed over."""
    program = """
from vault.db import Base
from vault.handlers import import_handlers

import_handlers()
known = set(Base.metadata.tables)
from vault import models

assert known == set(models.METADATA.tables), set(models.METADATA.tables) - known
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
