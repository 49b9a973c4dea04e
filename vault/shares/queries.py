"""Reading shares: one's own, an office's, those of a bundle, and their openings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select, true

from vault.access.policy import Permission, permits
from vault.errors import Fault, Invalid
from vault.shares.models import Opening, Organisation, Recipient, Share

if TYPE_CHECKING:
    from vault.runtime import Transaction


def visible_shares(
    tx: Transaction, limit: int, before: UUID | None = None, bundle_id: UUID | None = None
) -> Sequence[Share]:
    """Shares that the actor may see, newest first, after the one named by `before`; one more than `limit`.

    `Invalid` when `before` names none of them.
    """
    query = select(Share).where(permits(Permission.SHARE_SEE, Share, tx.actor, tx.now))
    if bundle_id is not None:
        query = query.where(Share.bundle_id == bundle_id)
    if before is not None:
        cursor = tx.session.scalar(query.where(Share.id == before))
        if cursor is None:
            raise Invalid(
                "The page is unknown.", errors=[Fault("/after", "Give the cursor of the page before.")]
            )
        earlier = (Share.created_at == cursor.created_at) & (Share.id < cursor.id)
        query = query.where(or_(Share.created_at < cursor.created_at, earlier))
    query = query.order_by(Share.created_at.desc(), Share.id.desc()).limit(limit + 1)
    return tx.session.scalars(query).all()


def openings_of(tx: Transaction, share: Share) -> Sequence[Opening]:
    """All openings of a share, first to last."""
    return openings_of_all(tx, [share])[share.id]


def openings_of_all(tx: Transaction, shares: Sequence[Share]) -> dict[UUID, list[Opening]]:
    """For each of the shares, its openings, first to last."""
    found: dict[UUID, list[Opening]] = {share.id: [] for share in shares}
    query = select(Opening).where(Opening.share_id.in_(found)).order_by(Opening.opened_at, Opening.id)
    for opening in tx.session.scalars(query):
        found[opening.share_id].append(opening)
    return found


def known_organisations(tx: Transaction, with_ended: bool = False) -> Sequence[Organisation]:
    """All organisations that have not ended, by name; or those, too."""
    query = select(Organisation).where(Organisation.ended_at.is_(None) if not with_ended else true())
    return tx.session.scalars(query.order_by(Organisation.name)).all()


def live_shares(tx: Transaction, *which: ColumnElement[bool]) -> Sequence[Share]:
    """The links among these that the actor may revoke and that have not ended or expired, newest first."""
    revocable = permits(Permission.SHARE_REVOKE, Share, tx.actor, tx.now)
    live = (Share.ended_at.is_(None), Share.expires_at > tx.now, Share.absolute_end_at > tx.now)
    return tx.session.scalars(
        select(Share).where(revocable, *live, *which).order_by(Share.created_at.desc(), Share.id)
    ).all()


def of_organisation(organisation_id: UUID) -> ColumnElement[bool]:
    """True for links to persons of this organisation."""
    there = select(Recipient.id).where(Recipient.organisation_id == organisation_id)
    return Share.recipient_id.in_(there)


def of_address(recipient: Recipient) -> ColumnElement[bool]:
    """True for links to this person: the same address at the same organisation, as the office knows it."""
    same = select(Recipient.id).where(
        Recipient.organisation_id == recipient.organisation_id,
        Recipient.office_id == recipient.office_id,
        Recipient.email_key == recipient.email_key,
    )
    return Share.recipient_id.in_(same)
