"""What is shown of fixity: what is wrong first, then what is overdue, then all other copies; and one incident."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, case, exists, or_, select

from vault.access.policy import Permission, permits
from vault.archive.alarms import Alarms, count_alarms, was_not_looked, was_not_verified
from vault.archive.incidents import good
from vault.archive.models import OPEN, REPAIRED, SETTLED, ArchivalPackage, Incident, PackageCopy
from vault.bundles.models import Version
from vault.cursors import EPOCH, cursor_of
from vault.errors import Fault, Invalid
from vault.matrix.pages import names_of, reason_of

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST = 100
"""Incidents that the board names."""
STATES = ("failed", "overdue", "good")
"""Of copies, in the order of the board."""


class CopyState(BaseModel):
    """One copy of a package. `case_number` is null for whoever sees no cases; on `next_on` it is read whole."""

    id: UUID
    package: UUID
    name: str
    disposal: str
    case_number: str | None
    archive: str
    state: str
    fault: str | None
    looked_at: datetime | None
    verified_at: datetime
    next_on: date | None
    unanswered: int


class IncidentRow(BaseModel):
    """One incident; `good` is how many copies of the package are good now."""

    id: UUID
    package: UUID
    name: str
    archive: str
    kind: str
    state: str
    found_at: datetime
    repaired_at: datetime | None
    good: int


class IncidentPage(BaseModel):
    """An incident, and what became of it; `reason` is told in its office."""

    incident: IncidentRow
    case_number: str | None
    object_name: str
    repaired_by: str | None
    closed_at: datetime | None
    closed_by: str | None
    reason: str | None
    is_alone: bool
    may_close: bool


class Board(NamedTuple):
    """One page of the board, and the cursor of the next one."""

    alarms: Alarms
    incidents: list[IncidentRow]
    copies: list[CopyState]
    after: str | None


def fixity_board(tx: Transaction, after: str | None, limit: int) -> Board:
    """Of all that the actor may see. Errors: `Refused`; `Invalid` at /after."""
    tx.require(Permission.FIXITY_SEE)
    mine, files = (_may(tx, Permission.FIXITY_SEE, model) for model in (ArchivalPackage, Version))
    rank = _rank(tx)
    query = select(ArchivalPackage, PackageCopy, rank, _may(tx, Permission.PACKAGE_SEE, ArchivalPackage))
    query = query.join(PackageCopy, PackageCopy.package_id == ArchivalPackage.id)
    query = query.where(PackageCopy.lost_at.is_(None), mine)
    if after is not None:
        query = query.where(_is_beyond(rank, after))
    order = (rank, PackageCopy.verified_at, PackageCopy.id)
    found = tx.session.execute(query.order_by(*order).limit(limit + 1)).all()
    shown = found[:limit]
    last = shown[-1] if len(found) > limit else None
    return Board(
        count_alarms(tx.session, tx.settings, tx.now, mine, files),
        _incidents(tx),
        [_state(tx, *each) for each in shown],
        f"{last[2]}-{cursor_of(last[1].verified_at, last[1].id)}" if last is not None else None,
    )


def incident_page(tx: Transaction, incident: Incident) -> IncidentPage:
    """The page of an incident that was loaded with the permission to see it."""
    row = tx.session.get_one(ArchivalPackage, incident.package_id)
    copy = tx.session.get_one(PackageCopy, incident.copy_id)
    instead = tx.session.get(PackageCopy, incident.repaired_by_id) if incident.repaired_by_id else None
    is_own = incident.office_id == tx.actor.office_id
    closer = names_of(tx, [incident.closed_by_id])
    return IncidentPage(
        incident=_incident(tx, incident, row, copy),
        case_number=row.case_number if tx.allows(Permission.PACKAGE_SEE, row) else None,
        object_name=copy.object_name,
        repaired_by=instead.object_name if instead is not None else None,
        closed_at=incident.closed_at,
        closed_by=closer.get(incident.closed_by_id) if incident.closed_by_id else None,
        reason=reason_of(tx, incident.remark_id, incident.office_id) if is_own else None,
        is_alone=not tx.settings.archive_copy,
        may_close=incident.state == REPAIRED and tx.allows(Permission.INCIDENT_CLOSE, incident),
    )


def next_day(copy: PackageCopy, days: int) -> date | None:
    """The first day after it was read last that is of its turn; None until it has one."""
    if copy.turn is None:
        return None
    read_on = copy.verified_at.astimezone(UTC).date()
    return read_on + timedelta(days=(copy.turn - read_on.toordinal() - 1) % days + 1)


def _may(tx: Transaction, permission: Permission, model: type[Any]) -> ColumnElement[bool]:
    return permits(permission, model, tx.actor, tx.now)


def _rank(tx: Transaction) -> ColumnElement[int]:
    """The place of the copy's state in `STATES`."""
    open_one = exists().where(Incident.copy_id == PackageCopy.id, Incident.state == OPEN)
    late = or_(was_not_looked(tx.now), was_not_verified(tx.now, tx.settings.fixity_cycle))
    return case((or_(PackageCopy.failed_at.is_not(None), open_one), 0), (late, 1), else_=2)


def _is_beyond(rank: ColumnElement[int], cursor: str) -> ColumnElement[bool]:
    place, last, last_id = _read(cursor)
    later = or_(
        PackageCopy.verified_at > last, and_(PackageCopy.verified_at == last, PackageCopy.id > last_id)
    )
    return or_(rank > place, and_(rank == place, later))


def _read(cursor: str) -> tuple[int, datetime, UUID]:
    try:
        place, moment, copy_id = cursor.split("-")
        return (
            STATES.index(STATES[int(place)]),
            EPOCH + timedelta(microseconds=int(moment)),
            UUID(hex=copy_id),
        )
    except (ValueError, IndexError, OverflowError):
        fault = Fault("/after", "Give the cursor of the page before.")
        raise Invalid("The page is unknown.", errors=[fault]) from None


def _state(tx: Transaction, row: ArchivalPackage, copy: PackageCopy, rank: int, sees_case: bool) -> CopyState:
    return CopyState(
        id=copy.id,
        package=row.id,
        name=_name(row),
        disposal=row.disposal,
        case_number=row.case_number if sees_case else None,
        archive=copy.store,
        state=STATES[rank],
        fault=copy.fault,
        looked_at=copy.looked_at,
        verified_at=copy.verified_at,
        next_on=next_day(copy, tx.settings.fixity_cycle.days),
        unanswered=copy.unanswered,
    )


def _incidents(tx: Transaction) -> list[IncidentRow]:
    """Those that are not closed, open ones first, oldest first."""
    query = (
        select(Incident, ArchivalPackage, PackageCopy)
        .join(ArchivalPackage, ArchivalPackage.id == Incident.package_id)
        .join(PackageCopy, PackageCopy.id == Incident.copy_id)
        .where(Incident.state != SETTLED, _may(tx, Permission.FIXITY_SEE, Incident))
        .order_by(Incident.state != OPEN, Incident.found_at, Incident.id)
    )
    return [_incident(tx, *each) for each in tx.session.execute(query.limit(MOST))]


def _incident(tx: Transaction, incident: Incident, row: ArchivalPackage, copy: PackageCopy) -> IncidentRow:
    return IncidentRow(
        id=incident.id,
        package=row.id,
        name=_name(row),
        archive=copy.store,
        kind=incident.kind,
        state=incident.state,
        found_at=incident.found_at,
        repaired_at=incident.repaired_at,
        good=good(tx, row.id),
    )


def _name(row: ArchivalPackage) -> str:
    return f"AIP-{row.aip_id}-v{row.version}"
