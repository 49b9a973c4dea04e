"""Reading cases: lists with a cursor, and what a page says about a number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select

from vault.access.policy import Permission, permits
from vault.cases.models import Case
from vault.cases.numbers import CASE_PATTERNS, Number, is_usual
from vault.errors import Fault, Invalid
from vault.people.models import Office

if TYPE_CHECKING:
    from vault.runtime import Transaction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CaseList(NamedTuple):
    """Some cases, and the cursor of the page that follows."""

    cases: list[Case]
    next: str | None


def list_cases(
    tx: Transaction, after: str | None, limit: int, among: ColumnElement[bool] | None = None
) -> CaseList:
    """The cases that the actor may see, last changed first; `among` narrows them. `Invalid` for a bad cursor."""
    query = select(Case).where(permits(Permission.CASE_SEE, Case, tx.actor, tx.now))
    if among is not None:
        query = query.where(among)
    if after is not None:
        query = query.where(_beyond(*_read_cursor(after)))
    found = list(tx.session.scalars(query.order_by(Case.changed_at.desc(), Case.id.desc()).limit(limit + 1)))
    page = found[:limit]
    return CaseList(page, _cursor(page[-1]) if len(found) > limit else None)


def has_usual_number(tx: Transaction, case: Case) -> bool:
    """Whether the case's number has a shape that we or its office know; if not, a page says so."""
    office = tx.session.get_one(Office, case.office_id)
    return is_usual(Number(case.number, case.number_key), CASE_PATTERNS, office.case_patterns)


def _beyond(changed_at: datetime, case_id: UUID) -> ColumnElement[bool]:
    return or_(Case.changed_at < changed_at, and_(Case.changed_at == changed_at, Case.id < case_id))


def _cursor(case: Case) -> str:
    return f"{(case.changed_at - EPOCH) // timedelta(microseconds=1)}-{case.id.hex}"


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    moment, _, row_id = cursor.partition("-")
    try:
        return EPOCH + timedelta(microseconds=int(moment)), UUID(hex=row_id)
    except (ValueError, OverflowError):
        fault = Fault("/after", "Give the cursor of the page before.")
        raise Invalid("The page is unknown.", errors=[fault]) from None
