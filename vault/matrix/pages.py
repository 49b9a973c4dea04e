"""What is shown of a matrix and of its changes, to pages and to the API alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.actor import Role
from vault.access.cells import LEVELS, TIERS, Cell
from vault.access.policy import Permission, most_of
from vault.access.remarks import Remark, office_holder, read_remark
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.matrix.approvals import digest_of, has_lapsed, lapses_at, other_controllers
from vault.matrix.queries import (
    MATRIX_ROLES,
    cells_in_force,
    history,
    holders,
    open_changes,
    touched_by,
)
from vault.matrix.service import Spot, check_spot, facts_of
from vault.people.models import Office, Person

if TYPE_CHECKING:
    from vault.runtime import Transaction


class CellEntry(BaseModel):
    """How far a role gets with a type and tier now; `is_default` unless the office decided otherwise."""

    role: Role
    level: str
    is_default: bool


class TypeRow(BaseModel):
    """One document type, with a cell for each role."""

    document_type: str
    type_name: str
    cells: list[CellEntry]


class TierTable(BaseModel):
    """All document types of one tier."""

    tier: str
    rows: list[TypeRow]


class ChangeRow(BaseModel):
    """One change of a cell. `state` is waiting, lapsed, taken_back, to_come, in_force or over."""

    id: UUID
    role: Role
    document_type: str
    type_name: str
    tier: str
    level: str
    state: str
    proposed_by: str
    proposed_at: datetime
    approved_by: str | None
    takes_effect_at: datetime
    ends_at: datetime | None


class MatrixPage(BaseModel):
    """The matrix of an office as it holds now, and what is about to change."""

    office: str
    roles: list[Role]
    tables: list[TierTable]
    open_changes: list[ChangeRow]
    may_change: bool


class HistoryPage(BaseModel):
    """The changes of an office's matrix, newest first."""

    office: str
    items: list[ChangeRow]


class LevelChoice(BaseModel):
    """A level that the cell could have, and by name who would get further than now, and who less far."""

    level: str
    gain: list[str]
    lose: list[str]


class CellPage(BaseModel):
    """One cell: how it is, how it could be, and how it came to be."""

    office: str
    role: Role
    document_type: str
    type_name: str
    tier: str
    level: str
    default: str
    choices: list[LevelChoice]
    changes: list[ChangeRow]
    needs_approval: bool
    may_change: bool


class ChangePage(ChangeRow):
    """One change on its own page. `digest` is what an approval sends back; `reason` is for those who decide."""

    office: str
    present: str
    gain: list[str]
    lose: list[str]
    reason: str | None
    lapses_at: datetime
    digest: str
    may_approve: bool
    may_withdraw: bool


def matrix_page(tx: Transaction, office_id: UUID) -> MatrixPage:
    """The matrix of the office, for whoever may see it."""
    cells = cells_in_force(tx, office_id)
    levels = {spot: cell.level for spot, cell in cells.items()}
    return MatrixPage(
        office=_office_name(tx, office_id),
        roles=list(MATRIX_ROLES),
        tables=[
            TierTable(tier=tier, rows=[_type_row(code, tier, levels) for code in DOCUMENT_TYPES])
            for tier in TIERS
        ],
        open_changes=change_rows(tx, open_changes(tx, office_id)),
        may_change=tx.allows(Permission.MATRIX_CHANGE),
    )


def history_page(tx: Transaction, office_id: UUID) -> HistoryPage:
    """What was decided and proposed."""
    return HistoryPage(office=_office_name(tx, office_id), items=change_rows(tx, history(tx, office_id)))


def cell_page(tx: Transaction, office_id: UUID, spot: Spot) -> CellPage:
    """One cell of the office; `Invalid` for a place that is none."""
    check_spot(spot)
    levels = {each: cell.level for each, cell in cells_in_force(tx, office_id).items()}
    most, people = most_of(spot.role), holders(tx, office_id)
    possible = LEVELS[: LEVELS.index(most) + 1]
    touched = {level: touched_by(people, levels, spot, level) for level in possible}
    return CellPage(
        office=_office_name(tx, office_id),
        role=spot.role,
        document_type=spot.document_type,
        type_name=DOCUMENT_TYPES[spot.document_type].name,
        tier=spot.tier,
        level=levels.get(spot, most),
        default=most,
        choices=[
            LevelChoice(level=level, gain=_names(each.gain), lose=_names(each.lose))
            for level, each in touched.items()
        ],
        changes=change_rows(tx, history(tx, office_id, spot)),
        needs_approval=spot.tier != TIERS[0],
        may_change=tx.allows(Permission.MATRIX_CHANGE),
    )


def change_page(tx: Transaction, cell: Cell) -> ChangePage:
    """One change, for those who may see the matrix; its reason for those who decide."""
    (row,) = change_rows(tx, [cell])
    spot = Spot(Role(cell.role), cell.document_type, cell.tier)
    levels = {each: found.level for each, found in cells_in_force(tx, cell.office_id).items()}
    touched = touched_by(holders(tx, cell.office_id), levels, spot, cell.level)
    decides = tx.allows(Permission.ACCESS_APPROVE, cell)
    return ChangePage(
        **dict(row),
        office=_office_name(tx, cell.office_id),
        present=levels.get(spot, most_of(spot.role)),
        gain=_names(touched.gain),
        lose=_names(touched.lose),
        reason=reason_of(tx, cell.remark_id, cell.office_id) if decides else None,
        lapses_at=lapses_at(tx, cell),
        digest=digest_of(facts_of(cell)),
        may_approve=decides and row.state == "waiting" and may_be_second(tx, cell.proposed_by_id),
        may_withdraw=_may_withdraw(tx, row.state),
    )


def change_rows(tx: Transaction, cells: Sequence[Cell]) -> list[ChangeRow]:
    """The changes as lines."""
    names = names_of(tx, {each for cell in cells for each in (cell.proposed_by_id, cell.approved_by_id)})
    return [
        ChangeRow(
            id=cell.id,
            role=Role(cell.role),
            document_type=cell.document_type,
            type_name=DOCUMENT_TYPES[cell.document_type].name,
            tier=cell.tier,
            level=cell.level,
            state=state_of(tx, cell),
            proposed_by=names[cell.proposed_by_id],
            proposed_at=cell.proposed_at,
            approved_by=names.get(cell.approved_by_id) if cell.approved_by_id else None,
            takes_effect_at=cell.takes_effect_at,
            ends_at=cell.ends_at,
        )
        for cell in cells
    ]


def state_of(tx: Transaction, cell: Cell) -> str:
    """One word for where the change stands."""
    if cell.dropped_at is not None:
        return "taken_back"
    if cell.settled_at is None:
        return "lapsed" if has_lapsed(tx, cell) else "waiting"
    if cell.takes_effect_at > tx.now:
        return "to_come"
    return "in_force" if cell.ends_at is None or cell.ends_at > tx.now else "over"


def may_be_second(tx: Transaction, first: UUID | None) -> bool:
    """Whether the actor could approve what this person proposed; the button asks, `require_second` decides."""
    if first == tx.actor.id:
        return False
    return tx.actor.has(Role.CONTROLLER) or not other_controllers(tx, first)


def reason_of(tx: Transaction, remark_id: UUID | None, office_id: UUID) -> str | None:
    """The words of a reason, if this office keeps them: they do not go along with a case that moves."""
    remark = tx.session.get(Remark, remark_id) if remark_id else None
    if remark is None or remark.holder_id != office_id:
        return None
    return read_remark(tx, remark, office_holder(tx, office_id))


def names_of(tx: Transaction, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """What people are called."""
    query = select(Person.id, Person.display_name).where(Person.id.in_([each for each in ids if each]))
    return dict(tx.session.execute(query).all())


def _may_withdraw(tx: Transaction, state: str) -> bool:
    if state == "waiting":
        return tx.allows(Permission.ACCESS_APPROVE)
    return state == "to_come" and tx.actor.has(Role.CONTROLLER)


def _type_row(code: str, tier: str, levels: dict[Spot, str]) -> TypeRow:
    spots = [Spot(role, code, tier) for role in MATRIX_ROLES]
    cells = [
        CellEntry(
            role=spot.role,
            level=levels.get(spot, most_of(spot.role)),
            is_default=levels.get(spot, most_of(spot.role)) == most_of(spot.role),
        )
        for spot in spots
    ]
    return TypeRow(document_type=code, type_name=DOCUMENT_TYPES[code].name, cells=cells)


def _names(people: Iterable[Person]) -> list[str]:
    return [person.display_name for person in people]


def _office_name(tx: Transaction, office_id: UUID) -> str:
    return tx.session.get_one(Office, office_id).name
