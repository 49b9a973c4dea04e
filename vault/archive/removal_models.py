"""Tables of removal: two approvals, what goes and how far it is, which packages were read back, and certificates."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from vault.access.policy import Permission
from vault.db import Number, Row

REMOVAL_STATES = ("proposed", "cooling", "checked", "destroying", "erased", "removed", "certified", "ended")
PROPOSED, COOLING, CHECKED, DESTROYING, ERASED, REMOVED, CERTIFIED, ENDED = REMOVAL_STATES
FORWARD = (DESTROYING, ERASED, REMOVED)
"""From here on it is only gone on with, never back."""
END_REASONS = ("cancelled", "lapsed", "changed", "approval", "case", "hold")
CERTIFICATE_KINDS = MIGRATION, DISPOSAL = ("migration", "disposal")
STAGES = PROVISIONAL, FINAL = ("provisional", "final")
WAITS = WAITS_SLOT, WAITS_COPY, WAITS_BACKUP, WAITS_TIME, WAITS_TAMPERED = (
    *("slot", "copy", "backup", "time", "tampered"),
)
"""What keeps a certificate provisional: a slot lives, a copy is locked, a backup of the keystore may hold a slot, the time
of backups that nobody entered is not over, or the row is not what was signed."""
_LIVE = text("state <> 'ended'")
_SIGNED = (
    "(approved_by_id IS NULL) = (approved_mac IS NULL) and (approved_by_id IS NULL) = (cools_until IS NULL)"
)


class Removal(Row):
    """The active copies of an archived case's permanent records are to go, as two people signed.

    States: proposed → cooling → checked (packages read back) → destroying (no way back; slots die) → erased → removed
    (objects are gone) → certified; or ended before it is destroying. `said_digest` is SHA-256 of what both signed; each MAC
    is by the slot named beside it. `error_code` says why it stands still, `failed_package_id` at which package.
    """

    __tablename__ = "removals"
    __sees__ = Permission.CASE_SEE
    __table_args__ = (
        CheckConstraint(f"state in {REMOVAL_STATES}", name="state"),
        CheckConstraint("approved_by_id <> proposed_by_id", name="two_people"),
        CheckConstraint(_SIGNED, name="signed"),
        CheckConstraint("state in ('proposed', 'ended') or approved_mac IS NOT NULL", name="approved"),
        CheckConstraint("(state = 'ended') = (ended_at IS NOT NULL)", name="ended"),
        CheckConstraint(f"end_reason in {END_REASONS}", name="end_reason"),
        Index("uq_removals_live", "closure_id", unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE),
    )

    closure_id: Mapped[UUID] = mapped_column(ForeignKey("closures.id"))
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"), index=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    said_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    files: Mapped[int]
    content_length: Mapped[int] = mapped_column(Number)
    state: Mapped[str] = mapped_column(String(20), default=PROPOSED)
    proposed_by_id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"))
    proposed_at: Mapped[datetime]
    proposed_slot_id: Mapped[UUID]
    proposed_mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    approved_at: Mapped[datetime | None]
    approved_slot_id: Mapped[UUID | None]
    approved_mac: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    cools_until: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(40))
    failed_package_id: Mapped[UUID | None] = mapped_column(ForeignKey("packages.id"))
    begun_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    end_reason: Mapped[str | None] = mapped_column(String(20))


class RemovalCheck(Row):
    """When all copies of a package were last read back whole, before what it holds is removed here."""

    __tablename__ = "removal_checks"
    __table_args__ = (UniqueConstraint("removal_id", "package_id"),)

    removal_id: Mapped[UUID] = mapped_column(ForeignKey("removals.id"))
    package_id: Mapped[UUID] = mapped_column(ForeignKey("packages.id"))
    checked_at: Mapped[datetime]


class RemovedVersion(Row):
    """The committed word that the active copy of one version goes, and how far that is: its slot, then its object."""

    __tablename__ = "removed_versions"

    removal_id: Mapped[UUID] = mapped_column(ForeignKey("removals.id"), index=True)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"), unique=True)
    slot_id: Mapped[UUID | None] = mapped_column(unique=True)
    object_name: Mapped[str] = mapped_column(String(80))
    object_length: Mapped[int] = mapped_column(Number)
    object_digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    slot_destroyed_at: Mapped[datetime | None]
    object_removed_at: Mapped[datetime | None]


class Certificate(Row):
    """What was removed, signed: canonical JSON, as it was issued. Numbered by kind without a gap.

    Each act has one that is provisional and, once no backup can bring back what was destroyed, one that is final, with the
    same number. `waits_for` says why there is no final one yet, as it was found at `looked_at`; `waits_backup_id` is a
    backup of the keystore. One that is about several cases names none. `kept_at`: since when the object store has a copy.
    """

    __tablename__ = "certificates"
    __sees__ = Permission.PACKAGE_SEE
    __table_args__ = (
        UniqueConstraint("kind", "number", "stage"),
        UniqueConstraint("subject_id", "stage"),
        UniqueConstraint("id", "subject_id", "kind", "number"),
        UniqueConstraint("provisional_id"),
        ForeignKeyConstraint(
            ["provisional_id", "subject_id", "kind", "number"],
            [f"certificates.{name}" for name in ("id", "subject_id", "kind", "number")],
            name="fk_certificates_provisional_id_certificates",
        ),
        CheckConstraint(f"kind in {CERTIFICATE_KINDS}", name="kind"),
        CheckConstraint(f"stage in {STAGES}", name="stage"),
        CheckConstraint("(stage = 'final') = (provisional_id IS NOT NULL)", name="final"),
        CheckConstraint("provisional_id <> id", name="provisional"),
        CheckConstraint("stage = 'provisional' or waits_for IS NULL", name="waits"),
        CheckConstraint(f"waits_for in {WAITS}", name="waits_for"),
        CheckConstraint("number > 0", name="number"),
    )

    kind: Mapped[str] = mapped_column(String(20))
    number: Mapped[int]
    stage: Mapped[str] = mapped_column(String(12), default=PROVISIONAL)
    provisional_id: Mapped[UUID | None]
    subject_id: Mapped[UUID]
    case_id: Mapped[UUID | None] = mapped_column(ForeignKey("cases.id"), index=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[UUID] = mapped_column(ForeignKey("signing_keys.id"))
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))
    issued_at: Mapped[datetime]
    waits_for: Mapped[str | None] = mapped_column(String(12))
    waits_until: Mapped[datetime | None]
    waits_backup_id: Mapped[UUID | None]
    looked_at: Mapped[datetime | None]
    kept_at: Mapped[datetime | None]

    @property
    def name(self) -> str:
        """As people cite it."""
        return name_of(self.kind, self.number, self.stage)


def name_of(kind: str, number: int, stage: str = PROVISIONAL) -> str:
    """`migration-000001`; the final one of the same act is `migration-000001-final`."""
    return f"{kind}-{number:06}" + "-final" * (stage == FINAL)
