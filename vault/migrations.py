"""Migrations without an ini file: the engine is passed in, and the folder is one of `migrations/` in the project.

Each folder's `env.py` calls `run` with the metadata its versions arrive at. A migration is one transaction; two
processes that upgrade at once do it one after the other.
"""

from __future__ import annotations

import os
from pathlib import Path

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, text

from vault.durable import CREATE, make_folder, opened

FOLDER = Path(__file__).resolve().parents[1] / "migrations"
TURN = 0x63617365
"""The PostgreSQL advisory lock that migrations take."""


def upgrade(engine: Engine, folder: str) -> None:
    """The database has every table of the newest version in `migrations/<folder>`."""
    _keep_private(engine)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
        config = _config(folder)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(engine: Engine, folder: str) -> bool:
    """Whether the database is at the newest version."""
    newest = ScriptDirectory.from_config(_config(folder)).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest


def run(metadata: MetaData) -> None:
    """What an `env.py` does: run the migrations on the connection that `upgrade` passed."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


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
