"""The half of a disposal that reaches objects, and no key: what is due begins, other copies are looked for, and all go.

An object goes only if its slot is dead and its head names the version. What a store has locked stays until its day, stands
in the certificate, and is removed then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import and_, exists, or_, select, update

from vault.access.actor import SYSTEM
from vault.archive.copies import archive_for
from vault.archive.models import ArchivalPackage, PackageCopy
from vault.archive.removing import StillThere, require_own_object
from vault.clock import ClockState, read_clock
from vault.db import for_change, upsert
from vault.disposal.copies import OBJECTS, Lying, copies_of, lying_at, packages_gone_with
from vault.disposal.models import (
    APPROVED,
    BEFORE,
    CERTIFIED,
    COOLING,
    ERASED,
    ERASING,
    FORWARD,
    IN_REVIEW,
    LOCKED,
    OBJECT,
    SHARED,
    Disposal,
    DisposedVersion,
    FoundCopy,
)
from vault.disposal.steps import (
    AT_ONCE,
    BEGIN,
    INVENTORY,
    REMOVE,
    disposal_step,
    end_disposal,
    go_on_disposing,
    held_disposal,
    holds_until,
    is_cold,
    lapses_at,
    mark_disposed,
    state_of,
    stopping_disposal,
)
from vault.errors import NotFound, Tampered, VaultError
from vault.jobs import ClaimedJob, LeaseLost, handles, renew
from vault.store.base import Retained
from vault.stores import archives_of

if TYPE_CHECKING:
    from datetime import datetime

    from vault.runtime import Runtime, Transaction
    from vault.store.archive import Archive

AGAIN = "disposal.remove_kept"


@handles(BEGIN)
def begin_due(runtime: Runtime, job: ClaimedJob) -> None:
    """What has cooled off is carried out, what lapsed has ended, and what broke off goes on.

    While the clock is not to be trusted nothing begins.
    """
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        if read_clock(tx.session, runtime.clock).state is not ClockState.STEADY:
            return
        waits = Disposal.state.in_((*BEFORE, *FORWARD))
        held = select(Disposal).where(waits).order_by(Disposal.id).with_for_update(**for_change(Disposal))
        for disposal in tx.session.scalars(held).all():
            holds = lapses_at(tx, disposal) if disposal.state == IN_REVIEW else holds_until(disposal)
            if disposal.state not in FORWARD and tx.now >= holds:
                end_disposal(tx, disposal, "lapsed")
            elif disposal.state != COOLING or is_cold(disposal, tx.now):
                go_on_disposing(tx, disposal)


@handles(INVENTORY)
def take_inventory(runtime: Runtime, job: ClaimedJob) -> None:
    """Every other copy that the vault knows of is written down: packages in each archive, and their indexes."""
    disposal_id = job.subject_id
    if disposal_id is None or state_of(runtime, disposal_id) != APPROVED:
        return
    with (
        stopping_disposal(runtime, job, disposal_id),
        disposal_step(runtime, job, APPROVED) as (tx, disposal),
    ):
        found = copies_of(tx, disposal.id)
        tx.session.add_all(found)
        disposal.state = COOLING
        tx.record("disposal.inventory_taken", disposal, copies=len(found))


@handles(REMOVE)
def remove_objects(runtime: Runtime, job: ClaimedJob) -> None:
    """The objects whose slots are dead are gone, with every version and marker of them, and so are all other copies that
    no store keeps and that hold nothing else.
    """
    disposal_id = job.subject_id
    if disposal_id is None or state_of(runtime, disposal_id) != ERASING:
        return
    with stopping_disposal(runtime, job, disposal_id):
        while some := _objects_left(runtime, disposal_id):
            gone = [row for row in some if _remove_object(runtime, row)]
            with runtime.transaction(SYSTEM) as tx:
                renew(tx.session, job, tx.now)
                mark_disposed(tx, [row.id for row in gone], object_removed_at=tx.now)
                for row in some:
                    if row not in gone:
                        _note_locked_object(tx, row)
        _look_again(runtime, job, disposal_id)
        _remove_copies(runtime, job, disposal_id)
        with disposal_step(runtime, job, ERASING) as (tx, disposal):
            _dispose_packages(tx, disposal.id)
            disposal.state, disposal.erased_at = ERASED, tx.now
            tx.record("disposal.erased", disposal, files=disposal.files)


@handles(AGAIN)
def remove_kept(runtime: Runtime, job: ClaimedJob) -> None:
    """Copies that a store had locked are gone once their day is over. While the clock is not to be trusted none is.

    One that fails does not keep the others waiting; its error is raised at the end.
    """
    with runtime.session() as session:
        if read_clock(session, runtime.clock).state is not ClockState.STEADY:
            return
        over = FoundCopy.remains == LOCKED, FoundCopy.locked_until <= runtime.clock.now()
        rows = session.scalars(select(FoundCopy).where(*over).order_by(FoundCopy.id).limit(AT_ONCE)).all()
    failures: list[VaultError] = []
    archives = archives_of(runtime) if rows else {}
    for row in rows:
        try:
            _require_going(runtime, row, _going(runtime, row.disposal_id))
            _remove_copy(runtime, job, archives, row)
        except LeaseLost:
            raise
        except VaultError as fault:
            failures.append(fault)
    if failures:
        raise failures[0]


def _remove_object(runtime: Runtime, row: DisposedVersion) -> bool:
    """Whether the object of this version is gone; false where its store keeps it."""
    require_own_object(runtime, row.version_id, row.object_name)
    try:
        runtime.store.delete(row.object_name)
    except Retained:
        return False
    if runtime.store.size(row.object_name) is not None:
        raise StillThere("An object is still there after it was removed.")
    return True


def _note_locked_object(tx: Transaction, row: DisposedVersion) -> None:
    """The object's store keeps it, and does not say until when: it is asked for again each day."""
    values = {
        "disposal_id": row.disposal_id,
        "kind": OBJECT,
        "place": OBJECTS,
        "name": row.object_name,
        "digest": row.object_digest,
        "length": row.object_length,
        "found_at": tx.now,
        "remains": LOCKED,
        "locked_until": tx.now,
    }
    noted = upsert(tx.session, FoundCopy).values(values)
    tx.session.execute(noted.on_conflict_do_nothing())


def _look_again(runtime: Runtime, job: ClaimedJob, disposal_id: UUID) -> None:
    """Copies that were made since the inventory are in it, and what was shared with files that went since is so no more."""
    told = ("kind", "place", "name", "store_version", "copy_id", "digest", "length", "found_at", "remains")
    stays = FoundCopy.removed_at.is_(None), or_(FoundCopy.remains.is_(None), FoundCopy.remains == SHARED)
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        for each in copies_of(tx, disposal_id):
            values = {"disposal_id": disposal_id} | {name: getattr(each, name) for name in told}
            noted = upsert(tx.session, FoundCopy).values(values)
            known = [FoundCopy.disposal_id, FoundCopy.place, FoundCopy.name]
            tx.session.execute(
                noted.on_conflict_do_update(
                    index_elements=known, set_={"remains": each.remains}, where=and_(*stays)
                )
            )


def _remove_copies(runtime: Runtime, job: ClaimedJob, disposal_id: UUID) -> None:
    left = FoundCopy.removed_at.is_(None), FoundCopy.remains.is_(None)
    with runtime.session() as session:
        rows = session.scalars(
            select(FoundCopy).where(FoundCopy.disposal_id == disposal_id, *left).order_by(FoundCopy.id)
        ).all()
    archives, going = (archives_of(runtime), _going(runtime, disposal_id)) if rows else ({}, set())
    for row in rows:
        _require_going(runtime, row, going)
        _remove_copy(runtime, job, archives, row)


def _remove_copy(runtime: Runtime, job: ClaimedJob, archives: dict[str, Archive], row: FoundCopy) -> None:
    until = _taken_away(runtime, archives, row)
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        is_gone = until is None
        values = {"removed_at": tx.now if is_gone else None, "remains": None if is_gone else LOCKED}
        values["locked_until"] = until
        same = FoundCopy.place == row.place, FoundCopy.name == row.name, FoundCopy.removed_at.is_(None)
        tx.session.execute(update(FoundCopy).where(FoundCopy.id == row.id).values(values))
        if is_gone:  # other lists that it was shared with know it, too
            tx.session.execute(update(FoundCopy).where(*same).values(values))
        if until is None and row.copy_id is not None:
            gone = PackageCopy.id == row.copy_id, PackageCopy.lost_at.is_(None)
            tx.session.execute(update(PackageCopy).where(*gone).values(lost_at=tx.now))
        if until is None and row.kind == OBJECT:
            mine = DisposedVersion.object_name == row.name
            tx.session.execute(update(DisposedVersion).where(mine).values(object_removed_at=tx.now))
        if until is None and row.remains is not None:
            disposal = held_disposal(tx, row.disposal_id)
            tx.record("disposal.copy_removed", disposal, copy=row.id, kind=row.kind)


def _taken_away(runtime: Runtime, archives: dict[str, Archive], row: FoundCopy) -> datetime | None:
    """None once this copy is gone; else until when its store keeps it, as far as it says."""
    now = runtime.clock.now()
    if row.place == OBJECTS:
        try:
            runtime.store.delete(row.name)
        except Retained:
            return now
        return None if runtime.store.size(row.name) is None else now
    archive = archive_for(archives, row.place)
    try:
        archive.delete_version(row.name, row.store_version)
        archive.kept(row.name, row.store_version)
    except Retained:
        return archive.kept(row.name, row.store_version).until or now
    except NotFound:
        return None
    raise StillThere("A copy is still there after it was removed.")


def _going(runtime: Runtime, disposal_id: UUID) -> set[Lying]:
    """The copies of packages that may go for a disposal; none before it has begun."""
    if state_of(runtime, disposal_id) not in (*FORWARD, CERTIFIED):
        return set()
    with runtime.reading(SYSTEM) as tx:
        return {lying_at(each) for each in copies_of(tx, disposal_id) if each.remains is None}


def _require_going(runtime: Runtime, row: FoundCopy, going: set[Lying]) -> None:
    """This is one of them, or the object of a version whose slot died for the same disposal; else `Tampered`."""
    if row.kind != OBJECT:
        if lying_at(row) not in going:
            raise Tampered("This copy is not to go.")
        return
    dead = (
        *(DisposedVersion.object_name == row.name, DisposedVersion.disposal_id == row.disposal_id),
        DisposedVersion.slot_destroyed_at.is_not(None),
    )
    with runtime.session() as session:
        version_id = session.scalar(select(DisposedVersion.version_id).where(*dead))
    if version_id is None or row.place != OBJECTS:
        raise Tampered("This object is not to go.")
    require_own_object(runtime, version_id, row.name)


def _dispose_packages(tx: Transaction, disposal_id: UUID) -> None:
    """The packages that held nothing else are on record as disposed of, whether or not a store still keeps a copy."""
    ids = packages_gone_with(tx, disposal_id)
    if ids:
        mine = ArchivalPackage.id.in_(ids), ArchivalPackage.disposed_at.is_(None)
        tx.session.execute(update(ArchivalPackage).where(*mine).values(disposed_at=tx.now))


def _objects_left(runtime: Runtime, disposal_id: UUID) -> list[DisposedVersion]:
    """Those that are to go and whose store was not yet asked, or did not keep them."""
    row = DisposedVersion
    kept = exists().where(
        FoundCopy.disposal_id == row.disposal_id,
        FoundCopy.place == OBJECTS,
        FoundCopy.name == row.object_name,
        FoundCopy.remains.is_not(None),
    )
    left = (
        *(row.disposal_id == disposal_id, row.slot_destroyed_at.is_not(None)),
        *(row.object_removed_at.is_(None), ~kept),
    )
    with runtime.session() as session:
        return list(session.scalars(select(row).where(*left).order_by(row.id).limit(AT_ONCE)))
