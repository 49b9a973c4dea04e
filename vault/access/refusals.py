"""How often somebody outside was refused the same: told one by one at first, then in numbers.

Whoever is outside, with a link's address or its secret, can be refused without end, and the log keeps everything for
ever. So of the same refusal about the same row the first ten within an hour are told each, then the 100th, the 1000th and
so on, with their number; the rest when the hour is over. What limits guesses counts for itself (`throttle`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from vault.db import Base, upsert
from vault.errors import Refusal

WINDOW = timedelta(hours=1)
EACH = 10
OUTSIDE = frozenset({"stranger", "visitor"})


class RefusalCount(Base):
    """One refusal about one row since `began_at`: how often, and how often when the log was last told."""

    __tablename__ = "refusal_counts"

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    event: Mapped[str] = mapped_column(String(60), primary_key=True)
    reason: Mapped[str] = mapped_column(String(40), primary_key=True)
    subject_type: Mapped[str] = mapped_column(String(40))
    office_id: Mapped[UUID | None]
    case_id: Mapped[UUID | None]
    bundle_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    times: Mapped[int]
    told: Mapped[int]
    began_at: Mapped[datetime] = mapped_column(index=True)


def counted(session: Session, refusal: Refusal, now: datetime) -> list[Refusal]:
    """What the log is told of this refusal: itself or nothing; and first what it was not told of an hour that is over."""
    if refusal.subject_id is None:
        return [refusal]
    row, told = _held(session, refusal, now), []
    if now >= row.began_at + WINDOW:
        told, row.times, row.told, row.began_at = _untold(row), 0, 0, now
    row.times += 1
    is_power_of_ten = str(row.times).strip("0") == "1"
    if row.times <= EACH or is_power_of_ten:
        row.told = row.times
        told.append(_numbered(refusal, row.times))
    return told


def told_at_last(session: Session, now: datetime, most: int) -> list[Refusal]:
    """What the log was not told of hours that are over, which are forgotten with it; of at most so many rows."""
    query = select(RefusalCount).where(RefusalCount.began_at <= now - WINDOW).limit(most).with_for_update()
    told = []
    for row in session.scalars(query):
        told += _untold(row)
        session.delete(row)
    return told


def _held(session: Session, refusal: Refusal, now: datetime) -> RefusalCount:
    """The row of this refusal, held until the transaction ends; one is made if there is none."""
    reason = str(refusal.details.get("reason", ""))
    key = {"subject_id": refusal.subject_id, "event": refusal.event, "reason": reason}
    place = {name: getattr(refusal, name) for name in ("subject_type", "office_id", "case_id", "bundle_id")}
    query = upsert(session, RefusalCount).values(
        **key, **place, details=refusal.details, times=0, told=0, began_at=now
    )
    query = query.on_conflict_do_update(index_elements=list(key), set_={"details": refusal.details})
    found = session.scalars(query.returning(RefusalCount), execution_options={"populate_existing": True})
    row: RefusalCount = found.one()
    return row


def _untold(row: RefusalCount) -> list[Refusal]:
    place = (row.subject_type, row.subject_id, row.office_id, row.case_id, row.bundle_id)
    said = Refusal(row.event, *place, details=row.details)
    return [_numbered(said, row.times)] if row.times > row.told else []


def _numbered(refusal: Refusal, times: int) -> Refusal:
    """With how often it was within the hour, unless that is told one by one."""
    details = refusal.details | ({"times": times} if times > EACH else {})
    place = (refusal.subject_type, refusal.subject_id, refusal.office_id, refusal.case_id, refusal.bundle_id)
    return Refusal(refusal.event, *place, details=details)
