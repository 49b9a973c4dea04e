"""The two tasks. Each takes at most one id.

The kernel ends a worker process whose job has not said for two leases that it goes on (SIGALRM, which nobody handles);
another takes the job over. How long a job takes in all is not limited: a large package takes hours.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import Celery  # type: ignore[import-untyped]

from vault import jobs
from vault.handlers import PERIODIC

PATIENCE = 2 * int(jobs.LEASE.total_seconds())
"""Seconds without a sign of life."""


def wake_up() -> None:
    """The process lives on for `PATIENCE`, unless this is called again."""
    signal.alarm(PATIENCE)


def register_tasks(app: Celery, runtime: Callable[[], Any]) -> None:
    """Give the app its tasks; `runtime()` returns the runtime of the process that runs them."""

    def run_job(job_id: str) -> None:
        try:
            jobs.run_job(runtime(), UUID(job_id), held=wake_up)
        finally:
            signal.alarm(0)

    def sweep() -> None:
        jobs.sweep(runtime(), PERIODIC)

    app.task(run_job, name=jobs.RUN_JOB)
    app.task(sweep, name=jobs.SWEEP)
