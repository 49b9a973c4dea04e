"""Backups put back in the place of a lost vault: looked at first, what is there moved aside, then replayed.

The vault stays sealed from before the first change until all of it is done: `restoring.json` in the data folder says so.
Killed anywhere, the same command goes on. What was moved aside is kept; a keystore among it counts as a backup that expires.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from vault.assembly import RESTORING, open_for_restore
from vault.audit.checkpoints import Head
from vault.backups.dumps import POSTGRESQL, aside_of, beside, load, move_aside, place, require_tool
from vault.backups.folders import name_of
from vault.backups.manifest import DATABASE, KEYSTORE, Manifest, read_manifest, vouch_for
from vault.backups.models import Backup
from vault.backups.service import backup_row
from vault.clock import Clock
from vault.db import make_engine
from vault.durable import make_folder, replace_file, sync_folder
from vault.errors import Conflict, Misconfigured, Tampered
from vault.keystore.second_copy import SecondCopy
from vault.keystore.service import Keystore
from vault.keystore.setup import found_deployment, upgrade_keystore
from vault.migrations import upgrade
from vault.restoration import Restored, restore_vault
from vault.runtime import Runtime
from vault.settings import Settings
from vault.supervisor import hold_data_folder

BEFORE = "before"
LIVES = "There is a vault in that place. Say --yes to move it aside: it is kept beside what is put back."


@dataclass(frozen=True)
class Chosen:
    """The backups to put back: one of the database, one of the keystore, or both; folder and what it says."""

    parts: Mapping[str, tuple[Path, Manifest]]

    def vouched(self, keystore: Keystore) -> Head | None:
        """Where the log of the database ended, if one is put back. `Tampered` for what this keystore did not sign."""
        for folder, manifest in self.parts.values():
            vouch_for(keystore, folder, manifest)
        return self.parts[DATABASE][1].log if DATABASE in self.parts else None


def choose(database: Path | None, keystore: Path | None) -> Chosen:
    """Both were read whole and are of one vault. Raises `Tampered`, `Misconfigured`."""
    asked = {DATABASE: database, KEYSTORE: keystore}
    parts = {kind: (path, read_manifest(path, kind)) for kind, path in asked.items() if path is not None}
    if len({manifest.deployment for _, manifest in parts.values()}) > 1:
        raise Misconfigured("These backups are of different vaults.")
    return Chosen(parts)


def reinstate(
    settings: Settings, chosen: Chosen, may_replace: bool = False, clock: Clock | None = None
) -> Restored:
    """The chosen backups are in their places, and the vault was replayed: it may open again.

    Errors: `Conflict` where a vault is and may not be moved aside, or where `up` runs.
    """
    urls = {DATABASE: settings.database_url, KEYSTORE: settings.keystore_url}
    clock = clock or Clock()
    make_folder(settings.data)
    with closing(hold_data_folder(settings.data)):
        is_allowed = may_replace or _is_unfinished(settings, chosen)
        if not is_allowed and any(is_occupied(urls[kind]) for kind in chosen.parts):
            raise Conflict(LIVES)
        _check_others(settings, chosen, urls)
        asides = _begin(settings, chosen, clock)
        for kind, (folder, manifest) in chosen.parts.items():
            put_back(folder, manifest, urls[kind], partial(move_aside, name=asides[kind]))
        _found_keystore(settings, clock)
        return _replay(settings, chosen, clock)


def put_back(folder: Path, manifest: Manifest, url: str | URL, clear: Callable[[str | URL], object]) -> None:
    """The database of this address is the backup, with the newest tables; `clear` takes away what was there."""
    is_file = make_url(url).get_backend_name() != POSTGRESQL
    if not is_file:
        require_tool("pg_restore")
        clear(url)
    with beside(url) as made:
        load(folder / manifest.dump, made)
        engine = make_engine(made)
        try:
            if deployment_in(engine) != manifest.deployment:
                raise Tampered(f"The database in {folder} is not the one that its manifest names.")
            upgrade(engine, manifest.kind)
        finally:
            engine.dispose()
        if is_file:
            clear(url)
            place(made, url)


def is_occupied(url: str) -> bool:
    """Whether something is in the place of a database."""
    made = make_url(url)
    if made.get_backend_name() != POSTGRESQL:
        return Path(made.database or "").exists()
    engine = make_engine(made)
    try:
        with engine.connect() as connection:
            tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            return bool(connection.scalar(text(tables)))
    finally:
        engine.dispose()


def deployment_in(engine: Engine) -> UUID | None:
    """Whose database or keystore this is; None where that cannot be read."""
    try:
        with Session(engine) as session:
            found = session.scalar(text("SELECT id FROM deployment"))
    except DatabaseError:
        return None
    return found if isinstance(found, UUID) or found is None else UUID(str(found))


def _check_others(settings: Settings, chosen: Chosen, urls: Mapping[str, str]) -> None:
    """What is not put back is of the same vault and there; of a lost keystore the second copy is enough."""
    for kind in urls.keys() - chosen.parts.keys():
        if is_occupied(urls[kind]):
            found = _deployment_at(urls[kind])
        else:
            found = SecondCopy(settings.keystore_copy).deployment_id() if kind == KEYSTORE else None
        if found is None:
            raise Misconfigured(f"The {kind} is not there. Put a backup of it back, too.")
        if any(found != manifest.deployment for _, manifest in chosen.parts.values()):
            raise Misconfigured(f"The {kind} that is there is another vault's.")


def _deployment_at(url: str) -> UUID | None:
    engine = make_engine(url)
    try:
        return deployment_in(engine)
    finally:
        engine.dispose()


def _found_keystore(settings: Settings, clock: Clock) -> None:
    """There is a keystore of the database's vault, be it empty: then its second copy fills it."""
    deployment, engine = _deployment_at(settings.database_url), make_engine(settings.keystore_url)
    try:
        upgrade_keystore(engine)
        found_deployment(engine, clock.now(), deployment)
    finally:
        engine.dispose()


def _begin(settings: Settings, chosen: Chosen, clock: Clock) -> dict[str, str]:
    """The vault is sealed; how that will be called which is in the place of each part now, by kind."""
    now = clock.now()
    asides = {kind: name_of(BEFORE, uuid4(), now) for kind in chosen.parts}
    earlier = _told(settings).get("asides", [])
    content = {"backups": _ids(chosen), "asides": [*earlier, *asides.values()], "at": now.isoformat()}
    replace_file(settings.data / RESTORING, json.dumps(content).encode())
    return asides


def _replay(settings: Settings, chosen: Chosen, clock: Clock) -> Restored:
    runtime = open_for_restore(settings, clock)
    try:
        _enter_asides(runtime, chosen)
        restored = restore_vault(runtime, chosen.vouched)
        _enter_backup(runtime, chosen)
    finally:
        runtime.close()
    (settings.data / RESTORING).unlink()
    sync_folder(settings.data)
    return restored


def _enter_asides(runtime: Runtime, chosen: Chosen) -> None:
    """A keystore that was moved aside is a copy like any other: it is known, and its time is over in 30 days.

    After a run that was killed it may be the very backup that is put back, with what has ended since.
    """
    backups = runtime.keystore.backups
    since = chosen.parts[KEYSTORE][1].taken_at if KEYSTORE in chosen.parts else None
    known = {each.place for each in backups.all()}
    for name in _told(runtime.settings).get("asides", []):
        where = aside_of(runtime.settings.keystore_url, name)
        if where is not None and where not in known:
            begun = backups.begin(partial(_at, where), runtime.settings.keystore_backup_kept, since)
            backups.taken(begun.id)


def _enter_backup(runtime: Runtime, chosen: Chosen) -> None:
    """The database that came back knows of the backup that it came from."""
    if DATABASE in chosen.parts:
        folder, manifest = chosen.parts[DATABASE]
        with runtime.session() as session:
            if session.get(Backup, manifest.id) is None:
                session.add(backup_row(manifest, folder))


def _at(where: str, _backup_id: UUID, _now: datetime) -> str:
    return where


def _is_unfinished(settings: Settings, chosen: Chosen) -> bool:
    """Whether the same backups were being put back when a process was killed."""
    return bool(_told(settings).get("backups") == _ids(chosen))


def _ids(chosen: Chosen) -> dict[str, str]:
    return {kind: str(manifest.id) for kind, (_, manifest) in chosen.parts.items()}


def _told(settings: Settings) -> dict[str, Any]:
    marker = settings.data / RESTORING
    told: dict[str, Any] = json.loads(marker.read_text()) if marker.exists() else {}
    return told
