"""How a list ends without anything happening: rejected or taken back by a person, or voided because something changed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.policy import Permission
from vault.access.remarks import checked_reason
from vault.db import for_change
from vault.disposal.models import BEFORE, IN_REVIEW, Disposal, DisposalItem
from vault.disposal.steps import end_disposal
from vault.errors import Conflict

if TYPE_CHECKING:
    from vault.runtime import Transaction


def reject_disposal(tx: Transaction, disposal_id: UUID, reason: str) -> Disposal:
    """Whoever could approve it says no, and why. `Conflict` once it does not wait for a signature."""
    disposal = tx.load(Disposal, disposal_id, Permission.DISPOSAL_APPROVE, lock=True)
    if disposal.state != IN_REVIEW:
        raise Conflict("This list does not wait for a signature.")
    remark = tx.remark(checked_reason(reason))
    disposal.remark_id = UUID(remark["remark"])
    _end(tx, disposal, "rejected", **remark)
    return disposal


def cancel_disposal(tx: Transaction, disposal_id: UUID) -> Disposal:
    """Nothing is destroyed. Any of those who sign takes it back. `Conflict` once it has begun: then it only goes on."""
    disposal = tx.load(Disposal, disposal_id, Permission.DISPOSAL_CANCEL, lock=True)
    if disposal.state not in BEFORE:
        raise Conflict("This has ended already, or has begun and only goes on.")
    _end(tx, disposal, "cancelled")
    return disposal


def end_lists_with(tx: Transaction, document_id: UUID, reason: str) -> None:
    """A list that names this document and has not begun is void. `Conflict` where it has begun."""
    live = DisposalItem.document_id == document_id, DisposalItem.ended_at.is_(None)
    query = select(Disposal).join(DisposalItem, DisposalItem.disposal_id == Disposal.id).where(*live)
    for disposal in tx.session.scalars(query.with_for_update(**for_change(Disposal))).all():
        if disposal.state not in BEFORE:
            raise Conflict("This document is being destroyed, or was.")
        _end(tx, disposal, reason)


def _end(tx: Transaction, disposal: Disposal, reason: str, **details: str) -> None:
    """The keystore knows it, too: whoever writes to the database cannot have the list carried out after all."""
    end_disposal(tx, disposal, reason, **details)
    tx.keystore.warrants.refuse(disposal.id)
