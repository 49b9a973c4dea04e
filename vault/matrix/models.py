"""Tables of recertification (a round of an office, its lines) and of cases that move between offices."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from vault.access.policy import Permission
from vault.db import Row

KINDS = ("bundles", "team", "clearance", "role")
"""What a line may name, in the order in which it is removed: who loses a role may still be the last member of a bundle."""
KEEP, REMOVE = "keep", "remove"
_OPEN = text("closed_at IS NULL")
_WAITING = text("accepted_at IS NULL AND dropped_at IS NULL")


class Recertification(Row):
    """One round of an office: who has what, each line kept or removed until `due_at`, and closed then at the latest.

    Without a first person the vault itself began it. An office has one open round at most.
    """

    __tablename__ = "recertifications"
    __sees__ = Permission.ACCESS_RECERTIFY
    __table_args__ = (
        CheckConstraint("due_at > began_at", name="due"),
        Index(
            "uq_recertifications_open",
            "office_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )

    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    began_at: Mapped[datetime]
    begun_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    due_at: Mapped[datetime] = mapped_column(index=True)
    closed_at: Mapped[datetime | None]


class RecertificationLine(Row):
    """One thing that one person has: a role, a clearance, a seat in a team, or `bundles`, so many memberships of their own.

    States: open → kept or removed, by somebody else, or by the vault once it is overdue. `held_back` says in a code why
    something of it stays although it was to be removed.
    """

    __tablename__ = "recertification_lines"
    __table_args__ = (
        CheckConstraint(f"kind in {KINDS}", name="kind"),
        CheckConstraint("decision in ('keep', 'remove')", name="decision"),
        CheckConstraint("(decision IS NULL) = (decided_at IS NULL)", name="decided"),
        CheckConstraint("decided_by_id <> person_id", name="not_oneself"),
        CheckConstraint(
            "decided_by_id IS NOT NULL OR decision IS NULL OR decision = 'remove'", name="overdue"
        ),
    )

    round_id: Mapped[UUID] = mapped_column(ForeignKey("recertifications.id"), index=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"))
    kind: Mapped[str] = mapped_column(String(20))
    role: Mapped[str | None] = mapped_column(String(32))
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id"))
    bundles: Mapped[int | None]
    decision: Mapped[str | None] = mapped_column(String(10))
    decided_at: Mapped[datetime | None]
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    held_back: Mapped[str | None] = mapped_column(String(32))


class CaseMove(Row):
    """A case that one office offers to a named colleague of another.

    States: proposed → accepted, or dropped by either side, or lapsed. `office_id` is the old office's, and stays so.
    """

    __tablename__ = "case_moves"
    __sees__ = Permission.MOVE_SEE
    __table_args__ = (
        CheckConstraint("to_office_id <> office_id", name="two_offices"),
        CheckConstraint("receiver_id <> proposed_by_id", name="two_people"),
        CheckConstraint("accepted_at IS NULL OR dropped_at IS NULL", name="one_end"),
        Index(
            "uq_case_moves_waiting",
            "case_id",
            unique=True,
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
    )

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    to_office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"))
    receiver_id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"), index=True)
    proposed_by_id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"))
    proposed_at: Mapped[datetime]
    remark_id: Mapped[UUID]
    accepted_at: Mapped[datetime | None]
    dropped_at: Mapped[datetime | None]
    dropped_by_id: Mapped[UUID | None]


class OfferedKey(Row):
    """A bundle's access key, sealed to whoever is to receive the case, for this offer alone: as a grant it opens nothing.

    `generation` is the bundle's when it was offered. `sealed` is empty once the offer is over.
    """

    __tablename__ = "offered_keys"
    __table_args__ = (UniqueConstraint("move_id", "bundle_id"),)

    move_id: Mapped[UUID] = mapped_column(ForeignKey("case_moves.id"))
    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"))
    generation: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
