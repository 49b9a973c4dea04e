"""How shares and loans end: by time, by their last opening, with their owner, or with a document that leaves the bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from vault.access.actor import SYSTEM
from vault.bundles.documents import move_document, withdraw_document
from vault.bundles.models import Document
from vault.clock import ClockState, read_clock
from vault.db import for_change
from vault.jobs import ClaimedJob, handles, renew
from vault.people.models import Person
from vault.shares.loans import end_loans_on, end_loans_that_are_over
from vault.shares.models import Opening, Share, SharedDocument

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vault.runtime import Runtime, Transaction

AT_ONCE = 100


def withdraw_with_links(tx: Transaction, document_id: UUID, reason: str) -> Document:
    """Withdraw a document and end every link and loan on it. Errors: those of `withdraw_document`."""
    document = withdraw_document(tx, document_id, reason)
    end_links_on(tx, document_id)
    end_loans_on(tx, document_id)
    return document


def move_with_links(tx: Transaction, document_id: UUID, bundle_id: UUID) -> Document:
    """Move a document to another open bundle and end every link and loan on it. Errors: those of `move_document`."""
    document = move_document(tx, document_id, bundle_id)
    end_links_on(tx, document_id)
    end_loans_on(tx, document_id)
    return document


def end_links_on(tx: Transaction, document_id: UUID) -> int:
    """End all links that lend this document; returns how many."""
    query = _lending(document_id).order_by(Share.id).with_for_update(**for_change(Share))
    shares = tx.session.scalars(query, execution_options={"populate_existing": True}).all()
    for share in shares:
        end_share(tx, share, "document")
    return len(shares)


def links_on(tx: Transaction, document_id: UUID) -> Sequence[Share]:
    """The links that lend this document and have not ended."""
    return tx.session.scalars(_lending(document_id)).all()


def _lending(document_id: UUID) -> Select[Share]:
    lends_it = exists().where(SharedDocument.share_id == Share.id, SharedDocument.document_id == document_id)
    return select(Share).where(Share.ended_at.is_(None), lends_it)


@handles("shares.end_expired")
def end_expired_shares(runtime: Runtime, job: ClaimedJob) -> None:
    """The slots of links and loans that are over are destroyed. Nothing is while the clock is not to be trusted."""
    while _end_some(runtime, job) == AT_ONCE:
        continue


def _end_some(runtime: Runtime, job: ClaimedJob) -> int:
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        if read_clock(tx.session, runtime.clock).state is not ClockState.STEADY:
            return 0
        over = tx.session.scalars(
            select(Share)
            .where(Share.ended_at.is_(None), or_(*_reasons(tx.now).values()))
            .order_by(Share.expires_at)
            .limit(AT_ONCE)
            .with_for_update(**for_change(Share))
        ).all()
        for share in over:
            end_share(tx, share, _reason(tx, share))
        return max(len(over), end_loans_that_are_over(tx, AT_ONCE))


def _reason(tx: Transaction, share: Share) -> str:
    """The first of the reasons that holds."""
    found = (
        reason
        for reason, holds in _reasons(tx.now).items()
        if tx.session.scalar(select(Share.id).where(Share.id == share.id, holds)) is not None
    )
    return next(found)


def _reasons(now: datetime) -> dict[str, ColumnElement[bool]]:
    """Why a link may be over: its time, its owner gone for good, or its openings used up and all of them ended."""
    still_open = exists().where(
        Opening.share_id == Share.id, Opening.ended_at.is_(None), Opening.ends_at > now
    )
    left = exists().where(Person.id == Share.owner_id, Person.left_at.is_not(None))
    return {
        "expired": or_(Share.expires_at <= now, Share.absolute_end_at <= now),
        "owner-left": left,
        "used-up": and_(Share.openings >= Share.max_openings, ~still_open),
    }


def end_share(tx: Transaction, share: Share, reason: str) -> None:
    """The link has ended, and its slot dies; `reason` is a code that its owner is told in words."""
    share.ended_at, share.end_reason = tx.now, reason
    share.revision += 1
    tx.destroy(share.slot_id)
    tx.record("share.ended", share, reason=reason)
