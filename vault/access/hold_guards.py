"""The database's own refusal to let go of what is on hold, or to change what was decided, for SQLite and PostgreSQL.

A slot of a version, or of a bundle with versions, that a hold reaches is not ordered to die unless it has a successor; such
a version loses neither its slot nor its row, such a document not its row. That a slot has died, which a restored database
learns from the ledger, may be noted; what has died is not ordered again. A hold is never deleted,
changed or placed again, and what it is on is not taken out from under it. What a version of a retention class says stays
as it was proposed, and as it was decided. No version of a permanent record comes on the list of what is destroyed.
`hold_guard_statements` are run once all tables
are there. A migration runs inside `holds_lifted`: SQLite could make no table anew that a guard of another one names.

The statements hold no colon and no percent sign, which SQL toolkits would take for parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, event, inspect

from vault.audit.guards import PATH
from vault.db import Base

REFUSAL = "a hold stops this"
DECIDED = "what a retention class says does not change"
ONLY = "only recordings and temporary copies that no hold reaches are disposed of"
SIGNED = "what was signed, and what was destroyed, stays on record"
_REACHED = (
    "EXISTS (SELECT 1 FROM documents d JOIN holds h ON h.released_at IS NULL"
    " LEFT JOIN retention_types t ON t.office_id = d.office_id AND t.document_type = d.document_type"
    " LEFT JOIN held_documents k ON k.hold_id = h.id AND k.document_id = d.id"
    " WHERE d.id = {document} AND (h.document_id = d.id OR h.bundle_id = d.bundle_id OR h.case_id = d.case_id"
    " OR h.class_id = t.class_id OR k.hold_id IS NOT NULL))"
)
_VERSION, _DOCUMENT = _REACHED.format(document="v.document_id"), _REACHED.format(document="OLD.id")
_OWN = _REACHED.format(document="OLD.document_id")
_LOST = (
    "(NEW.slot_id IS NULL AND OLD.slot_id IS NOT NULL OR NEW.removed_at IS NOT NULL AND OLD.removed_at IS NULL)"
    " AND NOT EXISTS (SELECT 1 FROM destructions e WHERE e.slot_id = OLD.slot_id AND e.successor_id IS NULL"
    " AND e.state = 'done')"
)
_OF_SLOT = (
    "v.slot_id = NEW.slot_id OR v.bundle_id IN (SELECT b.id FROM bundles b WHERE b.slot_id = NEW.slot_id)"
)
_ON_HOLD = f"EXISTS (SELECT 1 FROM versions v WHERE ({_OF_SLOT}) AND {_VERSION})"  # noqa: S608  constants only
_SLOT = f"NEW.state = 'destroying' AND NEW.successor_id IS NULL AND {_ON_HOLD}"
_PLACED = ("id", "document_id", "bundle_id", "case_id", "class_id", "remark_id", "placed_by_id", "placed_at")
_CHANGED = "OLD.released_at IS NOT NULL OR " + " OR ".join(
    f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in _PLACED
)
_SAID = (
    *("id", "class_id", "version", "title", "citation", "counts_from", "period", "unit", "action"),
    "proposed_by_id",
)
_REWRITTEN = "OLD.approved_at IS NOT NULL OR OLD.dropped_at IS NOT NULL OR " + " OR ".join(
    f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in _SAID
)
_KEPT = (
    "EXISTS (SELECT 1 FROM retention_decisions r WHERE r.document_id = d.id AND r.disposal = 'permanent' AND NOT EXISTS"
    " (SELECT 1 FROM retention_decisions n WHERE n.document_id = d.id AND n.class_id IS NOT NULL"
    " AND n.decided_at > r.decided_at))"
)
_OF_RECORD = (
    "NOT EXISTS (SELECT 1 FROM versions v JOIN documents d ON d.id = v.document_id JOIN retention_types t"  # noqa: S608
    " ON t.office_id = d.office_id AND t.document_type = d.document_type AND t.disposal <> 'permanent'"
    f" WHERE v.id = NEW.version_id AND NOT {_KEPT})"
)
_LISTED = f"EXISTS (SELECT 1 FROM versions v WHERE v.id = NEW.version_id AND {_VERSION})"  # noqa: S608
_CLASS = "EXISTS (SELECT 1 FROM holds h WHERE h.released_at IS NULL AND h.class_id = OLD.class_id)"


class Guard(NamedTuple):
    """One trigger: it is asked before `act` on each row of `table`, and refuses where `wrong` is true."""

    table: str
    act: str
    wrong: str
    refusal: str = REFUSAL

    @property
    def name(self) -> str:
        """The trigger's, and on PostgreSQL its function's."""
        return f"hold_{self.table}_{self.act.split()[0].lower()}"


GUARDS = (
    Guard("destructions", "INSERT", _SLOT),
    Guard("destructions", "UPDATE", f"(OLD.state = 'done' AND NEW.state <> 'done') OR ({_SLOT})"),
    Guard("versions", "UPDATE OF slot_id, removed_at", f"{_LOST} AND {_OWN}"),
    Guard("versions", "DELETE", _OWN),
    Guard("documents", "DELETE", _DOCUMENT),
    Guard("holds", "UPDATE", _CHANGED),
    Guard("holds", "DELETE", "1 = 1"),
    Guard("held_documents", "UPDATE", "1 = 1"),
    Guard("held_documents", "DELETE", "1 = 1"),
    Guard("retention_types", "UPDATE", f"NEW.class_id IS DISTINCT FROM OLD.class_id AND {_CLASS}"),
    Guard("retention_types", "DELETE", _CLASS),
    Guard("retention_rules", "UPDATE", _REWRITTEN, DECIDED),
    Guard("retention_rules", "DELETE", "1 = 1", DECIDED),
    Guard("retention_classes", "UPDATE", "1 = 1", DECIDED),
    Guard("retention_classes", "DELETE", "1 = 1", DECIDED),
)
DISPOSAL_GUARDS = (
    Guard("disposed_versions", "INSERT", f"{_OF_RECORD} OR {_LISTED}", ONLY),
    Guard("disposed_versions", "DELETE", "1 = 1", SIGNED),
    Guard("disposal_signatures", "UPDATE", "1 = 1", SIGNED),
    Guard("disposal_signatures", "DELETE", "1 = 1", SIGNED),
)
"""Those of tables that came later: the list of what is destroyed, and who has signed it."""
TABLES = {guard.table for guard in GUARDS} | {"bundles"}
LAST = "disposed_versions"


def hold_guard_statements(dialect_name: str, guards: Sequence[Guard] = GUARDS) -> list[str]:
    """The statements, in order, for "sqlite" or "postgresql"."""
    return [each for guard in guards for each in _WRITTEN[dialect_name](guard)]


def hold_lifting_statements(dialect_name: str, guards: Sequence[Guard] = GUARDS) -> list[str]:
    """The guards are gone."""
    if dialect_name == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {guard.name}" for guard in guards]
    return [f"DROP FUNCTION IF EXISTS {guard.name}() CASCADE" for guard in guards]


@contextmanager
def holds_lifted(connection: Connection) -> Iterator[None]:
    """On SQLite the guards are away in the block and back after it, in one transaction, if holds are there then."""
    if connection.dialect.name != "sqlite":
        yield
        return
    for statement in hold_lifting_statements("sqlite", (*GUARDS, *DISPOSAL_GUARDS)):
        connection.exec_driver_sql(statement)
    yield
    guards = (*GUARDS, *DISPOSAL_GUARDS) if inspect(connection).has_table(LAST) else GUARDS
    if inspect(connection).has_table("holds"):
        for statement in [
            *hold_lifting_statements("sqlite", guards),
            *hold_guard_statements("sqlite", guards),
        ]:
            connection.exec_driver_sql(statement)


def _sqlite(guard: Guard) -> list[str]:
    # SQLite learned IS DISTINCT FROM in 3.39; IS NOT has always meant the same there.
    wrong = guard.wrong.replace("IS DISTINCT FROM", "IS NOT")
    return [
        f"CREATE TRIGGER {guard.name} BEFORE {guard.act} ON {guard.table} FOR EACH ROW WHEN {wrong} "
        f"BEGIN SELECT RAISE(ABORT, '{guard.refusal}'); END"
    ]


def _postgresql(guard: Guard) -> list[str]:
    """They look in the name of the tables' owner: workers who know nothing of holds are stopped by them."""
    kept = "OLD" if guard.act == "DELETE" else "NEW"
    return [
        f"CREATE OR REPLACE FUNCTION {guard.name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {PATH} AS $$ "
        f"BEGIN IF {guard.wrong} THEN RAISE EXCEPTION '{guard.refusal}' USING ERRCODE = 'restrict_violation'; END IF; "
        f"RETURN {kept}; END $$",
        f"CREATE TRIGGER {guard.name} BEFORE {guard.act} ON {guard.table} "
        f"FOR EACH ROW EXECUTE FUNCTION {guard.name}()",
    ]


_WRITTEN = {"sqlite": _sqlite, "postgresql": _postgresql}


def _guard(_metadata: Any, connection: Connection, **_options: Any) -> None:
    known = set(inspect(connection).get_table_names())
    guards = (*GUARDS, *DISPOSAL_GUARDS) if LAST in known else GUARDS
    if known >= TABLES:
        for statement in hold_guard_statements(connection.dialect.name, guards):
            connection.exec_driver_sql(statement)


event.listen(Base.metadata, "after_create", _guard)
