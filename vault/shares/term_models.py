"""Tables of what holds for a share besides an agreement: exceptions, and declarations that were bound."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from vault.access.policy import Permission
from vault.db import Row
from vault.shares.models import Organisation

AGREEMENT, DESTINATION, DECLARATION = "agreement", "destination", "declaration"
EXCEPTION_KINDS = (AGREEMENT, DESTINATION, DECLARATION)
"""What an exception stands in for: an agreement that permits it, a country that is not the case's own, or the declaration
for what was a Resettlement Registration Form and has another type now."""


class DisclosureException(Row):
    """A controller allows links from one case to one organisation, until a time, for a reason: not to themselves."""

    __tablename__ = "disclosure_exceptions"
    __sees__ = Permission.AGREEMENT_SEE
    __table_args__ = (CheckConstraint(f"kind in {EXCEPTION_KINDS}", name="kind"),)

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"), index=True)
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"))
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisations.id"))
    kind: Mapped[str] = mapped_column(String(20))
    remark_id: Mapped[UUID]
    made_by_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    organisation: Mapped[Organisation] = relationship(lazy="joined", innerjoin=True)

    def is_valid(self, now: datetime) -> bool:
        """Whether it is neither over nor ended."""
        return self.ended_at is None and now < self.expires_at


class DeclarationBinding(Row):
    """One version of a signed declaration is for one version of a Resettlement Registration Form of the same case."""

    __tablename__ = "declaration_bindings"
    __table_args__ = (UniqueConstraint("declaration_version_id", "form_version_id"),)

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    declaration_version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"))
    form_version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"), index=True)
    bound_by_id: Mapped[UUID] = mapped_column(ForeignKey("persons.id"))
    bound_at: Mapped[datetime]
