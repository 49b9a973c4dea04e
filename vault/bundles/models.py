"""Tables of bundles: the bundle, its unlocking in a session, documents, their individuals, versions and bookmarks."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vault.access.policy import Permission
from vault.cases.models import Individual
from vault.crypto.passwords import Argon2Profile
from vault.db import Base, Number, Row

TIERS = ("confidential", "strictly_confidential")
RESCUE_COLUMNS = ("rescue_lock", "rescue_file_1", "rescue_file_2", "rescue_pair_id", "rescue_generation")


class Bundle(Row):
    """Documents of one case under one key. The title is locked under that key; the tier stands in clear.

    `rekey_pending_at`: a member has left, and the next member who opens the bundle makes the new access key.
    `rescue_pair_id` and `rescue_generation` say for which pair of recovery desks the rescue lock is, and of which
    generation; the pair may be one that a restored database does not know. `arrivals_at`: files that were sent into the
    bundle from outside wait for the next member who opens it; they are sealed to its drop key.
    """

    __tablename__ = "bundles"
    __sees__ = Permission.BUNDLE_SEE
    __grant_subject__ = "id"
    __table_args__ = (CheckConstraint(f"tier in {TIERS}", name="tier"),)

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"), index=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    tier: Mapped[str] = mapped_column(String(30))
    title_lock: Mapped[bytes] = mapped_column(LargeBinary)
    slot_id: Mapped[UUID | None] = mapped_column(unique=True)
    bundle_lock: Mapped[bytes] = mapped_column(LargeBinary)
    generation: Mapped[int] = mapped_column(default=1)
    key_number: Mapped[int] = mapped_column(default=1)
    argon2_salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    argon2_memory_kib: Mapped[int | None]
    argon2_time: Mapped[int | None]
    argon2_lanes: Mapped[int | None]
    rescue_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    rescue_file_1: Mapped[bytes | None] = mapped_column(LargeBinary)
    rescue_file_2: Mapped[bytes | None] = mapped_column(LargeBinary)
    rescue_pair_id: Mapped[UUID | None]
    rescue_generation: Mapped[int | None]
    rekey_pending_at: Mapped[datetime | None]
    drop_public_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    drop_mac: Mapped[bytes | None] = mapped_column(LargeBinary)
    arrivals_at: Mapped[datetime | None]
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    created_at: Mapped[datetime]
    revision: Mapped[int] = mapped_column(default=1)

    @property
    def profile(self) -> Argon2Profile | None:
        """The password's Argon2id parameters; None when the bundle has no password."""
        if self.argon2_salt is None:
            return None
        return Argon2Profile(
            self.argon2_salt, self.argon2_memory_kib or 0, self.argon2_time or 0, self.argon2_lanes or 0
        )


class Unlocking(Base):
    """A bundle's password key, locked for one session; gone when it idles, is locked, or the session ends."""

    __tablename__ = "unlockings"

    session_id: Mapped[UUID] = mapped_column(ForeignKey("person_sessions.id"), primary_key=True)
    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"), primary_key=True)
    session_lock: Mapped[bytes] = mapped_column(LargeBinary)
    unlocked_at: Mapped[datetime]
    used_at: Mapped[datetime]


class Document(Row):
    """One document or recording; what it says lies in its versions. The title is locked under the bundle's key.

    `former_tier` is the highest tier of the bundles that it was moved out of, `form_left_at` when a Resettlement
    Registration Form got another type: what was asked before it left the office is asked ever after.
    """

    __tablename__ = "documents"
    __sees__ = Permission.DOCUMENT_READ
    __table_args__ = (CheckConstraint(f"former_tier in {TIERS}", name="former_tier"),)

    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"), index=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    tier: Mapped[str] = mapped_column(String(30))
    document_type: Mapped[str] = mapped_column(String(40), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    language: Mapped[str | None] = mapped_column(String(20))
    title_lock: Mapped[bytes] = mapped_column(LargeBinary)
    current_number: Mapped[int] = mapped_column(default=1)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    created_at: Mapped[datetime]
    former_tier: Mapped[str | None] = mapped_column(String(30))
    form_left_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by_id: Mapped[UUID | None]
    withdrawal_remark_id: Mapped[UUID | None]
    revision: Mapped[int] = mapped_column(default=1)

    individuals: Mapped[list[Individual]] = relationship(
        secondary="document_individuals", order_by="Individual.number"
    )

    @property
    def highest_tier(self) -> str:
        """The highest tier that it has or ever had."""
        return max(self.tier, self.former_tier or self.tier, key=TIERS.index)


class DocumentIndividual(Base):
    """Which individuals a document is about."""

    __tablename__ = "document_individuals"

    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    individual_id: Mapped[UUID] = mapped_column(ForeignKey("individuals.id"), primary_key=True)


class Version(Row):
    """One deposited file: an age object in the store and the locks that open it. Available if and only if sealed.

    `length` is of the plaintext, `object_length` of the object, both in bytes; `head` is the object's first 126 bytes.
    `duration_ms` is a recording's, where it could be read and believed. `removed_at`: its slot and object have gone from
    here since; what is said of it stays.
    """

    __tablename__ = "versions"
    __sees__ = Permission.DOCUMENT_READ
    __table_args__ = (UniqueConstraint("document_id", "number"),)

    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), index=True)
    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"), index=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"))
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    number: Mapped[int]
    slot_id: Mapped[UUID | None] = mapped_column(unique=True)
    file_lock: Mapped[bytes] = mapped_column(LargeBinary)
    key_number: Mapped[int] = mapped_column(default=1)
    head: Mapped[bytes] = mapped_column(LargeBinary)
    length: Mapped[int] = mapped_column(Number)
    object_name: Mapped[str] = mapped_column(String(80), unique=True)
    object_length: Mapped[int] = mapped_column(Number)
    object_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    seal: Mapped[bytes | None] = mapped_column(LargeBinary)
    media_type: Mapped[str] = mapped_column(String(80))
    extension: Mapped[str] = mapped_column(String(10))
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    file_name_lock: Mapped[bytes] = mapped_column(LargeBinary)
    plaintext_digest_lock: Mapped[bytes] = mapped_column(LargeBinary)
    duplicate_mark: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    deposited_at: Mapped[datetime]
    checked_at: Mapped[datetime | None]
    check_failed_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]

    @property
    def is_available(self) -> bool:
        """Whether it can be read here."""
        return self.seal is not None and self.removed_at is None


class Bookmark(Row):
    """A place in a recording, and what somebody called it, locked under the bundle's key."""

    __tablename__ = "bookmarks"

    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), index=True)
    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"))
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"))
    position_ms: Mapped[int] = mapped_column(BigInteger)
    label_lock: Mapped[bytes] = mapped_column(LargeBinary)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    made_at: Mapped[datetime]
