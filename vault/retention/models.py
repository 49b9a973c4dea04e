"""Tables of retention: classes, what each of their versions says, which class a type has, what is due, decisions, scans."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from vault.access.policy import Permission
from vault.bundles.document_types import DOCUMENT_TYPES, PERMANENT, TEMPORARY, TRANSIENT
from vault.db import Base, Row

DISPOSALS = (PERMANENT, TRANSIENT, TEMPORARY)
TRANSFER, DESTROY, REVIEW = ACTIONS = ("transfer", "destroy", "review")
"""What is to be done when the time is over; none of them happens by itself."""
STORED, TRANSCRIBED, VERIFIED, CLOSED, ARCHIVED = TRIGGERS = (
    "document_stored",
    "transcript_stored",
    "transcript_verified",
    "case_closed",
    "case_archived",
)
"""From when on the time runs: moments that stand in the rows."""
UNITS = ("days", "months", "years")
DECISIONS = EXTENDED, RECLASSIFIED = ("extended", "reclassified")
_WAITING = text("approved_at IS NULL AND dropped_at IS NULL")
_CLASS_KEY = ("class_id", "office_id", "disposal")


def _types_of(*disposals: str) -> tuple[str, ...]:
    return tuple(code for code, kind in DOCUMENT_TYPES.items() if kind.disposal in disposals)


class RetentionClass(Row):
    """One class of an office's schedule, known by its code; it never changes. Its disposal says for which types it is."""

    __tablename__ = "retention_classes"
    __sees__ = Permission.RETENTION_SEE
    __table_args__ = (
        CheckConstraint(f"disposal in {DISPOSALS}", name="disposal"),
        UniqueConstraint("office_id", "code"),
        UniqueConstraint("id", "office_id", "disposal"),
    )

    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"))
    code: Mapped[str] = mapped_column(String(40))
    disposal: Mapped[str] = mapped_column(String(20))
    made_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    made_at: Mapped[datetime]


class RetentionRule(Row):
    """The `version`-th word on a class: what it says never changes. Nobody proposed the one that the vault came with.

    States: proposed → approved by somebody else, or dropped, or lapsed. The highest approved version is in force.
    `document_types` come into the class with its approval. The action is due `period` units after what it `counts_from`.
    """

    __tablename__ = "retention_rules"
    __sees__ = Permission.RETENTION_SEE
    __table_args__ = (
        ForeignKeyConstraint(
            list(_CLASS_KEY),
            ["retention_classes.id", "retention_classes.office_id", "retention_classes.disposal"],
        ),
        CheckConstraint(f"counts_from in {TRIGGERS}", name="counts_from"),
        CheckConstraint(f"unit in {UNITS}", name="unit"),
        CheckConstraint(f"action in {ACTIONS}", name="action"),
        CheckConstraint("version > 0 and period > 0", name="numbers"),
        CheckConstraint(f"action <> '{DESTROY}' or disposal <> '{PERMANENT}'", name="permanent_stays"),
        CheckConstraint(
            f"counts_from not in {(TRANSCRIBED, VERIFIED)} or disposal = '{TRANSIENT}'", name="transcript"
        ),
        CheckConstraint(
            "approved_at IS NULL or proposed_by_id IS NULL or approved_by_id IS NOT NULL", name="approved"
        ),
        CheckConstraint("approved_by_id <> proposed_by_id", name="two_people"),
        CheckConstraint("approved_at IS NULL or dropped_at IS NULL", name="one_end"),
        UniqueConstraint("class_id", "version"),
        Index(
            "uq_retention_rules_waiting",
            "class_id",
            unique=True,
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
    )

    class_id: Mapped[UUID]
    office_id: Mapped[UUID]
    disposal: Mapped[str] = mapped_column(String(20))
    version: Mapped[int]
    title: Mapped[str] = mapped_column(String(200))
    citation: Mapped[str] = mapped_column(String(400))
    counts_from: Mapped[str] = mapped_column(String(40))
    period: Mapped[int]
    unit: Mapped[str] = mapped_column(String(10))
    action: Mapped[str] = mapped_column(String(20))
    document_types: Mapped[list[str]] = mapped_column(JSON)
    proposed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    proposed_at: Mapped[datetime]
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    approved_at: Mapped[datetime | None]
    dropped_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    dropped_at: Mapped[datetime | None]


class RetentionType(Base):
    """The one class that documents of a type have in an office; a permanent type is in a permanent class, for good."""

    __tablename__ = "retention_types"
    __table_args__ = (
        ForeignKeyConstraint(
            list(_CLASS_KEY),
            ["retention_classes.id", "retention_classes.office_id", "retention_classes.disposal"],
        ),
        CheckConstraint(
            f"(disposal = '{TRANSIENT}' and document_type in {_types_of(TRANSIENT)})"
            f" or (disposal = '{TEMPORARY}' and document_type in {_types_of(TEMPORARY)})"
            f" or (disposal = '{PERMANENT}' and document_type not in {_types_of(TRANSIENT, TEMPORARY)})",
            name="disposal",
        ),
    )

    office_id: Mapped[UUID] = mapped_column(primary_key=True)
    document_type: Mapped[str] = mapped_column(String(40), primary_key=True)
    class_id: Mapped[UUID] = mapped_column(index=True)
    disposal: Mapped[str] = mapped_column(String(20))


class TranscriptCheck(Row):
    """Somebody has compared this version of a transcript with this recording; never who stored it."""

    __tablename__ = "transcript_checks"
    __table_args__ = (
        UniqueConstraint("recording_id", "version_id"),
        CheckConstraint("verified_by_id <> stored_by_id", name="two_people"),
    )

    recording_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"), index=True)
    stored_by_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    verified_by_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    verified_at: Mapped[datetime]


class DueDocument(Row):
    """A document whose time is over, as the last scan found it: by which rule, and since when. Its id is the document's."""

    __tablename__ = "due_documents"

    id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    rule_id: Mapped[UUID] = mapped_column(ForeignKey("retention_rules.id"))
    began_at: Mapped[datetime]
    due_at: Mapped[datetime] = mapped_column(index=True)
    found_at: Mapped[datetime]


class RetentionScan(Base):
    """The last scan of an office that came to its end: when, how many documents it looked at, how many are due."""

    __tablename__ = "retention_scans"

    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), primary_key=True)
    finished_at: Mapped[datetime]
    documents: Mapped[int]
    due: Mapped[int]


class RetentionDecision(Row):
    """What somebody decided of one document in a review: it is due later, or it is in another class. The newest counts.

    A document may come into a class of its own kind, or into one for permanent records: then it is never destroyed.
    """

    __tablename__ = "retention_decisions"
    __table_args__ = (
        ForeignKeyConstraint(
            list(_CLASS_KEY),
            ["retention_classes.id", "retention_classes.office_id", "retention_classes.disposal"],
        ),
        CheckConstraint(f"kind in {DECISIONS}", name="kind"),
        CheckConstraint(f"(kind = '{EXTENDED}') = (until IS NOT NULL)", name="extended"),
        CheckConstraint(
            f"(kind = '{RECLASSIFIED}') = (class_id IS NOT NULL) and (class_id IS NULL) = (disposal IS NULL)",
            name="reclassified",
        ),
    )

    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), index=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"))
    kind: Mapped[str] = mapped_column(String(20))
    until: Mapped[datetime | None]
    class_id: Mapped[UUID | None]
    disposal: Mapped[str | None] = mapped_column(String(20))
    remark_id: Mapped[UUID]
    decided_by_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    decided_at: Mapped[datetime]
