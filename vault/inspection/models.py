"""The table of inspections: what looks and the scanner said of one file, as codes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from vault.db import Row

CLEAN, NOT_SCANNED, PENDING = "clean", "not_scanned", "pending"


class Inspection(Row):
    """What was found in one file when it had come whole. The id is that of its upload, and of the version it becomes.

    `scan` is what the virus scanner said: clean, or not scanned and why. What was infected is not stored. `marks` are codes
    of `vault.inspection.marks`: they name kinds and no person, and stand in clear.
    """

    __tablename__ = "inspections"
    __table_args__ = (
        CheckConstraint(f"scan in ('{CLEAN}', '{NOT_SCANNED}')", name="scan"),
        CheckConstraint(f"(scan = '{CLEAN}') = (scan_reason is null)", name="reason"),
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("uploads.id"), primary_key=True)
    scan: Mapped[str] = mapped_column(String(20))
    scan_reason: Mapped[str | None] = mapped_column(String(20))
    marks: Mapped[list[str]] = mapped_column(JSON, default=list)
    inspected_at: Mapped[datetime]
