"""How long a client may make us wait: a credit of seconds that bytes earn back, and a socket that keeps to it."""

from __future__ import annotations

import errno
import fcntl
import socket
import ssl
import struct
import termios
import time
from dataclasses import dataclass
from typing import Any

from vault.settings import Settings

RATE = 1024
"""Bytes that earn one second."""
LOOK_EVERY = 1.0
"""Seconds after which we look at what a slow reader has taken."""
PROMPT = 0.1
"""Seconds of waiting that are not worth counting."""


class TooSlow(ConnectionResetError):
    """The client's credit is spent. The server closes the connection, as for one that the client reset."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the client is too slow")


@dataclass(frozen=True)
class Patience:
    """Seconds: for the head of a request; of credit while a body arrives; of credit while an answer is taken."""

    head: float = 10.0
    body: float = 30.0
    reader: float = 60.0

    @classmethod
    def of(cls, settings: Settings) -> Patience:
        """What the settings say."""
        return cls(
            settings.head_patience.total_seconds(),
            settings.body_patience.total_seconds(),
            settings.reader_patience.total_seconds(),
        )


class Credit:
    """Seconds that may still be waited, never more than at the beginning."""

    def __init__(self, whole: float) -> None:
        self._whole = self.left = whole

    def check(self) -> float:
        """The seconds that are left; `TooSlow` when none are."""
        if self.left <= 0:
            raise TooSlow
        return self.left

    def spend(self, waited: float, moved: int) -> None:
        """So long was waited, and so many bytes came or went."""
        self.left = min(self._whole, self.left - waited + moved / RATE)


class PacedSocket:
    """A client's socket, plain or TLS, as a server's thread uses it: whatever waits on it spends credit.

    The clock runs only while the thread waits for the client: a slow disk or lock of ours costs the client nothing.
    """

    def __init__(self, line: socket.socket, patience: Patience) -> None:
        self._line, self._patience = line, patience
        self._is_tls = isinstance(line, ssl.SSLSocket)
        self.begin()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    def fileno(self) -> int:
        return int(self._line.fileno())

    def begin(self) -> None:
        """A request begins: credits are whole again."""
        self._sending, self._taking = Credit(self._patience.body), Credit(self._patience.reader)
        self._handed = self._seen_taken = 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """At most `size` bytes, b"" at the end of the line. `TooSlow` when the credit is spent."""
        begun = self._allow(socket.SO_RCVTIMEO, self._sending.check())
        try:
            piece = self._line.recv(size, flags)
        except (TimeoutError, BlockingIOError):
            raise TooSlow from None
        self._sending.spend(time.monotonic() - begun, len(piece))
        return piece

    def recv_into(self, view: memoryview) -> int:
        """Fill `view`, in one call of the system where that is possible; 0 at the end of the line, else as `recv`."""
        begun = self._allow(socket.SO_RCVTIMEO, self._sending.check())
        try:
            count = self._line.recv_into(view, 0, 0 if self._is_tls else socket.MSG_WAITALL)
        except (TimeoutError, BlockingIOError):
            raise TooSlow from None
        self._sending.spend(time.monotonic() - begun, count)
        return count

    def send(self, piece: bytes | memoryview) -> int:
        """Hand over what fits, at least one byte. `TooSlow` when the reader takes too little for too long."""
        while True:
            begun = self._allow(socket.SO_SNDTIMEO, min(LOOK_EVERY, self._taking.check()))
            try:
                sent = self._line.send(piece)
            except (TimeoutError, BlockingIOError):
                sent = 0
            self._handed += sent
            waited = time.monotonic() - begun
            if waited > PROMPT:
                self._taking.spend(waited, self._newly_taken())
            if sent or not piece:
                return sent

    def sendall(self, content: bytes | memoryview) -> None:
        """Hand over everything; else as `send`."""
        view = memoryview(content)
        while view:
            view = view[self.send(view) :]

    def _newly_taken(self) -> int:
        """Bytes that the reader's side has acknowledged since we last looked: what is handed over and not queued.

        A large send buffer shows room only after a long while, so it cannot tell a slow reader from a dead one.
        """
        try:
            queued = int(struct.unpack("i", fcntl.ioctl(self._line, termios.TIOCOUTQ, bytes(4)))[0])
        except OSError:  # a system that does not say: what it took from us counts
            queued = 0
        taken, before = self._handed - queued, self._seen_taken
        self._seen_taken = taken
        return max(0, taken - before)

    def _allow(self, option: int, seconds: float) -> float:
        """The next call waits at most so long. Gives the time at which it begins."""
        seconds = max(0.001, seconds)
        if self._is_tls:
            self._line.settimeout(seconds)
        else:
            whole = int(seconds)
            self._line.setsockopt(
                socket.SOL_SOCKET, option, struct.pack("ll", whole, int((seconds - whole) * 1e6))
            )
        return time.monotonic()
