"""Fixity of packages: every copy is looked at daily, and read whole once in `fixity_cycle`, in jobs of their own.

A copy has a turn, a number; on the days of its turn it is read. What was missed is read oldest first, of which a day takes
as much again as is its own share. A copy whose bytes are not what was written is repaired (`repairing`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import Select, and_, exists, func, select, update

from vault.access.actor import SYSTEM
from vault.archive.checking import looked_faults, read_fault
from vault.archive.copies import archive_for
from vault.archive.incidents import held_copy, note_faults, settle_faults
from vault.archive.models import (
    ARCHIVED,
    CONTENT_FAULTS,
    FAULTS,
    OPEN,
    ArchivalPackage,
    Incident,
    PackageCopy,
)
from vault.bundles.document_types import PERMANENT
from vault.clock import ClockState, read_clock
from vault.errors import StoreUnavailable, VaultError
from vault.jobs import ClaimedJob, handles, renew
from vault.store.archive import SECOND
from vault.stores import archives_of
from vault.transfers.deep import start_of_day
from vault.transfers.objects import Holding

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from vault.runtime import Runtime, Transaction
    from vault.store.archive import Archive

log = logging.getLogger(__name__)

LOOK, CHECK = "archive.check_fixity", "archive.check_copy"
COPY, REPAIR = "archive.copy", "archive.repair"
AT_ONCE = 200
COPIES_A_DAY = 1000
"""So many packages a day get the copy that they lack."""
NO_ANSWER = (StoreUnavailable, OSError)


class Pair(NamedTuple):
    """A package, and one of its copies."""

    row: ArchivalPackage
    copy: PackageCopy


@handles(LOOK)
def look_at_copies(runtime: Runtime, job: ClaimedJob) -> None:
    """The copies behind `job.subject_id` were looked at; the first run of a day also orders what is to be done that day."""
    if job.subject_id is None:
        order_day(runtime, job)
    archives, hold, silent = archives_of(runtime), Holding(runtime, job), set[str]()
    with runtime.session() as session:
        found = _behind(session, job.subject_id)
    seen: dict[UUID, set[str] | None] = {}
    for row, copy in found:
        hold()
        seen[copy.id] = _look(archives, silent, row, copy, runtime.clock.now())
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        _tell_looks(tx, seen)
        if found:
            failed = sum(bool(faults) for faults in seen.values())
            details = {"checked": len(found), "failed": failed, "unanswered": list(seen.values()).count(None)}
            tx.record("fixity.checked", None, depth="light", of="packages", **details)
        if len(found) == AT_ONCE:
            tx.later(LOOK, found[-1][1].id)
    for row, copy in found:
        if "lock_missing" in (seen[copy.id] or ()):
            _lock_again(runtime, job, archives[copy.store], row, copy)


@handles(CHECK)
def check_copy(runtime: Runtime, job: ClaimedJob) -> None:
    """The copy was read whole, and is what was written, or there is an incident and its repair waits."""
    with runtime.session() as session:
        found = copy_with_package(session, job.subject_id)
    if found is None:
        return
    row, copy = found
    try:
        fault = read_fault(archive_for(archives_of(runtime), copy.store), row, copy, Holding(runtime, job))
    except NO_ANSWER:
        with runtime.transaction(SYSTEM) as tx:
            renew(tx.session, job, tx.now)
            held_copy(tx, copy.id).unanswered += 1
        raise
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        tell_read(tx, held_copy(tx, copy.id), fault)


def tell_read(tx: Transaction, copy: PackageCopy, fault: str | None) -> None:
    """The row of a copy that was read whole says what was found; take hold of it first."""
    copy.looked_at, copy.unanswered = tx.now, 0
    if fault is None:
        copy.verified_at = tx.now
        settle_faults(tx, copy, CONTENT_FAULTS)
    else:
        note_faults(tx, copy, {fault})
        order(tx, REPAIR, copy.id)
    row = tx.session.get_one(ArchivalPackage, copy.package_id)
    tx.record("package.checked", row, copy=copy.id, store=copy.store, fault=fault)


def order_day(runtime: Runtime, job: ClaimedJob) -> None:
    """What is to be read today waits in a job each, and so do repairs, and copies that a package lacks."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        _give_turns(tx)
        for copy_id in due_copies(tx.session, tx.now, tx.settings.fixity_cycle.days):
            order(tx, CHECK, copy_id)
        bad = select(PackageCopy.id).where(PackageCopy.lost_at.is_(None), PackageCopy.failed_at.is_not(None))
        for copy_id in tx.session.scalars(bad).all():
            order(tx, REPAIR, copy_id)
        for package_id in _lacking(tx) if tx.settings.archive_copy else ():
            order(tx, COPY, package_id)


def due_copies(session: Session, now: datetime, days: int) -> list[UUID]:
    """Whose turn is today, and what was missed, longest unread first, no more of that than a day's share."""
    today = start_of_day(now)
    present = PackageCopy.lost_at.is_(None)
    count = session.scalar(select(func.count()).select_from(PackageCopy).where(present)) or 0
    place = PackageCopy.turn % days == today.toordinal() % days
    own = select(PackageCopy.id).where(present, place, PackageCopy.verified_at < today)
    late = and_(
        present,
        ~place,
        PackageCopy.failed_at.is_(None),
        PackageCopy.verified_at < today - timedelta(days=days),
    )
    missed = select(PackageCopy.id).where(late).order_by(PackageCopy.verified_at, PackageCopy.id)
    share = -(-count // days)
    return [*session.scalars(own.order_by(PackageCopy.turn)), *session.scalars(missed.limit(share))]


def copy_with_package(session: Session, copy_id: UUID | None) -> Pair | None:
    """A copy that is not lost, and its package."""
    return next((Pair(*each) for each in session.execute(_pairs().where(PackageCopy.id == copy_id))), None)


def order(tx: Transaction, name: str, subject_id: UUID) -> None:
    """The job waits, once."""
    tx.later(name, subject_id, dedupe_key=f"{name}:{subject_id}")


def _look(
    archives: dict[str, Archive], silent: set[str], row: ArchivalPackage, copy: PackageCopy, now: datetime
) -> set[str] | None:
    """What is wrong at a look; None without an answer. An archive that gives none is not asked again in this run."""
    if copy.store in silent:
        return None
    try:
        return looked_faults(archive_for(archives, copy.store), row, copy, now)
    except NO_ANSWER as fault:
        log.warning("the %s archive gives no answer: %s", copy.store, type(fault).__name__)
        silent.add(copy.store)
        return None


def _tell_looks(tx: Transaction, seen: Mapping[UUID, set[str] | None]) -> None:
    """The rows say what was seen: those of which nothing is to be told at once, the others each by itself."""
    open_ones = select(Incident.copy_id).where(Incident.copy_id.in_(seen), Incident.state == OPEN)
    troubled = set(tx.session.scalars(open_ones)) | {
        copy_id for copy_id, faults in seen.items() if faults != set()
    }
    fine = update(PackageCopy).where(PackageCopy.id.in_(set(seen) - troubled))
    tx.session.execute(fine.values(looked_at=tx.now, unanswered=0))
    for copy_id in sorted(troubled):
        copy = held_copy(tx, copy_id)
        if copy.lost_at is None:
            _tell_look(tx, copy, seen[copy_id])


def _tell_look(tx: Transaction, copy: PackageCopy, faults: set[str] | None) -> None:
    if faults is None:
        copy.unanswered += 1
        return
    copy.looked_at, copy.unanswered = tx.now, 0
    note_faults(tx, copy, faults)
    settle_faults(tx, copy, set(FAULTS) - set(CONTENT_FAULTS) - faults)
    if faults & set(CONTENT_FAULTS):
        order(tx, REPAIR, copy.id)
    elif copy.fault in ("missing", "wrong_size"):
        order(tx, CHECK, copy.id)  # it came back: is it what was written?


def _lock_again(
    runtime: Runtime, job: ClaimedJob, archive: Archive, row: ArchivalPackage, copy: PackageCopy
) -> None:
    """A permanent package is kept again, as long as a new one; never by a clock that is not to be trusted."""
    with runtime.session() as session:
        is_steady = read_clock(session, runtime.clock).state is ClockState.STEADY
    if row.disposal != PERMANENT or not is_steady:
        return
    until = runtime.clock.now() + runtime.settings.retention
    try:
        kept = archive.extend_retention(copy.object_name, copy.store_version, until)
    except VaultError as fault:
        log.warning("copy %s could not be locked again: %s", copy.id, fault.code)
        return
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        copy = held_copy(tx, copy.id)
        copy.kept_until, copy.mode = kept.until, kept.mode
        settle_faults(tx, copy, {"lock_missing"})


def _give_turns(tx: Transaction) -> None:
    """Every copy has a number, counted on in the order in which they came."""
    last = tx.session.scalar(select(func.max(PackageCopy.turn)))
    new = select(PackageCopy).where(PackageCopy.turn.is_(None), PackageCopy.lost_at.is_(None))
    ordered = tx.session.scalars(new.order_by(PackageCopy.verified_at, PackageCopy.id)).all()
    for turn, copy in enumerate(ordered, start=0 if last is None else last + 1):
        copy.turn = turn
    tx.session.flush()


def _lacking(tx: Transaction) -> Sequence[UUID]:
    """Packages in the archive that have no copy in the second one, longest there first."""
    there = exists().where(
        PackageCopy.package_id == ArchivalPackage.id,
        PackageCopy.store == SECOND,
        PackageCopy.lost_at.is_(None),
    )
    stays = ArchivalPackage.state == ARCHIVED, ArchivalPackage.disposed_at.is_(None)
    query = select(ArchivalPackage.id).where(*stays, ~there)
    return tx.session.scalars(query.order_by(ArchivalPackage.archived_at).limit(COPIES_A_DAY)).all()


def _pairs() -> Select[ArchivalPackage, PackageCopy]:
    query = select(ArchivalPackage, PackageCopy).join(
        PackageCopy, PackageCopy.package_id == ArchivalPackage.id
    )
    return query.where(PackageCopy.lost_at.is_(None))


def _behind(session: Session, copy_id: UUID | None) -> list[Pair]:
    query = _pairs().order_by(PackageCopy.id).limit(AT_ONCE)
    found = session.execute(query.where(PackageCopy.id > copy_id) if copy_id else query)
    return [Pair(*each) for each in found]
