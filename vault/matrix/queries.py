"""Reading a matrix: how far each role gets with each type and tier, and whom a change would touch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import select

from vault.access.actor import Role
from vault.access.cells import LEVELS, Cell, in_force
from vault.access.policy import most_of
from vault.matrix.service import Spot, at_spot
from vault.people.models import Person

if TYPE_CHECKING:
    from vault.runtime import Transaction

MATRIX_ROLES = tuple(role for role in Role if most_of(role) != LEVELS[0])
"""The roles that ever work with documents: the rows of a matrix."""


class Touched(NamedTuple):
    """Whom a change of one cell touches, by name: who gets further than now, and who less far."""

    gain: list[Person]
    lose: list[Person]


def cells_in_force(tx: Transaction, office_id: UUID) -> dict[Spot, Cell]:
    """What the office decided, as it holds now."""
    found = tx.session.scalars(select(Cell).where(Cell.office_id == office_id, in_force(tx.now)))
    return {Spot(Role(cell.role), cell.document_type, cell.tier): cell for cell in found}


def open_changes(tx: Transaction, office_id: UUID) -> Sequence[Cell]:
    """Changes that wait for approval or for their time, oldest first."""
    query = select(Cell).where(Cell.office_id == office_id, Cell.dropped_at.is_(None), Cell.ends_at.is_(None))
    waiting = query.where(Cell.settled_at.is_(None) | (Cell.takes_effect_at > tx.now))
    return tx.session.scalars(waiting.order_by(Cell.proposed_at, Cell.id)).all()


def history(tx: Transaction, office_id: UUID, spot: Spot | None = None, limit: int = 100) -> Sequence[Cell]:
    """Decisions and proposals of the office, or about one place, newest first."""
    query = select(Cell).where(Cell.office_id == office_id)
    if spot is not None:
        query = query.where(at_spot(office_id, spot))
    return tx.session.scalars(query.order_by(Cell.proposed_at.desc(), Cell.id).limit(limit)).all()


def level_of(roles: Iterable[Role], document_type: str, tier: str, cells: Mapping[Spot, str]) -> str:
    """The furthest that one of the roles gets; `cells` are levels by place, none of them beyond the role's own."""
    levels = [cells.get(Spot(role, document_type, tier), most_of(role)) for role in roles]
    return max(levels, key=LEVELS.index, default=LEVELS[0])


def holders(tx: Transaction, office_id: UUID) -> list[Person]:
    """The people of the office who are here, by name."""
    query = select(Person).where(Person.office_id == office_id, Person.left_at.is_(None))
    return list(tx.session.scalars(query.order_by(Person.display_name, Person.username)))


def touched_by(people: Iterable[Person], cells: Mapping[Spot, str], spot: Spot, level: str) -> Touched:
    """Who would gain and who lose, were the cell at this level. Whoever has a further role keeps what that one gives."""
    changed, touched = {**cells, spot: level}, Touched([], [])
    for person in people:
        before, after = (
            LEVELS.index(level_of(person.roles, spot.document_type, spot.tier, each))
            for each in (cells, changed)
        )
        if before != after:
            (touched.gain if after > before else touched.lose).append(person)
    return touched
