"""Cells: what an office decided otherwise than the default, for one role, document type and tier.

`MATRIX` in `policy` says what a role may ever do. Within it a cell narrows, or opens again, how far the role gets with
documents: none < view < download < add < share, each with all before it. A cell is in force from `takes_effect_at` until
the next one of its place begins; a place without one in force follows the default.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    and_,
    exists,
    false,
    or_,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from vault.access.actor import Role
from vault.db import Row

LEVELS = ("none", "view", "download", "add", "share")
"""In their order."""
TIERS = ("confidential", "strictly_confidential")
STRICT = "strictly_confidential"

_PENDING = "settled_at IS NULL AND dropped_at IS NULL"
_LAST = "settled_at IS NOT NULL AND dropped_at IS NULL AND ends_at IS NULL"
_PLACE = ("office_id", "role", "document_type", "tier")


class Cell(Row):
    """One decision about one place of an office's matrix; what was proposed never changes.

    States: proposed → settled, or dropped, or lapsed for want of a second person. A settled cell is to come, in force,
    or over. `ends_at` is when the next one of the place takes effect.
    """

    __tablename__ = "matrix_cells"
    __sees__ = "matrix.see"  # a `Permission`; the rule, which asks the cells, stands above them
    __table_args__ = (
        CheckConstraint(f"level in {LEVELS}", name="level"),
        CheckConstraint(f"tier in {TIERS}", name="tier"),
        CheckConstraint("approved_by_id <> proposed_by_id", name="two_people"),
        CheckConstraint(
            f"tier <> '{STRICT}' OR settled_at IS NULL OR approved_by_id IS NOT NULL",
            name="strict_is_approved",
        ),
        Index("ix_matrix_cells_place", *_PLACE),
        *(
            Index(name, *_PLACE, unique=True, sqlite_where=text(where), postgresql_where=text(where))
            for name, where in (("uq_matrix_cells_pending", _PENDING), ("uq_matrix_cells_last", _LAST))
        ),
    )

    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"))
    role: Mapped[str] = mapped_column(String(32))
    document_type: Mapped[str] = mapped_column(String(40))
    tier: Mapped[str] = mapped_column(String(30))
    level: Mapped[str] = mapped_column(String(20))
    proposed_by_id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"))
    proposed_at: Mapped[datetime]
    takes_effect_at: Mapped[datetime]
    remark_id: Mapped[UUID]
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    approved_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    dropped_at: Mapped[datetime | None]
    dropped_by_id: Mapped[UUID | None]
    ends_at: Mapped[datetime | None]


class Place(NamedTuple):
    """Where documents stand in a matrix: values, or columns of the rows that are asked about."""

    office_id: Any
    document_type: Any
    tier: Any


def cells_allow(level: str, roles: Collection[Role], place: Place, now: datetime) -> ColumnElement[bool]:
    """Whether the cells leave this level to at least one of the roles: who has several gets the best of them."""
    here = (
        Cell.office_id == place.office_id,
        Cell.document_type == place.document_type,
        Cell.tier == place.tier,
        in_force(now),
        Cell.level.in_(LEVELS[: LEVELS.index(level)]),
    )
    return or_(false(), *(~exists().where(Cell.role == role.value, *here) for role in sorted(roles)))


def in_force(now: datetime) -> ColumnElement[bool]:
    """True for the cells that hold at this instant, at most one for each place."""
    return and_(
        Cell.settled_at.is_not(None),
        Cell.dropped_at.is_(None),
        Cell.takes_effect_at <= now,
        or_(Cell.ends_at.is_(None), Cell.ends_at > now),
    )
