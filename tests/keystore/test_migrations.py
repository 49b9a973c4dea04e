"""The keystore's tables are those that its models describe, made by migrations alone."""

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from tests.databases import bare_database, is_postgresql
from vault.db import make_engine
from vault.errors import Misconfigured
from vault.keystore.models import KeystoreBase
from vault.keystore.setup import deployment_of, upgrade_keystore
from vault.migrations import is_current


@pytest.fixture
def engine(tmp_path):
    # On SQLite the folder, with its odd name, is not there yet.
    with bare_database(tmp_path, "keystore") as url:
        there = url.replace("/keystore/", "/100%/new/") if not is_postgresql() else url
        engine = make_engine(there)
        yield engine
        engine.dispose()


def test_the_migrations_make_what_the_models_say(engine, tmp_path):
    upgrade_keystore(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), KeystoreBase.metadata) == []
    with bare_database(tmp_path, "keystore") as url:
        by_models = make_engine(url)
        KeystoreBase.metadata.create_all(by_models)
        assert constraints_of(engine) == constraints_of(by_models)
        by_models.dispose()


def constraints_of(engine) -> dict:
    found = inspect(engine)
    return {
        table: (
            [(check["name"], check["sqltext"]) for check in found.get_check_constraints(table)],
            sorted((key["name"], str(key["options"])) for key in found.get_foreign_keys(table)),
            found.get_pk_constraint(table)["name"],
            [index["name"] for index in found.get_indexes(table)],
        )
        for table in found.get_table_names()
        if table != "alembic_version"
    }


def test_upgrading_twice_is_upgrading_once(engine):
    upgrade_keystore(engine)
    upgrade_keystore(engine)
    assert is_current(engine, "keystore")


def test_two_processes_that_upgrade_at_once_do_it_one_after_the_other(engine):
    faults = []

    def race() -> None:
        try:
            upgrade_keystore(engine)
        except Exception as fault:  # noqa: BLE001
            faults.append(fault)

    racers = [threading.Thread(target=race) for _ in range(3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert faults == []
    assert is_current(engine, "keystore")


def test_a_keystore_without_tables_is_told_from_one_that_was_never_founded(engine, tmp_path):
    (tmp_path / "100%" / "new").mkdir(parents=True, exist_ok=True)
    with pytest.raises(Misconfigured, match="tables"):
        deployment_of(engine)
    upgrade_keystore(engine)
    with pytest.raises(Misconfigured, match="founded"):
        deployment_of(engine)


def test_a_failed_migration_leaves_nothing_behind(engine, tmp_path):
    upgrade_keystore(engine)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(Exception, match="already exists"):
        upgrade_keystore(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 0
        assert compare_metadata(MigrationContext.configure(connection), KeystoreBase.metadata) == []
