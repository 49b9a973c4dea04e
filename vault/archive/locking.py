"""Locks of packages that are moved on: a permanent record is kept as long from any day on, not from its first alone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from vault.access.actor import SYSTEM
from vault.archive.copies import archive_for
from vault.archive.models import ARCHIVED, ArchivalPackage, PackageCopy
from vault.archive.receipting import receipt_name
from vault.bundles.document_types import PERMANENT
from vault.clock import ClockState, read_clock
from vault.jobs import ClaimedJob, handles, renew
from vault.stores import archives_of

if TYPE_CHECKING:
    from vault.runtime import Runtime

MOVE_ON = "archive.move_locks_on"
EVERY = timedelta(days=30)
"""How far a lock lags behind before it is moved on."""
AT_ONCE = 100


@handles(MOVE_ON)
def move_locks_on(runtime: Runtime, job: ClaimedJob) -> None:
    """Permanent packages and their receipts, of a hundred at a time, are locked for the whole retention from now on.

    While the clock is not to be trusted nothing is locked: a lock that is too long could not be taken back.
    """
    with runtime.session() as session:
        if read_clock(session, runtime.clock).state is not ClockState.STEADY:
            return
    until = runtime.clock.now() + runtime.settings.retention
    with runtime.reading(SYSTEM) as tx:
        query = (
            select(ArchivalPackage, PackageCopy)
            .join(PackageCopy, PackageCopy.package_id == ArchivalPackage.id)
            .where(ArchivalPackage.disposal == PERMANENT, ArchivalPackage.state == ARCHIVED)
            .where(PackageCopy.kept_until < until - EVERY, PackageCopy.lost_at.is_(None))
            .where(PackageCopy.failed_at.is_(None))
        )
        found = tx.session.execute(
            query.order_by(PackageCopy.kept_until, PackageCopy.id).limit(AT_ONCE)
        ).all()
    archives = archives_of(runtime)
    for row, copy in found:
        archive = archive_for(archives, copy.store)
        receipt = receipt_name(row)
        if archive.size(receipt) is not None:
            archive.extend_retention(receipt, archive.kept(receipt).version, until)
        kept = archive.extend_retention(copy.object_name, copy.store_version, until)
        with runtime.transaction(SYSTEM) as tx:
            renew(tx.session, job, tx.now)
            values = {"kept_until": kept.until, "mode": kept.mode}
            tx.session.execute(update(PackageCopy).where(PackageCopy.id == copy.id).values(values))
    if len(found) == AT_ONCE:
        with runtime.transaction(SYSTEM) as tx:
            renew(tx.session, job, tx.now)
            tx.later(MOVE_ON)
