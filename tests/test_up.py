"""`up` on the databases of this run: web, worker and beat do their work on them, and nothing is left elsewhere."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest

from tests.browser.running import AS_SET_UP, RunningVault, children_of, running_vault
from tests.databases import bare_pair, is_postgresql
from vault.supervisor import MOST_ENDS, Supervisor


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningVault]:
    """One that stops well at the end, whatever was done to it."""
    folder = tmp_path_factory.mktemp("up")
    with (
        bare_pair(folder / "data") as pair,
        running_vault(folder, **AS_SET_UP, **pair.environment) as running,
    ):
        yield running


def test_a_vault_starts_and_works(vault):
    with urllib.request.urlopen(f"{vault.url}/readyz", timeout=5) as answer:
        assert answer.status == 200
    assert "/enrolment/" in vault.printed()
    end = time.monotonic() + 60
    while "clock.keep_pace" not in (done := periodic_jobs_done(vault)) and time.monotonic() < end:
        time.sleep(1)
    assert "clock.keep_pace" in done
    found = json.loads(vault.command("check", "--json").stdout)
    assert not [each for each in found if each["state"] == "failed"]
    verified = vault.command("audit", "verify", "--json")
    assert (verified.returncode, json.loads(verified.stdout)["status"]) == (0, "ok")
    kept = {path.name for path in vault.data.rglob("*.sqlite")}
    assert bool(kept) is not is_postgresql()


def periodic_jobs_done(vault) -> set[str]:
    """The jobs that a worker has done by itself."""
    listed = vault.command("jobs", "list", "--json")
    return {job["name"] for job in json.loads(listed.stdout) if job["state"] == "done"}


@pytest.mark.sqlite  # who starts parts again asks no database
def test_a_part_that_is_killed_is_named_and_started_again(vault):
    before = direct_children(vault)
    assert len(before) == 2
    for part in before:
        os.kill(part, signal.SIGKILL)
    eventually(lambda: len(direct_children(vault) - before) == 2)
    eventually(lambda: answers(vault))
    said = (vault.data.parent / "stderr").read_text()
    assert "gunicorn ended by itself (signal 9)." in said
    assert "celery ended by itself (signal 9)." in said


@pytest.mark.sqlite
def test_a_part_that_does_not_stay_up_ends_everything(capfd):
    other = [sys.executable, "-c", "import time; time.sleep(600)"]
    code = Supervisor([[sys.executable, "-m", "no_such_module"], other], dict(os.environ)).run()
    said = capfd.readouterr().err
    assert code == 1
    assert said.count("no_such_module ended by itself (exit code 1).") == MOST_ENDS
    assert "no_such_module does not stay up" in said


def direct_children(vault) -> set[int]:
    return {child for child, parent in children_of(vault.process.pid).items() if parent == vault.process.pid}


def answers(vault) -> bool:
    try:
        with urllib.request.urlopen(f"{vault.url}/readyz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def eventually(check) -> None:
    end = time.monotonic() + 60
    while not check() and time.monotonic() < end:
        time.sleep(0.2)
    assert check()
