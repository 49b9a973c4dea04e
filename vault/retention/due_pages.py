"""What is due, and why nothing has happened to it yet: by the last scan, with reasons as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from vault.access.holds import is_on_hold
from vault.access.policy import Permission, permits
from vault.bundles.document_types import DOCUMENT_TYPES, RECORDING
from vault.bundles.models import Document
from vault.cases.models import Case
from vault.cursors import cursor_of, is_later
from vault.people.models import Office
from vault.retention.models import (
    DESTROY,
    TRANSFER,
    DueDocument,
    RetentionClass,
    RetentionRule,
    RetentionScan,
)
from vault.retention.moments import IN_THE_ARCHIVE
from vault.retention.scanning import late_offices
from vault.retention.schedule import schedule_of
from vault.retention.transcripts import Beside, beside_of

if TYPE_CHECKING:
    from vault.runtime import Transaction

PATIENCE = timedelta(days=30)
"""How long something may be due before it is overdue."""


class DueRow(BaseModel):
    """A document whose time is over, by its type and case. `reasons` say why nothing has happened to it yet.

    They are held, transcript_missing, transcript_unverified, not_archived, awaiting_transfer, awaiting_review and
    awaiting_disposal.
    """

    document_id: UUID
    type_name: str
    case_id: UUID
    case_number: str
    class_id: UUID
    class_code: str
    version: int
    action: str
    began_at: datetime
    due_at: datetime
    is_overdue: bool
    reasons: list[str]


class UnscheduledRow(BaseModel):
    """A document type whose class says nothing yet, and how many documents are never due for want of that."""

    document_type: str
    type_name: str
    class_id: UUID
    documents: int


class DueState(BaseModel):
    """When the last scan of an office came to its end, whether that is too long ago, and what it could not count."""

    office: str
    scanned_at: datetime | None
    is_late: bool
    due: int
    unscheduled: list[UnscheduledRow]


def due_state(tx: Transaction, office_id: UUID) -> DueState:
    """Of one office."""
    scanned = tx.session.get(RetentionScan, office_id)
    return DueState(
        office=tx.session.get_one(Office, office_id).name,
        scanned_at=scanned.finished_at if scanned else None,
        is_late=office_id in late_offices(tx.session, tx.now),
        due=scanned.due if scanned else 0,
        unscheduled=_unscheduled(tx, office_id),
    )


def due_rows(
    tx: Transaction, office_id: UUID, after: str | None, limit: int
) -> tuple[list[DueRow], str | None]:
    """What is due longest first, and the cursor of the page that follows; what was withdrawn is due like all else."""
    query = (
        select(DueDocument, Document, RetentionRule, Case, is_on_hold(DueDocument.id))
        .join(Document, Document.id == DueDocument.id)
        .join(RetentionRule, RetentionRule.id == DueDocument.rule_id)
        .join(Case, Case.id == Document.case_id)
        .where(
            Document.office_id == office_id,
            permits(Permission.RETENTION_SEE, Document, tx.actor, tx.now, but_for=("withdrawn",)),
        )
        .options(selectinload(Document.individuals))
        .order_by(DueDocument.due_at, DueDocument.id)
    )
    if after is not None:
        query = query.where(is_later(DueDocument.due_at, DueDocument.id, after))
    found = tx.session.execute(query.limit(limit + 1)).all()
    shown = found[:limit]
    beside = beside_of(tx, [row.Document for row in shown if row.Document.kind == RECORDING])
    rows = [
        _row(tx, due, document, rule, case, _reasons(rule, case, held, beside.get(document.id)))
        for due, document, rule, case, held in shown
    ]
    last = shown[-1].DueDocument if len(found) > limit else None
    return rows, cursor_of(last.due_at, last.id) if last else None


def _row(
    tx: Transaction, due: DueDocument, document: Document, rule: RetentionRule, case: Case, reasons: list[str]
) -> DueRow:
    return DueRow(
        document_id=document.id,
        type_name=DOCUMENT_TYPES[document.document_type].name,
        case_id=case.id,
        case_number=case.number,
        class_id=rule.class_id,
        class_code=tx.session.get_one(RetentionClass, rule.class_id).code,
        version=rule.version,
        action=rule.action,
        began_at=due.began_at,
        due_at=due.due_at,
        is_overdue=due.due_at + PATIENCE <= tx.now,
        reasons=reasons,
    )


def _reasons(
    rule: RetentionRule, case: Case, is_held: bool, transcripts: Sequence[Beside] | None
) -> list[str]:
    """What stands against it, and what it waits for; `transcripts` are those beside a recording."""
    found = ["held"] if is_held else []
    if transcripts is not None and not transcripts:
        found.append("transcript_missing")
    elif transcripts is not None and not any(each.check for each in transcripts):
        found.append("transcript_unverified")
    if rule.action == TRANSFER:
        found.append("awaiting_transfer" if case.state in IN_THE_ARCHIVE else "not_archived")
    else:
        found.append("awaiting_disposal" if rule.action == DESTROY else "awaiting_review")
    return found


def _unscheduled(tx: Transaction, office_id: UUID) -> list[UnscheduledRow]:
    without = {
        code: each.kept.id
        for each in schedule_of(tx, office_id)
        if each.rule is None
        for code in each.document_types
    }
    counted = (
        select(Document.document_type, func.count())
        .where(Document.office_id == office_id, Document.document_type.in_(without))
        .group_by(Document.document_type)
    )
    documents = dict(tx.session.execute(counted).all())
    return [
        UnscheduledRow(
            document_type=code,
            type_name=DOCUMENT_TYPES[code].name,
            class_id=class_id,
            documents=documents.get(code, 0),
        )
        for code, class_id in without.items()
    ]
