"""The archivist's queue: cases in which nothing more is to come, those that were closed last, and proposals to reopen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import ColumnElement, exists, or_, select

from vault.access.policy import Permission, permits
from vault.archive.models import ArchivalPackage, Closure, Reopening
from vault.archive.package_pages import PackageRow, package_rows
from vault.archive.removal_models import ENDED, Removal
from vault.cases.models import ACTIVE, ARCHIVED, ARCHIVING, CLOSED, OUTCOMES, Case, Individual
from vault.matrix.pages import names_of

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST = 100
"""Rows of each list."""
FINAL = tuple(outcome for outcome, is_final in OUTCOMES.items() if is_final)


class ReadyRow(BaseModel):
    """An active case all of whose individuals have a final outcome."""

    case_id: UUID
    case_number: str
    changed_at: datetime


class ClosedRow(BaseModel):
    """A case that is not active any more; `is_to_reopen` while a proposal to reopen it waits.

    While it is being archived, so many of its `packages` are `archived`; `has_stopped` once one waits for somebody, or the
    removal of its active copies does; `removal` is how far that is.
    """

    case_id: UUID
    case_number: str
    number: int
    closed_on: date
    closed_at: datetime
    closed_by: str
    is_to_reopen: bool
    state: str
    packages: int
    archived: int
    has_stopped: bool
    removal: str | None


class QueuePage(BaseModel):
    """What could be closed, longest unchanged first, and what is closed, newest first, archived cases last.

    A hundred of each at most.
    """

    ready: list[ReadyRow]
    closed: list[ClosedRow]


def queue_page(tx: Transaction) -> QueuePage:
    """The cases that the actor may close or has seen closed."""
    mine = permits(Permission.CASE_CLOSE, Case, tx.actor, tx.now)
    ready = select(Case).where(Case.state == ACTIVE, is_settled(), mine).order_by(Case.changed_at, Case.id)
    waiting = exists().where(
        Reopening.closure_id == Closure.id, Reopening.approved_at.is_(None), Reopening.dropped_at.is_(None)
    )
    closed = (
        select(Case, Closure, waiting)
        .join(Closure, Closure.case_id == Case.id)
        .where(Case.state.in_((CLOSED, ARCHIVING, ARCHIVED)), Closure.reopened_at.is_(None), mine)
        .order_by(Case.state == ARCHIVED, Closure.closed_at.desc(), Closure.id)
    )
    found = [(case, closure, waits) for case, closure, waits in tx.session.execute(closed.limit(MOST))]
    return QueuePage(
        ready=[
            ReadyRow(case_id=case.id, case_number=case.number, changed_at=case.changed_at)
            for case in tx.session.scalars(ready.limit(MOST))
        ],
        closed=_closed(tx, found),
    )


def is_settled() -> ColumnElement[bool]:
    """True for cases that name somebody, and in which nobody's outcome is open."""
    of_case = Individual.case_id == Case.id
    is_open = or_(Individual.outcome.is_(None), Individual.outcome.not_in(FINAL))
    return exists().where(of_case) & ~exists().where(of_case, is_open)


def _closed(tx: Transaction, found: Sequence[tuple[Case, Closure, bool]]) -> list[ClosedRow]:
    names = names_of(tx, [closure.closed_by_id for _, closure, _ in found])
    packages = _packages(tx, [closure.id for _, closure, _ in found])
    removals = _removals(tx, [closure.id for _, closure, _ in found])
    return [
        ClosedRow(
            case_id=case.id,
            case_number=case.number,
            number=closure.number,
            closed_on=closure.closed_on,
            closed_at=closure.closed_at,
            closed_by=names.get(closure.closed_by_id, ""),
            is_to_reopen=is_to_reopen,
            state=case.state,
            packages=len(packages[closure.id]),
            archived=sum(row.state == ARCHIVED for row in packages[closure.id]),
            has_stopped=any(row.has_stopped for row in packages[closure.id])
            or _stands(removals.get(closure.id)),
            removal=removals[closure.id].state if closure.id in removals else None,
        )
        for case, closure, is_to_reopen in found
    ]


def _removals(tx: Transaction, closures: list[UUID]) -> dict[UUID, Removal]:
    """The one of each closing that has not ended."""
    live = select(Removal).where(Removal.closure_id.in_(closures), Removal.state != ENDED)
    return {row.closure_id: row for row in tx.session.scalars(live)}


def _stands(removal: Removal | None) -> bool:
    return removal is not None and removal.error_code is not None


def _packages(tx: Transaction, closures: list[UUID]) -> dict[UUID, list[PackageRow]]:
    """Those of each closing."""
    rows = tx.session.scalars(select(ArchivalPackage).where(ArchivalPackage.closure_id.in_(closures))).all()
    found: dict[UUID, list[PackageRow]] = {closure: [] for closure in closures}
    for row, shown in zip(rows, package_rows(tx, rows), strict=True):
        found[row.closure_id].append(shown)
    return found
