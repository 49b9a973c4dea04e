"""The table of described shares: what a sender wants to send to some people, and a second person's yes where one is due."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vault.access.policy import Permission
from vault.db import Row
from vault.shares.models import Organisation


class ShareRequest(Row):
    """Links as they are to be made: these versions (their documents of these types, in the same order), for each of these
    people, within these limits. Nothing changes it.

    States: waiting for a second person (where one is due), ready, then made, taken back, or lapsed at `lapses_at`. The
    approval is a MAC over all of it.
    """

    __tablename__ = "share_requests"
    __sees__ = Permission.SHARE_SEE
    __table_args__ = (
        CheckConstraint("approved_by_id <> owner_id", name="two_people"),
        CheckConstraint("(approved_at IS NULL) = (approval IS NULL)", name="approved"),
        CheckConstraint("used_at IS NULL OR dropped_at IS NULL", name="one_end"),
        CheckConstraint("used_at IS NULL OR approved_at IS NOT NULL OR NOT needs_second", name="second"),
    )

    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    purpose: Mapped[str] = mapped_column(String(20))
    version_ids: Mapped[list[str]] = mapped_column(JSON)
    document_types: Mapped[list[str]] = mapped_column(JSON)
    people: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    expires_at: Mapped[datetime]
    max_openings: Mapped[int]
    has_password: Mapped[bool]
    needs_second: Mapped[bool]
    requested_at: Mapped[datetime]
    lapses_at: Mapped[datetime]
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    approved_at: Mapped[datetime | None]
    approval: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    dropped_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]

    organisation: Mapped[Organisation] = relationship(lazy="joined", innerjoin=True)

    def state_at(self, now: datetime) -> str:
        """One word: made, taken_back, lapsed, waiting or ready."""
        if self.used_at is not None:
            return "made"
        if self.dropped_at is not None:
            return "taken_back"
        if now >= self.lapses_at:
            return "lapsed"
        return "waiting" if self.needs_second and self.approved_at is None else "ready"
