"""Jobs: the row is the queue, Celery is only the bell.

A job is *queued* until its time has come and a worker claims it, *running* while that worker's lease lasts, and ends
*done* or *failed*. Each claim raises the job's fence; who comes back with an older fence has lost the job and changes
nothing. A failed run is tried again after 1, 5, 25 and then every 120 minutes, eight times in all. A message holds one
id: a lost one costs the time until the next sweep, a doubled one does nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID

from celery import Celery  # type: ignore[import-untyped]
from sqlalchemy import JSON, CheckConstraint, ColumnElement, Index, and_, delete, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from vault.db import Row, upsert
from vault.errors import Conflict, Misconfigured, VaultError
from vault.folder_queue import TRANSPORT

log = logging.getLogger(__name__)

QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"

LEASE = timedelta(minutes=10)
BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 25, 120))
MOST_ATTEMPTS = 8
KEPT = timedelta(days=7)
SWEEP_EVERY = timedelta(seconds=30)

RUN_JOB, SWEEP = "casevault.run_job", "casevault.sweep"


class LeaseLost(Conflict):
    """The job was claimed by another worker, because this one took longer than its lease."""

    code = "lease-lost"


@dataclass(frozen=True)
class ClaimedJob:
    """What a handler sees of its job; `fence` proves that it still holds it."""

    id: UUID
    name: str
    subject_id: UUID | None
    details: Mapping[str, Any]
    fence: int
    attempts: int
    held: Callable[[], None] = field(default=lambda: None, compare=False)
    """Called each time the worker says that it holds the job longer."""


class Job(Row):
    """Work to be done once, after a commit. `details` holds ids and numbers, never content or secrets."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state in ('queued', 'running', 'done', 'failed')", name="state"),
        Index("ix_jobs_state_run_at", "state", "run_at"),
    )

    name: Mapped[str]
    subject_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    dedupe_key: Mapped[str | None] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(default=QUEUED)
    run_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    def claimed(self) -> ClaimedJob:
        """The job as its handler sees it."""
        return ClaimedJob(self.id, self.name, self.subject_id, dict(self.details), self.fence, self.attempts)


Handler = Callable[[Any, ClaimedJob], None]

HANDLERS: dict[str, Handler] = {}


def handles(name: str) -> Callable[[Handler], Handler]:
    """Register the function that does the jobs of this name; it gets the runtime and a `ClaimedJob`.

    It may run again after a crash at any point, so each of its steps must bear repetition.
    """

    def register(handler: Handler) -> Handler:
        if HANDLERS.setdefault(name, handler) is not handler:
            raise ValueError(f"two handlers for the job {name}")
        return handler

    return register


def enqueue(
    session: Session,
    name: str,
    subject_id: UUID | None,
    now: datetime,
    run_at: datetime | None = None,
    dedupe_key: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Job | None:
    """Queue a job in the caller's transaction; None if an unfinished one has the same `dedupe_key`."""
    row = {
        "name": name,
        "subject_id": subject_id,
        "details": dict(details or {}),
        "dedupe_key": dedupe_key,
        "run_at": run_at or now,
        "created_at": now,
    }
    query = (
        upsert(session, Job)
        .values(row)
        .on_conflict_do_nothing(index_elements=[Job.dedupe_key])
        .returning(Job)
    )
    return session.scalars(query).one_or_none()


def hasten(session: Session, dedupe_key: str, now: datetime) -> None:
    """The job of this key runs as soon as it can, if it waits for a later time."""
    waits = (Job.dedupe_key == dedupe_key, Job.state == QUEUED, Job.run_at > now)
    session.execute(update(Job).where(*waits).values(run_at=now), execution_options=_AFRESH)


def repeat(session: Session, name: str, every: timedelta, now: datetime) -> Job | None:
    """Queue the periodic job of this name, unless one is unfinished or was queued less than `every` ago."""
    # Sweeps come a little early or late; a tenth of slack keeps them from skipping a turn.
    recent = select(Job.id).where(Job.name == name, Job.created_at > now - every * 0.9).limit(1)
    return None if session.scalar(recent) else enqueue(session, name, None, now, dedupe_key=name)


def claim(session: Session, job_id: UUID, now: datetime, lease: timedelta = LEASE) -> Job | None:
    """Take the job until `now + lease`; None if it is not due, is done, or another worker holds it.

    A job whose workers died eight times is given up here: it would kill the ninth too.
    """
    values = {
        "state": RUNNING,
        "lease_until": now + lease,
        "fence": Job.fence + 1,
        "attempts": Job.attempts + 1,
    }
    query = update(Job).where(Job.id == job_id, _is_due(now), Job.attempts < MOST_ATTEMPTS).values(values)
    job = session.scalars(query.returning(Job), execution_options=_AFRESH).one_or_none()
    if job is None:
        lost = (Job.id == job_id, Job.state == RUNNING, Job.lease_until < now, Job.attempts >= MOST_ATTEMPTS)
        if _changed(session, lost, _ended(FAILED, now, LeaseLost.code)):
            log.error("job %s was given up: its workers died %d times", job_id, MOST_ATTEMPTS)
    return job


def renew(session: Session, job: ClaimedJob, now: datetime, lease: timedelta = LEASE) -> None:
    """Hold the job longer, in the transaction of the change it makes; raises `LeaseLost` if it is another's by now.

    A handler calls it in each of its transactions: then a worker that lost its lease commits nothing.
    """
    if not _changed(session, _held(job.id, job.fence), {"lease_until": now + lease}):
        raise LeaseLost("The job was taken over.")
    job.held()


def finish(session: Session, job_id: UUID, fence: int, now: datetime) -> bool:
    """The job is done; False, and nothing changed, if `fence` is not the latest."""
    return _changed(session, _held(job_id, fence), _ended(DONE, now, None))


def fail(
    session: Session, job_id: UUID, fence: int, now: datetime, error_code: str, retry_at: datetime | None
) -> bool:
    """The run failed: again at `retry_at`, or never when it is None. False, and nothing changed, for an old `fence`."""
    again = {"state": QUEUED, "run_at": retry_at, "lease_until": None, "error_code": error_code}
    return _changed(session, _held(job_id, fence), again if retry_at else _ended(FAILED, now, error_code))


def next_try(attempts: int, now: datetime) -> datetime | None:
    """When a job that failed for the `attempts`-th time runs again; None after the last."""
    if attempts >= MOST_ATTEMPTS:
        return None
    return now + BACK_OFF[min(attempts, len(BACK_OFF)) - 1]


def due(session: Session, now: datetime, limit: int) -> list[UUID]:
    """The ids of at most `limit` jobs that a worker could claim now, longest waiting first."""
    return list(session.scalars(select(Job.id).where(_is_due(now)).order_by(Job.run_at).limit(limit)))


def sweep(runtime: Any, periodic: Mapping[str, timedelta], limit: int = 100) -> list[UUID]:
    """Queue the periodic jobs whose turn it is, drop rows done 7 days ago, and ring for whatever is due.

    Returns the ids that were rung. This is what finds a job whose bell was lost, or whose worker died. A sealed vault
    does nothing until it is restored.
    """
    if runtime.is_sealed:
        return []
    now = runtime.clock.now()
    with runtime.session() as session:
        for name, every in periodic.items():
            repeat(session, name, every, now)
        session.execute(delete(Job).where(Job.state == DONE, Job.finished_at < now - KEPT))
        waiting = due(session, now, limit)
    for job_id in waiting:
        runtime.bell.ring(job_id)
    return waiting


def run_job(runtime: Any, job_id: UUID, held: Callable[[], None] = lambda: None) -> bool:
    """Claim the job, call its handler, finish it; each in a transaction of its own. True if it was done here.

    `runtime` offers `session()`, a context manager that commits, and `clock.now()`. `held` is called when the job is
    claimed and each time its handler says that it goes on.
    """
    if runtime.is_sealed:
        return False
    with runtime.session() as session:
        row = claim(session, job_id, runtime.clock.now())
        job = row.claimed() if row else None
    if job is None:
        return False
    held()
    try:
        _handler(job.name)(runtime, replace(job, held=held))
    except LeaseLost:
        log.warning("job %s (%s) was taken over by another worker", job.id, job.name)
        return False
    except Exception as fault:
        log.exception("job %s (%s) failed, attempt %d", job.id, job.name, job.attempts)
        now = runtime.clock.now()
        with runtime.session() as session:
            fail(session, job.id, job.fence, now, _code_of(fault), next_try(job.attempts, now))
        return False
    with runtime.session() as session:
        return finish(session, job.id, job.fence, runtime.clock.now())


class Bell:
    """Wakes a worker for a job, or for a sweep."""

    def __init__(self, broker_url: str, data: Path) -> None:
        self._celery = make_celery(broker_url, data)

    def ring(self, job_id: UUID) -> None:
        """Say that a job waits. Never raises."""
        self._send(RUN_JOB, [str(job_id)])

    def ring_sweep(self) -> None:
        """Ask for a sweep; web processes do so every 30 seconds, so that jobs run also without beat. Never raises."""
        self._send(SWEEP, [], expires=SWEEP_EVERY.total_seconds())

    def _send(self, task: str, arguments: list[str], **options: Any) -> None:
        try:
            self._celery.send_task(task, args=arguments, **options)
        except Exception:
            # The job stands in the database already, committed with the change that wanted it. Failing now would
            # tell a person that something went wrong that did not; the next sweep finds the job.
            log.exception("the bell for %s could not be rung; a sweep will find what waits", task)


def make_celery(broker_url: str, data: Path) -> Celery:
    """A Celery app that carries ids, keeps no results, and listens to nobody but its queue.

    `data` is the data folder; the embedded broker (`filesystem://`) keeps its messages in it.
    """
    app = Celery("casevault", set_as_current=False)
    is_embedded = broker_url.startswith("filesystem:")
    if is_embedded:
        # Without a host kombu warns each time.
        app.conf.update(broker_url="filesystem://localhost", broker_transport=TRANSPORT)
        app.conf.broker_transport_options = _embedded_queue(data)
    else:
        if broker_url.startswith(("redis:", "rediss:")) and find_spec("redis") is None:
            raise Misconfigured("Redis needs its library: see docs/install.md.")
        app.conf.broker_url = broker_url
    app.conf.update(
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=2,
        task_publish_retry=False,
        task_default_queue="casevault",
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        enable_utc=True,
        timezone="UTC",
    )
    return app


def _embedded_queue(data: Path) -> dict[str, Any]:
    """The queue's folder (0700) and how often a worker looks into it, in seconds."""
    queue = data / "queue" / "messages"
    for folder in (data, queue.parent, queue):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {"polling_interval": 0.2, "data_folder_in": str(queue), "data_folder_out": str(queue)}


_AFRESH = {"synchronize_session": False, "populate_existing": True}


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(
        and_(Job.state == QUEUED, Job.run_at <= now),
        and_(Job.state == RUNNING, Job.lease_until < now),
    )


def _held(job_id: UUID, fence: int) -> tuple[ColumnElement[bool], ...]:
    return (Job.id == job_id, Job.state == RUNNING, Job.fence == fence)


def _ended(state: str, now: datetime, error_code: str | None) -> dict[str, Any]:
    """Columns of a job at its end; its dedupe key is free again."""
    ended = {"state": state, "finished_at": now, "lease_until": None, "dedupe_key": None}
    return ended | {"error_code": error_code}


def _changed(session: Session, where: tuple[ColumnElement[bool], ...], values: dict[str, Any]) -> bool:
    query = update(Job).where(*where).values(values).returning(Job)
    return session.scalars(query, execution_options=_AFRESH).one_or_none() is not None


def _handler(name: str) -> Handler:
    try:
        return HANDLERS[name]
    except KeyError:
        raise LookupError(f"no handler for the job {name}") from None


def _code_of(fault: Exception) -> str:
    """What the row keeps of a fault: a code or a class name, never a message, which could quote content."""
    return fault.code if isinstance(fault, VaultError) else type(fault).__name__
