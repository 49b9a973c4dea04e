"""Tables of retrieval: what is asked to come back out of a package, and each file on its way."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from vault.access.policy import Permission
from vault.db import Number, Row

KINDS = ("copy", "reopening")
COPY, REOPENING = KINDS
_OPEN = text("returned_at IS NULL AND dropped_at IS NULL")


class Retrieval(Row):
    """Files of an archived case that are to come back; a case has one that goes on at most.

    States: proposed → approved by somebody else → ordered into a bundle → rewrapped (the file keys are locked for the
    bundle) → copied out of the package → returned; or dropped, or lapsed. `kind`: copies for a while, or, of a case that
    was reopened, documents as they were. The order's recipient is the drop key of the bundle; `order_digest` is SHA-256 of
    the order. `error_code` says why copying has stopped.
    """

    __tablename__ = "retrievals"
    __sees__ = Permission.CASE_RETRIEVE
    __table_args__ = (
        CheckConstraint(f"kind in {KINDS}", name="kind"),
        CheckConstraint("(approved_at IS NULL) = (approved_by_id IS NULL)", name="approved"),
        CheckConstraint("approved_by_id <> proposed_by_id", name="two_people"),
        CheckConstraint("dropped_at IS NULL OR rewrapped_at IS NULL", name="one_end"),
        CheckConstraint(
            "(ordered_at IS NULL) = (order_digest IS NULL) AND (ordered_at IS NULL) = (recipient IS NULL)"
            " AND (ordered_at IS NULL) = (bundle_id IS NULL)",
            name="ordered",
        ),
        CheckConstraint(
            "(ordered_at IS NULL OR approved_at IS NOT NULL) AND (rewrapped_at IS NULL OR ordered_at IS NOT NULL)"
            " AND (copied_at IS NULL OR rewrapped_at IS NOT NULL) AND (returned_at IS NULL OR copied_at IS NOT NULL)",
            name="in_order",
        ),
        Index(
            "uq_retrievals_open",
            "case_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    package_id: Mapped[UUID] = mapped_column(ForeignKey("packages.id"))
    kind: Mapped[str] = mapped_column(String(20))
    remark_id: Mapped[UUID]
    proposed_by_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    proposed_at: Mapped[datetime]
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    approved_at: Mapped[datetime | None]
    dropped_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    dropped_at: Mapped[datetime | None]
    bundle_id: Mapped[UUID | None] = mapped_column(ForeignKey("bundles.id"), index=True)
    recipient: Mapped[bytes | None] = mapped_column(LargeBinary)
    order_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    ordered_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    ordered_at: Mapped[datetime | None]
    rewrapped_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    rewrapped_at: Mapped[datetime | None]
    copied_at: Mapped[datetime | None]
    returned_at: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(40))


class RetrievedFile(Row):
    """One file on its way back; the id is that of the version that it becomes, `version_id` of the one that was archived.

    Until it is taken in its key lies as in a drop: in a file lock under a random key, which is granted to the bundle's drop
    key, with the names in field locks under it. `old_start` and `new_start` are the first 110 bytes of the archived object
    and of the new one; nonce and chunks are the same. A retrieved copy is `due_at` a day, when it is to be disposed of.
    """

    __tablename__ = "retrieved_files"
    __table_args__ = (
        UniqueConstraint("retrieval_id", "version_id"),
        CheckConstraint(
            "(copied_at IS NULL) = (object_digest IS NULL) AND (copied_at IS NULL) = (nonce IS NULL)"
            " AND (copied_at IS NULL) = (object_name IS NULL)",
            name="copied",
        ),
        CheckConstraint("returned_at IS NULL OR copied_at IS NOT NULL", name="returned"),
    )

    retrieval_id: Mapped[UUID] = mapped_column(ForeignKey("retrievals.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"), index=True)
    document_id: Mapped[UUID] = mapped_column(index=True)
    object_name: Mapped[str | None] = mapped_column(String(80), unique=True)
    slot_id: Mapped[UUID | None] = mapped_column(unique=True)
    sealed_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    file_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    title_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    file_name_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    digest_lock: Mapped[bytes | None] = mapped_column(LargeBinary)
    old_start: Mapped[bytes | None] = mapped_column(LargeBinary)
    new_start: Mapped[bytes | None] = mapped_column(LargeBinary)
    nonce: Mapped[bytes | None] = mapped_column(LargeBinary)
    object_length: Mapped[int | None] = mapped_column(Number)
    object_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    copied_at: Mapped[datetime | None]
    returned_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(40))
