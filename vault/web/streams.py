"""Sending a sealed version: verified before it leaves, stopped when the right to it ends, told truthfully at the end.

No transaction spans a stream. Whoever sends gives it two questions to call: `still_allowed()`, a short read, asked at
most once a second, and `served(ranges)`, its own short transaction, called once, however the stream ends. A stream
that may not go on, or whose next bytes do not verify, breaks the connection: the announced length is not reached, and
no client takes the part for the whole.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Generator, Iterator
from typing import Protocol

import structlog
from flask import Response

from vault.crypto.header import HEAD, POINTER
from vault.crypto.kdf import Sha256
from vault.crypto.payload import read_range
from vault.crypto.secret import Secret, compare
from vault.errors import Tampered, VaultError
from vault.inspection import formats
from vault.store.base import Store
from vault.web.disposition import disposition
from vault.web.headers import as_user_content
from vault.web.lanes import keep_lane
from vault.web.ranges import Part
from vault.web.readahead import WORTH, ReadAhead

LOG = structlog.get_logger("vault.web")
ASK_EVERY = 1.0
PLAYABLE = formats.PLAYABLE
"""What browsers play: shown in place, everything else is an attachment."""

Ranges = list[tuple[int, int]]
StillAllowed = Callable[[], bool]
Served = Callable[[Ranges], None]


class Sendable(Protocol):
    """A version whose seal, head and sizes have been checked, whoever it is sent to. Lengths are bytes."""

    @property
    def etag(self) -> str: ...
    @property
    def head(self) -> bytes: ...
    @property
    def file_key(self) -> Secret: ...
    @property
    def length(self) -> int: ...
    @property
    def object_name(self) -> str: ...
    @property
    def object_length(self) -> int: ...
    @property
    def object_digest(self) -> bytes: ...
    @property
    def media_type(self) -> str: ...
    @property
    def file_name(self) -> str: ...


class Broken(ConnectionResetError):
    """The stream must not go on. The server closes the connection for it, as for one that the client reset."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.ECONNRESET, reason)


class Stream:
    """The body of an answer, in a lane of its own until it is closed.

    Its first piece is made at once, so that what fails early fails before the answer.
    """

    def __init__(
        self, pieces: Iterator[bytes], start: int, still_allowed: StillAllowed, served: Served
    ) -> None:
        self._lane = keep_lane()
        self._pieces, self._start, self._end = pieces, start, start
        self._still_allowed, self._served = still_allowed, served
        self._asked_at = time.monotonic()
        self._first: bytes | None = next(pieces, b"")
        self._is_told = False

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        if time.monotonic() - self._asked_at >= ASK_EVERY:
            self._ask()
        piece, self._first = self._first, None
        if piece is None:
            piece = self._next()
        if not piece:
            raise StopIteration
        self._end += len(piece)
        return piece

    def close(self) -> None:
        """The server is done, one way or the other: leave the lane, tell what was handed to it."""
        if self._lane is not None:
            self._lane.leave()
        if self._is_told:
            return
        self._is_told = True
        if isinstance(self._pieces, ReadAhead | Generator):
            self._pieces.close()
        ranges = [(self._start, self._end - 1)] if self._end > self._start else []
        self._served(ranges)

    def _ask(self) -> None:
        try:
            allowed = self._still_allowed()
        except VaultError:
            allowed = False
        self._asked_at = time.monotonic()
        if not allowed:
            LOG.info("stream_stopped", reason="access ended")
            raise Broken("access ended")

    def _next(self) -> bytes:
        try:
            return next(self._pieces, b"")
        except VaultError as error:
            LOG.warning("stream_broken", code=error.code)
            raise Broken(error.code) from None


def send_version(
    found: Sendable, part: Part, store: Store, still_allowed: StillAllowed, served: Served
) -> Response:
    """The answer to a request for the content: the part that `ranges.asked_part` chose.

    The first chunk is read and verified here, so that a bad object is an error page (`Tampered`, `NotFound`).
    """
    response = Response(status=part.status, mimetype=found.media_type)
    response.set_etag(found.etag)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "no-store"
    if part.status == 304:
        return response
    kind = "inline" if found.media_type in PLAYABLE else "attachment"
    response.headers["Content-Disposition"] = disposition(kind, found.file_name)
    if part.status == 206:
        response.headers["Content-Range"] = f"bytes {part.start}-{part.end}/{found.length}"
    if part.sends_content:
        key = found.file_key.reveal()
        pieces = read_range(found.head, key, found.length, part.start, part.end, _reader(found, store))
        if part.length > WORTH:
            pieces = ReadAhead(pieces)
        response.response = Stream(pieces, part.start, still_allowed, served)
    response.headers["Content-Length"] = str(part.length)
    return as_user_content(response)


def send_made(
    found: Sendable, made: tuple[int, Iterator[bytes]] | None, still_allowed: StillAllowed, served: Served
) -> Response:
    """A file that was made of the version for this answer, by its length and its pieces; only the head without one.

    It has no tag and no ranges, since the next one has other bytes. `served` hears ranges of what was made.
    """
    response = Response(mimetype=found.media_type)
    response.headers["Accept-Ranges"] = "none"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Disposition"] = disposition("attachment", found.file_name)
    response.automatically_set_content_length = False
    if made is not None:
        length, pieces = made
        response.response = Stream(pieces, 0, still_allowed, served)
        response.headers["Content-Length"] = str(length)
    return as_user_content(response)


def send_export(
    found: Sendable, header: bytes, store: Store, still_allowed: StillAllowed, served: Served
) -> Response:
    """The version as an ordinary age file: `header`, then the stored nonce and chunks as they are.

    The last piece leaves only when the object's digest is the sealed one. `served` hears ranges of the age file.
    """
    response = Response(mimetype="application/octet-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Disposition"] = disposition("attachment", f"{found.file_name}.age")
    response.headers["Content-Length"] = str(len(header) + found.object_length - POINTER)
    response.response = Stream(_exported(found, header, store), 0, still_allowed, served)
    return as_user_content(response)


def send_stored(
    name: str, length: int, pieces: Iterator[bytes] | None, still_allowed: StillAllowed
) -> Response:
    """An object as it is stored, under a name; only the head without pieces. What left is told before, not after."""
    response = Response(mimetype="application/octet-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Disposition"] = disposition("attachment", name)
    response.automatically_set_content_length = False
    response.headers["Content-Length"] = str(length)
    if pieces is not None:
        response.response = Stream(pieces, 0, still_allowed, lambda _ranges: None)
    return as_user_content(response)


def _reader(found: Sendable, store: Store) -> Callable[[int, int], Iterator[bytes]]:
    return lambda start, end: store.read(found.object_name, start, end)


def _exported(found: Sendable, header: bytes, store: Store) -> Iterator[bytes]:
    digest, held = Sha256(), header + found.head[POINTER:]
    digest.update(found.head)
    for piece in store.read(found.object_name, HEAD, found.object_length):
        digest.update(piece)
        yield held
        held = piece
    if not compare(digest.digest(), found.object_digest):
        raise Tampered
    yield held
