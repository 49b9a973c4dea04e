"""The database's own refusal to change the audit log, for SQLite and PostgreSQL.

`guard_statements` writes the empty head and then the triggers; run it once, right after both tables are made.
From then on an entry can only be added, with the next number; the head can only grow, and only to the number
of entries there are; no other head can be inserted. Neither INSERT OR REPLACE nor an upsert gets round this:
the trigger before the insert refuses before the old row would go. A migration runs inside `lifted`: SQLite could
make no table anew that a guard of another one names.

The statements hold no colon and no percent sign, which SQL toolkits would take for parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, inspect

from vault.audit.tree import EMPTY_ROOT

REFUSAL = "the audit log is append-only"
PATH = "SET search_path = pg_catalog, public, pg_temp"
"""PostgreSQL: the guards ask the log itself, not a temporary table that the writer made under its name."""
NEXT_NUMBER = "(SELECT COALESCE(MAX(number) + 1, 0) FROM audit_entries)"
WRONG_ENTRY = f"NEW.number IS DISTINCT FROM {NEXT_NUMBER}"
WRONG_HEAD = (
    f"NEW.id IS DISTINCT FROM OLD.id OR NEW.size <= OLD.size OR NEW.size IS DISTINCT FROM {NEXT_NUMBER}"
)

LIFTING = tuple(
    f"DROP TRIGGER IF EXISTS {table}_{act}"
    for table in ("audit_entries", "audit_head")
    for act in ("insert", "update", "delete")
)


def guard_statements(dialect_name: str) -> list[str]:
    """The statements, in order, for "sqlite" or "postgresql"; ValueError for any other database."""
    if dialect_name == "sqlite":
        return _sqlite()
    if dialect_name == "postgresql":
        return _postgresql()
    raise ValueError(f"no audit guards for {dialect_name}")


@contextmanager
def lifted(connection: Connection) -> Iterator[None]:
    """On SQLite the triggers are away in the block and back after it, in one transaction, if the log is there then."""
    if connection.dialect.name != "sqlite":
        yield
        return
    for statement in LIFTING:
        connection.exec_driver_sql(statement)
    yield
    if inspect(connection).has_table("audit_entries"):
        for statement in [*LIFTING, *guard_statements("sqlite")[1:]]:
            connection.exec_driver_sql(statement)


def _sqlite() -> list[str]:
    def refuse(name: str, act: str, table: str, wrong: str | None = None) -> str:
        # SQLite learned IS DISTINCT FROM in 3.39; IS NOT has always meant the same there.
        when = f"WHEN {wrong} ".replace("IS DISTINCT FROM", "IS NOT") if wrong else ""
        return (
            f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW {when}"
            f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        )

    return [
        f"INSERT INTO audit_head (id, size, frontier, root) VALUES (1, 0, X'', X'{EMPTY_ROOT.hex()}')",  # noqa: S608  constants only
        refuse("audit_entries_insert", "INSERT", "audit_entries", WRONG_ENTRY),
        refuse("audit_entries_update", "UPDATE", "audit_entries"),
        refuse("audit_entries_delete", "DELETE", "audit_entries"),
        refuse("audit_head_insert", "INSERT", "audit_head"),
        refuse("audit_head_update", "UPDATE", "audit_head", WRONG_HEAD),
        refuse("audit_head_delete", "DELETE", "audit_head"),
    ]


def _postgresql() -> list[str]:
    def trigger(act: str, table: str, check: str, each: str = "ROW") -> str:
        return (
            f"CREATE TRIGGER {table}_{act.lower()} BEFORE {act} ON {table} "
            f"FOR EACH {each} EXECUTE FUNCTION {check}()"
        )

    return [
        "INSERT INTO audit_head (id, size, frontier, root) "  # noqa: S608  constants only
        f"VALUES (1, 0, decode('', 'hex'), decode('{EMPTY_ROOT.hex()}', 'hex'))",
        *function_statements(),
        trigger("INSERT", "audit_entries", "audit_check_entry"),
        trigger("UPDATE", "audit_entries", "audit_refuse"),
        trigger("DELETE", "audit_entries", "audit_refuse"),
        trigger("TRUNCATE", "audit_entries", "audit_refuse", each="STATEMENT"),
        trigger("INSERT", "audit_head", "audit_refuse"),
        trigger("UPDATE", "audit_head", "audit_check_head"),
        trigger("DELETE", "audit_head", "audit_refuse"),
        trigger("TRUNCATE", "audit_head", "audit_refuse", each="STATEMENT"),
    ]


def function_statements() -> list[str]:
    """What the triggers of PostgreSQL call; made anew they serve the triggers that are there."""

    def function(name: str, wrong: str) -> str:
        return (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql {PATH} AS $$ BEGIN "
            f"IF {wrong} THEN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END IF; "
            "RETURN NEW; END $$"
        )

    return [
        function("audit_refuse", "true"),
        function("audit_check_entry", WRONG_ENTRY),
        function("audit_check_head", WRONG_HEAD),
    ]
