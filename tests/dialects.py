"""Dialects for tests: what one engine has compiled serves the next.

A run makes thousands of engines, one for each vault, and each of them would compile the same statements again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

_compiled: dict[Any, Any] = {}


class _Alike:
    """Equal to any other of its kind: the dialect is a part of the key that a compiled statement is kept under."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        engine.update_execution_options(compiled_cache=_compiled)


class LikeSQLite(_Alike, SQLiteDialect_pysqlite):
    """SQLite as Python's own module speaks to it."""

    supports_statement_cache = True


class LikePostgreSQL(_Alike, PGDialect_psycopg):
    """PostgreSQL through psycopg."""

    supports_statement_cache = True


def share_what_is_compiled() -> None:
    """Engines of this process are made with these dialects from now on."""
    registry.register("sqlite", __name__, LikeSQLite.__name__)
    registry.register("postgresql", __name__, LikePostgreSQL.__name__)
