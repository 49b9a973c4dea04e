"""How file requests end by themselves: by their time, or with their maker, for good. What has arrived stays."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import exists, or_, select

from vault.access.actor import SYSTEM
from vault.clock import ClockState, read_clock
from vault.db import for_change
from vault.drops.closures import EXPIRED, OWNER_LEFT
from vault.drops.models import FileRequest
from vault.drops.service import close_request
from vault.jobs import ClaimedJob, handles, renew
from vault.people.models import Person

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

AT_ONCE = 100


@handles("drops.end_expired")
def end_expired_requests(runtime: Runtime, job: ClaimedJob) -> None:
    """The slots of requests that are over are destroyed. Nothing is while the clock is not to be trusted."""
    while _end_some(runtime, job) == AT_ONCE:
        continue


def end_requests_into(tx: Transaction, bundle_id: UUID, reason: str) -> int:
    """Every request of the bundle has ended; returns how many. Whoever calls has checked that it may."""
    query = select(FileRequest).where(FileRequest.bundle_id == bundle_id, FileRequest.ended_at.is_(None))
    held = query.order_by(FileRequest.id).with_for_update(**for_change(FileRequest))
    requests = tx.session.scalars(held, execution_options={"populate_existing": True}).all()
    for request in requests:
        close_request(tx, request, reason)
    return len(requests)


def _end_some(runtime: Runtime, job: ClaimedJob) -> int:
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        if read_clock(tx.session, runtime.clock).state is not ClockState.STEADY:
            return 0
        left = exists().where(Person.id == FileRequest.owner_id, Person.left_at.is_not(None))
        over = tx.session.scalars(
            select(FileRequest)
            .where(FileRequest.ended_at.is_(None), or_(FileRequest.expires_at <= tx.now, left))
            .order_by(FileRequest.expires_at)
            .limit(AT_ONCE)
            .with_for_update(**for_change(FileRequest))
        ).all()
        for request in over:
            close_request(tx, request, EXPIRED if request.is_over(tx.now) else OWNER_LEFT)
        return len(over)
