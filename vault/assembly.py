"""Putting a runtime together from settings, and setting up what is missing.

`set_up` makes folders, brings both databases to the newest schema, and binds database, keystore and keyring to one
deployment id. `open_runtime` opens what is there and looks whether something was put back from a backup.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Engine, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from vault.clock import Clock
from vault.db import make_engine
from vault.deployment import Deployment, deployment_id
from vault.errors import Fault, Misconfigured
from vault.jobs import Bell
from vault.keystore.migration import upgrade_keystore
from vault.keystore.restoration import find_discrepancies
from vault.keystore.service import Keystore
from vault.kms.keyring import Keyring
from vault.migration import upgrade_database
from vault.runtime import Rings, Runtime
from vault.settings import Settings
from vault.slots import destruction_state, finish_destructions
from vault.store.base import open_store


def set_up(settings: Settings) -> None:
    """Folders, schemas and the deployment's identity are there afterwards; doing it again changes nothing."""
    os.umask(0o077)
    for url in (settings.database_url, settings.keystore_url):
        _make_folder_of(url)
    (settings.data / "tmp").mkdir(parents=True, exist_ok=True, mode=0o700)
    database, keystore = make_engine(settings.database_url), make_engine(settings.keystore_url)
    try:
        upgrade_database(database)
        upgrade_keystore(keystore)
        _bind(settings, database, keystore)
    finally:
        database.dispose()
        keystore.dispose()


def open_runtime(settings: Settings, bell: Rings | None = None, clock: Clock | None = None) -> Runtime:
    """The runtime of one process. It is sealed when a restored part has not been replayed.

    Errors: `Misconfigured` when the vault was never set up or its parts belong to different deployments.
    """
    clock = clock or Clock()
    database = make_engine(settings.database_url)
    keystore = open_keystore(settings, _identity(database), clock)
    runtime = Runtime(
        settings, database, keystore, keystore.store, bell or Bell(settings.broker_url, settings.data), clock
    )
    runtime.is_sealed = _was_restored(runtime)
    if not runtime.is_sealed:
        finish_destructions(runtime)
    return runtime


def open_keystore(settings: Settings, deployment: UUID, clock: Clock) -> Keystore:
    """The keystore of this deployment, with its key management and object store."""
    engine = make_engine(settings.keystore_url)
    return Keystore(
        engine, open_keyring(settings, deployment), open_store(settings.store), settings.keystore_copy, clock.now
    )


def open_keyring(settings: Settings, deployment: UUID) -> Keyring:
    """The local keyring; production names another key management."""
    scheme, _, path = settings.kms.partition(":")
    if scheme != "keyring":
        fault = Fault("CASEVAULT_KMS", f"{scheme} is not known here; use keyring:PATH")
        raise Misconfigured("This key management is not available.", errors=[fault])
    Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Keyring(Path(path), deployment)


def _make_folder_of(url: str) -> None:
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite" and parts.database:
        Path(parts.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)


def _identity(database: Engine) -> UUID:
    if not inspect(database).has_table(Deployment.__tablename__):
        raise Misconfigured("This vault was never set up. Run: casevault db upgrade")
    with Session(database) as session:
        found = deployment_id(session)
    if found is None:
        raise Misconfigured("This vault was never set up. Run: casevault db upgrade")
    return found


def _bind(settings: Settings, database: Engine, keystore: Engine) -> None:
    """One id in both databases; a database and a keystore of two deployments are not mixed."""
    clock = Clock()
    with Session(database) as session, session.begin():
        identity = deployment_id(session)
        if identity is None:
            identity = uuid4()
            session.add(Deployment(id=identity, created_at=clock.now()))
    open_keystore(settings, identity, clock).bind(identity)


def _was_restored(runtime: Runtime) -> bool:
    with runtime.session() as session:
        found = find_discrepancies(runtime.keystore, lambda slot_id: destruction_state(session, slot_id))
    return bool(found.restored)
