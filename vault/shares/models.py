"""Tables of shares: organisations and agreements, recipients, shares, their documents, openings; and loans.

What lets a share leave although a rule forbids it, or because a declaration was signed, stands in `term_models`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vault.access.cells import TIERS
from vault.access.policy import Permission
from vault.addresses import email_key
from vault.crypto.passwords import Argon2Profile
from vault.db import Row
from vault.shares.modes import DOWNLOAD, MODES

EMERGENCY = "emergency"
PURPOSES = ("interpreting", EMERGENCY)
MOST_CODE_TRIES = 5
PROOFS = ("code", "password", "link")
"""By what a recipient proved who it is: the e-mailed code, link and password alone, or the link alone."""


def _own_key(made: Any) -> str:
    """Of the address that the row is made with."""
    return email_key(made.get_current_parameters()["email"])


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
    """A named person of an organisation, as one office knows them: the one whom a link is for. Ended, no new link is.

    `confirmed_at`: when a lead of the office put the person on its list; null for somebody whom a sender typed.
    """

    __tablename__ = "recipients"
    __sees__ = Permission.AGREEMENT_SEE

    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"), index=True)
    office_id: Mapped[UUID | None] = mapped_column(ForeignKey("offices.id"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    email: Mapped[str] = mapped_column(String(254))
    email_key: Mapped[str] = mapped_column(String(800), index=True, default=_own_key)
    language: Mapped[str] = mapped_column(String(2), default="en")
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    organisation: Mapped[Organisation] = relationship(lazy="joined", innerjoin=True)


class Share(Row):
    """What one recipient may open, until when, and how often. The id is the link's public id."""

    __tablename__ = "shares"
    __sees__ = Permission.SHARE_SEE
    __table_args__ = (
        CheckConstraint("openings <= max_openings", name="openings_left"),
        CheckConstraint("expires_at <= absolute_end_at", name="expiry"),
        CheckConstraint(f"mode in {MODES}", name="mode"),
        CheckConstraint(
            f"(received_at IS NULL) = (received_by IS NULL) and (received_by IS NULL or received_by in {PROOFS})",
            name="received_by",
        ),
        CheckConstraint(
            f"(deletion_attested_at IS NULL) = (deleted_by IS NULL) and (deleted_by IS NULL or deleted_by in {PROOFS})",
            name="deleted_by",
        ),
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
    mode: Mapped[str] = mapped_column(String(20), default=DOWNLOAD)
    received_at: Mapped[datetime | None]
    received_by: Mapped[str | None] = mapped_column(String(10))
    deletion_attested_at: Mapped[datetime | None]
    deleted_by: Mapped[str | None] = mapped_column(String(10))
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
    """One version lent by a link: the file key and the names, locked under the link's key SHK.

    Type and tier (the highest that it had until then) are those at the time; the document may have others by now.
    """

    __tablename__ = "shared_documents"
    __table_args__ = (
        UniqueConstraint("share_id", "position"),
        CheckConstraint(f"tier in {TIERS}", name="tier"),
    )

    share_id: Mapped[UUID] = mapped_column(ForeignKey("shares.id"), index=True)
    position: Mapped[int]
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), index=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"), index=True)
    document_type: Mapped[str] = mapped_column(String(40), index=True)
    tier: Mapped[str] = mapped_column(String(30))
    file_lock: Mapped[bytes] = mapped_column(LargeBinary)
    title_lock: Mapped[bytes] = mapped_column(LargeBinary)
    file_name_lock: Mapped[bytes] = mapped_column(LargeBinary)


class Opening(Row):
    """One visit of the recipient, on one device or on several.

    With the cookie of a device, or with a fresh code, the recipient rejoins it until `ends_at`. `proof` is by what it was
    opened.
    """

    __tablename__ = "openings"
    __table_args__ = (CheckConstraint(f"proof in {PROOFS}", name="proof"),)

    share_id: Mapped[UUID] = mapped_column(ForeignKey("shares.id"), index=True)
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    proof: Mapped[str] = mapped_column(String(10))


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
