"""A drill: backups put back beside the vault, into a scratch folder, and looked at whole. Nothing is opened to anybody.

The object store is only read; what a restore would write there stays in memory. Of the scratch nothing is left, nor of one
whose process was killed, as soon as the next drill begins or the hourly job comes round.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ProgrammingError

from vault.access.actor import SYSTEM
from vault.assembly import open_for_restore, open_runtime
from vault.audit.verification import verify_log
from vault.backups.dumps import POSTGRESQL
from vault.backups.folders import DRILL, SCRATCH, UNFINISHED, only_writer, remove
from vault.backups.manifest import DATABASE, KEYSTORE
from vault.backups.models import Drill
from vault.bundles.models import Version
from vault.clock import Clock
from vault.db import make_engine
from vault.durable import make_folder
from vault.errors import Misconfigured, Tampered, VaultError
from vault.reinstatement import Chosen, put_back
from vault.restoration import Restored, restore_vault
from vault.runtime import Runtime
from vault.settings import Settings
from vault.store.overlay import Overlay

AT_ONCE = 16
MADE, DROP = "casevault_drill_", 'DROP DATABASE IF EXISTS "{}" WITH (FORCE)'
NO_DATABASE = (
    "A drill makes a database of its own for a while, and this role may not. As the server's superuser:"
    " ALTER ROLE … CREATEDB"
)


@dataclass
class Found:
    """What a drill found, in figures, and what was wrong in plain words."""

    seconds: int = 0
    log_size: int = 0
    lost: int = 0
    lost_from: int | None = None
    lost_to: int | None = None
    slots_live: int = 0
    slots_killed: int = 0
    slots_missing: int = 0
    rows_followed: int = 0
    rows_ended: int = 0
    objects: int = 0
    objects_missing: int = 0
    is_recorded: bool = False
    faults: list[str] = field(default_factory=list)

    def take(self, restored: Restored) -> None:
        """What the restore said."""
        for name in ("log_size", "lost", "lost_from", "lost_to", "slots_killed", "slots_missing"):
            setattr(self, name, getattr(restored, name))
        self.rows_followed, self.rows_ended = restored.rows_followed, restored.rows_ended
        if restored.slots_missing:
            self.faults.append(
                f"{restored.slots_missing} slots are in no backup: back up the keystore after the database."
            )


def hold_drill(settings: Settings, chosen: Chosen, clock: Clock | None = None) -> Found:
    """The backups were tried, and the vault's log knows it, if it can be opened. Errors: `Busy`, `Misconfigured`."""
    clock, began, found = clock or Clock(), time.monotonic(), Found()
    drills = settings.data / SCRATCH
    make_folder(drills.parent)
    folder = drills / f"{UNFINISHED}{DRILL}-{uuid4().hex}"
    with only_writer(drills, DRILL), _scratch(settings, folder) as aside:
        try:
            _try(aside, chosen, clock, found)
        except VaultError as fault:
            found.faults.append(fault.message or fault.code)
    found.seconds = round(time.monotonic() - began)
    try:
        _record(settings, chosen, clock, found)
    except VaultError:
        return found  # there is no vault to tell: the figures are all the same
    found.is_recorded = True
    return found


def _try(aside: Settings, chosen: Chosen, clock: Clock, found: Found) -> None:
    urls = {DATABASE: aside.database_url, KEYSTORE: aside.keystore_url}
    for kind, (folder, manifest) in chosen.parts.items():
        put_back(folder, manifest, urls[kind], lambda _url: None)
    runtime = open_for_restore(aside, clock, seen=Overlay)
    try:
        found.take(restore_vault(runtime, chosen.vouched))
        with runtime.session() as session:
            verdict = verify_log(session)
        if verdict.status != "ok":
            found.faults.append(verdict.reason)
        _open_slots(runtime, found)
        _look_at_objects(runtime, found)
    finally:
        runtime.close()


def _open_slots(runtime: Runtime, found: Found) -> None:
    """Every living slot opens: its lock, its epoch, and the master key are there."""
    shut = 0
    for slot_id, kind, subject_id in runtime.keystore.live_slots():
        found.slots_live += 1
        try:
            runtime.keystore.open_slot(slot_id, kind, subject_id)
        except Tampered:
            shut += 1
    if shut:
        found.faults.append(f"{shut} slots do not open.")


def _look_at_objects(runtime: Runtime, found: Found) -> None:
    """Every file that can still be opened is in the object store, with its size."""
    query = select(Version.slot_id, Version.object_name, Version.object_length)
    with runtime.session() as session:
        rows = session.execute(query.where(Version.seal.is_not(None))).all()
    live = runtime.keystore.live_among([row.slot_id for row in rows])
    wanted = [row for row in rows if row.slot_id in live]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sizes = list(pool.map(runtime.store.size, [row.object_name for row in wanted]))
    found.objects = len(wanted)
    found.objects_missing = sum(size != row.object_length for row, size in zip(wanted, sizes, strict=True))
    if found.objects_missing:
        found.faults.append(f"{found.objects_missing} objects are missing or have another size.")


def _record(settings: Settings, chosen: Chosen, clock: Clock, found: Found) -> None:
    ids: dict[str, UUID] = {kind: manifest.id for kind, (_, manifest) in chosen.parts.items()}
    runtime = open_runtime(settings, clock=clock)
    try:
        with runtime.transaction(SYSTEM) as tx:
            row = Drill(held_at=tx.now, backup_id=ids[DATABASE], keystore_backup_id=ids[KEYSTORE])
            row.seconds, row.lost, row.faults = found.seconds, found.lost, len(found.faults)
            tx.add(row)
            tx.record("backup.drilled", row, seconds=row.seconds, lost=row.lost, faults=row.faults)
    finally:
        runtime.close()


@contextmanager
def _scratch(settings: Settings, folder: Path) -> Iterator[Settings]:
    """Settings of a vault in the scratch folder, which is gone afterwards."""
    make_folder(folder)
    made: list[tuple[URL, str]] = []
    try:
        changes: dict[str, Any] = {"data": folder, "keystore_copy": None}
        for kind, name in ((DATABASE, "database_url"), (KEYSTORE, "keystore_url")):
            url = make_url(getattr(settings, name))
            if url.get_backend_name() == POSTGRESQL:
                made.append((url, _make_database(url, [name for _, name in made])))
                changes[name] = url.set(database=made[-1][1]).render_as_string(hide_password=False)
            else:
                changes[name] = f"sqlite:///{folder / f'{kind}.sqlite'}"
        yield replace(settings, **changes)
    finally:
        for url, database in made:
            _drop_database(url, database)
        remove(folder)


def _make_database(url: URL, kept: list[str]) -> str:
    """The name of an empty database of our own beside this one; those of drills that were killed are gone."""
    name = f"{MADE}{uuid4().hex}"
    try:
        with _administering(url) as connection:
            mine = "SELECT datname FROM pg_database WHERE datname LIKE :made AND pg_get_userbyid(datdba) = current_user"
            left = connection.scalars(text(mine), {"made": f"{MADE}%"}).all()
            dropping = [DROP.format(each) for each in left if each not in kept]
            for statement in (*dropping, f'CREATE DATABASE "{name}" TEMPLATE template0'):
                connection.exec_driver_sql(statement)
    except ProgrammingError as fault:
        raise Misconfigured(NO_DATABASE) from fault
    return name


def _drop_database(url: URL, name: str) -> None:
    statement = DROP.format(name)
    with _administering(url) as connection:
        connection.exec_driver_sql(statement)


@contextmanager
def _administering(url: URL) -> Iterator[Connection]:
    engine = make_engine(url)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection
    finally:
        engine.dispose()
