"""Reading shares: one's own, an office's, those of a bundle, and their openings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import or_, select

from vault.access.policy import Permission, permits
from vault.errors import Fault, Invalid
from vault.shares.models import Agreement, Opening, Organisation, Share

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


def known_organisations(tx: Transaction) -> Sequence[Organisation]:
    """All organisations, by name, for the list that a form offers."""
    return tx.session.scalars(select(Organisation).order_by(Organisation.name)).all()


def agreement_with(tx: Transaction, organisation_id: UUID) -> Agreement | None:
    """The newest agreement with an organisation that has begun and not ended."""
    today = tx.now.date()
    return tx.session.scalar(
        select(Agreement)
        .where(
            Agreement.organisation_id == organisation_id,
            Agreement.begins_on <= today,
            or_(Agreement.ends_on.is_(None), Agreement.ends_on >= today),
        )
        .order_by(Agreement.begins_on.desc(), Agreement.id)
        .limit(1)
    )
