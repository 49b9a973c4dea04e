"""The table of packages that are handed over to a records repository."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from vault.access.policy import Permission
from vault.db import Number, Row

_LIVE = text("dropped_at IS NULL")


class PackageTransfer(Row):
    """A package on its way to a records repository. All that the submission's bytes depend on is fixed when it is approved.

    States: proposed → approved by somebody else, or dropped, or lapsed → delivered → received (the receiver's receipt fits).
    `name` is the submission's, `ticket` what the repository's drop calls it; `size` and digests are of the submission.
    `progress` counts bytes read of the package, or laid down. `error_code` says why the delivery stopped, until it goes on.
    `refused_code` says why what lies there as a receipt, whose SHA-256 is `refused_digest`, does not count. A receipt that
    somebody typed in has `recorded_by_id`; one that lay at the drop has none.
    """

    __tablename__ = "package_transfers"
    __sees__ = Permission.PACKAGE_SEE
    __table_args__ = (
        CheckConstraint("(approved_at IS NULL) = (approved_by_id IS NULL)", name="approved"),
        CheckConstraint("(approved_at IS NULL) = (agent_version IS NULL)", name="agent"),
        CheckConstraint("approved_by_id <> proposed_by_id", name="two_people"),
        CheckConstraint("approved_at IS NULL OR dropped_at IS NULL", name="one_end"),
        CheckConstraint("delivered_at IS NULL OR approved_at IS NOT NULL", name="delivered"),
        CheckConstraint(
            "(delivered_at IS NULL) = (sha256 IS NULL) and (delivered_at IS NULL) = (sha512 IS NULL)"
            " and (delivered_at IS NULL) = (ticket IS NULL)",
            name="digests",
        ),
        CheckConstraint("received_at IS NULL OR delivered_at IS NOT NULL", name="received"),
        CheckConstraint(
            "(received_at IS NULL) = (accession_number IS NULL) and (received_at IS NULL) = (receiver IS NULL)"
            " and (received_at IS NULL) = (received_on IS NULL)",
            name="receipt",
        ),
        CheckConstraint("(receipt_key IS NULL) = (receipt_signature IS NULL)", name="signed"),
        Index(
            "uq_package_transfers_live",
            "package_id",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
    )

    package_id: Mapped[UUID] = mapped_column(ForeignKey("packages.id"), index=True)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    remark_id: Mapped[UUID]
    proposed_by_id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"))
    proposed_at: Mapped[datetime]
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    approved_at: Mapped[datetime | None]
    agent_version: Mapped[str | None] = mapped_column(String(40))
    dropped_at: Mapped[datetime | None]
    dropped_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    progress: Mapped[int] = mapped_column(Number, default=0)
    error_code: Mapped[str | None] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(80))
    ticket: Mapped[str | None] = mapped_column(String(200))
    size: Mapped[int | None] = mapped_column(Number)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    sha512: Mapped[bytes | None] = mapped_column(LargeBinary(64))
    delivered_at: Mapped[datetime | None]
    accession_number: Mapped[str | None] = mapped_column(String(80))
    receiver: Mapped[str | None] = mapped_column(String(200))
    received_on: Mapped[date | None]
    received_at: Mapped[datetime | None]
    recorded_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))
    receipt_key: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    receipt_signature: Mapped[bytes | None] = mapped_column(LargeBinary(64))
    refused_code: Mapped[str | None] = mapped_column(String(40))
    refused_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
