"""Database foundations: the declarative base, UUID rows, UTC instants, engines for SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from vault.errors import Misconfigured

Number = BigInteger().with_variant(Integer, "sqlite")
"""A whole number up to 2⁶³ - 1: lengths in bytes, and what only grows."""
WAITS = ("lock_timeout = '10s'", "idle_in_transaction_session_timeout = '5min'")
"""PostgreSQL: how long a statement waits for another's rows, and a forgotten transaction may hold some."""

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """An aware datetime in UTC, microseconds; naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("instants carry a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of every table of the database (the keystore has its own)."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: Instant()}  # noqa: RUF012


class Row(Base):
    """A row named by a random UUID."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)


def make_engine(url: str | URL, **options: Any) -> Engine:
    """An engine whose transactions are serial enough on either database.

    SQLite: WAL, foreign keys, full sync, `secure_delete`, 5 s busy timeout, BEGIN IMMEDIATE. PostgreSQL: read
    committed; verbs lock the rows they change (`for_change`) and take turns where a row is not there yet.
    """
    url = make_url(url)
    if url.get_backend_name() != "sqlite":
        return _postgresql_engine(url, options)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": 5}, **options)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def reader_of(engine: Engine) -> Engine:
    """The same database for looks that change nothing: each transaction sees one moment and holds nobody up."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(read_only=True)
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def for_change(model: type[Any]) -> dict[str, Any]:
    """What `with_for_update` needs to hold rows of this model, and none joined to them, until the transaction ends.

    Others may read the rows and refer to them meanwhile. SQLite has one writer at a time and no such locks.
    """
    return {"of": model, "key_share": True}


def take_turn(session: Session, name: str) -> None:
    """Until this transaction ends nobody else has the turn of this name: for what no row stands for yet."""
    if session.get_bind().dialect.name == "postgresql":
        number = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
        session.execute(select(func.pg_advisory_xact_lock(number)))


def upsert(session: Session, model: type[Any]) -> Any:
    """An INSERT that has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return _INSERTS[session.get_bind().dialect.name](model)


def _postgresql_engine(url: URL, options: dict[str, Any]) -> Engine:
    try:
        engine = create_engine(url, pool_pre_ping=True, hide_parameters=True, **options)
    except ModuleNotFoundError as fault:
        raise Misconfigured(
            "The driver for PostgreSQL is not installed. Run: python3 -m pip --python=.venv/bin/python install"
            " --require-hashes --only-binary=:all: -r requirements-postgres.lock"
        ) from fault
    event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        for wait in WAITS:
            cursor.execute(f"SET {wait}")
    connection.commit()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "foreign_keys=ON",
        "synchronous=FULL",
        "secure_delete=ON",
        "busy_timeout=5000",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


_INSERTS: dict[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
