"""Transfers take lanes, of which there are fewer than threads: however many there are, pages come.

An upload has its lane while its view runs, a download while its answer is sent. Whoever finds none free is told to come
back (503), before anything is recorded or changed. A request with a long body counts as a transfer, whatever it asks for:
a body can be slow.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, current_app, g, has_app_context, request

from vault.errors import Busy

LONG_BODY = 16 * 1024
"""Bytes. A shorter body has arrived before a thread serves it (`vault.serving`)."""
RETRY_AFTER = 5
P = ParamSpec("P")
T = TypeVar("T")


class Lanes:
    """So many transfers at once, in this process."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)

    def take(self) -> Lane:
        """A lane, until it is left; `Busy` when none is free."""
        if not self._free.acquire(blocking=False):
            raise Busy("Too many transfers are under way. Try again in a moment.", retry_after=RETRY_AFTER)
        return Lane(self._free)


class Lane:
    """A place among the transfers. Leaving it twice is leaving it once; what is forgotten has left."""

    def __init__(self, free: threading.BoundedSemaphore) -> None:
        self._free: threading.BoundedSemaphore | None = free

    def leave(self) -> None:
        """The place is free again."""
        free, self._free = self._free, None
        if free is not None:
            free.release()

    __del__ = leave


def install(app: Flask, threads: int) -> None:
    """Requests with a long body take a lane; a quarter of the threads are no lanes."""
    app.extensions["lanes"] = Lanes(max(1, threads - -(-threads // 4)))
    app.before_request(_take_for_long_body)
    app.teardown_request(_leave)


@contextmanager
def transfer_lane() -> Iterator[None]:
    """In a lane: the one that this request has already, or one for this block. `Busy` when none is free."""
    if "lane" in g:
        yield
        return
    g.lane = _take()
    try:
        yield
    finally:
        _leave(None)


def in_lane(view: Callable[P, T]) -> Callable[P, T]:
    """The view runs in a lane; a stream that it answers with stays in it."""

    @wraps(view)
    def wrapped(*args: P.args, **options: P.kwargs) -> T:
        with transfer_lane():
            return view(*args, **options)

    return wrapped


def keep_lane() -> Lane | None:
    """The lane of this request, for a stream that outlives it and will leave it; a free one if it has none.

    None where no application is running. `Busy` when none is free.
    """
    if not has_app_context():
        return None
    lane: Lane = g.pop("lane", None) or _take()
    return lane


def _take() -> Lane:
    lanes: Lanes = current_app.extensions["lanes"]
    return lanes.take()


def _take_for_long_body() -> None:
    length = request.content_length
    is_chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    if is_chunked or "Expect" in request.headers or (length or 0) > LONG_BODY:
        g.lane = _take()


def _leave(_error: BaseException | None) -> None:
    lane: Lane | None = g.pop("lane", None)
    if lane is not None:
        lane.leave()
