"""Web processes ring for a sweep, too: with their first answer and then every 30 seconds. Due jobs run also without beat."""

from __future__ import annotations

import time
from threading import Lock

from flask import Flask, Response

from vault.jobs import SWEEP_EVERY
from vault.web.acting import runtime


def install(app: Flask, turn: Turn | None = None) -> None:
    """After an answer, ask for a sweep when this process has not yet, or not for 30 seconds (or as `turn` says)."""
    turn = turn or Turn(SWEEP_EVERY.total_seconds())

    def ring(response: Response) -> Response:
        if turn.has_come():
            runtime().bell.ring_sweep()
        return response

    app.after_request(ring)


class Turn:
    """Comes at once, then once in a period, for one of all threads."""

    def __init__(self, period: float) -> None:
        self._period = period
        self._last: float | None = None
        self._lock = Lock()

    def has_come(self) -> bool:
        """True for the first who asks after the period."""
        with self._lock:
            now = time.monotonic()
            if self._last is not None and now - self._last < self._period:
                return False
            self._last = now
            return True
