"""Looking things up about file requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from vault.access.policy import Permission, permits
from vault.drops.models import DroppedFile, FileRequest
from vault.transfers.models import Upload

if TYPE_CHECKING:
    from vault.drops.keys import Entry
    from vault.runtime import Transaction


MOST_REQUESTS, MOST_ENDED = 200, 50
"""Of a bundle, and of ended files of a request or a sender, in one list."""


def requests_of(tx: Transaction, bundle_id: UUID) -> Sequence[FileRequest]:
    """The file requests of a bundle that the actor may see, newest first; of very many the newest."""
    seen = permits(Permission.REQUEST_SEE, FileRequest, tx.actor, tx.now)
    query = select(FileRequest).where(FileRequest.bundle_id == bundle_id, seen)
    newest = query.order_by(FileRequest.created_at.desc(), FileRequest.id).limit(MOST_REQUESTS)
    return tx.session.scalars(newest).all()


def files_for(tx: Transaction, request_id: UUID) -> Sequence[DroppedFile]:
    """The files that came for a request, oldest first; of those that ended the newest."""
    return _listed(tx, DroppedFile.request_id == request_id)


def files_of(tx: Transaction, entry: Entry) -> Sequence[DroppedFile]:
    """The files of this sender, oldest first; of those that ended the newest."""
    return _listed(tx, DroppedFile.request_id == entry.request.id, DroppedFile.sender_id == entry.sender_id)


def room_left(tx: Transaction, request: FileRequest) -> tuple[int, int]:
    """How many files and how many bytes the request still takes, of all senders together."""
    sums = select(func.count(), func.coalesce(func.sum(Upload.length), 0)).select_from(DroppedFile)
    held = (DroppedFile.request_id == request.id, Upload.dropped_at.is_(None))
    count, size = tx.session.execute(sums.join(Upload, Upload.id == DroppedFile.id).where(*held)).one()
    return max(0, request.files_limit - count), max(0, request.bytes_limit - int(size or 0))


def _listed(tx: Transaction, *which: ColumnElement[bool]) -> Sequence[DroppedFile]:
    """The request's limit bounds those that have not ended; of the others only the newest are read."""
    query = select(DroppedFile).join(Upload, Upload.id == DroppedFile.id).where(*which)
    ended = query.where(Upload.dropped_at.is_not(None))
    newest = ended.order_by(DroppedFile.begun_at.desc(), DroppedFile.id).limit(MOST_ENDED)
    files = [*tx.session.scalars(query.where(Upload.dropped_at.is_(None))), *tx.session.scalars(newest)]
    return sorted(files, key=lambda file: (file.begun_at, file.id))
