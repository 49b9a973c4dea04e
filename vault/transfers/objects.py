"""Stored objects as the fixity checks see them: what is wrong with one, and what its version's row says of that."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ColumnElement, and_, update
from sqlalchemy.orm import load_only

from vault.bundles.models import Version
from vault.crypto.kdf import Sha256
from vault.errors import NotFound, Tampered
from vault.jobs import ClaimedJob, renew

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction
    from vault.store.base import Store

RENEWED_EVERY = 2.0
OF_THE_OBJECT = load_only(
    *(Version.object_name, Version.object_length, Version.object_digest, Version.check_failed_at),
    *(Version.office_id, Version.case_id, Version.bundle_id),
)
"""No lock: a worker whose role reaches none does these jobs."""


class Holding:
    """Called again and again while something is read, it holds the job. Raises `LeaseLost` when another worker has it."""

    def __init__(self, runtime: Runtime, job: ClaimedJob) -> None:
        self._runtime, self._job = runtime, job
        self._renewed_at = time.monotonic()

    def __call__(self, _: object = None) -> None:
        if time.monotonic() - self._renewed_at < RENEWED_EVERY:
            return
        self._renewed_at = time.monotonic()
        with self._runtime.session() as session:
            renew(session, self._job, self._runtime.clock.now())


def is_stored() -> ColumnElement[bool]:
    """True for versions whose object is to be there."""
    return and_(Version.seal.is_not(None), Version.removed_at.is_(None))


def size_fault(store: Store, version: Version) -> str | None:
    """What is wrong with the object at first sight: missing, size, or nothing."""
    size = store.size(version.object_name)
    if size is None:
        return "missing"
    return None if size == version.object_length else "size"


def content_fault(store: Store, version: Version, hold: Holding) -> str | None:
    """What is wrong with the object: missing, size, digest, or nothing. All of it is read."""
    fault, digest = size_fault(store, version), Sha256()
    if fault:
        return fault
    try:
        for piece in store.read(version.object_name, 0, version.object_length):
            digest.update(piece)
            hold()
    except NotFound:
        return "missing"
    except Tampered:
        return "size"
    return None if digest.digest() == version.object_digest else "digest"


def mark_failed(tx: Transaction, version_id: UUID, reason: str) -> None:
    """The version's object is not what it should be; the log hears of it when it is news."""
    version = tx.session.get_one(Version, version_id, options=[OF_THE_OBJECT])
    if version.check_failed_at is None:
        tx.record("fixity.failed", version, reason=reason)
    version.checked_at = version.check_failed_at = tx.now


def mark_good(tx: Transaction, version_ids: list[UUID]) -> None:
    """Their objects are what they should be, as far as was looked."""
    values = {"checked_at": tx.now, "check_failed_at": None}
    tx.session.execute(update(Version).where(Version.id.in_(version_ids)).values(values))
