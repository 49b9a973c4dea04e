"""What the owner of a file request and the controllers of its office are told, as of links (`vault/shares/notices.py`)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select

from vault.access.actor import SYSTEM
from vault.access.policy import Permission
from vault.drops.models import DroppedFile, FileRequest
from vault.jobs import ClaimedJob, handles, renew
from vault.languages import message as _
from vault.people.notices import Subject, introduce, tell
from vault.transfers.models import Upload

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

FIRST, FINISHED, COMPLETE = "first-file", "files-finished", "files-complete"
SOON = (("quiet-tomorrow", timedelta(days=1)), ("quiet-3-days", timedelta(days=3)))
"""The nearest first."""
introduce(
    Subject("file_request", FileRequest, Permission.REQUEST_FOLLOW),
    {
        FIRST: _("The first file that was asked for has come."),
        FINISHED: _("A sender of files has got a signed receipt."),
        COMPLETE: _("The file request is full: it takes no more files."),
        "quiet-3-days": _("The file request ends within three days, and nothing has come."),
        "quiet-tomorrow": _("The file request ends within a day, and nothing has come."),
    },
    security=(),
)


def tell_of_arrival(tx: Transaction, request: FileRequest) -> None:
    """A file has arrived: it is told if it is the first one, or if none can follow. The request's row is held."""
    tx.session.flush()
    sums = select(func.count(), func.coalesce(func.sum(Upload.length), 0)).select_from(DroppedFile)
    arrived = sums.join(Upload, Upload.id == DroppedFile.id).where(
        DroppedFile.request_id == request.id,
        DroppedFile.arrived_at.is_not(None),
        Upload.dropped_at.is_(None),
    )
    count, size = tx.session.execute(arrived).one()
    if count == 1:
        tell(tx, request, FIRST)
    if count >= request.files_limit or int(size or 0) >= request.bytes_limit:
        tell(tx, request, COMPLETE)


@handles("drops.remind")
def remind_of_requests(runtime: Runtime, job: ClaimedJob) -> None:
    """Whose requests end soon, with nothing sent, is told: three days before, and a day before. Requests that were made for
    less are not named."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        sent = exists().where(DroppedFile.request_id == FileRequest.id, DroppedFile.arrived_at.is_not(None))
        furthest = SOON[-1][1]
        query = select(FileRequest).where(
            FileRequest.ended_at.is_(None),
            FileRequest.expires_at > tx.now,
            FileRequest.expires_at <= tx.now + furthest,
            ~sent,
        )
        for request in tx.session.scalars(query).all():
            kind, before = next(each for each in SOON if request.expires_at <= tx.now + each[1])
            if request.created_at < request.expires_at - before:
                tell(tx, request, kind)
