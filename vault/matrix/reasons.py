"""Why bundles were opened outside caseloads: what the office's controller reads, and has seen."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.caseload import AccessReason
from vault.access.policy import Permission, permits
from vault.cases.models import Case
from vault.cursors import cursor_of, is_beyond
from vault.errors import Refused
from vault.matrix.pages import names_of, reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.runtime import Transaction


class ReasonRow(BaseModel):
    """Who opened a bundle of which case outside their caseload, when, and why; who has seen it, and when."""

    id: UUID
    person: UUID
    name: str
    case_id: UUID
    case_number: str
    bundle_id: UUID
    given_at: datetime
    reason: str | None
    seen_at: datetime | None
    seen_by: str | None


class ReasonList(NamedTuple):
    """Some reasons, and the cursor of the page that follows."""

    items: list[ReasonRow]
    next: str | None


def mark_reason_seen(tx: Transaction, reason_id: UUID) -> AccessReason:
    """A controller of the office has seen it. Done twice, nothing more. `Refused` for one's own."""
    reason = tx.load(AccessReason, reason_id, Permission.REASON_SEE, lock=True)
    if reason.person_id == tx.actor.id:
        raise Refused("Somebody else must see what you opened.")
    if reason.seen_at is None:
        reason.seen_at, reason.seen_by_id = tx.now, tx.actor.id
        tx.record("access.reason_seen", reason, person=reason.person_id)
    return reason


def reason_list(
    tx: Transaction, person_id: UUID | None, only_new: bool, after: str | None, limit: int
) -> ReasonList:
    """Those of the actor's office, newest first: of one person, or not seen yet. `Invalid` for a bad cursor."""
    query = select(AccessReason).where(permits(Permission.REASON_SEE, AccessReason, tx.actor, tx.now))
    if person_id is not None:
        query = query.where(AccessReason.person_id == person_id)
    if only_new:
        query = query.where(AccessReason.seen_at.is_(None))
    if after is not None:
        query = query.where(is_beyond(AccessReason.given_at, AccessReason.id, after))
    ordered = query.order_by(AccessReason.given_at.desc(), AccessReason.id.desc())
    found = list(tx.session.scalars(ordered.limit(limit + 1)))
    page = found[:limit]
    following = cursor_of(page[-1].given_at, page[-1].id) if len(found) > limit else None
    return ReasonList(reason_rows(tx, page), following)


def reason_rows(tx: Transaction, reasons: Sequence[AccessReason]) -> list[ReasonRow]:
    """Them as they are shown. Whoever calls has asked for the permission."""
    names = names_of(tx, {who for each in reasons for who in (each.person_id, each.seen_by_id)})
    query = select(Case.id, Case.number).where(Case.id.in_([each.case_id for each in reasons]))
    numbers: dict[UUID, str] = dict(tx.session.execute(query).all())
    return [
        ReasonRow(
            id=each.id,
            person=each.person_id,
            name=names.get(each.person_id, ""),
            case_id=each.case_id,
            case_number=numbers[each.case_id],
            bundle_id=each.bundle_id,
            given_at=each.given_at,
            reason=reason_of(tx, each.remark_id, each.office_id),
            seen_at=each.seen_at,
            seen_by=names.get(each.seen_by_id) if each.seen_by_id else None,
        )
        for each in reasons
    ]
