"""Changing one cell of an office's matrix: proposed, approved where that is due, taken back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select, update

from vault.access.actor import Role
from vault.access.cells import LEVELS, STRICT, TIERS, Cell
from vault.access.policy import Permission, most_of
from vault.access.remarks import checked_reason
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.db import for_change, take_turn
from vault.errors import Conflict, Fault, Invalid, Refused
from vault.matrix.approvals import digest_of, has_lapsed, require_second
from vault.people.step_up import Act

if TYPE_CHECKING:
    from vault.runtime import Transaction

FURTHEST = timedelta(days=366)


class Spot(NamedTuple):
    """One place of a matrix."""

    role: Role
    document_type: str
    tier: str


def propose_cell(
    tx: Transaction, spot: Spot, level: str, reason: str, takes_effect_at: datetime | None = None
) -> Cell:
    """The office's cell is to be `level` from that time, or at once. One that is strictly confidential waits for approval.

    Errors: `Refused`, `Invalid` for a level beyond what the role may ever do or a time that is past, `Conflict` when it is
    so already or another change of the cell is open.
    """
    office_id = own_office(tx, Permission.MATRIX_CHANGE)
    check_spot(spot)
    starts_at = _start(tx, takes_effect_at)
    _check_level(spot, level)
    take_turn(tx.session, f"matrix of office {office_id}")
    _clear_the_way(tx, office_id, spot, level)
    remark = tx.remark(checked_reason(reason))
    cell = tx.add(
        Cell(
            office_id=office_id,
            role=spot.role.value,
            document_type=spot.document_type,
            tier=spot.tier,
            level=level,
            proposed_by_id=tx.actor.id,
            proposed_at=tx.now,
            takes_effect_at=starts_at,
            remark_id=UUID(remark["remark"]),
        )
    )
    tx.record("matrix.proposed", cell, digest=digest_of(facts_of(cell)), remark=remark["remark"])
    if spot.tier != STRICT:
        _settle(tx, cell)
    return cell


def approve_cell(tx: Transaction, cell_id: UUID, seen: str) -> Cell:
    """The change is decided: it takes effect at its time, or now if that has passed. `seen` is the digest of what was read.

    Errors: as `require_second`; `Conflict` when it is decided or taken back already.
    """
    cell = tx.load(Cell, cell_id, Permission.ACCESS_APPROVE, lock=True)
    if cell.settled_at is not None or cell.dropped_at is not None:
        raise Conflict("This change is decided already, or was taken back.")
    shown = (("Role", cell.role), ("Type", cell.document_type), ("Tier", cell.tier), ("Level", cell.level))
    act = Act("matrix.approve", "Approve this change of the access matrix", cell.id, shown)
    require_second(tx, cell, facts_of(cell), seen, act)
    cell.approved_by_id, cell.approved_at = tx.actor.id, tx.now
    _settle(tx, cell)
    return cell


def withdraw_cell(tx: Transaction, cell_id: UUID, reason: str) -> Cell:
    """The change is taken back before it took effect: the controller takes back any, the second person what waits.

    Errors: `Conflict` once it is in force; then the way is another change.
    """
    cell = tx.load(Cell, cell_id, Permission.ACCESS_APPROVE, lock=True)
    if not tx.actor.has(Role.CONTROLLER) and cell.settled_at is not None:
        raise Refused("Only a Personal Data Controller takes back what is decided.")
    if cell.dropped_at is not None:
        raise Conflict("This change was taken back already.")
    if cell.settled_at is not None and cell.takes_effect_at <= tx.now:
        raise Conflict("This change is in force. Propose another one.")
    _drop(tx, cell)
    tx.record("matrix.dropped", cell, **tx.remark(checked_reason(reason)))
    return cell


def facts_of(cell: Cell) -> dict[str, str]:
    """All that the proposal says: what a second person reads, and approves."""
    return {
        "request": str(cell.id),
        "office": str(cell.office_id),
        "role": cell.role,
        "document_type": cell.document_type,
        "tier": cell.tier,
        "level": cell.level,
        "takes_effect_at": cell.takes_effect_at.isoformat(),
        "proposed_by": str(cell.proposed_by_id),
    }


def own_office(tx: Transaction, permission: Permission) -> UUID:
    """The actor's office, for those who may do this in it; `Refused` for others."""
    tx.require(permission)
    if tx.actor.office_id is None:
        raise Refused("You have no office.")
    return tx.actor.office_id


def check_spot(spot: Spot) -> None:
    """`Invalid` for a type, tier or role that no cell is about."""
    if spot.document_type not in DOCUMENT_TYPES:
        raise _unfit("document_type", "There is no such document type.")
    if spot.tier not in TIERS:
        raise _unfit("tier", "Choose one of the list.")
    if most_of(spot.role) == LEVELS[0]:
        raise _unfit("role", "This role never works with documents.")


def at_spot(office_id: UUID, spot: Spot) -> ColumnElement[bool]:
    """True for the cells of this place."""
    return (
        (Cell.office_id == office_id)
        & (Cell.role == spot.role.value)
        & (Cell.document_type == spot.document_type)
        & (Cell.tier == spot.tier)
    )


def _start(tx: Transaction, asked: datetime | None) -> datetime:
    starts_at = asked or tx.now
    if asked is not None and not tx.now - timedelta(minutes=1) <= asked <= tx.now + FURTHEST:
        raise _unfit("takes_effect_at", "Choose a time from now to a year ahead.")
    return max(starts_at, tx.now)


def _check_level(spot: Spot, level: str) -> None:
    most = most_of(spot.role)
    if level not in LEVELS or LEVELS.index(level) > LEVELS.index(most):
        raise _unfit("level", "This role may never do that. Choose one of the list.")


def _clear_the_way(tx: Transaction, office_id: UUID, spot: Spot, level: str) -> None:
    """What lapsed makes room; what is open does not."""
    query = select(Cell).where(at_spot(office_id, spot), Cell.dropped_at.is_(None), Cell.ends_at.is_(None))
    present = most_of(spot.role)
    for cell in tx.session.scalars(query.with_for_update(**for_change(Cell))):
        if cell.settled_at is None and has_lapsed(tx, cell):
            _drop(tx, cell)
            tx.record("matrix.lapsed", cell)
        elif cell.settled_at is None:
            raise Conflict("A change of this cell waits for approval. Take it back first.")
        elif cell.takes_effect_at > tx.now:
            raise Conflict("A change of this cell is to come. Take it back first.")
        else:
            present = cell.level
    if level == present:
        raise _unfit("level", "It is so already.")


def _settle(tx: Transaction, cell: Cell) -> None:
    starts_at = max(cell.takes_effect_at, tx.now)
    spot = Spot(Role(cell.role), cell.document_type, cell.tier)
    before = (at_spot(cell.office_id, spot), Cell.settled_at.is_not(None), Cell.dropped_at.is_(None))
    tx.session.execute(
        update(Cell)
        .where(*before, Cell.ends_at.is_(None), Cell.id != cell.id)
        .values(ends_at=starts_at)
        .execution_options(synchronize_session="fetch")
    )
    cell.takes_effect_at, cell.settled_at = starts_at, tx.now
    tx.session.flush()
    tx.record("matrix.settled", cell, level=cell.level, takes_effect_at=cell.takes_effect_at)


def _drop(tx: Transaction, cell: Cell) -> None:
    """The one before it, if it was to end, goes on."""
    cell.dropped_at, cell.dropped_by_id = tx.now, tx.actor.id
    tx.session.flush()
    if cell.settled_at is None:
        return
    spot = Spot(Role(cell.role), cell.document_type, cell.tier)
    tx.session.execute(
        update(Cell)
        .where(at_spot(cell.office_id, spot), Cell.dropped_at.is_(None), Cell.id != cell.id)
        .where(Cell.settled_at.is_not(None), Cell.ends_at == cell.takes_effect_at)
        .values(ends_at=None)
        .execution_options(synchronize_session="fetch")
    )


def _unfit(field: str, message: str) -> Invalid:
    return Invalid("Nothing was changed.", errors=[Fault(f"/{field}", message)])
