"""The daily scan: it records what is due, and does nothing else. One that has not come round for a day is late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, selectinload

from vault.access.actor import STRANGER, SYSTEM
from vault.bundles.document_types import is_permanent
from vault.bundles.models import Document, Version
from vault.clock import ClockState, read_clock
from vault.jobs import ClaimedJob, handles, renew
from vault.people.models import Office
from vault.retention.decisions import Decided, decided_of, rules_for
from vault.retention.models import DueDocument, RetentionScan
from vault.retention.moments import began_at
from vault.retention.periods import ends_at
from vault.retention.schedule import Scheduled, found_schedule, schedule_of

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

AT_ONCE = 500
LATE = timedelta(hours=26)
"""A day, and what a scan may take."""


@handles("retention.scan")
def scan(runtime: Runtime, job: ClaimedJob) -> None:
    """Every office is looked through, but while the clock is not to be trusted: then the scan is late, and says so."""
    with runtime.reading(STRANGER) as tx:
        office_ids = tx.session.scalars(select(Office.id).order_by(Office.id)).all()
        is_steady = read_clock(tx.session, runtime.clock).state is ClockState.STEADY
    for office_id in office_ids if is_steady else ():
        documents, after = 0, UUID(int=0)
        while True:
            with runtime.transaction(SYSTEM) as tx:
                renew(tx.session, job, tx.now)
                found = scan_some(tx, office_id, after)
                documents += len(found)
                if len(found) < AT_ONCE:
                    _finish(tx, office_id, documents)
                    break
                after = found[-1].id


def scan_some(tx: Transaction, office_id: UUID, after: UUID) -> Sequence[Document]:
    """The next documents of the office by their ids: those whose time is over are recorded, all others are not."""
    found_schedule(tx, office_id)
    schedule = schedule_of(tx, office_id)
    query = select(Document).where(Document.office_id == office_id, Document.id > after).order_by(Document.id)
    documents = tx.session.scalars(query.options(selectinload(Document.individuals)).limit(AT_ONCE)).all()
    ids = [each.id for each in documents]
    known = {each.id: each for each in tx.session.scalars(select(DueDocument).where(DueDocument.id.in_(ids)))}
    due = {each.id: each for each in _due(tx, documents, schedule)}
    over = known.keys() - due.keys()
    tx.session.execute(delete(DueDocument).where(DueDocument.id.in_(over)))
    for row in due.values():
        if row.id in known:
            row.found_at = known[row.id].found_at
        tx.session.merge(row)
    tx.session.flush()
    return documents


def late_offices(session: Session, now: datetime) -> Sequence[UUID]:
    """The offices that no scan has looked through for more than a day."""
    last = func.coalesce(RetentionScan.finished_at, Office.created_at)
    query = select(Office.id).outerjoin(RetentionScan, RetentionScan.office_id == Office.id)
    return session.scalars(query.where(last < now - LATE).order_by(Office.id)).all()


def _due(
    tx: Transaction, documents: Sequence[Document], schedule: Sequence[Scheduled]
) -> Iterator[DueDocument]:
    """What was disposed of is never due again, and what was extended not before its day."""
    ids = [each.id for each in documents]
    decided, gone = decided_of(tx, ids), _disposed(tx, documents)
    rules = rules_for(documents, schedule, decided)
    scheduled = [each for each in documents if each.id in rules and each.id not in gone]
    moments = began_at(tx, scheduled, {each: rule.counts_from for each, rule in rules.items()})
    for each in scheduled:
        rule, began = rules[each.id], moments.get(each.id)
        if began is None:
            continue
        until = decided.get(each.id, Decided()).until
        due_at = max(filter(None, (ends_at(began, rule.period, rule.unit), until)))
        if due_at <= tx.now:
            yield DueDocument(id=each.id, rule_id=rule.id, began_at=began, due_at=due_at, found_at=tx.now)


def _disposed(tx: Transaction, documents: Sequence[Document]) -> set[UUID]:
    """Those that are no permanent records and of which nothing is left here."""
    disposable = {each.id for each in documents if not is_permanent(each.document_type)}
    left = select(Version.document_id).where(
        Version.document_id.in_(disposable), Version.removed_at.is_(None)
    )
    return disposable - set(tx.session.scalars(left))


def _finish(tx: Transaction, office_id: UUID, documents: int) -> None:
    query = select(func.count()).select_from(DueDocument).join(Document, Document.id == DueDocument.id)
    due = tx.session.scalar(query.where(Document.office_id == office_id)) or 0
    tx.session.merge(RetentionScan(office_id=office_id, finished_at=tx.now, documents=documents, due=due))
