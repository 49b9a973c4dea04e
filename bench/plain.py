"""A plaintext route on our server: what a transfer costs when nothing is sealed, hashed, logged or allowed.

PUT writes a file and syncs it once. PATCH appends at `Upload-Offset` and syncs. GET sends the file with a fixed length, in
pieces. The other routes say what a server tells its application: `/torn` how a body ended, `/pour` when an abandoned
answer was closed, `/break` how a client sees an answer that the application breaks off.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("BENCH_FOLDER", "."))
READ = 1024 * 1024
PIECE = int(os.environ.get("BENCH_PIECE", 256 * 1024))
"""Bytes of one piece of an answer: as many as the vault hands over at once."""

Start = Callable[[str, list[tuple[str, str]]], object]


def app(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    """Route one request."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    special = {"/hello": _hello, "/torn": _torn, "/pour": _pour, "/break": _break, "/nap": _nap}
    if path in special:
        return special[path](environ, start)
    file = FOLDER / path.rpartition("/")[2]
    if method in ("PUT", "PATCH"):
        return _store(environ, start, file, os.O_TRUNC if method == "PUT" else 0)
    return _send(environ, start, file)


def _store(environ: dict[str, Any], start: Start, file: Path, flags: int) -> Iterable[bytes]:
    body, left = environ["wsgi.input"], int(environ["CONTENT_LENGTH"])
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | flags, 0o600)
    try:
        offset = int(environ.get("HTTP_UPLOAD_OFFSET", 0))
        while left and (piece := body.read(min(READ, left))):
            os.pwrite(descriptor, piece, offset)
            offset, left = offset + len(piece), left - len(piece)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    start("204 No Content", [("Upload-Offset", str(offset))])
    return []


def _send(environ: dict[str, Any], start: Start, file: Path) -> Iterable[bytes]:
    size = file.stat().st_size
    first, _, last = environ.get("HTTP_RANGE", "").removeprefix("bytes=").partition("-")
    begin, end = (int(first), int(last) + 1) if first and last else (0, size)
    headers = [("Content-Type", "application/octet-stream"), ("Content-Length", str(end - begin))]
    if first:
        headers.append(("Content-Range", f"bytes {begin}-{end - 1}/{size}"))
    start("206 Partial Content" if first else "200 OK", headers)
    return _pieces(file, begin, end)


def _pieces(file: Path, begin: int, end: int) -> Iterator[bytes]:
    with file.open("rb", buffering=0) as opened:
        opened.seek(begin)
        while begin < end and (piece := opened.read(min(PIECE, end - begin))):
            begin += len(piece)
            yield piece


def _hello(_environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    return [b"hello\n"]


def _nap(_environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    time.sleep(3)
    return _hello(_environ, start)


def _torn(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    seen, ended, first_at = 0, "clean", None
    try:
        while piece := environ["wsgi.input"].read(64 * 1024):
            first_at = first_at or time.time()
            seen += len(piece)
    except Exception as error:  # noqa: BLE001 - whatever a server raises is what we want to know
        ended = type(error).__name__
    _note({"what": "torn", "seen": seen, "ended": ended, "first_at": first_at})
    return _hello(environ, start)


def _pour(_environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    length = 1 << 30
    start("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(length))])
    return _poured(length)


def _poured(length: int) -> Iterator[bytes]:
    piece, sent = bytes(PIECE), 0
    try:
        while sent < length:
            sent += PIECE
            yield piece
    finally:
        _note({"what": "pour", "sent": sent, "at": time.time()})


def _break(_environ: dict[str, Any], start: Start) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(64 * PIECE))])
    return _broken()


def _broken() -> Iterator[bytes]:
    yield bytes(PIECE)
    yield bytes(PIECE)
    raise ConnectionResetError("the application breaks off")


def _note(what: dict[str, Any]) -> None:
    with (FOLDER / "notes.jsonl").open("a") as notes:
        notes.write(json.dumps(what) + "\n")
