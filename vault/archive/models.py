"""Tables of the archive: identities, closings with what they minted and kept, reopenings."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from vault.access.policy import Permission
from vault.bundles.document_types import PERMANENT, TEMPORARY, TRANSIENT
from vault.db import Number, Row
from vault.store.archive import FIRST, STORES

CLASSES = (PERMANENT, TRANSIENT, TEMPORARY)
"""Disposal classes, each in a package of its own."""
LENT = ("link", "loan")
CONTENT_FAULTS = ("missing", "wrong_size", "wrong_digest", "not_a_package")
"""What can be wrong with the bytes of a copy: only another copy mends that."""
FAULTS = (*CONTENT_FAULTS, "wrong_version", "lock_missing")
INCIDENT_STATES = ("open", "repaired", "closed")
OPEN, REPAIRED, SETTLED = INCIDENT_STATES
PACKAGE_STATES = ("queued", "written", "verified", "receipted", "archived")
QUEUED, WRITTEN, VERIFIED, RECEIPTED, ARCHIVED = PACKAGE_STATES
_LIVE = text("retired_at IS NULL")
_STANDING = text("reopened_at IS NULL")
_UNREPAIRED = text("state = 'open'")
_PRESENT = text("lost_at IS NULL")
_WAITING = text("approved_at IS NULL AND dropped_at IS NULL")


class ArchiveIdentity(Row):
    """A hybrid recipient of an office, whose secret is kept offline. The id is its principal's, of kind 6.

    States: proposed → confirmed → retired, for good; one that is not confirmed in time lapses. `holder` is a role or place
    in the office's words. `key_digest` is SHA-256 of the public key. Its principal has a slot while it is confirmed and not
    retired; `confirmation_mac` is by that slot, over all that the second person read.
    """

    __tablename__ = "archive_identities"
    __sees__ = Permission.IDENTITY_SEE
    __table_args__ = (
        CheckConstraint(
            "(confirmed_at IS NULL) = (confirmed_by_id IS NULL) and (confirmed_at IS NULL) = (confirmation_mac IS NULL)",
            name="confirmed",
        ),
        CheckConstraint("confirmed_by_id <> proposed_by_id", name="two_people"),
        Index(
            "uq_archive_identities_live",
            "office_id",
            "key_digest",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"), primary_key=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    holder: Mapped[str] = mapped_column(String(120))
    key_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    proposed_by_id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"))
    proposed_at: Mapped[datetime]
    confirmed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    confirmed_at: Mapped[datetime | None]
    confirmation_mac: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    retired_at: Mapped[datetime | None]
    retired_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    retirement_remark_id: Mapped[UUID | None]


class Closure(Row):
    """One closing of a case, the `number`-th; it stands until the case is reopened. A case has one that stands at most."""

    __tablename__ = "closures"
    __sees__ = Permission.CASE_SEE
    __table_args__ = (
        UniqueConstraint("case_id", "number"),
        CheckConstraint("number > 0", name="number"),
        Index(
            "uq_closures_standing",
            "case_id",
            unique=True,
            sqlite_where=_STANDING,
            postgresql_where=_STANDING,
        ),
    )

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    number: Mapped[int]
    closed_on: Mapped[date]
    closed_at: Mapped[datetime]
    closed_by_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    remark_id: Mapped[UUID]
    reopened_at: Mapped[datetime | None]


class ArchiveHeader(Row):
    """The age header of one version for the office's archive identities, byte for byte: it is minted once and then used.

    It replaces bytes 0…109 of the object. `copy_id` is its line in the inventory of copies.
    """

    __tablename__ = "archive_headers"
    __table_args__ = (UniqueConstraint("closure_id", "version_id"),)

    closure_id: Mapped[UUID] = mapped_column(ForeignKey("closures.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"), index=True)
    copy_id: Mapped[UUID] = mapped_column(ForeignKey("copies_made.id"), unique=True)
    header: Mapped[bytes] = mapped_column(LargeBinary)


class ArchiveIndex(Row):
    """Where the encrypted index of one disposal class lies: a write-once object, an age file to the archive identities."""

    __tablename__ = "archive_indexes"
    __table_args__ = (
        UniqueConstraint("closure_id", "disposal"),
        CheckConstraint(f"disposal in {CLASSES}", name="disposal"),
    )

    closure_id: Mapped[UUID] = mapped_column(ForeignKey("closures.id"))
    disposal: Mapped[str] = mapped_column(String(20))
    files: Mapped[int]
    object_name: Mapped[str] = mapped_column(String(80), unique=True)
    object_length: Mapped[int] = mapped_column(Number)
    object_digest: Mapped[bytes] = mapped_column(LargeBinary(32))


class KeptLending(Row):
    """A link or loan that outlives the closing of its case, and why: its id is the link's or loan's."""

    __tablename__ = "kept_lendings"
    __table_args__ = (
        UniqueConstraint("closure_id", "lending_id"),
        CheckConstraint(f"kind in {LENT}", name="kind"),
    )

    closure_id: Mapped[UUID] = mapped_column(ForeignKey("closures.id"))
    kind: Mapped[str] = mapped_column(String(10))
    lending_id: Mapped[UUID]
    remark_id: Mapped[UUID]


class Reopening(Row):
    """A closed case that somebody wants reopened. States: proposed → approved by somebody else, or dropped, or lapsed."""

    __tablename__ = "reopenings"
    __sees__ = Permission.CASE_SEE
    __table_args__ = (
        CheckConstraint("(approved_at IS NULL) = (approved_by_id IS NULL)", name="approved"),
        CheckConstraint("approved_by_id <> proposed_by_id", name="two_people"),
        CheckConstraint("approved_at IS NULL OR dropped_at IS NULL", name="one_end"),
        Index(
            "uq_reopenings_waiting",
            "closure_id",
            unique=True,
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
    )

    closure_id: Mapped[UUID] = mapped_column(ForeignKey("closures.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    remark_id: Mapped[UUID]
    proposed_by_id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"))
    proposed_at: Mapped[datetime]
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    approved_at: Mapped[datetime | None]
    dropped_at: Mapped[datetime | None]
    dropped_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))


class ArchivalPackage(Row):
    """The files of one disposal class of a closed case, in one tar. All that its bytes depend on is fixed when it is queued.

    States: queued → written → verified (read back) → receipted (signed) → archived (the receipt lies beside the tar).
    `aip_id` and `version` name it; a later closing of the case makes the next version of the same. `progress` counts bytes
    of the step that runs. `error_code` says why it stopped, until it goes on, and `failed_version_id` at which file.
    `disposed_at`: all that it held was disposed of; a copy that its store had locked may still lie there.
    """

    __tablename__ = "packages"
    __sees__ = Permission.PACKAGE_SEE
    __table_args__ = (
        UniqueConstraint("closure_id", "disposal"),
        UniqueConstraint("aip_id", "version"),
        CheckConstraint(f"disposal in {CLASSES}", name="disposal"),
        CheckConstraint(f"state in {PACKAGE_STATES}", name="state"),
        CheckConstraint("(state = 'queued') = (sha256 IS NULL)", name="written"),
        CheckConstraint(
            "(state in ('queued', 'written', 'verified')) = (receipt_signature IS NULL)", name="receipted"
        ),
        CheckConstraint("(state = 'archived') = (archived_at IS NOT NULL)", name="archived"),
        CheckConstraint("disposed_at IS NULL or disposal <> 'permanent'", name="disposed"),
    )

    closure_id: Mapped[UUID] = mapped_column(ForeignKey("closures.id"))
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"), index=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    aip_id: Mapped[UUID]
    version: Mapped[int]
    disposal: Mapped[str] = mapped_column(String(20))
    case_number: Mapped[str] = mapped_column(String(40))
    organisation: Mapped[str] = mapped_column(String(200))
    agent_version: Mapped[str] = mapped_column(String(40))
    closed_on: Mapped[date]
    packaged_at: Mapped[datetime]
    queued_by_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    files: Mapped[int]
    content_length: Mapped[int] = mapped_column(Number)
    object_name: Mapped[str] = mapped_column(String(80), unique=True)
    state: Mapped[str] = mapped_column(String(20), default=QUEUED)
    progress: Mapped[int] = mapped_column(Number, default=0)
    error_code: Mapped[str | None] = mapped_column(String(40))
    failed_version_id: Mapped[UUID | None] = mapped_column(ForeignKey("versions.id"))
    size: Mapped[int | None] = mapped_column(Number)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    sha512: Mapped[bytes | None] = mapped_column(LargeBinary(64))
    oxum: Mapped[str | None] = mapped_column(String(40))
    receipt_key_id: Mapped[UUID | None] = mapped_column(ForeignKey("signing_keys.id"))
    receipt_signature: Mapped[bytes | None] = mapped_column(LargeBinary(64))
    archived_at: Mapped[datetime | None]
    disposed_at: Mapped[datetime | None]


class PackageCopy(Row):
    """Where a package lies in an archive: the object's version where there are such, what keeps it, and until when.

    A package has one in each archive; one that was made anew elsewhere is `lost_at` then, and kept as history.
    `verified_at`: read whole last and found good; `looked_at`: looked at last, with an answer; `unanswered`: so often the
    archive did not answer since. `turn` numbers the copies, so that a day's share of deep checks is known. `failed_at` says
    since when its bytes are not what was written, and `fault` how.
    """

    __tablename__ = "package_copies"
    __table_args__ = (
        UniqueConstraint("package_id", "store", "object_name"),
        CheckConstraint(f"store in {STORES}", name="store"),
        CheckConstraint("(failed_at IS NULL) = (fault IS NULL)", name="failed"),
        CheckConstraint(f"fault in {CONTENT_FAULTS}", name="fault"),
        CheckConstraint("unanswered >= 0", name="unanswered"),
        Index(
            "uq_package_copies_present",
            "package_id",
            "store",
            unique=True,
            sqlite_where=_PRESENT,
            postgresql_where=_PRESENT,
        ),
    )

    package_id: Mapped[UUID] = mapped_column(ForeignKey("packages.id"))
    store: Mapped[str] = mapped_column(String(10), default=FIRST)
    object_name: Mapped[str] = mapped_column(String(80))
    store_version: Mapped[str | None] = mapped_column(String(200))
    mode: Mapped[str] = mapped_column(String(20))
    kept_until: Mapped[datetime | None]
    verified_at: Mapped[datetime]
    looked_at: Mapped[datetime | None]
    unanswered: Mapped[int] = mapped_column(default=0)
    turn: Mapped[int | None]
    failed_at: Mapped[datetime | None]
    fault: Mapped[str | None] = mapped_column(String(20))
    lost_at: Mapped[datetime | None]


class Incident(Row):
    """A copy that failed a check. States: open → repaired (right again, or made anew) → closed by a person with a remark."""

    __tablename__ = "incidents"
    __sees__ = Permission.FIXITY_SEE
    __table_args__ = (
        CheckConstraint(f"kind in {FAULTS}", name="kind"),
        CheckConstraint(f"state in {INCIDENT_STATES}", name="state"),
        CheckConstraint("(state = 'open') = (repaired_at IS NULL)", name="repaired"),
        CheckConstraint(
            "(state = 'closed') = (closed_at IS NOT NULL) and (closed_at IS NULL) = (closed_by_id IS NULL)"
            " and (closed_at IS NULL) = (remark_id IS NULL)",
            name="closed",
        ),
        Index(
            "uq_incidents_open",
            "copy_id",
            "kind",
            unique=True,
            sqlite_where=_UNREPAIRED,
            postgresql_where=_UNREPAIRED,
        ),
    )

    package_id: Mapped[UUID] = mapped_column(ForeignKey("packages.id"), index=True)
    copy_id: Mapped[UUID] = mapped_column(ForeignKey("package_copies.id"), index=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10), default=OPEN)
    found_at: Mapped[datetime]
    repaired_at: Mapped[datetime | None]
    repaired_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("package_copies.id"))
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("persons.id"))
    remark_id: Mapped[UUID | None]
