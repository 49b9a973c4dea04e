"""How shares end: by time, by their last opening, with their owner, or with a document that leaves the bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select

from vault.access.actor import SYSTEM
from vault.bundles.documents import move_document, withdraw_document
from vault.bundles.models import Document
from vault.clock import ClockState, read_clock
from vault.jobs import handles
from vault.people.models import Person
from vault.shares.models import Opening, Share, SharedDocument

if TYPE_CHECKING:
    from datetime import datetime

    from vault.runtime import Runtime, Transaction

AT_ONCE = 200


def withdraw_with_links(tx: Transaction, document_id: UUID, reason: str) -> Document:
    """Withdraw a document and end every link on it."""
    document = withdraw_document(tx, document_id, reason)
    end_links_on(tx, document_id)
    return document


def move_with_links(tx: Transaction, document_id: UUID, bundle_id: UUID) -> Document:
    """Move a document to another open bundle and end every link on it."""
    document = move_document(tx, document_id, bundle_id)
    end_links_on(tx, document_id)
    return document


def end_links_on(tx: Transaction, document_id: UUID) -> int:
    """End all links that lend this document; returns how many."""
    lending = exists().where(SharedDocument.share_id == Share.id, SharedDocument.document_id == document_id)
    shares = tx.session.scalars(select(Share).where(Share.ended_at.is_(None), lending)).all()
    for share in shares:
        _end(tx, share, "document")
    return len(shares)


@handles("shares.end_expired")
def end_expired_shares(runtime: Runtime, _job: Any) -> None:
    """Destroy the slots of links that are over. While the clock is ahead of its mark nothing is destroyed by time."""
    with runtime.session() as session:
        if read_clock(session, runtime.clock).state is not ClockState.STEADY:
            return
    with runtime.transaction(SYSTEM) as tx:
        over = tx.session.scalars(
            select(Share).where(Share.ended_at.is_(None), _is_over(tx.now)).limit(AT_ONCE)
        ).all()
        for share in over:
            _end(tx, share, "expired" if share.expires_at <= tx.now else "over")
        if len(over) == AT_ONCE:
            tx.later("shares.end_expired")


def _is_over(now: datetime) -> ColumnElement[bool]:
    """Expired, or used up and every opening has ended, or the owner has left."""
    still_open = exists().where(
        Opening.share_id == Share.id, Opening.ended_at.is_(None), Opening.ends_at > now
    )
    spent = and_(Share.openings >= Share.max_openings, ~still_open)
    left = exists().where(Person.id == Share.owner_id, Person.left_at.is_not(None))
    return or_(Share.expires_at <= now, spent, left)


def _end(tx: Transaction, share: Share, reason: str) -> None:
    share.ended_at = tx.now
    share.revision += 1
    tx.destroy(share.slot_id)
    tx.record("share.ended", share, reason=reason)
