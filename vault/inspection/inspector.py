"""The child process's keeper: starts it when needed, asks it, replaces it when it is old, slow or dead."""

from __future__ import annotations

import atexit
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from vault.errors import Busy, Invalid, WrongType
from vault.inspection.formats import (
    BY_ENDING,
    HEAD_BYTES,
    REFUSED_ENDINGS,
    Format,
    MediaType,
    ending_of,
    sentence,
    shown,
)

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
CHILD = (sys.executable, "-P", "-B", "-m", "vault.inspection.child")
NO_LIBRARY = 3
LONGEST_CODE = 32


class _Silent(Exception):
    """The child gave no usable answer."""


class Inspector:
    """Keeps one child, asked by one thread at a time; an answer takes a few milliseconds.

    `library` is "" for the system's libmagic, falling back to the wheel's, or "wheel". `patience` in seconds.
    """

    def __init__(
        self,
        library: str = "",
        command: Sequence[str] = CHILD,
        patience: float = 5.0,
        most_requests: int = 200,
    ) -> None:
        self._command = tuple(command)
        self._environment = {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "CASEVAULT_LIBMAGIC": library}
        self._patience = patience
        self._most_requests = most_requests
        self._start_anew()

    def inspect_head(self, head: bytes, file_name: str) -> MediaType:
        """What the file is, from its first (up to 64 KiB) plaintext bytes and its name, which must agree.

        Raises `Invalid` for an empty file, `WrongType` with a sentence for people for anything not accepted
        or not checkable, `Busy` when the child cannot be had just now.
        """
        if not head:
            raise Invalid(sentence("empty", file_name))
        expected = _expected(file_name)
        try:
            code = self._ask(head[:HEAD_BYTES])
        except _Silent:
            raise WrongType(sentence("unchecked", file_name)) from None
        if code not in expected.contents:
            raise _refusal(code, expected, file_name)
        return expected.media

    def close(self) -> None:
        """End the child, if there is one."""
        with self._lock:
            self._dismiss()

    @property
    def child_id(self) -> int | None:
        """The child's process id while there is one."""
        return self._child.pid if self._child else None

    def forget_child(self) -> None:
        """In a forked process: let go of the parent's child without ending it, and of a lock it holds."""
        if self._socket:
            self._socket.close()
        if self._child:
            self._child.returncode = 0  # not this process's to wait for
        self._start_anew()

    def _start_anew(self) -> None:
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._requests = 0

    def _ask(self, head: bytes) -> str:
        if not self._lock.acquire(timeout=2 * self._patience):
            raise Busy("Files cannot be checked just now. Try again in a moment.", retry_after=2)
        try:
            channel = self._channel()
            self._requests += 1
            return _exchange(channel, head, self._patience)
        except (OSError, ValueError) as fault:
            self._dismiss()
            log.warning("the inspection process gave no answer and was replaced: %s", type(fault).__name__)
            raise _Silent from fault
        finally:
            self._lock.release()

    def _channel(self) -> socket.socket:
        """The socket to a child that is alive and not worn out."""
        if self._requests >= self._most_requests or (self._child and self._child.poll() is not None):
            self._dismiss()
        if self._socket is None:
            try:
                self._socket, theirs = socket.socketpair()
                with theirs:
                    self._child = self._started(theirs)
            except OSError as fault:
                self._dismiss()
                raise Busy(
                    "Files cannot be checked just now. Try again in a moment.", retry_after=5
                ) from fault
        return self._socket

    def _started(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        """A child that holds its end of the socket, nothing else of ours, and none of our environment."""
        return subprocess.Popen(  # noqa: S603 (a fixed command)
            self._command,
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,
            env=self._environment,
            cwd="/",
            close_fds=True,
            start_new_session=True,
        )

    def _dismiss(self) -> None:
        if self._socket:
            self._socket.close()
        if self._child:
            self._child.kill()
            if self._child.wait() == NO_LIBRARY:
                log.error("no libmagic was found: neither the system nor the pylibmagic package has one")
        self._child = self._socket = None
        self._requests = 0


def promised_media(file_name: str) -> MediaType:
    """What a name says that its file is; `WrongType` if that is nothing that is accepted."""
    return _expected(file_name).media


def _expected(file_name: str) -> Format:
    """The format that the name promises; `WrongType` if none that is accepted."""
    ending = ending_of(file_name)
    if ending in BY_ENDING:
        return BY_ENDING[ending]
    if ending in REFUSED_ENDINGS:
        reason, instead = REFUSED_ENDINGS[ending]
        raise WrongType(sentence(reason, file_name, ending=instead))
    raise WrongType(sentence("ending" if ending else "no-ending", file_name, ending=shown(ending, 12)))


def _refusal(code: str, expected: Format, file_name: str) -> WrongType:
    """Why a content with this code is not what the name promises."""
    ending = expected.media.extension
    special = {
        ("junk", "pdf"),
        ("macros", "docx"),
        ("macros", "xlsx"),
        ("locked", "docx"),
        ("locked", "xlsx"),
    }
    if (code, ending) in special:
        reason = code
    elif ending == "txt":
        reason = "markup" if code == "markup" else "encoding"
    else:
        reason = "mismatch"
    return WrongType(sentence(reason, file_name, phrase=expected.phrase, ending=ending))


def _exchange(channel: socket.socket, head: bytes, patience: float) -> str:
    """One frame out, one frame in, both within `patience` seconds. OSError or ValueError when that fails."""
    deadline = time.monotonic() + patience
    channel.settimeout(patience)
    channel.sendall(len(head).to_bytes(4, "big") + head)
    length = int.from_bytes(_received(channel, 4, deadline), "big")
    if length > LONGEST_CODE:
        raise ValueError("an answer is a short code")
    return _received(channel, length, deadline).decode("ascii")


def _received(channel: socket.socket, length: int, deadline: float) -> bytes:
    content = b""
    while len(content) < length:
        channel.settimeout(max(deadline - time.monotonic(), 0.001))
        piece = channel.recv(length - len(content))
        if not piece:
            raise ConnectionError("the inspection process has ended")
        content += piece
    return content


_inspector = Inspector(os.environ.get("CASEVAULT_LIBMAGIC", ""))
os.register_at_fork(after_in_child=_inspector.forget_child)
atexit.register(_inspector.close)


def inspect_head(head: bytes, file_name: str) -> MediaType:
    """`Inspector.inspect_head` of this process's own inspector."""
    return _inspector.inspect_head(head, file_name)
