"""The table of the policy for links."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vault.access.cells import TIERS
from vault.access.policy import Permission
from vault.db import Row
from vault.shares.models import Organisation
from vault.shares.modes import DOWNLOAD, MODES

MOST_OPENINGS = 100
OF_ALL = "ended_at IS NULL AND organisation_id IS NULL"
OF_ONE = "ended_at IS NULL AND organisation_id IS NOT NULL"


class SharePolicy(Row):
    """A controller's rules for links of one tier, to one organisation or to all. The newest one that did not end holds."""

    __tablename__ = "share_policies"
    __sees__ = Permission.SHARE_POLICY
    __table_args__ = (
        CheckConstraint(f"tier in {TIERS}", name="tier"),
        CheckConstraint(f"mode in {MODES}", name="mode"),
        CheckConstraint("default_days between 1 and longest_days", name="default_days"),
        CheckConstraint("longest_days <= absolute_days", name="longest_days"),
        CheckConstraint("default_openings between 1 and most_openings", name="openings"),
        Index(
            "uq_share_policies_of_all",
            "office_id",
            "tier",
            unique=True,
            sqlite_where=text(OF_ALL),
            postgresql_where=text(OF_ALL),
        ),
        Index(
            "uq_share_policies_of_one",
            "office_id",
            "tier",
            "organisation_id",
            unique=True,
            sqlite_where=text(OF_ONE),
            postgresql_where=text(OF_ONE),
        ),
    )

    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    tier: Mapped[str] = mapped_column(String(30))
    organisation_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisations.id"))
    default_days: Mapped[int]
    longest_days: Mapped[int]
    absolute_days: Mapped[int]
    default_openings: Mapped[int]
    most_openings: Mapped[int]
    password_required: Mapped[bool]
    second_required: Mapped[bool]
    cases_a_day: Mapped[int]
    code_required: Mapped[bool]
    mode: Mapped[str] = mapped_column(String(20), default=DOWNLOAD)
    set_by_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    set_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    organisation: Mapped[Organisation | None] = relationship(lazy="joined")
