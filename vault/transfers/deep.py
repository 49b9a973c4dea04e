"""The deep fixity check of stored files: an object is read whole, and its SHA-256 compared with what was deposited.

It needs no key. Within `fixity_cycle` everything is read once: a version's id says on which of these days, so that each
has about as much to do. What was missed is read oldest first, and a day reads at most twice its share of bytes.
"""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from vault.access.actor import SYSTEM
from vault.bundles.models import Version
from vault.jobs import ClaimedJob, enqueue, handles, renew
from vault.transfers.objects import OF_THE_OBJECT, Holding, content_fault, is_stored, mark_failed, mark_good

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from vault.runtime import Runtime, Transaction
    from vault.settings import Settings

READ = "transfers.read_objects"
AT_ONCE = 20
SLICE = 240.0
"""Seconds after which a job leaves the rest to the next."""
LEAST = 1024**3
"""Bytes that a day may always read, however little is stored."""
_IDS = 1 << 128
LAST_READ = func.coalesce(Version.read_at, Version.deposited_at)


@handles(READ)
def read_objects(runtime: Runtime, job: ClaimedJob) -> None:
    """What is due today is read, oldest first, until the day's bytes are used up; the job after this one goes on."""
    began, hold, results = time.monotonic(), Holding(runtime, job), list[bool]()
    before = datetime.fromisoformat(job.details["before"]) if "before" in job.details else None
    with runtime.session() as session:
        left = int(job.details.get("left", 0)) or day_limit(session, runtime.settings)
    while left > 0 and time.monotonic() - began < SLICE and (found := _due(runtime, before)):
        for version in found:
            results.append(check_object(runtime, job, version, hold))
            left -= version.object_length if before is None else 0
            if left <= 0:
                break
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        if results:
            tx.record("fixity.checked", depth="deep", checked=len(results), failed=results.count(False))
        if left > 0 and due_versions(tx, before):
            enqueue(tx.session, READ, None, tx.now, details={**job.details, "left": left})


def order_all(tx: Transaction) -> None:
    """Whatever is stored now is read, whether its day has come or not, in as many jobs as that takes."""
    enqueue(tx.session, READ, None, tx.now, details={"before": tx.now.isoformat()})


def check_object(runtime: Runtime, job: ClaimedJob, version: Version, hold: Holding) -> bool:
    """Whether the object of the version, which was read whole now, is what was deposited; its row says so."""
    fault = content_fault(runtime.store, version, hold)
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        if fault:
            mark_failed(tx, version.id, fault)
        else:
            mark_good(tx, [version.id])
        tx.session.execute(update(Version).where(Version.id == version.id).values(read_at=tx.now))
    return fault is None


def day_limit(session: Session, settings: Settings) -> int:
    """Bytes that a day reads at most: twice its share, so that what was missed is made up for in as long as it was."""
    total = session.scalar(select(func.sum(Version.object_length)).where(is_stored())) or 0
    return max(2 * int(total) // settings.fixity_cycle.days, LEAST)


def due_versions(tx: Transaction, before: datetime | None = None) -> Sequence[Version]:
    """Some of those whose day is today or that were missed, longest unread first; or of all that was not read since."""
    due = is_due(tx.now, tx.settings.fixity_cycle) if before is None else before > LAST_READ
    query = select(Version).options(OF_THE_OBJECT).where(is_stored(), due)
    return tx.session.scalars(query.order_by(LAST_READ, Version.id).limit(AT_ONCE)).all()


def _due(runtime: Runtime, before: datetime | None) -> Sequence[Version]:
    with runtime.reading(SYSTEM) as tx:
        return due_versions(tx, before)


def is_due(now: datetime, cycle: timedelta) -> ColumnElement[bool]:
    """True for versions whose day is today and that were not read today, and for those that were missed."""
    today = start_of_day(now)
    first, last = ids_of_day(today.date(), cycle.days)
    own = and_(Version.id >= first, Version.id <= last, today > LAST_READ)
    return or_(own, today - cycle > LAST_READ)


def was_not_read(now: datetime, cycle: timedelta, grace: timedelta) -> ColumnElement[bool]:
    """True for what should have been read long since."""
    return and_(is_stored(), now - cycle - grace > LAST_READ)


def was_not_looked_at(now: datetime, grace: timedelta) -> ColumnElement[bool]:
    """True for what the light check has not seen for so long."""
    return and_(is_stored(), func.coalesce(Version.checked_at, Version.deposited_at) < now - grace)


def ids_of_day(day: date, days: int) -> tuple[UUID, UUID]:
    """The first and the last id whose turn is on this day; ids are random, so each day has about as many."""
    place = day.toordinal() % days
    return UUID(int=_IDS * place // days), UUID(int=_IDS * (place + 1) // days - 1)


def start_of_day(now: datetime) -> datetime:
    """Midnight before, UTC."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
