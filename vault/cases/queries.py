"""Reading cases: lists with a cursor, and what a page says about a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import ColumnElement, select

from vault.access.policy import Permission, permits
from vault.cases.models import Case
from vault.cases.numbers import CASE_PATTERNS, Number, is_usual
from vault.cursors import cursor_of, is_beyond
from vault.people.models import Office

if TYPE_CHECKING:
    from vault.runtime import Transaction


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
        query = query.where(is_beyond(Case.changed_at, Case.id, after))
    found = list(tx.session.scalars(query.order_by(Case.changed_at.desc(), Case.id.desc()).limit(limit + 1)))
    page = found[:limit]
    return CaseList(page, cursor_of(page[-1].changed_at, page[-1].id) if len(found) > limit else None)


def has_usual_number(tx: Transaction, case: Case) -> bool:
    """Whether the case's number has a shape that we or its office know; if not, a page says so."""
    office = tx.session.get_one(Office, case.office_id)
    return is_usual(Number(case.number, case.number_key), CASE_PATTERNS, office.case_patterns)
