"""A whole vault as people start it: `python -m vault up` in a process of its own, asked to stop at the end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.places import ROOT

CHEAP_PASSWORDS = {
    "CASEVAULT_ARGON2_MEMORY_KIB": "19456",
    "CASEVAULT_ARGON2_TIME": "1",
    "CASEVAULT_ARGON2_LANES": "1",
}
ONE_PROCESS = {"CASEVAULT_WEB_PROCESSES": "1"}
"""Each process loads all of the vault: where one is enough, another only costs seconds."""
AS_SET_UP = {"CASEVAULT_WEB_PROCESSES": "2"}
START_SECONDS, STOP_SECONDS = 90, 40


@dataclass(frozen=True)
class RunningVault:
    """One vault at `url`, all of it below `data`."""

    url: str
    data: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    def printed(self) -> str:
        """What `up` has written to its standard output until now: the first administrator's link, or nothing."""
        return (self.data.parent / "stdout").read_text(encoding="utf-8").strip()

    def demo(self) -> dict[str, Any]:
        """What `up --demo` tells: people, passwords, links."""
        told: dict[str, Any] = json.loads((self.data / "demo.json").read_text(encoding="utf-8"))
        return told

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`casevault WORDS` beside the running vault."""
        command = [sys.executable, "-m", "vault", *words]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)


@contextmanager
def running_vault(folder: Path, *options: str, **settings: str) -> Iterator[RunningVault]:
    """Start a vault with an empty data folder; at the end SIGTERM must end it well and leave no child.

    `settings` are more variables of its environment, by their whole names. One process answers, unless they say otherwise.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{probe.getsockname()[1]}"
    data = folder / "data"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CASEVAULT_")}
    environment = (
        kept
        | CHEAP_PASSWORDS
        | ONE_PROCESS
        | settings
        | {"CASEVAULT_DATA": str(data), "CASEVAULT_BIND": bind}
    )
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as errors:
        command = [sys.executable, "-m", "vault", "up", *options]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=errors)
    vault = RunningVault(f"http://{bind}", data, environment, process)
    try:
        _wait_for(vault, folder / "stderr")
        yield vault
    finally:
        children = children_of(process.pid)
        process.send_signal(signal.SIGTERM)
        code = process.wait(STOP_SECONDS)
    assert code == 0, (folder / "stderr").read_text(encoding="utf-8")
    assert children, "nothing ran"
    assert not [pid for pid in children if _is_running(pid)]


def _wait_for(vault: RunningVault, errors: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and vault.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{vault.url}/healthz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"The vault did not start: {errors.read_text(encoding='utf-8')}")


def children_of(pid: int) -> dict[int, int]:
    """Children of a process, their children, and so on, each with its parent."""
    parents = {child: int(fields[1]) for child in _all_processes() if (fields := _fields(child))}
    found, newest = dict[int, int](), {pid}
    while newest:
        newest = {child for child, parent in parents.items() if parent in newest}
        found |= {child: parents[child] for child in newest}
    return found


def _all_processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _is_running(pid: int) -> bool:
    """False for a process that is gone, and for one that only waits to be taken note of."""
    fields = _fields(pid)
    return bool(fields) and fields[0] != "Z"


def _fields(pid: int) -> list[str]:
    """State, parent and so on of a process (proc(5)); none when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return []
