"""The table of recoveries: asked for, released by one desk, completed by the other."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from vault.access.policy import Permission
from vault.db import Row

RECOVER, READ = "recover", "read"
PURPOSES = (RECOVER, READ)
ORDINARY, EMERGENCY = "ordinary", "emergency"
URGENCIES = (ORDINARY, EMERGENCY)
WAITING, READY, RELEASED, DONE, LAPSED = "waiting", "ready", "released", "done", "lapsed"
ENDS = ("withdrawn", "refused", "stopped", "moved", LAPSED)
_OPEN = text("ended_at IS NULL AND completed_at IS NULL")


class Recovery(Row):
    """One request to recover a bundle, or to read it in an emergency: who asked, for whom, who released, who completed.

    The owner is who asked. `releasable_at` is after the waiting time, `lapses_at` when it is too late. With the release
    come the pair of desks, the bundle's generation and the digest of the rescue lock that the released half belongs to, and
    the approval's MAC over all of the request: a row that was changed afterwards is released no more.
    """

    __tablename__ = "recoveries"
    __sees__ = Permission.RECOVERY_SEE
    __has_tier__ = False
    __table_args__ = (
        CheckConstraint(f"purpose in {PURPOSES}", name="purpose"),
        CheckConstraint(f"urgency in {URGENCIES}", name="urgency"),
        CheckConstraint("released_by_id <> officer_id", name="two_people"),
        CheckConstraint("released_at >= releasable_at", name="waited"),
        CheckConstraint("completed_at is null or released_at is not null", name="released"),
        CheckConstraint(
            "reviewed_by_id <> owner_id and reviewed_by_id <> receiver_id and reviewed_by_id <> released_by_id"
            " and reviewed_by_id <> officer_id",
            name="reviewer",
        ),
        Index("uq_recoveries_open", "bundle_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"), index=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    receiver_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    purpose: Mapped[str] = mapped_column(String(20))
    urgency: Mapped[str] = mapped_column(String(20))
    requested_at: Mapped[datetime]
    releasable_at: Mapped[datetime]
    lapses_at: Mapped[datetime]
    remark_id: Mapped[UUID]
    pair_id: Mapped[UUID | None] = mapped_column(ForeignKey("desk_pairs.id"))
    generation: Mapped[int | None]
    lock_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    officer_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    released_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    released_at: Mapped[datetime | None]
    release_mac: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    completed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    end_reason: Mapped[str | None] = mapped_column(String(20))
    end_remark_id: Mapped[UUID | None]
    review_due_at: Mapped[datetime | None] = mapped_column(index=True)
    reviewed_at: Mapped[datetime | None]
    reviewed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    review_remark_id: Mapped[UUID | None]

    @property
    def done_by(self) -> frozenset[UUID | None]:
        """Who had a hand in it: asked, read, released or completed. None of them reviews it."""
        return frozenset((self.owner_id, self.receiver_id, self.released_by_id, self.officer_id))

    def state_at(self, now: datetime) -> str:
        """One word: waiting, ready, released, done; withdrawn, refused, stopped, moved, lapsed."""
        if self.completed_at is not None:
            return DONE
        if self.ended_at is not None:
            return self.end_reason or LAPSED
        if now >= self.lapses_at:
            return LAPSED
        if self.released_at is not None:
            return RELEASED
        return WAITING if now < self.releasable_at else READY
