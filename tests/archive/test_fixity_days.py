"""Everything is read once in ninety days, each day its share; whether that comes is told without the worker that does it."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select, update

from tests.copies import FORM, Vaults
from tests.factory import PDF
from vault.archive.alarms import count_alarms
from vault.archive.fixity import due_copies
from vault.archive.models import Closure, PackageCopy
from vault.bundles.models import Version
from vault.diagnosis import diagnose
from vault.jobs import enqueue, run_job
from vault.transfers import deep
from vault.transfers.deep import ids_of_day, is_due
from vault.transfers.fixity import CHECK as CHECK_FILES


@pytest.fixture
def office(make):
    return Vaults(make)


def many(office, count: int) -> None:
    """So many packages, each with a copy that was read just now; only their rows."""
    row = office.archived()
    with office.runtime.session() as session:
        session.execute(update(PackageCopy).values(lost_at=office.make.clock.now()))
        closure = session.get_one(Closure, row.closure_id)
        for number in range(2, count + 2):
            later = copied(closure, number=number, reopened_at=office.make.clock.now())
            session.add(later)
            session.flush()
            package = copied(row, closure_id=later.id, version=number, object_name=f"packages/{later.id}.tar")
            session.add(package)
            session.flush()
            copy = PackageCopy(package_id=package.id, object_name=package.object_name, mode="none")
            copy.verified_at, copy.turn = office.make.clock.now(), number - 2
            session.add(copy)


def copied(row, **values):
    """Another row of the same table, alike but for these values."""
    same = {column.name: getattr(row, column.name) for column in row.__table__.columns}
    return type(row)(**same | {"id": uuid4()} | values)


def read_today(runtime) -> list[str]:
    """What is due on the vault's day; the rows say then that it was read."""
    with runtime.session() as session:
        due = due_copies(session, runtime.clock.now(), 90)
        for copy_id in due:
            session.get_one(PackageCopy, copy_id).verified_at = runtime.clock.now()
    return due


def test_every_copy_is_read_once_in_ninety_days_and_no_day_has_more_than_its_share(office, runtime, clock):
    many(office, 100)
    read = Counter()
    for _ in range(90):
        clock.move(days=1)
        due = read_today(runtime)
        assert len(due) <= 3  # of 100 in 90 days: two, or one more
        read.update(due)
    assert len(read) == 100
    assert set(read.values()) == {1}


def test_what_was_missed_is_made_up_for_oldest_first_without_a_flood(office, runtime, clock):
    many(office, 90)
    for _ in range(60):
        clock.move(days=1)
        read_today(runtime)
    clock.move(days=60)  # nobody was there
    with runtime.session() as session:
        present = select(PackageCopy.id).where(PackageCopy.lost_at.is_(None))
        oldest = session.scalars(present.order_by(PackageCopy.verified_at, PackageCopy.id)).first()
        assert count_alarms(session, runtime.settings, clock.now()).not_read == 58
    first = read_today(runtime)
    assert oldest in first
    read = [first]
    for _ in range(60):
        clock.move(days=1)
        read.append(read_today(runtime))
    assert max(map(len, read)) == 2
    with runtime.session() as session:
        assert count_alarms(session, runtime.settings, clock.now()).not_read == 0


def finding(runtime) -> dict[str, str]:
    return next(found for found in diagnose(runtime) if found["part"] == "fixity")


def test_the_alarm_does_not_need_the_worker_that_is_dead(office, runtime):
    office.archived()
    office.order(CHECK_FILES)
    office.look()
    assert finding(runtime)["state"] == "ok"
    office.make.clock.move(hours=38)
    late = finding(runtime)
    assert late["state"] == "warning"
    assert "2 copies were not looked at for more than a day" in late["note"]
    assert "1 stored files were not looked at" in late["note"]
    office.look()
    assert "copies" not in finding(runtime)["note"]
    office.make.clock.move(days=92)
    assert "2 copies are overdue to be read whole" in finding(runtime)["note"]
    first, second = office.copies()
    office.file(first).unlink()
    office.file(second).unlink()
    office.look()
    bad = finding(runtime)
    assert bad["state"] == "failed"
    assert "Of 1 packages no copy is good" in bad["note"]


def test_stored_files_have_their_days_too_and_a_day_its_bytes():
    days = [ids_of_day(date(2026, 11, 1) + timedelta(days=n), 90) for n in range(90)]
    ends = sorted((first.int, last.int) for first, last in days)
    assert ends[0][0] == 0
    assert ends[-1][1] == (1 << 128) - 1
    assert all(later[0] == earlier[1] + 1 for earlier, later in itertools.pairwise(ends))


def test_a_stored_file_is_read_on_its_day_and_once_in_ninety(office, runtime, clock, trail):
    office.closed(FORM)
    read = []
    for day in range(1, 181):
        clock.move(days=1)
        with runtime.session() as session:
            (version,) = session.scalars(select(Version)).all()
            due = session.scalar(select(func.count()).where(is_due(clock.now(), timedelta(days=90))))
            if due:
                read.append(day)
                version.read_at = clock.now()
    assert len(read) == 2
    assert read[1] - read[0] == 90


def test_a_day_reads_no_more_bytes_than_twice_its_share_and_begins_with_the_oldest(
    office, runtime, clock, monkeypatch, trail
):
    monkeypatch.setattr(deep, "LEAST", 1)
    office.closed({"form.pdf": PDF, "consent.pdf": PDF + b"%", "other.pdf": PDF + b"%%"})
    clock.move(days=200)
    for many in (1, 2, 3):
        with runtime.session() as session:
            job = enqueue(session, deep.READ, None, clock.now())
        assert run_job(runtime, job.id)
        with runtime.session() as session:
            assert session.scalar(select(func.count(Version.read_at))) == many
        clock.move(minutes=1)
    assert trail().count("fixity.checked") == 3
