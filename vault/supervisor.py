"""`casevault up`: web, worker and beat as children of one process: started, kept running and stopped together."""

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
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO

from vault.errors import Conflict
from vault.settings import Settings

GRACE_SECONDS = 20.0
MOST_ENDS, END_SECONDS = 3, 120.0
"""A part that ends this often within this time is broken, not unlucky."""
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
    command += ["--without-mingle", "--without-gossip", "--concurrency=2", "--pool=prefork"]
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


class Part:
    """One child of `up`: started, and started again a little later when it ends by itself."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self.name = command[2]  # python -m NAME
        self._command, self._environment = command, environment
        self._ends: list[float] = []
        self._again_at: float | None = None
        self.start()

    def start(self) -> None:
        """The part runs, in a session of its own: Ctrl-C reaches `up` alone, which passes it on in order."""
        self._again_at = None
        self.process = subprocess.Popen(  # noqa: S603
            self._command, env=self._environment, start_new_session=True, preexec_fn=_stop_with_parent
        )

    def keep_running(self) -> bool:
        """Start it again if it ended; False when it has ended `MOST_ENDS` times within `END_SECONDS`."""
        if self.process.poll() is None:
            return True
        now = time.monotonic()
        if self._again_at is None:
            self._note_end(now)
        elif now >= self._again_at:
            self.start()
        return len(self._ends) < MOST_ENDS

    def _note_end(self, now: float) -> None:
        with suppress(ProcessLookupError):  # its own children may have outlived it, and hold the port
            os.killpg(self.process.pid, signal.SIGKILL)
        self._ends = [end for end in self._ends if now - end < END_SECONDS] + [now]
        self._again_at = now + 2 ** len(self._ends) - 1
        code = self.process.returncode
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        print(f"{self.name} ended by itself ({how}).", file=sys.stderr, flush=True)


class Supervisor:
    """The children of `up`, kept running until a signal comes; then all are asked to stop, then made to."""

    def __init__(self, commands: Sequence[Sequence[str]], environment: dict[str, str]) -> None:
        self._commands = commands
        self._environment = environment
        self._parts: list[Part] = []
        self._stopping = False

    def run(self) -> int:
        """Start all, keep them running, stop all; 0 when we were asked to stop, 1 when a part does not stay up."""
        signal.signal(signal.SIGTERM, self._ask_to_stop)
        signal.signal(signal.SIGINT, self._ask_to_stop)
        self._parts = [Part(command, self._environment) for command in self._commands]
        fallen: Part | None = None
        while not self._stopping and fallen is None:
            time.sleep(0.2)
            fallen = next((part for part in self._parts if not (self._stopping or part.keep_running())), None)
        if fallen:
            print(
                f"{fallen.name} does not stay up; what it wrote above says why.", file=sys.stderr, flush=True
            )
        self._stop_all()
        return 1 if fallen else 0

    def _ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _stop_all(self) -> None:
        print("Stopping…", file=sys.stderr, flush=True)
        children = [part.process for part in self._parts]
        for child in children:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for child in children:
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        print("Stopped.", file=sys.stderr, flush=True)
