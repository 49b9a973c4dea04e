"""Placing a hold and releasing it. It works from the commit on; only somebody else than who placed it releases it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from vault.access.holds import Hold, wait_for_holds
from vault.access.policy import Permission
from vault.access.remarks import checked_reason
from vault.bundles.models import Bundle, Document
from vault.cases.models import Case
from vault.errors import Conflict, Refused
from vault.people.step_up import Act, require_step_up
from vault.retention.decisions import hold_in_class
from vault.retention.models import RetentionClass

if TYPE_CHECKING:
    from vault.runtime import Transaction

LEVELS: dict[str, type[Any]] = {
    "document": Document,
    "bundle": Bundle,
    "case": Case,
    "class": RetentionClass,
}
"""What a hold can be on."""


def place_hold(tx: Transaction, level: str, subject_id: UUID, reason: str) -> Hold:
    """From now on nothing that cannot be undone happens to what it reaches. `NotFound`, `Refused`, `Invalid`."""
    subject = tx.load(LEVELS[level], subject_id, Permission.HOLD_PLACE)
    reason = checked_reason(reason)
    wait_for_holds(tx.session, subject.office_id)
    remark = tx.remark(reason)
    hold = tx.add(
        Hold(
            office_id=subject.office_id,
            remark_id=UUID(remark["remark"]),
            placed_by_id=tx.actor.id,
            placed_at=tx.now,
            **{f"{level}_id": subject.id},
        )
    )
    if level == "class":
        hold_in_class(tx, hold)
    tx.record("hold.placed", subject, hold=hold.id, level=level, **remark)
    return hold


def release_hold(tx: Transaction, hold_id: UUID, reason: str) -> Hold:
    """It stops nothing any more; others may. `Refused` for whoever placed it; `Conflict` once released; `StepUpDue`."""
    hold = tx.load(Hold, hold_id, Permission.HOLD_RELEASE, lock=True)
    if hold.released_at is not None:
        raise Conflict("This hold is released already.")
    if hold.placed_by_id == tx.actor.id:
        raise Refused("Somebody else must release a hold that you placed.")
    reason = checked_reason(reason)
    level, subject = subject_of(tx, hold)
    require_step_up(tx, Act("hold.release", "Release this hold", hold.id, (("On a", level),)))
    remark = tx.remark(reason)
    hold.released_by_id, hold.released_at = tx.actor.id, tx.now
    hold.release_remark_id = UUID(remark["remark"])
    tx.session.flush()
    tx.record("hold.released", subject, hold=hold.id, level=level, **remark)
    return hold


def subject_of(tx: Transaction, hold: Hold) -> tuple[str, Any]:
    """At which level the hold is, and the row that it is on."""
    for level, model in LEVELS.items():
        named = getattr(hold, f"{level}_id")
        if named is not None:
            return level, tx.session.get_one(model, named)
    raise LookupError(hold.id)
