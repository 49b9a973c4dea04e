"""Making the worker's Celery app: the bell's settings, the tasks, the beat."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from celery import Celery  # type: ignore[import-untyped]

from vault.jobs import make_celery
from worker.beat import SCHEDULE
from worker.tasks import register_tasks


def make_app(broker_url: str, data: Path, open_runtime: Callable[[], Any]) -> Celery:
    """The app; each worker process calls `open_runtime` once, when its first task comes."""
    app = make_celery(broker_url, data)
    app.conf.update(
        beat_schedule=SCHEDULE,
        beat_scheduler="celery.beat:Scheduler",  # keeps nothing on disk: the database counts the turns
    )
    if broker_url.startswith("filesystem:"):
        _keep_messages_in(data / "tmp")
    register_tasks(app, PerProcess(open_runtime))
    return app


class PerProcess:
    """Called, returns one and the same runtime within a process; a forked process opens its own.

    Database connections must not be shared with the process that was forked from.
    """

    def __init__(self, open_runtime: Callable[[], Any]) -> None:
        self._open = open_runtime
        self._owner: int | None = None
        self._runtime: Any = None
        self._lock = Lock()
        os.register_at_fork(after_in_child=self._unlock)

    def __call__(self) -> Any:
        with self._lock:
            if self._owner != os.getpid():
                self._runtime, self._owner = self._open(), os.getpid()
            return self._runtime

    def _unlock(self) -> None:
        self._lock = Lock()


def _keep_messages_in(folder: Path) -> None:
    """The embedded queue moves each message through the folder for temporary files before it reads it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tempfile.tempdir = str(folder)
