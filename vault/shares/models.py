"""Tables of shares: organisations and agreements, recipients, shares, their documents, openings; and loans.

What lets a share leave although a rule forbids it, or because a declaration was signed, stands in `term_models`.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vault.access.policy import Permission
from vault.crypto.passwords import Argon2Profile
from vault.db import Row

EMERGENCY = "emergency"
PURPOSES = ("interpreting", EMERGENCY)
MOST_CODE_TRIES = 5


class Organisation(Row):
    """A resettlement country's mission or a partner, known to all offices and kept by the one that added it.

    Ended, it gets no new links. Without a country (added before countries were) neither.
    """

    __tablename__ = "organisations"
    __sees__ = Permission.ORGANISATION_SEE

    name: Mapped[str] = mapped_column(String(120), unique=True)
    country: Mapped[str | None] = mapped_column(String(2))
    office_id: Mapped[UUID | None] = mapped_column(ForeignKey("offices.id"))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Agreement(Row):
    """What one office agreed with an organisation: by its reference and dates, for which purposes and document types."""

    __tablename__ = "agreements"
    __sees__ = Permission.AGREEMENT_SEE
    __table_args__ = (CheckConstraint("ends_on >= begins_on", name="dates"),)

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"), index=True)
    office_id: Mapped[UUID | None] = mapped_column(ForeignKey("offices.id"), index=True)
    reference: Mapped[str] = mapped_column(String(80))
    begins_on: Mapped[date]
    ends_on: Mapped[date | None]
    purposes: Mapped[list[str]] = mapped_column(JSON, default=list)
    document_types: Mapped[list[str]] = mapped_column(JSON, default=list)
    ended_at: Mapped[datetime | None]

    organisation: Mapped[Organisation] = relationship(lazy="joined", innerjoin=True)

    def is_valid_on(self, day: date) -> bool:
        """Whether it has begun, is not over, and was not ended."""
        return (
            self.ended_at is None and self.begins_on <= day and (self.ends_on is None or day <= self.ends_on)
        )


class Recipient(Row):
    """A named person of an organisation, as one office knows them: the one whom a link is for. Ended, no new link is."""

    __tablename__ = "recipients"
    __sees__ = Permission.AGREEMENT_SEE

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"), index=True)
    office_id: Mapped[UUID | None] = mapped_column(ForeignKey("offices.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    email: Mapped[str] = mapped_column(String(254))
    language: Mapped[str] = mapped_column(String(2), default="en")
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    organisation: Mapped[Organisation] = relationship(lazy="joined", innerjoin=True)


class Share(Row):
    """What one recipient may open, until when, and how often. The id is the link's public id."""

    __tablename__ = "shares"
    __sees__ = Permission.SHARE_SEE
    __table_args__ = (
        CheckConstraint("openings <= max_openings", name="openings_left"),
        CheckConstraint("expires_at <= absolute_end_at", name="expiry"),
    )

    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    recipient_id: Mapped[UUID] = mapped_column(ForeignKey("recipients.id"), index=True)
    purpose: Mapped[str | None] = mapped_column(String(20))
    agreement_id: Mapped[UUID | None] = mapped_column(ForeignKey("agreements.id"), index=True)
    slot_id: Mapped[UUID] = mapped_column(unique=True)
    link_lock: Mapped[bytes] = mapped_column(LargeBinary)
    auth_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    argon2_salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    argon2_memory_kib: Mapped[int | None]
    argon2_time: Mapped[int | None]
    argon2_lanes: Mapped[int | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    absolute_end_at: Mapped[datetime]
    max_openings: Mapped[int]
    openings: Mapped[int] = mapped_column(default=0)
    asks_code: Mapped[bool] = mapped_column(default=False)
    received_at: Mapped[datetime | None]
    deletion_attested_at: Mapped[datetime | None]
    wrong_person_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(32))
    revision: Mapped[int] = mapped_column(default=1)

    recipient: Mapped[Recipient] = relationship(lazy="joined", innerjoin=True)
    documents: Mapped[list[SharedDocument]] = relationship(
        lazy="selectin", order_by="SharedDocument.position"
    )

    def is_live(self, now: datetime) -> bool:
        """Whether it has not expired, been revoked, suspended or ended; the owner's right is asked elsewhere."""
        ends = (self.revoked_at, self.suspended_at, self.ended_at)
        return all(end is None for end in ends) and not self.has_expired(now)

    def has_expired(self, now: datetime) -> bool:
        """Whether its time is over. The absolute end counts too: the link lock binds it, the expiry is only a column."""
        return now >= min(self.expires_at, self.absolute_end_at)

    @property
    def profile(self) -> Argon2Profile | None:
        """The link password's Argon2id parameters; None when there is no password."""
        if self.argon2_salt is None:
            return None
        return Argon2Profile(
            self.argon2_salt, self.argon2_memory_kib or 0, self.argon2_time or 0, self.argon2_lanes or 0
        )


class SharedDocument(Row):
    """One version lent by a link: the file key and the names, locked under the link's key SHK."""

    __tablename__ = "shared_documents"
    __table_args__ = (UniqueConstraint("share_id", "position"),)

    share_id: Mapped[UUID] = mapped_column(ForeignKey("shares.id"), index=True)
    position: Mapped[int]
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), index=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"), index=True)
    file_lock: Mapped[bytes] = mapped_column(LargeBinary)
    title_lock: Mapped[bytes] = mapped_column(LargeBinary)
    file_name_lock: Mapped[bytes] = mapped_column(LargeBinary)


class Opening(Row):
    """One visit of the recipient, on one device or on several.

    With the cookie of a device, or with a fresh code, the recipient rejoins it until `ends_at`.
    """

    __tablename__ = "openings"

    share_id: Mapped[UUID] = mapped_column(ForeignKey("shares.id"), index=True)
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class OpeningDevice(Row):
    """One browser of a visit. Its cookie opens the session lock, which holds the link key LK.

    After its idle time secret and password are asked again.
    """

    __tablename__ = "opening_devices"

    opening_id: Mapped[UUID] = mapped_column(ForeignKey("openings.id"), index=True)
    auth_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    session_lock: Mapped[bytes] = mapped_column(LargeBinary)
    seen_at: Mapped[datetime]


class ShareCode(Row):
    """The newest e-mailed code of a link, as its MAC alone, and how often it was tried.

    `asked_at`: when somebody who knew the secret last asked for one, whether or not the address was the recipient's.
    """

    __tablename__ = "share_codes"
    __table_args__ = (
        CheckConstraint(f"tries <= {MOST_CODE_TRIES}", name="tries"),
        CheckConstraint("(mac IS NULL) = (expires_at IS NULL)", name="expiry"),
    )

    share_id: Mapped[UUID] = mapped_column(ForeignKey("shares.id"), unique=True)
    asked_at: Mapped[datetime]
    mac: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    expires_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None]


class Notice(Row):
    """What one colleague is told about a link or a file request, once for each `mark`. The words are those of its kind."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("person_id", "share_id", "kind", "mark"),
        UniqueConstraint("request_id", "person_id", "kind", "mark"),
        CheckConstraint("(share_id is null) <> (request_id is null)", name="subject"),
    )

    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    share_id: Mapped[UUID | None] = mapped_column(ForeignKey("shares.id"), index=True)
    request_id: Mapped[UUID | None] = mapped_column(ForeignKey("file_requests.id"), index=True)
    kind: Mapped[str] = mapped_column(String(24))
    mark: Mapped[str] = mapped_column(String(40))
    told_at: Mapped[datetime]
    read_at: Mapped[datetime | None]


class Loan(Row):
    """One version lent to one colleague. The id is a link's; its key LK is granted to the borrower.

    File key and names are locked under SHK as in a `SharedDocument`. With a `session_id` it works in that session alone.
    """

    __tablename__ = "loans"
    __sees__ = Permission.LOAN_SEE
    __table_args__ = (
        CheckConstraint("expires_at <= absolute_end_at", name="expiry"),
        CheckConstraint(f"purpose in {PURPOSES}", name="purpose"),
        CheckConstraint(f"borrower_id <> owner_id or purpose = '{EMERGENCY}'", name="borrower"),
    )

    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    borrower_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"), index=True)
    session_id: Mapped[UUID | None] = mapped_column(ForeignKey("person_sessions.id"))
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), index=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"))
    purpose: Mapped[str] = mapped_column(String(20))
    slot_id: Mapped[UUID] = mapped_column(unique=True)
    link_lock: Mapped[bytes] = mapped_column(LargeBinary)
    file_lock: Mapped[bytes] = mapped_column(LargeBinary)
    title_lock: Mapped[bytes] = mapped_column(LargeBinary)
    file_name_lock: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    absolute_end_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    def is_over(self, now: datetime) -> bool:
        """Whether it was revoked, has ended, or its time is over."""
        return self.ended_at is not None or now >= min(self.expires_at, self.absolute_end_at)
