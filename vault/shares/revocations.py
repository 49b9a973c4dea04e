"""Many links revoked in one act: all of a person, of an organisation, or under an agreement, as far as the actor may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ColumnElement, select

from vault.access.policy import Permission
from vault.access.remarks import checked_reason
from vault.db import for_change
from vault.people.step_up import Act, require_step_up
from vault.shares.models import Agreement, Organisation, Recipient, Share
from vault.shares.queries import live_shares, of_address, of_organisation
from vault.shares.service import end_revoked

if TYPE_CHECKING:
    from vault.runtime import Transaction


def revoke_of_organisation(tx: Transaction, organisation_id: UUID, reason: str) -> Sequence[Share]:
    """No link of the actor's office to anybody of the organisation lives on. Errors: `NotFound`, `Refused`, `StepUpDue`."""
    tx.require(Permission.AGREEMENT_MANAGE)
    row = tx.load(Organisation, organisation_id, Permission.ORGANISATION_SEE)
    return _revoke(tx, row.id, ("Organisation", row.name), of_organisation(row.id), reason)


def revoke_of_agreement(tx: Transaction, agreement_id: UUID, reason: str) -> Sequence[Share]:
    """No link that was made under the agreement lives on."""
    row = tx.load(Agreement, agreement_id, Permission.AGREEMENT_MANAGE)
    return _revoke(tx, row.id, ("Agreement", row.reference), Share.agreement_id == row.id, reason)


def revoke_of_recipient(tx: Transaction, recipient_id: UUID, reason: str) -> Sequence[Share]:
    """No link to this person lives on."""
    row = tx.load(Recipient, recipient_id, Permission.AGREEMENT_MANAGE)
    return _revoke(tx, row.id, ("Recipient", row.name), of_address(row), reason)


def _revoke(
    tx: Transaction, subject_id: UUID, about: tuple[str, str], which: ColumnElement[bool], reason: str
) -> Sequence[Share]:
    """The links are named by their ids, so that the proof is for exactly those that the page listed."""
    reason = checked_reason(reason)
    ids = sorted(share.id for share in live_shares(tx, which))
    if not ids:
        return []
    facts = (about, ("Links", str(len(ids))))
    bound = (reason, *(str(each) for each in ids))
    require_step_up(tx, Act("shares.revoke", "Revoke all these links, for good", subject_id, facts, bound))
    query = select(Share).where(Share.id.in_(ids)).order_by(Share.id).with_for_update(**for_change(Share))
    shares = tx.session.scalars(query, execution_options={"populate_existing": True}).all()
    why = tx.remark(reason)
    for share in shares:
        end_revoked(tx, share, **why)
    return shares
