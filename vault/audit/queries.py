"""Reading the audit log: pages of it, newest first, and the sentence for each entry."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from vault.audit.events import EVENTS
from vault.audit.models import AuditEntry

LONGEST_PAGE = 200


@dataclass(frozen=True)
class AuditFilter:
    """What to look for; everything given must hold. `event` is a name or its beginning (`share.`); `since` is
    included, `until` is not."""

    event: str = ""
    actor_id: UUID | None = None
    office_id: UUID | None = None
    case_id: UUID | None = None
    bundle_id: UUID | None = None
    subject_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class AuditEvent:
    """One entry as a reader sees it."""

    number: int
    at: datetime
    event: str
    actor_kind: str
    actor_id: UUID | None
    office_id: UUID | None
    case_id: UUID | None
    bundle_id: UUID | None
    subject_type: str
    subject_id: UUID | None
    details: dict[str, Any]


@dataclass(frozen=True)
class AuditPage:
    """Entries, newest first; `after` is the cursor of the next page, None on the last."""

    entries: list[AuditEvent]
    after: int | None


def audit_page(session: Session, wanted: AuditFilter, after: int | None = None, limit: int = 50) -> AuditPage:
    """Up to `limit` (1 to 200, else ValueError) entries older than the cursor `after`."""
    if not 1 <= limit <= LONGEST_PAGE:
        raise ValueError(f"a page has 1 to {LONGEST_PAGE} entries")
    query = select(AuditEntry).where(*_conditions(wanted)).order_by(AuditEntry.number.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(AuditEntry.number < after)
    found = [_event(entry) for entry in session.scalars(query)]
    page = found[:limit]
    return AuditPage(page, page[-1].number if len(found) > limit else None)


def sentence(entry: AuditEvent) -> str:
    """What happened, in the words of the catalogue; the bare name of an event only a newer version knows."""
    return EVENTS.get(entry.event, entry.event)


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.event:
        # Names from the catalogue, not LIKE: exact in every collation, and the index serves it.
        conditions.append(AuditEntry.event.in_([name for name in EVENTS if name.startswith(wanted.event)]))
    for name in ("actor_id", "office_id", "case_id", "bundle_id", "subject_id"):
        value = getattr(wanted, name)
        if value is not None:
            conditions.append(getattr(AuditEntry, name) == value)
    if wanted.since is not None:
        conditions.append(AuditEntry.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(AuditEntry.at < wanted.until)
    return conditions


def _event(entry: AuditEntry) -> AuditEvent:
    return AuditEvent(
        number=entry.number,
        at=entry.at,
        event=entry.event,
        actor_kind=entry.actor_kind,
        actor_id=entry.actor_id,
        office_id=entry.office_id,
        case_id=entry.case_id,
        bundle_id=entry.bundle_id,
        subject_type=entry.subject_type,
        subject_id=entry.subject_id,
        details=json.loads(entry.leaf)["details"],
    )
