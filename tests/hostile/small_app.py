"""A small application behind the real worker: it says in a file what it saw."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

NOTES = Path(os.environ.get("CASEVAULT_TEST_NOTES", "/dev/null"))
PIECE = bytes(64 * 1024)
POURED = 40_000_000


def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """`/pour` answers at length, `/deaf` unheard, everything else reads its body and says how it went."""
    if environ["PATH_INFO"] == "/pour":
        start("200 OK", [("Content-Length", str(POURED))])
        return pour()
    count, end = 0, "whole"
    if environ["PATH_INFO"] == "/deaf":
        start("200 OK", [("Content-Length", "2")])
        return [b"ok"]
    try:
        while piece := environ["wsgi.input"].read(1_000_000):
            count += len(piece)
    except OSError as fault:
        end = type(fault).__name__
    note(f"body {count} {end}")
    start("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def pour() -> Iterator[bytes]:
    """Until all is taken, or the server closes us."""
    left = POURED
    try:
        while left:
            piece = PIECE[:left]
            left -= len(piece)
            yield piece
    finally:
        note(f"poured {'all' if not left else 'a part'}")


def note(text: str) -> None:
    """One more line in the file."""
    with NOTES.open("a") as notes:
        notes.write(text + "\n")
