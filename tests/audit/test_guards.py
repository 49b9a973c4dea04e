"""The database itself refuses: every statement here is plain SQL, past all of our code."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.databases import bare_database
from vault.audit.guards import REFUSAL, guard_statements
from vault.audit.verification import verify_log
from vault.db import Base, make_engine

COPY = "event, at, actor_kind, subject_type, leaf, leaf_digest FROM audit_entries WHERE number = 1"
ROW = "(number, event, at, actor_kind, subject_type, leaf, leaf_digest)"
REFUSED = [
    "UPDATE audit_entries SET event = 'case.changed' WHERE number = 1",
    "UPDATE audit_entries SET number = 99 WHERE number = 4",
    "UPDATE audit_entries SET rowid = 99 WHERE number = 4",
    "UPDATE OR REPLACE audit_entries SET number = 0 WHERE number = 4",
    "UPDATE OR IGNORE audit_entries SET event = 'x'",
    "DELETE FROM audit_entries WHERE number = 4",
    "DELETE FROM audit_entries",
    f"INSERT OR REPLACE INTO audit_entries {ROW} SELECT 2, {COPY}",
    f"REPLACE INTO audit_entries {ROW} SELECT 4, {COPY}",
    f"INSERT OR IGNORE INTO audit_entries {ROW} SELECT 2, {COPY}",
    f"INSERT INTO audit_entries {ROW} SELECT 6, {COPY}",
    f"INSERT INTO audit_entries {ROW} SELECT -1, {COPY}",
    f"INSERT INTO audit_entries {ROW} SELECT NULL, {COPY}",
    f"INSERT INTO audit_entries {ROW} SELECT 2, {COPY} ON CONFLICT (number) DO UPDATE SET event = 'x'",
    "DELETE FROM audit_head",
    "UPDATE audit_head SET size = 4",
    "UPDATE audit_head SET size = 0, frontier = X''",
    "UPDATE audit_head SET size = 6",
    "UPDATE audit_head SET size = 'many'",
    "UPDATE audit_head SET root = zeroblob(32)",
    "UPDATE audit_head SET at = NULL",
    "UPDATE audit_head SET id = 2",
    "INSERT OR REPLACE INTO audit_head (id, size, frontier, root) VALUES (1, 0, X'', zeroblob(32))",
    "INSERT INTO audit_head (id, size, frontier, root) VALUES (2, 0, X'', zeroblob(32))",
    "INSERT INTO audit_head (id, size, frontier, root) VALUES (1, 0, X'', zeroblob(32))"
    " ON CONFLICT (id) DO UPDATE SET size = 0",
]


EVERYWHERE = [
    each for each in REFUSED if not re.search(r"rowid|\bOR (REPLACE|IGNORE)|^REPLACE|'many'|NULL,", each)
]
POSTGRESQL = [
    *(
        each.replace("X''", "''").replace("zeroblob(32)", "decode(repeat('00', 32), 'hex')")
        for each in EVERYWHERE
    ),
    "TRUNCATE audit_entries",
    "TRUNCATE audit_entries, audit_head CASCADE",
    f"INSERT INTO audit_entries {ROW} SELECT 2, {COPY} ON CONFLICT DO NOTHING",
    "WITH gone AS (DELETE FROM audit_entries RETURNING *) SELECT count(*) FROM gone",
    "MERGE INTO audit_entries USING audit_head ON number < size WHEN MATCHED THEN DELETE",
    "UPDATE audit_entries SET event = event FROM audit_head",
]


@pytest.mark.postgresql
@pytest.mark.parametrize("statement", POSTGRESQL)
def test_postgresql_refuses(engine: Engine, fill: Callable[..., None], statement: str) -> None:
    with Session(engine) as session:
        fill(session, 0, 4, at_once=True)
    with engine.connect() as connection:
        with pytest.raises(IntegrityError, match=REFUSAL):
            connection.exec_driver_sql(statement)
        connection.rollback()
    with Session(engine) as session:
        assert (verify_log(session).status, verify_log(session).size) == ("ok", 5)


@pytest.mark.sqlite
@pytest.mark.parametrize("recursive", ["OFF", "ON"])
@pytest.mark.parametrize("statement", REFUSED)
def test_the_database_refuses(
    engine: Engine, fill: Callable[..., None], statement: str, recursive: str
) -> None:
    with Session(engine) as session:
        fill(session, 0, 4, at_once=True)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA recursive_triggers = {recursive}")
        with pytest.raises(IntegrityError, match=REFUSAL):
            connection.exec_driver_sql(statement)
        connection.rollback()
    with Session(engine) as session:
        assert (verify_log(session).status, verify_log(session).size) == ("ok", 5)


def test_the_next_entry_and_a_head_that_counts_it_are_accepted(
    engine: Engine, fill: Callable[..., None]
) -> None:
    with Session(engine) as session:
        fill(session, 0, 4, at_once=True)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO audit_entries {ROW} SELECT 5, {COPY}")
        connection.exec_driver_sql("UPDATE audit_head SET size = 6")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT size FROM audit_head").scalar() == 6


def test_the_statements_hold_nothing_a_toolkit_takes_for_a_parameter() -> None:
    for dialect in ("sqlite", "postgresql"):
        for statement in guard_statements(dialect):
            assert not re.search("[:%]", statement)


def test_postgresql_guards_every_way_to_lose_a_row() -> None:
    triggers = [each.split(" FOR EACH")[0] for each in guard_statements("postgresql") if "TRIGGER" in each]
    for table in ("audit_entries", "audit_head"):
        for act in ("INSERT", "UPDATE", "DELETE", "TRUNCATE"):
            assert f"CREATE TRIGGER {table}_{act.lower()} BEFORE {act} ON {table}" in triggers


def test_another_database_has_no_guards_and_is_refused() -> None:
    with pytest.raises(ValueError, match="mysql"):
        guard_statements("mysql")


def test_tables_made_anew_are_guarded_again(tmp_path: Path) -> None:
    tables = [Base.metadata.tables[name] for name in ("audit_entries", "audit_head")]
    with bare_database(tmp_path) as url:
        engine = make_engine(url)
        Base.metadata.create_all(engine, tables=tables)
        Base.metadata.drop_all(engine, tables=tables)
        Base.metadata.create_all(engine, tables=tables[::-1])
        with engine.connect() as connection, pytest.raises(IntegrityError, match=REFUSAL):
            connection.exec_driver_sql("DELETE FROM audit_head")
        engine.dispose()
