"""Jobs that clear away uploads that will never be versions."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import or_, select

from vault.access.actor import SYSTEM
from vault.clock import ClockState, read_clock
from vault.jobs import ClaimedJob, handles, renew
from vault.transfers.models import Upload
from vault.transfers.uploads import DISCARD, discard_bytes, drop_upload

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

DROP = "transfers.drop_abandoned"
AT_ONCE = 100


@handles(DROP)
def drop_abandoned(runtime: Runtime, job: ClaimedJob) -> None:
    """Drop uploads past their time, but none that came whole: its sender was told so.

    While the clock is ahead of its mark nothing is destroyed by time.
    """
    with runtime.session() as session:
        if read_clock(session, runtime.clock).state is not ClockState.STEADY:
            return
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        unfinished = (
            *(Upload.completed_at.is_(None), Upload.dropped_at.is_(None)),
            or_(Upload.length.is_(None), Upload.offset < Upload.length),
        )
        over = tx.session.scalars(
            select(Upload)
            .where(*unfinished, Upload.expires_at <= tx.now)
            .limit(AT_ONCE)
            .with_for_update(key_share=True)
        ).all()
        for upload in over:
            drop_upload(tx, upload, "expired")
        if len(over) == AT_ONCE:
            tx.later(DROP)


def end_uploads_into(tx: Transaction, bundle_id: UUID, reason: str) -> int:
    """Every unfinished upload into the bundle has ended; returns how many. Whoever calls has checked that it may."""
    query = select(Upload).where(
        Upload.bundle_id == bundle_id, Upload.completed_at.is_(None), Upload.dropped_at.is_(None)
    )
    held = query.order_by(Upload.id).with_for_update(key_share=True)
    uploads = tx.session.scalars(held, execution_options={"populate_existing": True}).all()
    for upload in uploads:
        drop_upload(tx, upload, reason)
    return len(uploads)


@handles(DISCARD)
def discard_dropped(runtime: Runtime, job: ClaimedJob) -> None:
    """Remove the bytes of one dropped upload; a committed row names it."""
    with runtime.session() as session:
        upload = session.get(Upload, job.subject_id)
    if upload is not None and upload.dropped_at is not None:
        discard_bytes(runtime.store, upload)
