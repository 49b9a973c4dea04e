"""The light fixity check: the object of every version that can be read here is there and has its size. It needs no key.

A run looks at 1,000 versions in the order of their ids and leaves the rest to a job that goes on behind the last one,
so no slice comes near ten minutes. The deep check, which reads the bytes, is not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import load_only

from vault.access.actor import SYSTEM
from vault.bundles.models import Version
from vault.jobs import ClaimedJob, handles, renew

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.runtime import Runtime, Transaction

CHECK = "transfers.check_fixity"
AT_ONCE = 1000
OF_THE_OBJECT = load_only(
    *(Version.object_name, Version.object_length, Version.check_failed_at),
    *(Version.office_id, Version.case_id, Version.bundle_id),
)
"""No lock: a worker whose role reaches none does this job."""


@handles(CHECK)
def check_fixity(runtime: Runtime, job: ClaimedJob) -> None:
    """Look at the versions behind `job.subject_id`: those that fail are marked, with an event when it is news."""
    with runtime.reading(SYSTEM) as tx:
        versions = _after(tx, job.subject_id)
    failures = {each.id: reason for each in versions if (reason := _fault_of(runtime, each))}
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        for version_id, reason in failures.items():
            _mark_failed(tx, version_id, reason)
        _mark_good(tx, [each.id for each in versions if each.id not in failures])
        if versions:
            tx.record("fixity.checked", depth="light", checked=len(versions), failed=len(failures))
        if len(versions) == AT_ONCE:
            tx.later(CHECK, versions[-1].id)


def _after(tx: Transaction, version_id: UUID | None) -> Sequence[Version]:
    query = (
        select(Version).options(OF_THE_OBJECT).where(Version.seal.is_not(None), Version.removed_at.is_(None))
    )
    query = query.order_by(Version.id).limit(AT_ONCE)
    return tx.session.scalars(query.where(Version.id > version_id) if version_id else query).all()


def _fault_of(runtime: Runtime, version: Version) -> str | None:
    """What is wrong with the object: missing, size, or nothing."""
    size = runtime.store.size(version.object_name)
    if size is None:
        return "missing"
    return None if size == version.object_length else "size"


def _mark_failed(tx: Transaction, version_id: UUID, reason: str) -> None:
    version = tx.session.get_one(Version, version_id, options=[OF_THE_OBJECT])
    if version.check_failed_at is None:
        tx.record("fixity.failed", version, reason=reason)
    version.checked_at = version.check_failed_at = tx.now


def _mark_good(tx: Transaction, version_ids: list[UUID]) -> None:
    values = {"checked_at": tx.now, "check_failed_at": None}
    tx.session.execute(update(Version).where(Version.id.in_(version_ids)).values(values))
