"""Tables of cases: the case, its other numbers, its individuals."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vault.access.policy import Permission
from vault.db import Row

STATES = ("active", "closed", "archiving", "archived", "transferred")
PRIORITIES = ("normal", "urgent", "emergency")


class Case(Row):
    """One resettlement case, known by its number. `number_key` is the number without punctuation, upper case.

    Countries are codes: where its people fled from, and where they found asylum, as far as recorded.
    """

    __tablename__ = "cases"
    __sees__ = Permission.CASE_SEE
    __table_args__ = (CheckConstraint(f"state in {STATES}", name="state"),)

    number: Mapped[str] = mapped_column(String(40))
    number_key: Mapped[str] = mapped_column(String(40), unique=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    priority: Mapped[str] = mapped_column(String(20), default="normal")
    stage: Mapped[str | None] = mapped_column(String(60))
    stage_on: Mapped[date | None]
    state: Mapped[str] = mapped_column(String(20), default="active")
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


class Individual(Row):
    """A person of the case, known by the individual number only."""

    __tablename__ = "individuals"
    __table_args__ = (UniqueConstraint("case_id", "number_key"),)

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"), index=True)
    number: Mapped[str] = mapped_column(String(40))
    number_key: Mapped[str] = mapped_column(String(40), index=True)
