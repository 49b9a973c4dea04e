"""The database's tables are those that its models describe, made by migrations alone; they can be taken away again."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DatabaseError

from tests.databases import bare_database, chosen, is_postgresql, new_database
from vault.access.hold_guards import DISPOSAL_GUARDS, GUARDS, hold_guard_statements
from vault.audit.guards import guard_statements
from vault.db import make_engine
from vault.migrations import _config, is_current, upgrade
from vault.models import METADATA

FOLDER = "database"


@pytest.fixture
def engine(tmp_path):
    with bare_database(tmp_path) as url:
        engine = make_engine(url)
        upgrade(engine, FOLDER)
        yield engine
        engine.dispose()


def shape_of(engine: Engine) -> dict:
    """Columns (a migration adds them at the end), constraints and indexes of every table, as the database knows them."""
    found = inspect(engine)
    return {
        table: {
            "columns": sorted((c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)),
            "checks": sorted((c["name"], c["sqltext"]) for c in found.get_check_constraints(table)),
            "keys": sorted((k["name"], k["referred_table"]) for k in found.get_foreign_keys(table)),
            "unique": sorted((u["name"], *u["column_names"]) for u in found.get_unique_constraints(table)),
            "indexes": sorted((i["name"], i["unique"], *i["column_names"]) for i in found.get_indexes(table)),
            "primary": found.get_pk_constraint(table)["constrained_columns"],
        }
        for table in found.get_table_names()
        if table != "alembic_version"
    }


def triggers_of(engine: Engine) -> set[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if is_postgresql():
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    with engine.connect() as connection:
        return set(connection.scalars(text(query)))


def test_the_migrations_make_what_the_models_say(engine, tmp_path_factory):
    with engine.connect() as connection:
        options = {"compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []
    with new_database(tmp_path_factory.mktemp("models")) as url:
        by_models = make_engine(url)
        assert shape_of(engine) == shape_of(by_models)
        by_models.dispose()


def test_the_log_of_a_migrated_database_is_guarded(engine):
    holds = hold_guard_statements(chosen(), (*GUARDS, *DISPOSAL_GUARDS))
    statements = [*guard_statements(chosen()), *holds]
    wanted = [each for each in statements if each.lstrip().upper().startswith("CREATE TRIGGER")]
    assert len(triggers_of(engine)) == len(wanted) > 0
    for statement in ("UPDATE audit_entries SET event = 'x'", "DELETE FROM audit_entries"):
        with pytest.raises(DatabaseError), engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO audit_entries (number, at, event, actor_kind, subject_type, leaf, leaf_digest) "
                    "VALUES (0, '2026-11-22', 'case.created', 'system', '', :leaf, :digest)"
                ),
                {"leaf": b"0", "digest": bytes(32)},
            )
            connection.execute(text(statement))


def test_upgrading_twice_is_upgrading_once(engine):
    before = shape_of(engine)
    upgrade(engine, FOLDER)
    assert is_current(engine, FOLDER)
    assert shape_of(engine) == before


def test_an_empty_database_can_be_taken_back(engine):
    with engine.begin() as connection:
        config = _config(FOLDER)
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    assert triggers_of(engine) == set()
    upgrade(engine, FOLDER)
    assert is_current(engine, FOLDER)
