"""The keystore's tables. They share nothing with the database but the way constraints are named."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, MetaData, SmallInteger
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from vault.db import NAMES, Instant

LIVES_OR_NOT = (
    "(destroyed_at IS NULL AND blob IS NOT NULL AND epoch IS NOT NULL AND successor_id IS NULL)"
    " OR (destroyed_at IS NOT NULL AND blob IS NULL AND epoch IS NULL)"
)


class KeystoreBase(DeclarativeBase):
    """Base of the keystore's tables."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: Instant()}  # noqa: RUF012


class Deployment(KeystoreBase):
    """The one row that names this deployment. Its lock orders writers where the database has row locks."""

    __tablename__ = "deployment"
    __table_args__ = (CheckConstraint("number = 1", name="single"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    id: Mapped[UUID]
    created_at: Mapped[datetime]


class Epoch(KeystoreBase):
    """An epoch key, wrapped. The highest number is current; the others wait for their last slot to be re-locked."""

    __tablename__ = "epochs"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    wrapped: Mapped[bytes]
    master_version: Mapped[int]
    created_at: Mapped[datetime]


class Warrant(KeystoreBase):
    """Two approvals of a request were found to hold. `digest` is SHA-256 of it, with who approved it and when."""

    __tablename__ = "warrants"
    __table_args__ = (CheckConstraint("length(digest) = 32", name="digest"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes]
    given_at: Mapped[datetime]


class Slot(KeystoreBase):
    """A slot in its lock; once destroyed, only its tombstone.

    One that `needs_warrant` dies only by a warrant, or because another lives in its place.
    """

    __tablename__ = "slots"
    __table_args__ = (CheckConstraint(LIVES_OR_NOT, name="lives_or_not"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[int] = mapped_column(SmallInteger)
    subject_id: Mapped[UUID]
    epoch: Mapped[int | None] = mapped_column(ForeignKey("epochs.number", ondelete="RESTRICT"), index=True)
    blob: Mapped[bytes | None]
    created_at: Mapped[datetime]
    destroyed_at: Mapped[datetime | None]
    successor_id: Mapped[UUID | None]
    needs_warrant: Mapped[bool]
    warrant_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("warrants.id", ondelete="RESTRICT"), index=True
    )


class KeystoreBackup(KeystoreBase):
    """A copy of the keystore that somebody may put back: begun before its first byte, over once it is gone.

    `masters` are the versions of the master key, one of which opens the epochs in it. `gone` says how it went.
    """

    __tablename__ = "keystore_backups"
    __table_args__ = (
        CheckConstraint("expires_at > begun_at", name="expires"),
        CheckConstraint("first_epoch <= last_epoch", name="epochs"),
        CheckConstraint("(gone_at IS NULL) = (gone IS NULL)", name="gone"),
        CheckConstraint("gone in ('deleted', 'confirmed')", name="way"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[str]
    begun_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]
    expires_at: Mapped[datetime]
    first_epoch: Mapped[int]
    last_epoch: Mapped[int]
    masters: Mapped[list[int]] = mapped_column(JSON)
    gone_at: Mapped[datetime | None] = mapped_column(index=True)
    gone: Mapped[str | None]
