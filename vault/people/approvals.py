"""What an office has approved: recording on video, which its Personal Data Controller approves, with a remark.

Without it the office takes no video. A withdrawn approval takes nothing away: what was stored stays, restricted as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.policy import Permission
from vault.access.remarks import Remark, read_remark
from vault.errors import Conflict, Fault, Invalid
from vault.people.models import Office

if TYPE_CHECKING:
    from vault.runtime import Transaction

LONGEST_REMARK = 1000


def approve_video(tx: Transaction, remark: str) -> Office:
    """The actor's office takes recordings on video from now on. `Conflict` when it does already."""
    office = own_office(tx)
    if office.video_approved_at is not None:
        raise Conflict("Video is approved already.")
    kept = tx.remark(_checked(remark))
    office.video_approved_at, office.video_approved_by_id = tx.now, tx.actor.id
    office.video_remark_id = UUID(kept["remark"])
    tx.record("office.video_approved", office, **kept)
    return office


def withdraw_video(tx: Transaction, remark: str) -> Office:
    """The actor's office takes no further video. `Conflict` when it took none."""
    office = own_office(tx)
    if office.video_approved_at is None:
        raise Conflict("Video is not approved.")
    kept = tx.remark(_checked(remark))
    office.video_approved_at, office.video_approved_by_id = None, tx.actor.id
    office.video_remark_id = UUID(kept["remark"])
    tx.record("office.video_withdrawn", office, **kept)
    return office


def own_office(tx: Transaction) -> Office:
    """The actor's office, held, for those who may approve for it; `Refused` for others."""
    tx.require(Permission.OFFICE_APPROVE)
    return tx.session.get_one(Office, tx.actor.office_id, with_for_update=True)


def is_video_approved(tx: Transaction, office_id: UUID) -> bool:
    """Whether this office takes recordings on video now."""
    return tx.session.get_one(Office, office_id).video_approved_at is not None


def remark_of(tx: Transaction, office: Office) -> str | None:
    """What was last said about video in the actor's office."""
    remark = tx.session.get(Remark, office.video_remark_id) if office.video_remark_id else None
    return read_remark(tx, remark) if remark else None


def _checked(remark: str) -> str:
    remark = remark.strip()
    if not 1 <= len(remark) <= LONGEST_REMARK:
        message = "Say who approved it and where that stands, in at most 1,000 characters."
        raise Invalid(message, errors=[Fault("/remark", message)])
    return remark
