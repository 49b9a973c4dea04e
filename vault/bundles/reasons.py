"""Saying why a bundle outside one's caseload is opened: once for each session and bundle, for the controller to read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.caseload import AccessReason
from vault.access.policy import Permission
from vault.access.remarks import checked_reason
from vault.bundles.models import Bundle
from vault.errors import Refused

if TYPE_CHECKING:
    from vault.runtime import Transaction


def give_reason(tx: Transaction, bundle_id: UUID, reason: str) -> AccessReason | None:
    """The bundle opens for its member in this session, and the controller can read why. None where no reason is due.

    The text lies under the office's slot: the controller, who reads it, need not be a member of the bundle.
    Errors: `NotFound`, `Refused` for somebody who is no member or is never asked, `Invalid` without a reason.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.REASON_GIVE, lock=True)
    if tx.actor.session is None or tx.actor.kind != "person":
        raise Refused("Only a person gives a reason.")
    reason = checked_reason(reason)
    if tx.allows(Permission.BUNDLE_OPEN, bundle):
        return None
    remark = tx.remark(reason)
    given = tx.add(
        AccessReason(
            person_id=tx.actor.id,
            session_id=tx.actor.session.id,
            bundle_id=bundle.id,
            case_id=bundle.case_id,
            office_id=bundle.office_id,
            remark_id=UUID(remark["remark"]),
            given_at=tx.now,
        )
    )
    tx.record("access.reason_given", bundle, reason=given.id, **remark)
    return given
