"""Taking backups, ending those of the keystore, recording drills."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select

from vault import __version__
from vault.access.actor import SYSTEM
from vault.access.policy import Permission
from vault.audit.checkpoints import Head, head_of, keep_checkpoint
from vault.backups.dumps import SUFFIXES, Moment, moment_of, require_tool
from vault.backups.folders import (
    DRILL,
    SCRATCH,
    check_place,
    name_of,
    only_writer,
    remove,
    size_of,
    written_whole,
)
from vault.backups.manifest import DATABASE, KEYSTORE, Manifest, write_manifest
from vault.backups.models import Backup
from vault.backups.objects import LIST, copy_objects, known_objects, write_list
from vault.clock import ClockState, read_clock
from vault.durable import create_file
from vault.errors import Busy, Conflict, VaultSealed
from vault.jobs import ClaimedJob, handles
from vault.keystore.backups import CONFIRMED, DELETED, BackupRecord
from vault.people.step_up import Act, require_step_up

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

EXPIRE = "backups.expire"
SETTINGS = "settings.json"


def back_up_database(
    runtime: Runtime, parent: Path, with_objects: bool = False, same_disk: bool = False
) -> tuple[Backup, int]:
    """The database, the list of objects and the settings without secrets lie in a new folder; `with_objects`, new
    objects lie beside it. Returns the backup and how many objects were copied.

    Errors: `Misconfigured`, `Conflict` for a place that is none; `Busy` while another is written there.
    """
    _check_open(runtime)
    others = [Path(each.place).parent for each in runtime.keystore.backups.living()]
    check_place(parent, runtime.settings, others, "keystore's backup", same_disk)
    keep_checkpoint(runtime)
    with only_writer(parent, DATABASE):
        backup_id, now = uuid4(), runtime.clock.now()
        folder = parent / name_of(DATABASE, backup_id, now)
        with written_whole(folder) as aside:
            with moment_of(runtime.engine) as moment:
                dump, head, known = (
                    _dumped(moment, aside),
                    head_of(moment.session),
                    known_objects(moment.session),
                )
            # After the database: every file that it names is in the list, and in the copy.
            count = write_list(aside, runtime.store, known)
            create_file(aside / SETTINGS, json.dumps(runtime.settings.described(), indent=2).encode())
            manifest = _seal(runtime, aside, DATABASE, backup_id, dump, now, head)
        copied = copy_objects(parent, runtime.store, known) if with_objects else 0
        with runtime.transaction(SYSTEM) as tx:
            row = tx.add(backup_row(manifest, folder))
            tx.record("backup.taken", row, log_size=head.size, objects=count)
    return row, copied


def backup_row(manifest: Manifest, folder: Path) -> Backup:
    """What the database knows of its backup in this folder."""
    with (folder / LIST).open("rb") as lines:
        objects = sum(1 for _ in lines)
    row = Backup(id=manifest.id, place=str(folder), taken_at=manifest.taken_at, log_size=manifest.log.size)
    row.size, row.objects = size_of(folder), objects
    return row


def back_up_keystore(runtime: Runtime, parent: Path, same_disk: bool = False) -> BackupRecord:
    """The keystore lies in a new folder, and is entered among its backups since before it was begun.

    Errors: those of `back_up_database`.
    """
    _check_open(runtime)
    backups = runtime.keystore.backups
    check_place(parent, runtime.settings, _database_places(runtime), "database's backup", same_disk)
    if runtime.keystore.engine.dialect.name == "postgresql":
        require_tool("pg_dump")  # before anything is entered
    keep_checkpoint(runtime)  # its key is a slot, which the backup holds then
    with only_writer(parent, KEYSTORE):
        _note_unfinished(runtime, parent)
        begun = backups.begin(
            lambda backup_id, now: str(parent / name_of(KEYSTORE, backup_id, now)),
            runtime.settings.keystore_backup_kept,
        )
        with written_whole(Path(begun.place)) as aside:
            with moment_of(runtime.keystore.engine) as moment:
                dump = _dumped(moment, aside)
            with runtime.session() as session:
                head = head_of(session)
            _seal(runtime, aside, KEYSTORE, begun.id, dump, begun.begun_at, head)
        backups.taken(begun.id)
        with runtime.transaction(SYSTEM) as tx:
            epochs = {"first": begun.first_epoch, "last": begun.last_epoch}
            tx.record("keystore.backed_up", None, backup=begun.id, epochs=epochs, expires_at=begun.expires_at)
    return backups.find(begun.id)


def expire_backups(runtime: Runtime) -> int:
    """Backups of the keystore whose time is over are deleted where they can be reached; returns how many.

    A folder that is not there may only have been moved: a person says that it was destroyed. Nothing is deleted while
    the clock is not to be trusted.
    """
    with runtime.session() as session:
        if read_clock(session, runtime.clock).state is not ClockState.STEADY:
            return 0
    now, deleted = runtime.clock.now(), 0
    for each in runtime.keystore.backups.living():
        if each.expires_at <= now and is_reached(each):
            remove(Path(each.place))
            note_gone(runtime, each.id, DELETED)
            deleted += 1
    return deleted


@handles(EXPIRE)
def expire_backups_job(runtime: Runtime, _job: ClaimedJob) -> None:
    """Delete what has expired and can be reached from here, and what a drill left that was killed."""
    expire_backups(runtime)
    drills = runtime.settings.data / SCRATCH
    if drills.is_dir():
        with suppress(Busy), only_writer(drills, DRILL):
            pass  # it was cleared before it was ours


def is_reached(backup: BackupRecord) -> bool:
    """Whether this process sees the folder of the backup."""
    return Path(backup.place).is_dir()


def note_gone(runtime: Runtime, backup_id: UUID, way: str) -> None:
    """The keystore and the log know that the backup is gone."""
    runtime.keystore.backups.note_gone(backup_id, way)
    with runtime.transaction(SYSTEM) as tx:
        tx.record("keystore.backup_gone", None, backup=backup_id, how=way)


def confirm_gone(tx: Transaction, backup_id: UUID) -> BackupRecord:
    """A person says that this backup of the keystore was destroyed. Errors: `NotFound`, `Conflict`, `StepUpDue`."""
    tx.require(Permission.BACKUP_CONFIRM)
    backups = tx.keystore.backups
    found = backups.find(backup_id)
    if found.gone_at is not None:
        raise Conflict("This backup is gone already.")
    if is_reached(found):
        raise Conflict("This backup is still there. Delete its folder first.")
    facts = (("Where it was", found.place), ("Taken", found.begun_at.isoformat()))
    require_step_up(tx, Act("backup.confirm_gone", "Say that this backup was destroyed", found.id, facts))
    gone = backups.note_gone(backup_id, CONFIRMED)
    tx.record("keystore.backup_gone", None, backup=backup_id, how=CONFIRMED)
    return gone


def _check_open(runtime: Runtime) -> None:
    """A vault that was put back and not replayed holds what has ended: a backup of it would bring that along."""
    if runtime.is_sealed:
        raise VaultSealed("The vault was put back and is not replayed. Run: casevault restore")


def _dumped(moment: Moment, folder: Path) -> str:
    name = f"dump{SUFFIXES[moment.kind]}"
    moment.write(folder / name)
    return name


def _seal(
    runtime: Runtime, folder: Path, kind: str, backup_id: UUID, dump: str, now: datetime, head: Head
) -> Manifest:
    about = {
        "id": str(backup_id),
        "kind": kind,
        "dump": dump,
        "taken_at": now.isoformat(),
        "version": __version__,
    }
    with runtime.transaction(SYSTEM) as tx:
        return write_manifest(tx, folder, about, head)


def _database_places(runtime: Runtime) -> list[Path]:
    with runtime.session() as session:
        return [Path(place).parent for place in session.scalars(select(Backup.place))]


def _note_unfinished(runtime: Runtime, parent: Path) -> None:
    """What a run left unfinished here was just removed: no copy of it is left."""
    for each in runtime.keystore.backups.living():
        place = Path(each.place)
        if each.taken_at is None and place.parent == parent and not place.exists():
            note_gone(runtime, each.id, DELETED)
