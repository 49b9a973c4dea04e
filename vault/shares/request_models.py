"""Tables of described shares: what a sender wants to send to some people, and a second person's yes where one is due.

A request is about one bundle, a mission batch about many: what both have in common is `Described`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, declared_attr, mapped_column, relationship

from vault.access.policy import Permission
from vault.db import Row
from vault.shares.models import Organisation
from vault.shares.modes import DOWNLOAD, MODES


def _checks() -> tuple[CheckConstraint, ...]:
    """What holds for whatever is described."""
    return (
        CheckConstraint("approved_by_id <> owner_id", name="two_people"),
        CheckConstraint("(approved_at IS NULL) = (approval IS NULL)", name="approved"),
        CheckConstraint("used_at IS NULL OR dropped_at IS NULL", name="one_end"),
        CheckConstraint(f"mode in {MODES}", name="mode"),
        CheckConstraint("used_at IS NULL OR approved_at IS NOT NULL OR NOT needs_second", name="second"),
    )


class Described:
    """Links as they are to be made: for each of these people, within these limits. Nothing changes them.

    States: waiting for a second person (where one is due), ready, then made, taken back, or lapsed at `lapses_at`. The
    approval is a MAC over all of it.
    """

    __sees__ = Permission.SHARE_SEE

    id: Mapped[UUID]
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    purpose: Mapped[str] = mapped_column(String(20))
    people: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    expires_at: Mapped[datetime]
    max_openings: Mapped[int]
    has_password: Mapped[bool]
    mode: Mapped[str] = mapped_column(String(20), default=DOWNLOAD)
    needs_second: Mapped[bool]
    requested_at: Mapped[datetime]
    lapses_at: Mapped[datetime]
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    approved_at: Mapped[datetime | None]
    approval: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    dropped_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]

    @declared_attr
    def organisation(cls) -> Mapped[Organisation]:
        """Whose these people are."""
        return relationship(Organisation, lazy="joined", innerjoin=True)

    def state_at(self, now: datetime) -> str:
        """One word: made, taken_back, lapsed, waiting or ready."""
        if self.used_at is not None:
            return "made"
        if self.dropped_at is not None:
            return "taken_back"
        if now >= self.lapses_at:
            return "lapsed"
        return "waiting" if self.needs_second and self.approved_at is None else "ready"


class ShareRequest(Described, Row):
    """Links on these versions of one bundle (their documents of these types, in the same order)."""

    __tablename__ = "share_requests"
    __table_args__ = _checks()

    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    version_ids: Mapped[list[str]] = mapped_column(JSON)
    document_types: Mapped[list[str]] = mapped_column(JSON)


class ShareBatch(Described, Row):
    """A mission batch: links on documents of many bundles, one for each bundle and person, described in one act,
    approved by one approval over all of it, and made together or not at all."""

    __tablename__ = "share_batches"
    __table_args__ = _checks()

    lines: Mapped[list[ShareBatchLine]] = relationship(
        lazy="selectin", order_by="ShareBatchLine.position", cascade="all, delete-orphan"
    )


class ShareBatchLine(Row):
    """What leaves of one bundle by a batch: these versions, their documents of these types, in the same order."""

    __tablename__ = "share_batch_lines"
    __table_args__ = (
        UniqueConstraint("batch_id", "position"),
        UniqueConstraint("batch_id", "bundle_id", name="uq_share_batch_lines_bundle"),
        CheckConstraint("position >= 1", name="position"),
    )

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("share_batches.id"), index=True)
    position: Mapped[int]
    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    version_ids: Mapped[list[str]] = mapped_column(JSON)
    document_types: Mapped[list[str]] = mapped_column(JSON)
