"""The light fixity check: the object of every version that can be read here is there and has its size. It needs no key.

A run looks at 1,000 versions in the order of their ids and leaves the rest to a job that goes on behind the last one,
so no slice comes near ten minutes. What had failed is good again only when it was read whole. `deep` reads the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.actor import SYSTEM
from vault.bundles.models import Version
from vault.jobs import ClaimedJob, handles, renew
from vault.transfers.objects import (
    OF_THE_OBJECT,
    Holding,
    content_fault,
    is_stored,
    mark_failed,
    mark_good,
    size_fault,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.runtime import Runtime, Transaction

CHECK = "transfers.check_fixity"
AT_ONCE = 1000


@handles(CHECK)
def check_fixity(runtime: Runtime, job: ClaimedJob) -> None:
    """Look at the versions behind `job.subject_id`: those that fail are marked, with an event when it is news."""
    with runtime.reading(SYSTEM) as tx:
        versions = _after(tx, job.subject_id)
    hold = Holding(runtime, job)
    failures = {each.id: reason for each in versions if (reason := _fault_of(runtime, each, hold))}
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        for version_id, reason in failures.items():
            mark_failed(tx, version_id, reason)
        mark_good(tx, [each.id for each in versions if each.id not in failures])
        if versions:
            tx.record("fixity.checked", depth="light", checked=len(versions), failed=len(failures))
        if len(versions) == AT_ONCE:
            tx.later(CHECK, versions[-1].id)


def _after(tx: Transaction, version_id: UUID | None) -> Sequence[Version]:
    query = select(Version).options(OF_THE_OBJECT).where(is_stored())
    query = query.order_by(Version.id).limit(AT_ONCE)
    return tx.session.scalars(query.where(Version.id > version_id) if version_id else query).all()


def _fault_of(runtime: Runtime, version: Version, hold: Holding) -> str | None:
    """What is wrong with the object; one that had failed is read whole."""
    hold()
    if version.check_failed_at is not None:
        return content_fault(runtime.store, version, hold)
    return size_fault(runtime.store, version)
