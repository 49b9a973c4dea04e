"""Tables of disposal: the list, its items, who has signed it, what went, other copies that were found, and decisions."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from vault.access.policy import Permission
from vault.bundles.document_types import DOCUMENT_TYPES, TEMPORARY, TRANSIENT
from vault.db import Number, Row

DISPOSAL_STATES = (
    *("in_review", "approved", "cooling", "erasing", "erased", "certified", "rejected", "voided"),
)
IN_REVIEW, APPROVED, COOLING, ERASING, ERASED, CERTIFIED, REJECTED, VOIDED = DISPOSAL_STATES
ENDED = (REJECTED, VOIDED)
FORWARD = (ERASING, ERASED)
"""From here on it is only gone on with, never back."""
BEFORE = (IN_REVIEW, APPROVED, COOLING)
END_REASONS = ("rejected", "cancelled", "lapsed", "changed", "approval", "hold", "transcript", "lent")
SIGNERS = (2, 3)
DISPOSABLE = tuple(code for code, kind in DOCUMENT_TYPES.items() if kind.disposal in (TRANSIENT, TEMPORARY))
RECORDINGS = tuple(code for code, kind in DOCUMENT_TYPES.items() if kind.disposal == TRANSIENT)
COPY_KINDS = OBJECT, PACKAGE, INDEX, LINK, LOAN, UPLOAD = (
    *("object", "package", "index", "link", "loan", "upload"),
)
REMAINS = LOCKED, SHARED = ("locked", "shared")
_LIVE = text("ended_at IS NULL")


class Disposal(Row):
    """Recordings or temporary copies that are to be destroyed, as so many people sign as its office asks for.

    States: in_review → approved (all have signed) → cooling (other copies were looked for) → erasing (no way back; slots
    die, then objects go) → erased → certified; or, before it is erasing, rejected or voided, and nothing happens.
    `said_digest` is SHA-256 of what all sign. `error_code` says why it stands still. The office is that of all documents.
    """

    __tablename__ = "disposals"
    __sees__ = Permission.DISPOSAL_SEE
    __table_args__ = (
        CheckConstraint(f"state in {DISPOSAL_STATES}", name="state"),
        CheckConstraint(f"(state in {ENDED}) = (ended_at IS NOT NULL)", name="ended"),
        CheckConstraint(f"end_reason in {END_REASONS}", name="end_reason"),
        CheckConstraint(
            f"state in ('in_review', {str(ENDED)[1:-1]}) or cools_until IS NOT NULL", name="cools"
        ),
        CheckConstraint(
            "state not in ('erasing', 'erased', 'certified') or begun_at IS NOT NULL", name="begun"
        ),
        CheckConstraint("state not in ('erased', 'certified') or erased_at IS NOT NULL", name="erased"),
        CheckConstraint(f"signers in {SIGNERS}", name="signers"),
        CheckConstraint("documents > 0 and files > 0", name="numbers"),
    )

    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    reference: Mapped[str] = mapped_column(String(200))
    dated: Mapped[date]
    signers: Mapped[int]
    said_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    documents: Mapped[int]
    files: Mapped[int]
    content_length: Mapped[int] = mapped_column(Number)
    state: Mapped[str] = mapped_column(String(20), default=IN_REVIEW, index=True)
    proposed_by_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    proposed_at: Mapped[datetime]
    approved_at: Mapped[datetime | None]
    cools_until: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(40))
    begun_at: Mapped[datetime | None]
    slots_ended_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    end_reason: Mapped[str | None] = mapped_column(String(20))
    remark_id: Mapped[UUID | None]


class DisposalItem(Row):
    """One document of a list: by which rule it goes, since when it is due, and the transcript that stays of a recording.

    A document is on one list at a time: `ended_at` says that this one ended without anything happening.
    """

    __tablename__ = "disposal_items"
    __table_args__ = (
        UniqueConstraint("disposal_id", "number", name="uq_disposal_items_number"),
        UniqueConstraint("disposal_id", "document_id", name="uq_disposal_items_document"),
        CheckConstraint(f"document_type in {DISPOSABLE}", name="disposable"),
        CheckConstraint(f"document_type not in {RECORDINGS} or transcript_id IS NOT NULL", name="transcript"),
        Index(
            "uq_disposal_items_live", "document_id", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE
        ),
    )

    disposal_id: Mapped[UUID] = mapped_column(ForeignKey("disposals.id"), index=True)
    number: Mapped[int]
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"), index=True)
    document_type: Mapped[str] = mapped_column(String(40))
    class_code: Mapped[str] = mapped_column(String(40))
    rule_version: Mapped[int]
    citation: Mapped[str] = mapped_column(String(400))
    due_at: Mapped[datetime]
    transcript_id: Mapped[UUID | None] = mapped_column(ForeignKey("versions.id"))
    ended_at: Mapped[datetime | None]


class DisposalSignature(Row):
    """Somebody has signed the list: an approval by the slot named here, for a unit that nobody else has signed for."""

    __tablename__ = "disposal_signatures"
    __table_args__ = (
        UniqueConstraint("disposal_id", "place", name="uq_disposal_signatures_place"),
        UniqueConstraint("disposal_id", "person_id", name="uq_disposal_signatures_person"),
        UniqueConstraint("disposal_id", "unit", name="uq_disposal_signatures_unit"),
        CheckConstraint("place in (1, 2, 3)", name="place"),
        CheckConstraint("(place = 1) = (role = 'archivist')", name="role"),
        CheckConstraint("role in ('archivist', 'controller', 'records_authority')", name="roles"),
    )

    disposal_id: Mapped[UUID] = mapped_column(ForeignKey("disposals.id"))
    place: Mapped[int]
    person_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    unit: Mapped[str] = mapped_column(String(60))
    role: Mapped[str] = mapped_column(String(20))
    slot_id: Mapped[UUID]
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    signed_at: Mapped[datetime]


class DisposedVersion(Row):
    """The committed word that one version is destroyed, and how far that is: its slot, then its object."""

    __tablename__ = "disposed_versions"

    disposal_id: Mapped[UUID] = mapped_column(ForeignKey("disposals.id"), index=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), index=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"), unique=True)
    slot_id: Mapped[UUID | None] = mapped_column(unique=True)
    object_name: Mapped[str] = mapped_column(String(80))
    object_length: Mapped[int] = mapped_column(Number)
    object_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    written_at: Mapped[datetime]
    slot_destroyed_at: Mapped[datetime | None]
    object_removed_at: Mapped[datetime | None]


class FoundCopy(Row):
    """Another copy of what is on a list, or a way to one. `remains`: why it is still there, once the list was carried out.

    `place` is the store: objects, first or second archive, or the database. A locked one goes once `locked_until` is over.
    """

    __tablename__ = "disposal_copies"
    __table_args__ = (
        UniqueConstraint("disposal_id", "place", "name", name="uq_disposal_copies_disposal_id"),
        CheckConstraint(f"kind in {COPY_KINDS}", name="kind"),
        CheckConstraint(f"remains in {REMAINS}", name="remains"),
        CheckConstraint("removed_at IS NULL or remains IS NULL", name="removed"),
    )

    disposal_id: Mapped[UUID] = mapped_column(ForeignKey("disposals.id"))
    kind: Mapped[str] = mapped_column(String(20))
    place: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(80))
    store_version: Mapped[str | None] = mapped_column(String(200))
    copy_id: Mapped[UUID | None] = mapped_column(ForeignKey("package_copies.id"))
    digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    length: Mapped[int | None] = mapped_column(Number)
    found_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    remains: Mapped[str | None] = mapped_column(String(10))
    locked_until: Mapped[datetime | None]
