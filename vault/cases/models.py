"""Tables of cases: the case, its other numbers, its individuals."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vault.access.policy import Permission
from vault.db import Row

STATES = ("active", "closed", "archiving", "archived", "transferred")
ACTIVE, CLOSED, ARCHIVING, ARCHIVED, TRANSFERRED = STATES
IN_ARCHIVE = (ARCHIVED, TRANSFERRED)
"""Its packages are all in the archive."""
PRIORITIES = ("normal", "urgent", "emergency")


class Case(Row):
    """One resettlement case, known by its number. `number_key` is the number without punctuation, upper case.

    Countries are codes: where its people fled from, and where they found asylum, as far as recorded. `closed_at` stands
    while it is not active.
    """

    __tablename__ = "cases"
    __sees__ = Permission.CASE_SEE
    __table_args__ = (
        CheckConstraint(f"state in {STATES}", name="state"),
        CheckConstraint("(state = 'active') = (closed_at IS NULL)", name="closed"),
    )

    number: Mapped[str] = mapped_column(String(40))
    number_key: Mapped[str] = mapped_column(String(40), unique=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    priority: Mapped[str] = mapped_column(String(20), default="normal")
    stage: Mapped[str | None] = mapped_column(String(60))
    stage_on: Mapped[date | None]
    state: Mapped[str] = mapped_column(String(20), default="active")
    closed_at: Mapped[datetime | None]
    origin_countries: Mapped[list[str]] = mapped_column(JSON, default=list)
    asylum_country: Mapped[str | None] = mapped_column(String(2))
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime] = mapped_column(index=True)
    revision: Mapped[int] = mapped_column(default=1)

    aliases: Mapped[list[CaseAlias]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by="CaseAlias.number"
    )
    individuals: Mapped[list[Individual]] = relationship(
        lazy="selectin", cascade="all, delete-orphan", order_by="Individual.number"
    )


class CaseAlias(Row):
    """Another number under which the case is known."""

    __tablename__ = "case_aliases"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"), index=True)
    number: Mapped[str] = mapped_column(String(40))
    number_key: Mapped[str] = mapped_column(String(40), unique=True)


OUTCOMES = {
    "departed": True,
    "rejected": True,
    "not_recommended": True,
    "withdrawn": True,
    "not_contacted": True,
    "died": True,
    "accepted": False,
    "resubmission": False,
    "on_hold": False,
}
"""What becomes of an individual, in the order in which it is offered, and whether that is final."""


class Individual(Row):
    """A person of the case, known by the individual number only, and what became of that person, on which day."""

    __tablename__ = "individuals"
    __table_args__ = (
        UniqueConstraint("case_id", "number_key"),
        CheckConstraint(f"outcome in {tuple(OUTCOMES)}", name="outcome"),
        CheckConstraint("(outcome IS NULL) = (outcome_on IS NULL)", name="outcome_on"),
    )

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"), index=True)
    number: Mapped[str] = mapped_column(String(40))
    number_key: Mapped[str] = mapped_column(String(40), index=True)
    outcome: Mapped[str | None] = mapped_column(String(20))
    outcome_on: Mapped[date | None]

    @property
    def is_final(self) -> bool:
        """Whether nothing more is to come of it for this person."""
        return OUTCOMES.get(self.outcome or "", False)
