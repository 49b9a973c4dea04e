"""Clearances: who may open what is strictly confidential. Everybody who works with bundles may open the rest."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, exists, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from vault.access.actor import SYSTEM
from vault.db import Row
from vault.errors import Refused

if TYPE_CHECKING:
    from vault.runtime import Transaction

_OPEN = text("ended_at IS NULL")


class Clearance(Row):
    """One person's clearance for strictly confidential bundles, from `settled_at` until `ended_at`.

    States: proposed → in force → ended; or ended before, withdrawn or lapsed. The second person is neither the first nor the
    one who is cleared. Without a first person the vault itself gave it, when it was set up or brought to this release.
    """

    __tablename__ = "clearances"
    __table_args__ = (
        CheckConstraint("approved_by_id <> proposed_by_id", name="two_people"),
        CheckConstraint("approved_by_id <> person_id", name="not_oneself"),
        CheckConstraint(
            "settled_at IS NULL OR proposed_by_id IS NULL OR approved_by_id IS NOT NULL", name="approved"
        ),
        Index("uq_clearances_open", "person_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    person_id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"))
    proposed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    proposed_at: Mapped[datetime]
    remark_id: Mapped[UUID | None]
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    approved_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[UUID | None]
    end_remark_id: Mapped[UUID | None]


def clear_at_set_up(tx: Transaction, person_id: UUID) -> Clearance:
    """The vault itself clears somebody: where a made-up office is set up. People need two for it."""
    if tx.actor is not SYSTEM:
        raise Refused("Clearances are given by two people.")
    clearance = tx.add(Clearance(person_id=person_id, proposed_at=tx.now, settled_at=tx.now))
    tx.record("clearance.given", clearance, person=person_id)
    return clearance


def is_cleared(person_id: object) -> ColumnElement[bool]:
    """Whether this person, a value or a column, is cleared for strictly confidential bundles now."""
    return exists(Clearance.person_id).where(
        Clearance.person_id == person_id, Clearance.settled_at.is_not(None), Clearance.ended_at.is_(None)
    )


def open_clearance(session: Session, person_id: UUID) -> Clearance | None:
    """The person's clearance, proposed or in force."""
    query = select(Clearance).where(Clearance.person_id == person_id, Clearance.ended_at.is_(None))
    return session.scalar(query)
