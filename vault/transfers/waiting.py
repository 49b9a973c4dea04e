"""Uploads that wait until their owner goes on with them, counted for the pages that lead back to them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select

from vault.access.policy import Permission
from vault.bundles.models import Bundle
from vault.cases.models import Case
from vault.transfers.models import BY_MEMBER, Upload

if TYPE_CHECKING:
    from vault.runtime import Transaction


class Waiting(BaseModel):
    """The actor's unfinished uploads into one bundle: how many, and the bytes of all together. It names no file."""

    bundle: UUID
    case_number: str
    count: int
    offset: int
    length: int


def waiting_uploads(tx: Transaction, bundle_id: UUID | None = None) -> list[Waiting]:
    """By bundle, into this one or any; only where the actor may still add documents."""
    asked = (
        select(Bundle, Case.number, func.count(), func.sum(Upload.offset), func.sum(Upload.length))
        .join(Bundle, Bundle.id == Upload.bundle_id)
        .join(Case, Case.id == Bundle.case_id)
        .where(
            Upload.owner_id == tx.actor.id, BY_MEMBER, Upload.length.is_not(None), Upload.expires_at > tx.now
        )
        .where(Upload.completed_at.is_(None), Upload.dropped_at.is_(None))
        .group_by(Bundle.id, Case.number)
        .order_by(Case.number, Bundle.id)
    )
    if bundle_id is not None:
        asked = asked.where(Upload.bundle_id == bundle_id)
    return [
        Waiting(bundle=bundle.id, case_number=number, count=count, offset=offset, length=length or 0)
        for bundle, number, count, offset, length in tx.session.execute(asked)
        if tx.allows(Permission.DOCUMENT_ADD, bundle)
    ]


def unfinished_into(tx: Transaction, bundle_id: UUID) -> int:
    """How many uploads into the bundle, of anybody, have neither ended nor become a version."""
    unfinished = (Upload.completed_at.is_(None), Upload.dropped_at.is_(None))
    query = select(func.count()).select_from(Upload).where(Upload.bundle_id == bundle_id, *unfinished)
    return tx.session.scalar(query) or 0
