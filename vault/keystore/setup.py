"""A keystore's tables, its one deployment row, and the way to open it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Engine, select

from vault.db import make_engine, upsert
from vault.errors import Misconfigured
from vault.keystore.epochs import reading, writing
from vault.keystore.models import Deployment
from vault.keystore.service import Keystore
from vault.kms.base import open_kms
from vault.migrations import is_current, upgrade
from vault.store.base import Store

MIGRATIONS = "keystore"


def upgrade_keystore(engine: Engine) -> None:
    """The keystore has its newest tables."""
    upgrade(engine, MIGRATIONS)


def found_deployment(engine: Engine, now: datetime, deployment_id: UUID | None = None) -> UUID:
    """The keystore's deployment, made with this id (or a random one) if there was none.

    Raises `Misconfigured` if the keystore is another deployment's.
    """
    with writing(engine) as session:
        found: UUID | None = session.scalar(select(Deployment.id))
        if found is None:
            first = upsert(session, Deployment).values(number=1, id=deployment_id or uuid4(), created_at=now)
            session.execute(first.on_conflict_do_nothing())
            found = session.scalars(select(Deployment.id)).one()
    if deployment_id not in (None, found):
        raise Misconfigured("The keystore belongs to another deployment.")
    return found


def deployment_of(engine: Engine) -> UUID:
    """Whose keystore this is. Raises `Misconfigured` if it has no or old tables, or was never founded."""
    if not is_current(engine, MIGRATIONS):
        raise Misconfigured("The keystore's tables are not those of this version.")
    with reading(engine) as session:
        found: UUID | None = session.scalar(select(Deployment.id))
    if found is None:
        raise Misconfigured("The keystore was never founded.")
    return found


def open_keystore(
    url: str, kms: str, store: Store, copy: Path | None, clock: Callable[[], datetime]
) -> Keystore:
    """The founded keystore that the settings name, prepared for use. Raises what `prepare` raises."""
    engine = make_engine(url)
    try:
        keystore = Keystore(engine, open_kms(kms, deployment_of(engine)), store, copy, clock)
        keystore.prepare()
    except Exception:
        engine.dispose()
        raise
    return keystore
