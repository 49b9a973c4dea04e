"""Caseloads: who is assigned to which case, and why somebody opened a bundle outside their own.

A bundle stays opened by its grants alone. Whoever keeps to a caseload opens one of a case that is not assigned to them
after giving a reason, once in a session; the office's controller reads it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, UniqueConstraint, exists, or_, text
from sqlalchemy.orm import Mapped, mapped_column

from vault.access.actor import Actor, Role
from vault.db import Row

_OPEN = text("ended_at IS NULL")
ACROSS = (Role.REVIEWER, Role.SUPERVISOR, Role.ARCHIVIST, Role.CONTROLLER)
"""Roles whose work lies across caseloads: who has one of them is not asked."""


class Assignment(Row):
    """One person's work on one case, from `assigned_at` until `ended_at`; one that has not ended for each person and case.

    Nobody assigned it where the case was added by that person, or was there before this was kept.
    """

    __tablename__ = "case_assignments"
    __table_args__ = (
        Index(
            "uq_case_assignments_open",
            "case_id",
            "person_id",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
    )

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"), index=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"), index=True)
    assigned_by_id: Mapped[UUID | None]
    assigned_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[UUID | None]


class AccessReason(Row):
    """Why a person opened a bundle outside their caseload, in one session; and which controller has seen it.

    It stays with the office in which it was given, whatever becomes of the case.
    """

    __tablename__ = "access_reasons"
    __sees__ = "reason.see"  # a `Permission`; the rule, which asks the reasons, stands above them
    __table_args__ = (
        UniqueConstraint("session_id", "bundle_id"),
        CheckConstraint("(seen_at IS NULL) = (seen_by_id IS NULL)", name="seen"),
        CheckConstraint("seen_by_id <> person_id", name="not_oneself"),
    )

    person_id: Mapped[UUID] = mapped_column(ForeignKey("principals.id"), index=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("person_sessions.id"))
    bundle_id: Mapped[UUID] = mapped_column(ForeignKey("bundles.id"))
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases.id"))
    office_id: Mapped[UUID] = mapped_column(ForeignKey("offices.id"), index=True)
    remark_id: Mapped[UUID]
    given_at: Mapped[datetime] = mapped_column(index=True)
    seen_at: Mapped[datetime | None]
    seen_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("principals.id"))


def keeps_to_caseload(actor: Actor) -> bool:
    """Whether bundles outside the actor's caseload open for a reason only. A service is not asked: members chose it."""
    return not actor.is_service and not actor.has(*ACROSS)


def is_assigned(case_id: Any, person_id: Any) -> ColumnElement[bool]:
    """Whether this person, a value or a column, is assigned to this case now."""
    return exists(Assignment.case_id).where(
        Assignment.case_id == case_id, Assignment.person_id == person_id, Assignment.ended_at.is_(None)
    )


def is_in_caseload(case_id: Any, bundle_id: Any, actor: Actor) -> ColumnElement[bool]:
    """Whether the actor is assigned to the case, or has said in this session why the bundle is opened all the same.

    A program gives no reasons: a person's token works within its owner's caseload.
    """
    said = exists(AccessReason.bundle_id).where(
        AccessReason.bundle_id == bundle_id,
        AccessReason.person_id == actor.id,
        AccessReason.session_id == (actor.session.id if actor.session else None),
    )
    return or_(is_assigned(case_id, actor.id), said)
