"""Migrations without an ini file: the engine is passed in, and the folder is one of `migrations/` in the project.

Each folder's `env.py` calls `run` with the metadata its versions arrive at. A migration is one transaction; two
processes that migrate at once do it one after the other.

SQLite changes most of a table by making it anew, and with foreign keys on it would take the rows that refer to the old
one away with it. So they are off while a migration runs, and all of them are checked before it commits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, text

from vault.durable import CREATE, make_folder, opened
from vault.errors import Invalid, Tampered

FOLDER = Path(__file__).resolve().parents[1] / "migrations"
TURN = 0x63617365
"""The PostgreSQL advisory lock that migrations take."""


def upgrade(engine: Engine, folder: str, revision: str = "head") -> None:
    """The database has every table of the newest version in `migrations/<folder>`, or of this revision."""
    _keep_private(engine)
    with _migrating(engine, folder) as config:
        command.upgrade(config, revision)


def downgrade(engine: Engine, folder: str, revision: str) -> None:
    """The database is as it was at an earlier revision, with all that fits in there; the newer tables are gone.

    Errors: `Invalid` for a revision that there is not, or that is newer than the database's.
    """
    check_earlier(engine, folder, revision)
    with _migrating(engine, folder) as config:
        command.downgrade(config, revision)


def check_earlier(engine: Engine, folder: str, revision: str) -> None:
    """`Invalid` unless this is the revision of the database or an earlier one."""
    earlier = _scripts(folder).iterate_revisions(_revision_of(engine), "base")
    if revision not in {script.revision for script in earlier}:
        raise Invalid(f"{revision} is no earlier revision of this database.")


def is_current(engine: Engine, folder: str) -> bool:
    """Whether the database is at the newest version."""
    return _revision_of(engine) == _scripts(folder).get_current_head()


def run(metadata: MetaData) -> None:
    """What an `env.py` does: run the migrations on the connection that `upgrade` passed."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


@contextmanager
def _migrating(engine: Engine, folder: str) -> Iterator[Config]:
    """One transaction for a migration, with nobody else's beside it; foreign keys hold when it commits."""
    with engine.connect() as connection, _without_foreign_keys(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
        config = _config(folder)
        config.attributes["connection"] = connection
        yield config
        _check_foreign_keys(connection)


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite heeds this switch outside transactions only."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall():
        tables = ", ".join(sorted({str(row[0]) for row in broken}))
        raise Tampered(f"After the migration rows of these tables would refer to nothing: {tables}")


def _revision_of(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _scripts(folder: str) -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(folder))


def _config(folder: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER / folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _keep_private(engine: Engine) -> None:
    """A new SQLite file is 0600 from its first byte; its journal gets the same mode."""
    name = engine.url.database
    if engine.dialect.name != "sqlite" or not name or name == ":memory:":
        return
    path = Path(name)
    make_folder(path.parent)
    if not path.exists():
        with opened(path, CREATE & ~os.O_EXCL):
            pass
