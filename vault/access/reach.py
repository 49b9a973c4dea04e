"""How the rule finds out about a row: by the columns that its model declares, and by the grants of the actor."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, true

from vault.access.actor import Actor, Role
from vault.access.cells import STRICT
from vault.access.clearances import is_cleared
from vault.access.grants import Grant, held_by


def is_held(model: type[Any], actor: Actor) -> list[ColumnElement[bool]]:
    """All true where the actor holds the bundle (or team), alone or through a team; a token besides its owner."""
    bundle_id = column(model, getattr(model, "__grant_subject__", "bundle_id"))
    # A column that is compared anyway: whoever asks needs no right to read the others.
    is_granted = exists(Grant.subject_id).where(Grant.subject_id == bundle_id)
    held: list[ColumnElement[bool]] = [is_granted.where(held_by(actor.id))]
    if actor.principal_id is not None:
        # A token opens what it holds itself, as long as its owner holds it too.
        its_own = Grant.principal_id == actor.principal_id
        held.append(is_granted.where(its_own, Grant.ended_at.is_(None)))
    return held


def is_cleared_for(model: type[Any], actor: Actor) -> ColumnElement[bool]:
    """What is strictly confidential is for whoever is cleared for it."""
    return or_(column(model, "tier") != STRICT, is_cleared(actor.id))


def is_lent(model: type[Any], actor: Actor, now: datetime) -> ColumnElement[bool]:
    """Lent to the actor, not over, and not bound to another session."""
    session_id, bound_to = actor.session.id if actor.session else None, column(model, "session_id")
    return and_(
        column(model, "borrower_id") == actor.id,
        column(model, "ended_at").is_(None),
        column(model, "expires_at") > now,
        column(model, "absolute_end_at") > now,
        or_(bound_to.is_(None), bound_to == session_id),
    )


def not_withdrawn(model: type[Any], actor: Actor) -> ColumnElement[bool]:
    """Withdrawn rows are hidden from all but their owner, the controller and the auditor."""
    if not hasattr(model, "withdrawn_at") or actor.has(Role.CONTROLLER, Role.AUDITOR):
        return true()
    hidden: ColumnElement[bool] = model.withdrawn_at.is_not(None)
    return or_(~hidden, column(model, "owner_id") == actor.id)


def column(model: type[Any], name: str) -> Any:
    """The column that a rule needs; `TypeError` for a model that declares none."""
    found = getattr(model, name, None)
    if found is None:
        raise TypeError(f"{model.__name__} declares no {name}; the rule cannot reach its rows")
    return found
