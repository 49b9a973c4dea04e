"""Who holds a second factor, who must, and whether a session still owes one."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from vault.access.actor import PRIVILEGED, Role
from vault.people.factor_models import Factor, RecoveryCode
from vault.people.models import PersonSession
from vault.settings import Settings

if TYPE_CHECKING:
    from vault.runtime import Transaction


def live() -> ColumnElement[bool]:
    """What makes a factor count."""
    return Factor.confirmed_at.is_not(None) & Factor.ended_at.is_(None)


def holds(person_id: Any) -> ColumnElement[bool]:
    """Whether this person has a factor that counts, or recovery codes left of one that is gone."""
    return or_(
        exists().where(Factor.person_id == person_id, live()),
        exists().where(RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None)),
    )


def holds_factors(session: Session, person_id: UUID | None) -> bool:
    """The same, asked by itself."""
    return bool(session.scalar(select(holds(person_id))))


def live_factors(session: Session, person_id: UUID | None) -> Sequence[Factor]:
    """The person's factors that count, the oldest first."""
    query = select(Factor).where(Factor.person_id == person_id, live())
    return session.scalars(query.order_by(Factor.confirmed_at, Factor.id)).all()


def is_factor_required(settings: Settings, roles: Set[Role]) -> bool:
    """Whether somebody in these roles must have one."""
    return settings.mfa == "required" or (settings.mfa == "privileged" and not roles.isdisjoint(PRIVILEGED))


def owes_factor(row: PersonSession, holds_one: bool, roles: Set[Role], settings: Settings) -> bool:
    """Whether the session is half: the password was given, and a factor is due that it has not seen."""
    return row.factor_at is None and (holds_one or is_factor_required(settings, roles))


def is_half(tx: Transaction) -> bool:
    """The same about the actor's own session."""
    row = tx.session.get(PersonSession, tx.actor.session.id) if tx.actor.session else None
    return row is None or owes_factor(
        row, holds_factors(tx.session, tx.actor.id), tx.actor.roles, tx.settings
    )
