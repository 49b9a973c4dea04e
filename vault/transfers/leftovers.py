"""Jobs that clear away uploads that will never be versions."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import or_, select

from vault.access.actor import SYSTEM
from vault.clock import ClockState, read_clock
from vault.jobs import ClaimedJob, handles, renew
from vault.stores import archives_of
from vault.transfers.models import Upload
from vault.transfers.uploads import DISCARD, discard_bytes, drop_upload

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

DROP, SWEEP = "transfers.drop_abandoned", "transfers.sweep_store"
AT_ONCE = 100
LEFT_FOR = timedelta(hours=24)
"""What no upload knows is left alone for so long: somebody may be about to name it."""


@handles(DROP)
def drop_abandoned(runtime: Runtime, job: ClaimedJob) -> None:
    """Drop uploads past their time, but none that came whole: its sender was told so.

    While the clock is ahead of its mark nothing is destroyed by time.
    """
    if not _is_steady(runtime):
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


@handles(SWEEP)
def sweep_store(runtime: Runtime, job: ClaimedJob) -> None:  # noqa: ARG001
    """Remove what crashes left in the object store and in the archives, and nobody knows, a day later."""
    if _is_steady(runtime):
        for store in (runtime.store, *archives_of(runtime).values()):
            store.sweep(runtime.clock.now() - LEFT_FOR)


def _is_steady(runtime: Runtime) -> bool:
    with runtime.session() as session:
        return read_clock(session, runtime.clock).state is ClockState.STEADY
