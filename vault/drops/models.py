"""Tables of file requests: the request, its senders, their visits, the files that came, and the receipts for them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vault.access.policy import Permission
from vault.crypto.passwords import Argon2Profile
from vault.db import Row
from vault.transfers.models import Upload


class FileRequest(Row):
    """What one person outside is asked to send into a bundle, until when, and how much. The id is the link's public id.

    The link lock binds the end. `file_limit` and `bytes_limit` are in bytes, of one file and of all. The note is locked
    for the sender alone. `email`: where the link may be mailed to. With a `token_id` it is for a program: its link key is
    granted to the token, for receipts alone, and no secret gives it.
    """

    __tablename__ = "file_requests"
    __sees__ = Permission.REQUEST_SEE
    __table_args__ = (
        CheckConstraint("files_limit > 0 and file_limit > 0 and bytes_limit > 0", name="limits"),
        CheckConstraint("expires_at > created_at", name="end"),
        CheckConstraint(
            "(token_id is null) = (auth_digest is not null) and (slot_id is null) = (link_lock is null)"
            " and (token_id is not null or slot_id is not null)",
            name="link_or_token",
        ),
        CheckConstraint("token_id is null or email is null", name="address"),
    )

    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    tier: Mapped[str] = mapped_column(String(30))
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    organisation: Mapped[str] = mapped_column(String(120))
    email: Mapped[str | None] = mapped_column(String(254))
    language: Mapped[str] = mapped_column(String(2), default="en")
    document_types: Mapped[list[str]] = mapped_column(JSON)
    individual_ids: Mapped[list[str]] = mapped_column(JSON, default=list)
    files_limit: Mapped[int]
    file_limit: Mapped[int] = mapped_column(BigInteger)
    bytes_limit: Mapped[int] = mapped_column(BigInteger)
    note_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    token_id: Mapped[UUID | None] = mapped_column(ForeignKey("tokens.id"), index=True)
    slot_id: Mapped[UUID | None] = mapped_column(unique=True)
    link_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    auth_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    argon2_salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    argon2_memory_kib: Mapped[int | None]
    argon2_time: Mapped[int | None]
    argon2_lanes: Mapped[int | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(32))
    revision: Mapped[int] = mapped_column(default=1)

    @property
    def profile(self) -> Argon2Profile | None:
        """The link password's Argon2id parameters; None when there is no password."""
        if self.argon2_salt is None:
            return None
        return Argon2Profile(
            self.argon2_salt, self.argon2_memory_kib or 0, self.argon2_time or 0, self.argon2_lanes or 0
        )

    def is_over(self, now: datetime) -> bool:
        """Whether it has ended, or its time is over."""
        return self.ended_at is not None or now >= self.expires_at


class DropSender(Row):
    """Somebody who opened the link and sends: the owner of files, on however many devices.

    The claim code is kept as its MAC, to be found by, and locked under the link's key, to be shown to the sender again.
    """

    __tablename__ = "drop_senders"
    __table_args__ = (UniqueConstraint("request_id", "claim_mac"),)

    request_id: Mapped[UUID] = mapped_column(ForeignKey("file_requests.id"), index=True)
    claim_mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    claim_lock: Mapped[bytes] = mapped_column(LargeBinary)
    begun_at: Mapped[datetime]


class DropVisit(Row):
    """One device of a sender. Its cookie opens the session lock, which holds the link key LK."""

    __tablename__ = "drop_visits"

    request_id: Mapped[UUID] = mapped_column(ForeignKey("file_requests.id"), index=True)
    sender_id: Mapped[UUID] = mapped_column(ForeignKey("drop_senders.id"), index=True)
    auth_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    session_lock: Mapped[bytes] = mapped_column(LargeBinary)
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    sender: Mapped[DropSender] = relationship(lazy="joined", innerjoin=True)


class DroppedFile(Row):
    """A file that a sender sends. The id is that of its upload, and of the version it becomes.

    `sealed_key` is DK, granted to the bundle's drop key; the upload's own locks lie under DK. `sender_file_lock` is the file
    key under the link's key, and is gone once the file has arrived; the name, and then the digest, stay for the receipt.
    A program has DK itself instead, as `sender_grant`, until then; afterwards the same two texts, and no key of the file.
    What an arrived file is stands here until it is taken in. `failure`: why it could not be.
    """

    __tablename__ = "dropped_files"
    __table_args__ = (
        CheckConstraint(
            "arrived_at is null or (sender_file_lock is null and sender_grant is null)", name="reading_back"
        ),
        CheckConstraint("taken_in_at is null or arrived_at is not null", name="order"),
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("uploads.id"), primary_key=True)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("file_requests.id"), index=True)
    sender_id: Mapped[UUID | None] = mapped_column(ForeignKey("drop_senders.id"), index=True)
    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"))
    sealed_key: Mapped[bytes] = mapped_column(LargeBinary)
    sender_file_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    sender_grant: Mapped[bytes | None] = mapped_column(LargeBinary)
    sender_name_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    sender_digest_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    digest_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    object_length: Mapped[int | None] = mapped_column(BigInteger)
    object_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    seal: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    extension: Mapped[str | None] = mapped_column(String(10))
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    begun_at: Mapped[datetime]
    arrived_at: Mapped[datetime | None]
    taken_in_at: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(40))

    upload: Mapped[Upload] = relationship(lazy="joined", innerjoin=True)

    @property
    def state(self) -> str:
        """One word: coming, waiting, taken_in, ended."""
        if self.taken_in_at is not None:
            return "taken_in"
        if self.upload.dropped_at is not None:
            return "ended"
        return "waiting" if self.arrived_at is not None else "coming"


class DropReceipt(Row):
    """What a sender got when done: the receipt's text, locked under the link's key, and its signature.

    Without a sender it is a program's.
    """

    __tablename__ = "drop_receipts"

    request_id: Mapped[UUID] = mapped_column(ForeignKey("file_requests.id"), index=True)
    sender_id: Mapped[UUID | None] = mapped_column(ForeignKey("drop_senders.id"), index=True)
    text_lock: Mapped[bytes] = mapped_column(LargeBinary)
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))
    key_id: Mapped[UUID] = mapped_column(ForeignKey("signing_keys.id"))
    files: Mapped[int]
    made_at: Mapped[datetime]
