"""Looking things up about file requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select

from vault.access.policy import Permission, permits
from vault.drops.models import DroppedFile, FileRequest
from vault.transfers.models import Upload

if TYPE_CHECKING:
    from vault.drops.keys import Entry
    from vault.runtime import Transaction


def requests_of(tx: Transaction, bundle_id: UUID) -> Sequence[FileRequest]:
    """The file requests of a bundle that the actor may see, newest first."""
    seen = permits(Permission.REQUEST_SEE, FileRequest, tx.actor, tx.now)
    query = select(FileRequest).where(FileRequest.bundle_id == bundle_id, seen)
    return tx.session.scalars(query.order_by(FileRequest.created_at.desc(), FileRequest.id)).all()


def files_for(tx: Transaction, request_id: UUID) -> Sequence[DroppedFile]:
    """All files that came for a request, oldest first."""
    query = select(DroppedFile).where(DroppedFile.request_id == request_id)
    return tx.session.scalars(query.order_by(DroppedFile.begun_at, DroppedFile.id)).all()


def files_of(tx: Transaction, entry: Entry) -> Sequence[DroppedFile]:
    """The files of this sender, oldest first."""
    query = select(DroppedFile).where(
        DroppedFile.request_id == entry.request.id, DroppedFile.sender_id == entry.sender_id
    )
    return tx.session.scalars(query.order_by(DroppedFile.begun_at, DroppedFile.id)).all()


def room_left(tx: Transaction, request: FileRequest) -> tuple[int, int]:
    """How many files and how many bytes the request still takes, of all senders together."""
    sums = select(func.count(), func.coalesce(func.sum(Upload.length), 0)).select_from(DroppedFile)
    held = (DroppedFile.request_id == request.id, Upload.dropped_at.is_(None))
    count, size = tx.session.execute(sums.join(Upload, Upload.id == DroppedFile.id).where(*held)).one()
    return max(0, request.files_limit - count), max(0, request.bytes_limit - int(size or 0))
