"""Carrying a removal out, by workers: packages are read back once more, slots die (`erasing`), objects go, a certificate is
signed.

This half has no key. Each step looks at the removal's state, may be repeated, and commits with its fence. Before slots die
anything that is wrong stops it and nothing is removed; afterwards it only goes on.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import or_, select, update

from vault.access.actor import SYSTEM
from vault.archive.copies import archive_for, standing_copies
from vault.archive.models import ArchivalPackage
from vault.archive.packaging import HOPELESS, NotWhole, check_whole, code_of
from vault.archive.removal_models import (
    CHECKED,
    COOLING,
    DESTROYING,
    ENDED,
    ERASED,
    FORWARD,
    REMOVED,
    Removal,
    RemovalCheck,
    RemovedVersion,
)
from vault.bundles.models import Version
from vault.clock import ClockState, read_clock
from vault.crypto.header import HEAD, head_version
from vault.db import for_change, upsert
from vault.errors import Conflict, Tampered, VaultError
from vault.jobs import ClaimedJob, LeaseLost, handles, hasten, renew
from vault.stores import archives_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from vault.runtime import Runtime, Transaction

BEGIN, CHECK = "archive.begin_removals", "archive.check_again"
ERASE, REMOVE, CERTIFY = "archive.destroy_slots", "archive.remove_objects", "archive.certify_removal"
STEPS = {CHECKED: ERASE, DESTROYING: ERASE, ERASED: REMOVE, REMOVED: CERTIFY}
"""The job that takes a removal on from each state; while it cools off there is one for each package."""
HOLDS = timedelta(days=14)
"""How long two approvals hold once it cools off, or a day longer than it cools, where that is more."""
FRESH = timedelta(days=1)
"""How long what was read back counts."""
AT_ONCE = 100
RENEWED_EVERY = 64 * 1024 * 1024
"""Bytes that are read back between two looks at whether the job is still ours."""


class StillThere(Conflict):
    """An object was removed and is there all the same."""


@handles(BEGIN)
def begin_removals(runtime: Runtime, job: ClaimedJob) -> None:
    """What has cooled off is carried out, what lapsed has ended, and what broke off goes on.

    While the clock is not to be trusted nothing begins.
    """
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        if read_clock(tx.session, runtime.clock).state is not ClockState.STEADY:
            return
        waits = (Removal.state == COOLING) & (Removal.cools_until <= tx.now)
        query = select(Removal).where(or_(waits, Removal.state.in_((CHECKED, *FORWARD))))
        held = query.order_by(Removal.id).limit(AT_ONCE).with_for_update(**for_change(Removal))
        for removal in tx.session.scalars(held).all():
            if removal.state in (COOLING, CHECKED) and tx.now >= holds_until(removal):
                end_removal(tx, removal, "lapsed")
            elif removal.state in FORWARD or removal.error_code is None:
                go_on_removing(tx, removal)


@handles(CHECK)
def check_again(runtime: Runtime, job: ClaimedJob) -> None:
    """All copies of one package were read back whole, just before what it holds is removed; else nothing is removed."""
    with runtime.session() as session:
        removal_id = session.scalar(_cooling_of(job.subject_id, runtime.clock.now()))
    if removal_id is None:
        return
    with stopping_removal(runtime, job, removal_id, job.subject_id):
        _read_back(runtime, job)
        with runtime.transaction(SYSTEM) as tx:
            renew(tx.session, job, tx.now)
            removal = held_removal(tx, removal_id)
            if removal.state != COOLING:
                return
            row = {"removal_id": removal_id, "package_id": job.subject_id, "checked_at": tx.now}
            noted = upsert(tx.session, RemovalCheck).values(row)
            key = [RemovalCheck.removal_id, RemovalCheck.package_id]
            noted = noted.on_conflict_do_update(index_elements=key, set_={"checked_at": tx.now})
            tx.session.execute(noted)
            if removal.failed_package_id == job.subject_id:
                removal.error_code = removal.failed_package_id = None
            if not unchecked(tx, removal):
                removal.state = CHECKED
                go_on_removing(tx, removal)


@handles(REMOVE)
def remove_objects(runtime: Runtime, job: ClaimedJob) -> None:
    """The objects whose slots are dead are gone, with every version and marker of them."""
    removal_id = job.subject_id
    if removal_id is None or state_of(runtime, removal_id) != ERASED:
        return
    with stopping_removal(runtime, job, removal_id):
        while some := _objects_left(runtime, removal_id):
            for _, version_id, name in some:
                require_own_object(runtime, version_id, name)
                runtime.store.delete(name)
                if runtime.store.size(name) is not None:
                    raise StillThere("An object is still there after it was removed.")
            with runtime.transaction(SYSTEM) as tx:
                renew(tx.session, job, tx.now)
                mark_versions(tx, [each for each, _, _ in some], object_removed_at=tx.now)
        with removal_step(runtime, job, ERASED) as (tx, removal):
            removal.state, removal.removed_at = REMOVED, tx.now
            tx.record("case.objects_removed", removal, files=removal.files)


def go_on_removing(tx: Transaction, removal: Removal) -> None:
    """The next step waits, once: of one that cools off the reading back of each package, of others its job."""
    if removal.state == COOLING:
        for package_id in unchecked(tx, removal):
            _wait(tx, CHECK, package_id)
    elif removal.state in STEPS:
        _wait(tx, STEPS[removal.state], removal.id)


def unchecked(tx: Transaction, removal: Removal) -> list[UUID]:
    """The packages that were not read back since it cooled off, or too long ago."""
    fresh = select(RemovalCheck.package_id).where(
        RemovalCheck.removal_id == removal.id, RemovalCheck.checked_at > tx.now - FRESH
    )
    mine = ArchivalPackage.closure_id == removal.closure_id, ArchivalPackage.id.not_in(fresh)
    return list(tx.session.scalars(select(ArchivalPackage.id).where(*mine).order_by(ArchivalPackage.id)))


def holds_until(removal: Removal) -> datetime:
    """When two approvals lapse that were not carried out."""
    if removal.approved_at is None or removal.cools_until is None:
        return removal.proposed_at
    return max(removal.approved_at + HOLDS, removal.cools_until + FRESH)


def end_removal(tx: Transaction, removal: Removal, reason: str) -> None:
    """It never happens, for this reason; it can be proposed anew."""
    removal.state, removal.ended_at, removal.end_reason = ENDED, tx.now, reason
    removal.ended_by_id = tx.actor.id
    tx.session.flush()
    tx.record("case.removal_ended", removal, reason=reason)


def state_of(runtime: Runtime, removal_id: UUID) -> str | None:
    """How far a removal is."""
    with runtime.session() as session:
        return session.scalar(select(Removal.state).where(Removal.id == removal_id))


def held_removal(tx: Transaction, removal_id: UUID) -> Removal:
    """The removal, which nobody else changes until the transaction ends."""
    query = select(Removal).where(Removal.id == removal_id).with_for_update(**for_change(Removal))
    return tx.session.scalars(query, execution_options={"populate_existing": True}).one()


@contextmanager
def removal_step(runtime: Runtime, job: ClaimedJob, state: str) -> Iterator[tuple[Transaction, Removal]]:
    """The one commit of a step, by the worker that holds the job, from this state; then the next waits, or `LeaseLost`."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        removal = held_removal(tx, job.subject_id or UUID(int=0))
        if removal.state != state:
            raise LeaseLost("Another run was faster.")
        removal.error_code = removal.failed_package_id = None
        yield tx, removal
        go_on_removing(tx, removal)


def mark_versions(tx: Transaction, ids: list[UUID], **values: datetime) -> None:
    """These rows say how far each version is."""
    mine = update(RemovedVersion).where(RemovedVersion.id.in_(ids)).values(**values)
    tx.session.execute(mine, execution_options={"synchronize_session": False})


@contextmanager
def stopping_removal(
    runtime: Runtime, job: ClaimedJob, removal_id: UUID, package_id: UUID | None = None
) -> Iterator[None]:
    """What goes wrong in the block stands in the removal's row, and in the log when it is news."""
    try:
        yield
    except LeaseLost:
        raise
    except VaultError as fault:
        _note_failure(runtime, job, removal_id, package_id, code_of(fault))
        if not isinstance(fault, HOPELESS):
            raise


def _note_failure(
    runtime: Runtime, job: ClaimedJob, removal_id: UUID, package_id: UUID | None, code: str
) -> None:
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        removal = held_removal(tx, removal_id)
        if (removal.error_code, removal.failed_package_id) == (code, package_id):
            return
        removal.error_code, removal.failed_package_id = code, package_id
        tx.record("case.removal_stopped", removal, code=code, step=removal.state, package=package_id)


def _wait(tx: Transaction, name: str, subject_id: UUID) -> None:
    key = f"{name}:{subject_id}"
    hasten(tx.session, key, tx.now)
    tx.later(name, subject_id, dedupe_key=key)


def _cooling_of(package_id: UUID | None, now: datetime):  # type: ignore[no-untyped-def]
    """The removal that has cooled off and whose package this is."""
    return (
        select(Removal.id)
        .join(ArchivalPackage, ArchivalPackage.closure_id == Removal.closure_id)
        .where(ArchivalPackage.id == package_id, Removal.state == COOLING, Removal.cools_until <= now)
    )


def _read_back(runtime: Runtime, job: ClaimedJob) -> None:
    with runtime.session() as session:
        row = session.get_one(ArchivalPackage, job.subject_id)
        copies = session.scalars(standing_copies(row.id)).all()
    if not copies:
        raise NotWhole("This package lies nowhere in the archive.")
    archives = archives_of(runtime)
    for copy in copies:
        archive = archive_for(archives, copy.store)
        pieces = archive.read_version(copy.object_name, copy.store_version, 0, row.size or 0)
        check_whole(row, _held(pieces, runtime, job))


def _held(pieces: Iterable[bytes], runtime: Runtime, job: ClaimedJob) -> Iterator[bytes]:
    """The same, while the job is held."""
    done = 0
    for piece in pieces:
        done += len(piece)
        if done >= RENEWED_EVERY:
            done = 0
            with runtime.session() as session:
                renew(session, job, runtime.clock.now())
        yield piece


def require_own_object(runtime: Runtime, version_id: UUID, name: str) -> None:
    """The object, if it is there, is that of a version which is not to be read here any more; else `Tampered`."""
    with runtime.session() as session:
        removed = session.scalar(select(Version.removed_at).where(Version.id == version_id))
    if removed is None:
        raise Tampered("This version was not removed.")
    if runtime.store.size(name) is None:
        return
    if head_version(b"".join(runtime.store.read(name, 0, HEAD))) != version_id:
        raise Tampered("An object is not that of its version.")


def _objects_left(runtime: Runtime, removal_id: UUID) -> list[tuple[UUID, UUID, str]]:
    columns = RemovedVersion.id, RemovedVersion.version_id, RemovedVersion.object_name
    left = select(*columns).where(
        RemovedVersion.removal_id == removal_id,
        RemovedVersion.slot_destroyed_at.is_not(None),
        RemovedVersion.object_removed_at.is_(None),
    )
    with runtime.session() as session:
        return [(each.id, each.version_id, each.object_name) for each in session.execute(left.limit(AT_ONCE))]
