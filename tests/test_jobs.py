"""Jobs: queued once, claimed by one worker, finished only by the one who holds them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import sessionmaker

from tests.databases import bare_database, make_tables
from vault.db import Base, make_engine
from vault.errors import NotFound
from vault.jobs import (
    HANDLERS,
    KEPT,
    LEASE,
    MOST_ATTEMPTS,
    Bell,
    Job,
    LeaseLost,
    claim,
    due,
    enqueue,
    fail,
    finish,
    handles,
    next_try,
    renew,
    repeat,
    run_job,
    sweep,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class SetClock:
    def __init__(self) -> None:
        self.instant = NOON

    def now(self) -> datetime:
        return self.instant

    def pass_by(self, time: timedelta) -> None:
        self.instant += time


class HeardBell:
    def __init__(self) -> None:
        self.rung: list[UUID] = []

    def ring(self, job_id: UUID) -> None:
        self.rung.append(job_id)


class SmallRuntime:
    """The part of a runtime that jobs know."""

    is_sealed = False

    def __init__(self, url: str) -> None:
        make_tables(url, Base.metadata, tables=[Job.__table__])
        self.engine = make_engine(url)
        self.sessions = sessionmaker(self.engine, expire_on_commit=False)
        self.clock, self.bell = SetClock(), HeardBell()

    @contextmanager
    def session(self):
        with self.sessions.begin() as session:
            yield session

    def queue(self, name: str = "count", **options) -> Job | None:
        with self.session() as session:
            return enqueue(session, name, options.pop("subject_id", None), self.clock.now(), **options)

    def look(self, job: Job) -> Job:
        with self.session() as session:
            return session.get_one(Job, job.id)


@pytest.fixture
def runtime(tmp_path):
    with bare_database(tmp_path) as url:
        runtime = SmallRuntime(url)
        yield runtime
        runtime.engine.dispose()


@pytest.fixture
def does(monkeypatch):
    """Register a handler for the length of a test."""

    def register(name, handler):
        monkeypatch.setitem(HANDLERS, name, handler)

    return register


def at_once(count, act):
    """Run `act(number)` in `count` threads that start together; the results."""
    barrier, results = threading.Barrier(count), [None] * count

    def run(number):
        barrier.wait()
        results[number] = act(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_job_is_handled_once_and_is_done(runtime, does):
    seen, subject = [], uuid4()
    does("count", lambda given, job: seen.append((given, job.subject_id, dict(job.details), job.attempts)))
    job = runtime.queue(subject_id=subject, details={"number": 3})

    assert run_job(runtime, job.id) is True
    assert run_job(runtime, job.id) is False

    assert seen == [(runtime, subject, {"number": 3}, 1)]
    row = runtime.look(job)
    assert (row.state, row.finished_at, row.lease_until) == ("done", NOON, None)


def test_a_job_that_was_rolled_back_is_not_there(runtime):
    def refused():
        with runtime.session() as session:
            enqueue(session, "count", None, NOON)
            raise NotFound

    with pytest.raises(NotFound):
        refused()
    with runtime.session() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0


def test_ten_workers_racing_for_a_job_leave_it_to_one(runtime, does):
    runs = []
    does("count", lambda _, job: runs.append(job.id))
    jobs = [runtime.queue() for _ in range(10)]

    done = at_once(10, lambda _: sum(run_job(runtime, job.id) for job in jobs))

    assert sum(done) == 10
    assert sorted(runs) == sorted(job.id for job in jobs)


def test_a_job_for_later_waits(runtime, does):
    does("count", lambda *_: None)
    job = runtime.queue(run_at=NOON + MINUTE)
    assert run_job(runtime, job.id) is False
    runtime.clock.pass_by(MINUTE)
    assert run_job(runtime, job.id) is True


def test_racing_requests_with_one_dedupe_key_queue_one_job(runtime):
    queued = at_once(8, lambda _: runtime.queue(dedupe_key="same"))
    assert len([job for job in queued if job]) == 1


def test_a_dedupe_key_is_free_again_when_its_job_has_ended(runtime, does):
    does("count", lambda *_: None)
    first = runtime.queue(dedupe_key="same")
    assert runtime.queue(dedupe_key="same") is None
    run_job(runtime, first.id)
    assert runtime.queue(dedupe_key="same") is not None


def test_a_dedupe_key_stays_taken_while_the_job_waits_for_its_next_try(runtime, does):
    does("count", _fails)
    first = runtime.queue(dedupe_key="same")
    run_job(runtime, first.id)
    assert runtime.queue(dedupe_key="same") is None


def test_jobs_without_a_key_never_exclude_each_other(runtime):
    assert all([runtime.queue(), runtime.queue()])


def test_a_job_whose_worker_died_is_taken_over_after_the_lease(runtime):
    job = runtime.queue()
    with runtime.session() as session:
        assert claim(session, job.id, NOON, LEASE).fence == 1
    with runtime.session() as session:
        assert claim(session, job.id, NOON + LEASE, LEASE) is None
        assert due(session, NOON + LEASE, 10) == []
    later = NOON + LEASE + MINUTE
    with runtime.session() as session:
        assert due(session, later, 10) == [job.id]
        assert claim(session, job.id, later, LEASE).fence == 2


def test_a_worker_that_lost_its_lease_commits_nothing(runtime, does):
    subject = []

    def slow(given, job):
        given.clock.pass_by(LEASE + MINUTE)
        with given.session() as session:
            claim(session, job.id, given.clock.now(), LEASE)
        with given.session() as session:
            subject.append(enqueue(session, "follow-up", None, given.clock.now()))
            renew(session, job, given.clock.now())

    does("count", slow)
    job = runtime.queue()
    assert run_job(runtime, job.id) is False

    with runtime.session() as session:
        assert session.scalars(select(Job.name)).all() == ["count"]
    row = runtime.look(job)
    assert (row.state, row.fence, row.error_code) == ("running", 2, None)


def test_an_old_fence_neither_finishes_nor_fails_nor_renews(runtime):
    job = runtime.queue()
    with runtime.session() as session:
        old = claim(session, job.id, NOON, LEASE).claimed()
    later = NOON + LEASE + MINUTE
    with runtime.session() as session:
        claim(session, job.id, later, LEASE)
    with runtime.session() as session:
        assert finish(session, job.id, old.fence, later) is False
        assert fail(session, job.id, old.fence, later, "x", later) is False
        assert fail(session, job.id, old.fence, later, "x", None) is False
        with pytest.raises(LeaseLost):
            renew(session, old, later)
    with runtime.session() as session:
        assert finish(session, job.id, 2, later) is True


def test_a_renewed_lease_lasts_longer(runtime):
    job = runtime.queue()
    with runtime.session() as session:
        held = claim(session, job.id, NOON, LEASE).claimed()
        renew(session, held, NOON + LEASE)
    with runtime.session() as session:
        assert claim(session, job.id, NOON + LEASE + MINUTE, LEASE) is None
        assert finish(session, job.id, held.fence, NOON + LEASE + MINUTE) is True


def test_a_failing_job_backs_off_and_ends_after_eight_tries(runtime, does):
    does("count", _fails)
    job = runtime.queue()
    waits = []
    for _ in range(MOST_ATTEMPTS):
        assert run_job(runtime, job.id) is False
        row = runtime.look(job)
        waits.append((row.run_at - runtime.clock.now()) // MINUTE)
        runtime.clock.instant = max(row.run_at, runtime.clock.now())
    assert waits[:-1] == [1, 5, 25, 120, 120, 120, 120]
    assert (row.state, row.attempts, row.error_code, row.finished_at) == (
        "failed",
        8,
        "not-found",
        NOON + 511 * MINUTE,
    )
    assert run_job(runtime, job.id) is False


def test_a_job_whose_workers_die_eight_times_is_given_up(runtime):
    job = runtime.queue(dedupe_key="same")
    for number in range(MOST_ATTEMPTS + 1):
        with runtime.session() as session:
            taken = claim(session, job.id, NOON + number * 2 * LEASE, LEASE)
        assert bool(taken) == (number < MOST_ATTEMPTS)
    row = runtime.look(job)
    assert (row.state, row.error_code, row.dedupe_key) == ("failed", "lease-lost", None)


def test_the_row_keeps_the_class_of_a_fault_and_not_its_message(runtime, does):
    does("count", lambda *_: int("a name that must not be kept"))
    job = runtime.queue()
    run_job(runtime, job.id)
    assert runtime.look(job).error_code == "ValueError"


def test_a_job_without_a_handler_fails_and_waits_for_one(runtime, does):
    job = runtime.queue("unheard of")
    run_job(runtime, job.id)
    assert (runtime.look(job).state, runtime.look(job).error_code) == ("queued", "LookupError")


def test_two_handlers_for_one_name_are_refused(monkeypatch):
    monkeypatch.setattr("vault.jobs.HANDLERS", {})
    handles("twice")(lambda *_: None)
    with pytest.raises(ValueError, match="two handlers"):
        handles("twice")(lambda *_: None)


def test_the_pause_after_each_try():
    assert [next_try(attempts, NOON) for attempts in (1, 4, 8)] == [NOON + MINUTE, NOON + 120 * MINUTE, None]


def test_a_sweep_rings_for_what_is_due_longest_waiting_first(runtime):
    second = runtime.queue(run_at=NOON - MINUTE)
    first = runtime.queue(run_at=NOON - 2 * MINUTE)
    runtime.queue(run_at=NOON + MINUTE)
    assert sweep(runtime, {}) == [first.id, second.id] == runtime.bell.rung


def test_a_sweep_queues_a_periodic_job_once_per_period(runtime, does):
    does("look", lambda *_: None)
    counted = []
    for _ in range(20):
        counted += [run_job(runtime, job_id) for job_id in sweep(runtime, {"look": timedelta(seconds=60)})]
        runtime.clock.pass_by(timedelta(seconds=30))
    assert counted == [True] * 10


def test_racing_sweeps_queue_a_periodic_job_once(runtime):
    def one_sweep(_):
        with runtime.session() as session:
            return repeat(session, "look", MINUTE, NOON)

    assert len([job for job in at_once(6, one_sweep) if job]) == 1


def test_a_sweep_forgets_what_was_done_a_week_ago_and_keeps_what_failed(runtime, does):
    does("count", lambda *_: None)
    done, failed = runtime.queue(), runtime.queue()
    run_job(runtime, done.id)
    with runtime.session() as session:
        fence = claim(session, failed.id, NOON, LEASE).fence
        fail(session, failed.id, fence, NOON, "broken", None)
    runtime.clock.pass_by(KEPT + MINUTE)
    sweep(runtime, {})
    with runtime.session() as session:
        assert session.scalars(select(Job.id)).all() == [failed.id]


def test_a_bell_that_cannot_be_rung_fails_nobody(tmp_path, caplog):
    Bell("redis://127.0.0.1:1/0", tmp_path).ring(uuid4())
    assert "could not be rung" in caplog.text


def test_a_message_holds_the_id_and_nothing_else_of_the_job(tmp_path):
    job_id = uuid4()
    Bell("filesystem://", tmp_path).ring(job_id)
    folder = tmp_path / "queue" / "messages"
    (message,) = folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert f"['{job_id}']" in message.read_text()


def _fails(*_):
    raise NotFound("a subject that is gone")
