"""What is shown of a file's inspection, to pages and to programs alike."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from vault.inspection.models import NOT_SCANNED, PENDING, Inspection

EARLIER = "earlier"
"""Stored before files were inspected."""
MOST_ASKED = 500


class Findings(BaseModel):
    """`verdict` is clean, not_scanned or pending; `reason` says why a file was not scanned; `marks` are codes."""

    verdict: str
    reason: str | None = None
    marks: list[str] = []


UNKNOWN = Findings(verdict=NOT_SCANNED, reason=EARLIER)
STILL_LOOKED_AT = Findings(verdict=PENDING)


def findings_of(session: Session, ids: Iterable[UUID]) -> dict[UUID, Findings]:
    """Of each version with one of these ids, by id."""
    wanted = list(ids)
    found = dict.fromkeys(wanted, UNKNOWN)
    for start in range(0, len(wanted), MOST_ASKED):
        query = select(Inspection).where(Inspection.id.in_(wanted[start : start + MOST_ASKED]))
        found |= {row.id: _shown(row) for row in session.scalars(query)}
    return found


def _shown(row: Inspection) -> Findings:
    return Findings(verdict=row.scan, reason=row.scan_reason, marks=row.marks)
