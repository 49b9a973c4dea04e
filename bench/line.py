"""The cheapest honest client: one socket, prepared bytes out, bytes into one kept buffer, nothing parsed twice."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from typing import NamedTuple

MEBIBYTE = 1024 * 1024
RANDOM = os.urandom(8 * MEBIBYTE).hex().encode()
"""What is sent, over and over: text, so that a vault takes it for what it says it is, and random."""


class Answer(NamedTuple):
    """Status, headers with names in lower case, and the body, or only its length when it was not kept."""

    status: int
    headers: dict[str, str]
    body: bytes
    length: int


class Line:
    """One connection to a server on the loopback, kept while the server keeps it."""

    def __init__(self, port: int, timeout: float = 300) -> None:
        self._port, self._timeout = port, timeout
        self._socket: socket.socket | None = None
        self._buffer = memoryview(bytearray(MEBIBYTE))
        self.connections = 0

    def ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        body: tuple[int, int] | bytes = b"",
        *,
        digest: hashlib._Hash | None = None,
        keeps: bool = True,
    ) -> Answer:
        """One request and its answer. `body` is bytes, or (start, end) of the endless random file."""
        given = dict(headers or {})
        length = len(body) if isinstance(body, bytes) else body[1] - body[0]
        if length or method in ("POST", "PUT", "PATCH"):
            given["Content-Length"] = str(length)
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in given.items())
        line = self._connected()
        line.sendall(head.encode("latin-1") + b"\r\n")
        for piece in [body] if isinstance(body, bytes) else random_pieces(*body):
            line.sendall(piece)
        return self._answer(line, method, digest, keeps)

    def close(self) -> None:
        """The connection is closed; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
        return self._socket

    def _answer(self, line: socket.socket, method: str, digest: hashlib._Hash | None, keeps: bool) -> Answer:
        status, headers, rest = self._head(line)
        while status == 100:
            status, headers, rest = self._head(line, rest)
        length = headers.get("content-length")
        if method == "HEAD" or status in (204, 304):
            received, count = b"", 0
        elif "chunked" in headers.get("transfer-encoding", ""):
            received, count = self._chunks(line, rest)
        else:
            received, count = self._body(line, rest, None if length is None else int(length), digest, keeps)
        if headers.get("connection", "").lower() == "close" or (length is None and not received and count):
            self.close()
        return Answer(status, headers, received, count)

    def _head(self, line: socket.socket, held: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        while b"\r\n\r\n" not in held:
            piece = line.recv(65536)
            if not piece:
                self.close()
                raise ConnectionResetError("closed before the answer")
            held += piece
        head, _, rest = held.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        return int(first.split(" ", 2)[1]), headers, rest

    def _body(
        self, line: socket.socket, rest: bytes, length: int | None, digest: hashlib._Hash | None, keeps: bool
    ) -> tuple[bytes, int]:
        kept, count = bytearray(rest if keeps else b""), len(rest)
        if digest:
            digest.update(rest)
        while length is None or count < length:
            wanted = len(self._buffer) if length is None else min(len(self._buffer), length - count)
            got = line.recv_into(self._buffer, wanted)
            if not got:
                self.close()
                break
            count += got
            if digest:
                digest.update(self._buffer[:got])
            if keeps:
                kept += self._buffer[:got]
        return bytes(kept), count

    def _chunks(self, line: socket.socket, held: bytes) -> tuple[bytes, int]:
        kept = b""
        while True:
            while b"\r\n" not in held:
                held += self._more(line)
            size, _, held = held.partition(b"\r\n")
            number = int(size.partition(b";")[0], 16)
            while len(held) < number + 2:
                held += self._more(line)
            kept, held = kept + held[:number], held[number + 2 :]
            if not number:
                return kept, len(kept)

    def _more(self, line: socket.socket) -> bytes:
        piece = line.recv(MEBIBYTE)
        if not piece:
            self.close()
            raise ConnectionResetError("closed in the middle")
        return piece


def random_pieces(start: int, end: int) -> Iterator[memoryview]:
    """The bytes from `start` to `end` of a file that is `RANDOM` again and again, in pieces of at most 1 MiB."""
    view = memoryview(RANDOM)
    while start < end:
        at = start % len(RANDOM)
        size = min(MEBIBYTE, end - start, len(RANDOM) - at)
        yield view[at : at + size]
        start += size


def random_digest(length: int) -> str:
    """SHA-256 (hex) of the first `length` bytes of that file."""
    digest = hashlib.sha256()
    for piece in random_pieces(0, length):
        digest.update(piece)
    return digest.hexdigest()
