"""`casevault up`: web, worker and beat as children of one process, started together and stopped together."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import IO

from vault.errors import Conflict
from vault.settings import Settings

GRACE_SECONDS = 20.0
PARENT_DEATH_SIGNAL = 1


def web_command(settings: Settings) -> list[str]:
    """gunicorn with our worker; it closes abandoned streams at once and passes torn bodies on to us.

    It believes no header about whom it talks to: that is the application's to do, by its own setting.
    """
    command = [sys.executable, "-m", "gunicorn", "wsgi:app", "--worker-class=vault.serving.PacedWorker"]
    command += ["--no-control-socket", "--log-level=warning", "--graceful-timeout=15", "--no-sendfile"]
    command += [f"--bind={settings.bind}", f"--workers={settings.web_processes}"]
    command += [f"--threads={settings.web_threads}", "--worker-connections=500", "--keep-alive=20"]
    command += [f"--worker-tmp-dir={settings.data / 'tmp'}", "--forwarded-allow-ips=", "--forwarder-headers="]
    if settings.tls_cert and settings.tls_key:
        command += [f"--certfile={settings.tls_cert}", f"--keyfile={settings.tls_key}"]
    return command


def worker_command(with_beat: bool) -> list[str]:
    """One Celery worker for all queues; embedded, it also keeps the beat."""
    command = [sys.executable, "-m", "celery", "--app=worker.celery", "--quiet", "worker"]
    command += ["--without-mingle", "--without-gossip", "--concurrency=1", "--pool=prefork"]
    command += ["--loglevel=warning"]
    if with_beat:
        command.append("--beat")
    return command


def child_environment(settings: Settings) -> dict[str, str]:
    """Our environment, with temporary files kept inside the data folder (only job ids ever pass through it)."""
    from vault.__main__ import ROOT

    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "CASEVAULT_DATA": str(settings.data),
        "TMPDIR": str(settings.data / "tmp"),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
    }


def ensure_free(bind: str) -> None:
    """`Conflict` when somebody else listens where we want to."""
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError:
            message = f"{bind} is in use. Stop what runs there, or set CASEVAULT_BIND to another port."
            raise Conflict(message) from None


def _stop_with_parent() -> None:
    """In the child: be asked to stop when the parent is gone, even if it was killed (Linux, prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGTERM)


def hold_data_folder(data: Path) -> IO[str]:
    """The data folder is ours while the answer lives; `Conflict` when another `up` holds it."""
    held = (data / "up.lock").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise Conflict(f"Another `up` runs on {data}. Stop it first, or set CASEVAULT_DATA.") from None
    return held


class Supervisor:
    """The children of `up`. When one ends or a signal comes, all are asked to stop, then made to."""

    def __init__(self, commands: Sequence[Sequence[str]], environment: dict[str, str]) -> None:
        self._commands = commands
        self._environment = environment
        self._children: list[subprocess.Popen[bytes]] = []
        self._stopping = False

    def run(self) -> int:
        """Start all, wait, stop all; the exit code is 0 when we were asked to stop."""
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGINT, self._ask_to_stop)
        for command in self._commands:
            # A session of its own: Ctrl-C reaches us alone, and we pass it on in order.
            child = subprocess.Popen(  # noqa: S603
                command, env=self._environment, start_new_session=True, preexec_fn=_stop_with_parent
            )
            self._children.append(child)
        while not self._stopping and all(child.poll() is None for child in self._children):
            time.sleep(0.2)
        died = not self._stopping
        self._stop_all()
        return 1 if died else 0

    def _ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _stop_all(self) -> None:
        print("Stopping…", file=sys.stderr, flush=True)
        for child in self._children:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self._children:
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        print("Stopped.", file=sys.stderr, flush=True)
