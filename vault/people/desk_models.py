"""Tables of recovery desks: the desk, who sits at it, and the pair of two that counts for an office."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vault.access.policy import Permission
from vault.access.principals import Principal
from vault.db import Row
from vault.people.models import Office, Person

FIRST, SECOND = 1, 2
NUMBERS = (FIRST, SECOND)
_LIVE = text("ended_at IS NULL")


class Desk(Row):
    """One of the two recovery desks of an office. The id is that of the principal that holds its key pair.

    `number` is 1 for the Personal Data Controller's, 2 for the oversight desk. `test_file` is a recovery half of nothing,
    sealed to the desk when it was made: it is tested when its printed identity, typed back by somebody other than the
    maker, opens that file, and when a member's own session does.
    """

    __tablename__ = "desks"
    __sees__ = Permission.DESK_SEE
    __grant_subject__ = "id"
    __has_tier__ = False
    __table_args__ = (
        CheckConstraint("number in (1, 2)", name="number"),
        CheckConstraint("print_tested_by_id <> made_by_id", name="second_reader"),
        Index(
            "uq_desks_live",
            "office_id",
            "number",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"), primary_key=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    number: Mapped[int]
    test_file: Mapped[bytes] = mapped_column(LargeBinary)
    made_by_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    created_at: Mapped[datetime]
    print_tested_at: Mapped[datetime | None]
    print_tested_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    session_tested_at: Mapped[datetime | None]
    session_tested_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    ended_at: Mapped[datetime | None]

    principal: Mapped[Principal] = relationship(lazy="joined", innerjoin=True)
    office: Mapped[Office] = relationship(lazy="joined", innerjoin=True)

    @property
    def is_tested(self) -> bool:
        """Whether it passed both tests."""
        return self.print_tested_at is not None and self.session_tested_at is not None


class DeskSeat(Row):
    """Who sits at a desk; nobody has two seats in an office. Whether the desk's key opens for them, their grant says."""

    __tablename__ = "desk_seats"
    __table_args__ = (
        Index(
            "uq_desk_seats_live",
            "office_id",
            "person_id",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
    )

    desk_id: Mapped[UUID] = mapped_column(ForeignKey("desks.id"), index=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    seated_at: Mapped[datetime]
    seated_by_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    ended_at: Mapped[datetime | None]

    person: Mapped[Person] = relationship(lazy="joined", innerjoin=True, foreign_keys=[person_id])


class DeskPair(Row):
    """Both desks of an office, tested: from `formed_at` on its bundles get rescue locks, until one of the desks ends."""

    __tablename__ = "desk_pairs"
    __table_args__ = (
        CheckConstraint("first_id <> second_id", name="two_desks"),
        Index("uq_desk_pairs_live", "office_id", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    )

    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"))
    first_id: Mapped[UUID] = mapped_column(ForeignKey("desks.id"))
    second_id: Mapped[UUID] = mapped_column(ForeignKey("desks.id"))
    formed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
