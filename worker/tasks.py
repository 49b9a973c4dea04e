"""The two tasks. Each takes at most one id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from celery import Celery  # type: ignore[import-untyped]

from vault import jobs
from vault.handlers import PERIODIC


def register_tasks(app: Celery, runtime: Callable[[], Any]) -> None:
    """Give the app its tasks; `runtime()` returns the runtime of the process that runs them."""

    def run_job(job_id: str) -> None:
        jobs.run_job(runtime(), UUID(job_id))

    def sweep() -> None:
        jobs.sweep(runtime(), PERIODIC)

    app.task(run_job, name=jobs.RUN_JOB)
    app.task(sweep, name=jobs.SWEEP)
