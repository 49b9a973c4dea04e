"""Tables of backups: those of the database, drills, and restores. Those of the keystore stand in the keystore."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from vault.db import Number, Row


class Backup(Row):
    """A backup of the database, and where it was written."""

    __tablename__ = "backups"

    place: Mapped[str]
    taken_at: Mapped[datetime] = mapped_column(index=True)
    log_size: Mapped[int] = mapped_column(Number)
    size: Mapped[int] = mapped_column(Number)
    """Bytes of the folder, without copies of objects."""
    objects: Mapped[int] = mapped_column(Number)
    """How many objects its list names."""


class Drill(Row):
    """A drill: which backups were tried, how long it took, how many entries of the log they lack, what was wrong."""

    __tablename__ = "drills"
    __table_args__ = (CheckConstraint("faults >= 0", name="faults"),)

    held_at: Mapped[datetime] = mapped_column(index=True)
    backup_id: Mapped[UUID | None]
    keystore_backup_id: Mapped[UUID | None]
    seconds: Mapped[int]
    lost: Mapped[int] = mapped_column(Number)
    faults: Mapped[int]


class Restore(Row):
    """A restore that was finished. Checkpoints from before `known_until` may tell of entries that are lost since."""

    __tablename__ = "restores"

    restored_at: Mapped[datetime] = mapped_column(index=True)
    known_until: Mapped[datetime]
    log_size: Mapped[int] = mapped_column(Number)
    lost: Mapped[int] = mapped_column(Number)
