"""The zygote's keeper, one in each process that serves: starts it, asks it for processes, replaces it when it is gone."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import BoundedSemaphore, Lock

from vault.errors import Busy
from vault.inspection.confinement import DEFENCES
from vault.inspection.protocol import DICTATE, DRAW, END, HEAD, LETTERS, READY, RENDER, STAMP, WHOLE, WORDS

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from vault.inspection.zygote import main; main(sys.argv[2])"
)
COMMAND = (sys.executable, "-I", "-B", "-X", "utf8", "-c", START, str(ROOT))
NO_LIBRARY = 3
AT_ONCE = 4
"""Files looked at in one moment, by one web process; as many that have their first look, and as many that are shown: what
recipients ask for keeps no deposit waiting."""
_ROOM_OF = {HEAD: HEAD, **dict.fromkeys((RENDER, WORDS, STAMP, DRAW, LETTERS, DICTATE), RENDER)}


class Keeper:
    """`library` is "" for the system's libmagic, falling back to the wheel's, or "wheel". Times in seconds.

    `hello` is how long a process may take to say that it is there, `start` how long the zygote may.
    """

    def __init__(
        self, library: str = "", command: Sequence[str] = COMMAND, hello: float = 5.0, start: float = 30.0
    ) -> None:
        self._command = (*command, library)
        self._hello, self._start_patience = hello, start
        self._start_anew()

    def start(self) -> None:
        """The zygote is on its way; nobody waits for it yet. Where it cannot start now, the first look tries again."""
        with self._lock, suppress(OSError):
            self._ensure()

    @contextmanager
    def begin(self, task: bytes) -> Iterator[socket.socket]:
        """The socket to a process of its own, confined and at work; at the end of the block that process ends.

        `Busy` when there is none to be had.
        """
        room = self._room[_ROOM_OF.get(task, WHOLE)]
        if not room.acquire(timeout=self._start_patience):
            raise busy(2)
        try:
            number, ours = self._asked(task)
            try:
                with ours:
                    yield ours
            finally:
                self._send(END, number)
        finally:
            room.release()

    @property
    def zygote_id(self) -> int | None:
        """Its process id while there is one."""
        return self._zygote.pid if self._zygote else None

    def lives(self, zygote_id: int | None) -> bool:
        """Whether this is the zygote still, and alive: what it forks ends with it."""
        with self._lock:
            zygote = self._zygote
            return zygote is not None and zygote.pid == zygote_id and zygote.poll() is None

    def close(self) -> None:
        """End the zygote, if there is one, and whatever it forked."""
        with self._lock:
            self._dismiss()

    def forget(self) -> None:
        """In a forked process: let go of the parent's zygote without ending it, and of locks it holds."""
        if self._control:
            self._control.close()
        if self._zygote:
            self._zygote.returncode = 0  # not this process's to wait for
        self._start_anew()

    def _start_anew(self) -> None:
        self._lock = Lock()
        self._room = {task: BoundedSemaphore(AT_ONCE) for task in (HEAD, RENDER, WHOLE)}
        self._zygote: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._is_ready = False
        self._number = 0
        self.standing: frozenset[str] = frozenset()

    def _asked(self, task: bytes) -> tuple[int, socket.socket]:
        """A process that has said that it is there. A zygote that died meanwhile is replaced once."""
        for _ in range(2):
            try:
                number, ours = self._requested(task)
            except OSError:
                continue
            asked = self.zygote_id
            ours.settimeout(self._hello)
            try:
                hello = ours.recv(1)
            except OSError:
                hello = b""
            if hello:
                bits = hello[0]
                self.standing = frozenset(name for at, name in enumerate(DEFENCES) if bits >> at & 1)
                return number, ours
            ours.close()
            self._replace(asked)
        raise busy(5)

    def _requested(self, task: bytes) -> tuple[int, socket.socket]:
        with self._lock:
            control = self._ensure()
            if not self._is_ready:
                control.settimeout(self._start_patience)
                if control.recv(1) != READY:
                    self._dismiss()
                    raise ConnectionError
                self._is_ready = True
            self._number += 1
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    message = task + self._number.to_bytes(4, "big")
                    socket.send_fds(control, [message], [theirs.fileno()])
                except OSError:
                    ours.close()
                    self._dismiss()
                    raise
            return self._number, ours

    def _send(self, message: bytes, number: int) -> None:
        with self._lock, suppress(OSError):
            if self._control is not None:
                self._control.send(message + number.to_bytes(4, "big"))

    def _ensure(self) -> socket.socket:
        if self._zygote is not None and self._zygote.poll() is not None:
            self._dismiss()
        if self._control is None:
            self._control, theirs = socket.socketpair()
            with theirs:
                try:
                    self._zygote = _started(self._command, theirs)
                except OSError:
                    self._dismiss()
                    raise
        return self._control

    def _replace(self, zygote_id: int | None) -> None:
        with self._lock:
            if self.zygote_id == zygote_id:
                self._dismiss()
        log.warning("the inspection's zygote did not answer and was replaced")

    def _dismiss(self) -> None:
        if self._control:
            self._control.close()
        if self._zygote:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._zygote.pid, signal.SIGKILL)
            if self._zygote.wait() == NO_LIBRARY:
                log.error("no libmagic was found: neither the system nor the pylibmagic package has one")
        self._zygote = self._control = None
        self._is_ready = False


def _started(command: Sequence[str], theirs: socket.socket) -> subprocess.Popen[bytes]:
    """A zygote that holds its end of the socket, nothing else of ours, and none of our environment."""
    return subprocess.Popen(  # noqa: S603 (a fixed command)
        command,
        stdin=theirs.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        close_fds=True,
        start_new_session=True,
    )


def busy(seconds: int) -> Busy:
    """What is said when no process is to be had; worth trying again after so many seconds."""
    return Busy("Files cannot be checked just now. Try again in a moment.", retry_after=seconds)


KEEPER = Keeper(os.environ.get("CASEVAULT_LIBMAGIC", ""))
"""This process's own."""
os.register_at_fork(after_in_child=KEEPER.forget)
atexit.register(KEEPER.close)
