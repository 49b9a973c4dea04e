"""Putting a runtime together from settings, and setting up what is missing.

`set_up` makes folders, brings both databases to the newest schema, and binds database, keystore and keyring to one
deployment id. `open_runtime` opens what is there and looks whether something was put back from a backup.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from vault.backups.queries import was_longer
from vault.clock import Clock
from vault.db import make_engine, upsert
from vault.deployment import Deployment, deployment_id
from vault.errors import Misconfigured
from vault.jobs import Bell
from vault.keystore.models import Deployment as KeystoreDeployment
from vault.keystore.restoration import find_discrepancies
from vault.keystore.service import Keystore
from vault.keystore.setup import deployment_of, found_deployment, open_keystore, upgrade_keystore
from vault.kms.base import open_kms
from vault.kms.keyring import create_keyring
from vault.migrations import check_earlier, downgrade, is_current, upgrade
from vault.runtime import Rings, Runtime
from vault.settings import Settings
from vault.slots import destruction_state, finish_destructions
from vault.store.base import Store, open_store

MIGRATIONS = "database"
RESTORING = "restoring.json"
"""In the data folder while backups are put back: until it is gone the vault stays sealed."""


class Mute:
    """A bell that is never rung."""

    def ring(self, job_id: UUID) -> None: ...

    def ring_sweep(self) -> None: ...


def set_up(settings: Settings) -> None:
    """Folders, schemas and the deployment's identity are there afterwards; doing it again changes nothing."""
    os.umask(0o077)
    (settings.data / "tmp").mkdir(parents=True, exist_ok=True, mode=0o700)
    database, keystore = make_engine(settings.database_url), make_engine(settings.keystore_url)
    try:
        upgrade(database, MIGRATIONS)
        upgrade_keystore(keystore)
        now = Clock().now()
        _make_first_keyring(settings, keystore)
        found_deployment(keystore, now, _identified(database, now))
    finally:
        database.dispose()
        keystore.dispose()


def go_back(settings: Settings, revision: str, dry_run: bool = False) -> None:
    """The database is as of an earlier revision. Errors: `Invalid` for one that there is not."""
    database = make_engine(settings.database_url)
    try:
        check_earlier(database, MIGRATIONS, revision)
        if not dry_run:
            downgrade(database, MIGRATIONS, revision)
    finally:
        database.dispose()


def open_runtime(settings: Settings, bell: Rings | None = None, clock: Clock | None = None) -> Runtime:
    """The runtime of one process. It is sealed when a restored part has not been replayed.

    Errors: `Misconfigured` when the vault was never set up or its parts belong to different deployments.
    """
    clock = clock or Clock()
    database = make_engine(settings.database_url)
    store = open_store(settings.store, **settings.s3)
    keystore = open_keystore(settings.keystore_url, settings.kms, store, settings.keystore_copy, clock.now)
    found_deployment(keystore.engine, clock.now(), _identity(database))
    bell = bell or Bell(settings.broker_url, settings.data)
    runtime = Runtime(settings, database, keystore, store, bell, clock)
    runtime.is_sealed = was_restored(runtime)
    if not runtime.is_sealed:
        finish_destructions(runtime)
    return runtime


def open_for_restore(
    settings: Settings, clock: Clock | None = None, seen: Callable[[Store], Store] = lambda store: store
) -> Runtime:
    """A runtime that opens nothing to people: for `restore`, when parts were put back and may disagree.

    `seen` is how the object store is to be looked at.
    """
    clock = clock or Clock()
    database, engine = make_engine(settings.database_url), make_engine(settings.keystore_url)
    store = seen(open_store(settings.store, **settings.s3))
    deployment = found_deployment(engine, clock.now(), _identity(database))
    keystore = Keystore(engine, open_kms(settings.kms, deployment), store, settings.keystore_copy, clock.now)
    bell = Bell(settings.broker_url, settings.data)
    return Runtime(settings, database, keystore, store, bell, clock, is_sealed=True)


def open_to_look(settings: Settings, clock: Clock | None = None) -> Runtime:
    """A runtime for whoever only looks: nothing is finished, filled or founded, and whether the vault is sealed does not
    matter. Errors: `Misconfigured` as for `open_runtime`.
    """
    clock = clock or Clock()
    database, engine = make_engine(settings.database_url), make_engine(settings.keystore_url)
    store = open_store(settings.store, **settings.s3)
    deployment = deployment_of(engine)
    if deployment != _identity(database):
        raise Misconfigured("The keystore belongs to another deployment.")
    keystore = Keystore(engine, open_kms(settings.kms, deployment), store, settings.keystore_copy, clock.now)
    return Runtime(settings, database, keystore, store, Mute(), clock, is_sealed=True)


def was_restored(runtime: Runtime) -> bool:
    """Whether database or keystore have forgotten what others remember, or are being put back.

    The ledger remembers ends of slots; a checkpoint, that the log was longer once, since the last restore.
    """
    with runtime.session() as session:
        found = find_discrepancies(runtime.keystore, lambda slot_id: destruction_state(session, slot_id))
        is_shorter = was_longer(session, runtime.store)
    return bool(found.restored) or is_shorter or (runtime.settings.data / RESTORING).exists()


def _make_first_keyring(settings: Settings, keystore: Engine) -> None:
    """A new vault gets a keyring. One that is missing later is never made anew: nothing would open with it."""
    scheme, _, path = settings.kms.partition(":")
    with Session(keystore) as session:
        is_new = session.scalar(select(KeystoreDeployment.id)) is None
    if scheme == "keyring" and is_new and not Path(path).exists():
        create_keyring(Path(path))


def _identity(database: Engine) -> UUID:
    if not is_current(database, MIGRATIONS):
        raise Misconfigured("The database is not set up for this version. Run: casevault db upgrade")
    with Session(database) as session:
        found = deployment_id(session)
    if found is None:
        raise Misconfigured("This vault was never set up. Run: casevault db upgrade")
    return found


def _identified(database: Engine, now: datetime) -> UUID:
    """The database's deployment id, made the first time."""
    with Session(database) as session, session.begin():
        first = upsert(session, Deployment).values(number=1, id=uuid4(), created_at=now)
        session.execute(first.on_conflict_do_nothing())
        return session.scalars(select(Deployment.id)).one()
