"""The table of notices."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from vault.db import Row


class Notice(Row):
    """What one colleague is told about a row of some room, once for each `mark`. Its kind says which room, and the words."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("person_id", "subject_id", "kind", "mark"),
        CheckConstraint("mail_at IS NULL OR mailed_at IS NULL", name="mailed_once"),
        CheckConstraint("mailed_at IS NULL OR letter_id IS NOT NULL", name="letter"),
        CheckConstraint("email IS NULL OR mail_at IS NOT NULL", name="email"),
    )

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    subject_id: Mapped[UUID] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(24))
    mark: Mapped[str] = mapped_column(String(40))
    told_at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    mail_at: Mapped[datetime | None] = mapped_column(index=True)
    """From when on it waits to be mailed; None when it is mailed, or never is."""
    mailed_at: Mapped[datetime | None]
    letter_id: Mapped[UUID | None]
    """The letter that it goes with; that one may go twice, the notice never goes with another."""
    email: Mapped[str | None] = mapped_column(String(254))
    """Where it is mailed instead of to the person's address, known only while it waits."""
