"""Reading shares: one's own, an office's, those of a bundle, and their openings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, or_, select

from vault.access.policy import Permission, permits
from vault.shares.models import Agreement, Opening, Organisation, Share

if TYPE_CHECKING:
    from vault.runtime import Transaction


def visible_shares(
    tx: Transaction, limit: int, before: UUID | None = None, bundle_id: UUID | None = None
) -> Sequence[Share]:
    """Shares that the actor may see, newest first, after the one named by `before`; one more than `limit`."""
    query = select(Share).where(permits(Permission.SHARE_SEE, Share, tx.actor, tx.now))
    if bundle_id is not None:
        query = query.where(Share.bundle_id == bundle_id)
    cursor = tx.session.get(Share, before) if before else None
    if cursor is not None:
        earlier = (Share.created_at == cursor.created_at) & (Share.id < cursor.id)
        query = query.where(or_(Share.created_at < cursor.created_at, earlier))
    query = query.order_by(Share.created_at.desc(), Share.id.desc()).limit(limit + 1)
    return tx.session.scalars(query).all()


def openings_of(tx: Transaction, share: Share) -> Sequence[Opening]:
    """All openings of a share, first to last."""
    return tx.session.scalars(
        select(Opening).where(Opening.share_id == share.id).order_by(Opening.opened_at)
    ).all()


def last_openings(tx: Transaction, shares: Sequence[Share]) -> dict[UUID, datetime]:
    """When each share was last opened."""
    query = (
        select(Opening.share_id, func.max(Opening.opened_at))
        .where(Opening.share_id.in_([share.id for share in shares]))
        .group_by(Opening.share_id)
    )
    return dict(tx.session.execute(query).tuples().all())


def known_organisations(tx: Transaction) -> Sequence[str]:
    """Names of organisations, for the list that a form offers."""
    return tx.session.scalars(select(Organisation.name).order_by(Organisation.name)).all()


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
        .order_by(Agreement.begins_on.desc())
    )

