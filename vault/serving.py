"""The worker that gunicorn serves with: a thread only for those who have said what they want, patience for nobody else.

A connection waits in the loop, without a thread, until the head of its request is there, and with it a body of at most
`SHORT` bytes; then a thread serves it. While it is served, a client that makes the thread wait spends a credit of seconds
and earns one for each KiB it sends, or takes: whoever is slower than that for long loses the connection, which the
application sees as a body that breaks off. Each request begins with whole credits. TLS hands are shaken in the loop too.

`python3 -m gunicorn --worker-class=vault.serving.PacedWorker`; the seconds are settings (`vault.settings`).
"""

from __future__ import annotations

import errno
import io
import os
import re
import selectors
import socket
import ssl
import time
from concurrent.futures import Future
from contextlib import suppress
from enum import Enum, auto
from typing import Any

from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.http.body import LengthReader  # type: ignore[import-untyped]
from gunicorn.http.parser import RequestParser  # type: ignore[import-untyped]
from gunicorn.sock import ssl_context  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

from vault.inspection.keeper import KEEPER
from vault.pacing import PacedSocket, Patience
from vault.settings import Settings

SHORT = 16 * 1024
"""Bytes of a body that arrives whole before a thread sees it."""
LONGEST_HEAD = 64 * 1024
LINGER_SECONDS, LONGEST_LINGER = 2.0, 30.0
"""Of silence, and in all, until a connection is closed behind its last answer: a client that still sends would otherwise
be reset, and might never read that answer (RFC 9112 §9.6)."""
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,10})[ \t]*\r\n", re.IGNORECASE)
EXPECTS = re.compile(rb"\r\nexpect:", re.IGNORECASE)
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class State(Enum):
    """What a connection is to be done with."""

    WAITING = auto()
    READY = auto()
    TOO_LONG = auto()
    GONE = auto()


class Connection(TConn):  # type: ignore[misc]
    """One client: waiting for a request to be there, served by a thread, or leaving."""

    def __init__(self, worker: PacedWorker, line: socket.socket, client: Any, server: Any) -> None:
        super().__init__(worker.cfg, line, client, server)
        self.line = line
        if worker.tls is not None:
            ragged = worker.cfg.suppress_ragged_eofs
            self.line = worker.tls.wrap_socket(
                line, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=ragged
            )
        self._is_shaken = worker.tls is None
        self._patience = worker.patience
        self.sock = PacedSocket(self.line, worker.patience)
        self.data_ready = True
        self.initialized = False
        self.arrived = bytearray()
        self._head_end = -1
        self.deadline = time.monotonic() + worker.patience.head
        self.is_leaving = self.is_registered = False
        self._leave_by = 0.0

    def look(self) -> State:
        """Take what has arrived, without waiting."""
        if self._is_whole():
            return State.READY
        try:
            if not self._is_shaken:
                self.line.do_handshake()  # type: ignore[attr-defined]
                self._is_shaken = True
            while piece := self.line.recv(SHORT):
                self._take(piece)
                if self._is_whole():
                    return State.READY
                if self._head_end < 0 and len(self.arrived) > LONGEST_HEAD:
                    return State.TOO_LONG
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return State.WAITING
        except OSError:
            return State.GONE
        # The client has ended. A body that broke off is for the application to see.
        return State.READY if self._head_end >= 0 else State.GONE

    def hand_over(self) -> None:
        """From here on a thread has it: its request begins with whole credits."""
        self.init()
        self.parser.unreader.unread(bytes(self.arrived))
        self.arrived.clear()
        self._head_end = -1
        self.sock.begin()

    def init(self) -> None:
        """The parser exists. TLS is there already, and nothing but HTTP/1 is offered."""
        if not self.initialized:
            self.initialized = True
            self.parser = Requests(self.cfg, self.sock, self.client)

    def take_back(self, idle: float) -> None:
        """Answered: the next request may come, or have come with the one before, within `idle` seconds."""
        self.line.setblocking(False)
        self.deadline = time.monotonic() + idle
        if held := self.parser.unreader.take_buffered():
            self._take(held)

    def leave(self) -> State:
        """Our side is closed; what the client still sends is let pass by."""
        self.is_leaving = True
        self.deadline = time.monotonic() + LINGER_SECONDS
        self._leave_by = time.monotonic() + LONGEST_LINGER
        try:
            self.line.setblocking(False)
            self.line.shutdown(socket.SHUT_WR)
        except OSError:
            return State.GONE
        return self.drain()

    def drain(self) -> State:
        """Whether the client is still there after some of its leavings are thrown away."""
        try:
            for _ in range(8):
                if not self.line.recv(SHORT):
                    return State.GONE
                self.deadline = min(self._leave_by, time.monotonic() + LINGER_SECONDS)
        except (BlockingIOError, ssl.SSLWantReadError):
            return State.WAITING
        except OSError:
            return State.GONE
        return State.WAITING

    def _take(self, piece: bytes) -> None:
        if not self.arrived:
            self.deadline = time.monotonic() + self._patience.head
        searched = max(0, len(self.arrived) - 3)
        self.arrived += piece
        if self._head_end < 0 and (end := self.arrived.find(b"\r\n\r\n", searched)) >= 0:
            self._head_end = end + 4
            self.deadline = time.monotonic() + self._patience.body

    def _is_whole(self) -> bool:
        """Whether the head is there, and a short body. A length that is odd or doubled is for the parser to refuse."""
        if self._head_end < 0:
            return False
        head = self.arrived[: self._head_end]
        lengths = LENGTH.findall(head)
        length = int(lengths[0]) if len(lengths) == 1 else 0
        return length > SHORT or len(self.arrived) >= self._head_end + length or bool(EXPECTS.search(head))


class RawBody(io.RawIOBase):
    """A body of announced length, each read one call of the system.

    When the line breaks, what came before is given out first, as a short read; the next one raises.
    """

    def __init__(self, unreader: Any, length: int) -> None:
        held = unreader.take_buffered()
        unreader.unread(held[length:])
        self._line: PacedSocket = unreader.sock
        self._held, self._left = memoryview(held)[:length], length
        self._fault: OSError | None = None
        self.is_torn = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer, up to the end of the body; fewer bytes only when the line ended or grew slow."""
        view = memoryview(buffer)[: self._left]
        if self._held:
            count = min(len(view), len(self._held))
            view[:count] = self._held[:count]
            self._held = self._held[count:]
        else:
            count = self._received(view) if view else 0
        self._left -= count
        self.is_torn = not count and len(view) > 0
        return count

    def _received(self, view: memoryview) -> int:
        if self._fault:
            raise self._fault
        try:
            return self._line.recv_into(view)
        except OSError as fault:
            self._fault = fault
            return 0


class Body(io.BufferedReader):
    """A `RawBody` as WSGI wants it. What comes behind one that `failed` is no request: the connection is closed."""

    @property
    def failed(self) -> bool:
        raw: Any = self.raw
        return bool(raw.is_torn)


class Requests(RequestParser):  # type: ignore[misc]
    """The requests of one connection, with a faster body where its length is announced."""

    def __next__(self) -> Any:
        found = super().__next__()
        reader = found.body.reader
        if isinstance(reader, LengthReader) and reader.length:
            found.body = Body(RawBody(self.unreader, reader.length), SHORT)
        return found


class PacedWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threaded worker, whose connections wait for their requests in the loop."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.patience = Patience.of(Settings.from_env(os.environ))
        self.tls: ssl.SSLContext | None = None
        self._tls_stamp: tuple[int, ...] = ()
        self._waiting: set[Connection] = set()

    def init_process(self) -> None:
        self._load_certificate()
        KEEPER.start()
        super().init_process()

    def _load_certificate(self) -> None:
        """The certificate as it is now; one that was renewed needs no restart."""
        if not self.cfg.is_ssl:
            return
        try:
            stamp = tuple(os.stat(path).st_mtime_ns for path in (self.cfg.certfile, self.cfg.keyfile))
            if stamp != self._tls_stamp:
                self.tls, self._tls_stamp = ssl_context(self.cfg), stamp
        except OSError as fault:
            if self.tls is None:
                raise
            self.log.warning("The new certificate cannot be used yet: %s", fault)

    def accept(self, listener: socket.socket) -> None:
        """A new connection waits for its request."""
        try:
            line, client = listener.accept()
        except OSError as fault:
            if fault.errno in NO_ROOM:
                self.log.warning("No room for another connection: %s", fault)
                time.sleep(0.1)  # the listener stays readable: do not spin
                return
            if fault.errno in (errno.EAGAIN, errno.ECONNABORTED):
                return
            raise
        self.nr_conns += 1
        self._load_certificate()
        try:
            line.setblocking(False)
            conn = Connection(self, line, client, listener.getsockname())
        except OSError:  # gone before it was begun
            self.nr_conns -= 1
            line.close()
            return
        if self.nr_conns >= self.worker_connections and self._waiting:
            self._settle(min(self._waiting, key=lambda each: each.deadline), State.GONE)
        self._settle(conn, conn.look())

    def finish_request(self, conn: Connection, served: Future[Any]) -> None:
        """A thread is done with this connection (called in the loop)."""
        try:
            if not served.result():
                self._settle(conn, conn.leave())
                return
            conn.take_back(self.cfg.keepalive if self.alive else LINGER_SECONDS)
            self._settle(conn, conn.look())
        except Exception:
            self.log.exception("A connection was lost")
            self._settle(conn, State.GONE)

    def murder_keepalived(self, force: bool = False) -> None:
        """Close whoever has not said within the time what is wanted; everybody when forced."""
        now = time.monotonic()
        for conn in [each for each in self._waiting if force or each.deadline <= now]:
            if conn.arrived and not conn.is_leaving and not force:
                self._refuse(conn, 408, "Request Timeout")
            else:
                self._settle(conn, State.GONE)

    def _cap_keepalive(self, deadline: float) -> None:
        """We are stopping: who has asked for nothing yet has until then."""
        for conn in self._waiting:
            if not conn.arrived:
                conn.deadline = min(conn.deadline, deadline)

    def _come(self, conn: Connection, _line: Any) -> None:
        self._settle(conn, conn.drain() if conn.is_leaving else conn.look())

    def _settle(self, conn: Connection, state: State) -> None:
        """Wait, serve, refuse or close."""
        if state is State.WAITING:
            if not conn.is_registered:
                self.poller.register(conn.line, selectors.EVENT_READ, lambda line: self._come(conn, line))
                conn.is_registered = True
                self._waiting.add(conn)
            return
        if conn.is_registered:
            with suppress(KeyError, ValueError):
                self.poller.unregister(conn.line)
            conn.is_registered = False
        self._waiting.discard(conn)
        if state is State.READY:
            conn.hand_over()
            self.enqueue_req(conn)
        elif state is State.TOO_LONG:
            self._refuse(conn, 431, "Request Header Fields Too Large")
        else:
            self.nr_conns -= 1
            conn.close()

    def _refuse(self, conn: Connection, status: int, reason: str) -> None:
        """An answer from the loop, which waits for nobody."""
        with suppress(OSError):
            util.write_error(conn.line, status, reason, "")
        self._settle(conn, conn.leave())
