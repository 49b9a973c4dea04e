"""Databases for tests: SQLite files, or those of a PostgreSQL server (`--database postgresql`).

Database and keystore are two databases with two owners. On PostgreSQL a pair that was used is emptied and used again,
which costs a few milliseconds, and so are the connections to it, which know its tables already; one whose tables or
triggers were changed is thrown away.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, cast
from uuid import uuid4

import psycopg
from sqlalchemy import Connection, Engine, MetaData, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool

from vault import models
from vault.audit.guards import guard_statements
from vault.db import make_engine
from vault.keystore.models import KeystoreBase

CHOICE, SERVER = "CASEVAULT_TEST_DATABASE", "CASEVAULT_TEST_POSTGRES"
DATABASES = ("sqlite", "postgresql")
OWNERS = {"database": "casevault_test_vault", "keystore": "casevault_test_keystore"}
METADATA = {"database": models.METADATA, "keystore": KeystoreBase.metadata}
ASIDE = "moment"
"""The schema that holds what a database held at one moment."""
STAYS = "casevault tests"
"""How connections that outlive a test are known on the server."""
SHAPE = (
    "SELECT (SELECT string_agg(relname || ' ' || relnatts, ',' ORDER BY relname) FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace),"
    " (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'),"
    " (SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace)"
)


def chosen() -> str:
    """Which database this run uses: "sqlite" or "postgresql"."""
    return os.environ.get(CHOICE, "sqlite")


def is_postgresql() -> bool:
    """Whether this run uses PostgreSQL."""
    return chosen() == "postgresql"


@dataclass(frozen=True)
class Pair:
    """Addresses of a database and a keystore; the names are those of the settings."""

    database_url: str
    keystore_url: str

    @property
    def settings(self) -> dict[str, str]:
        """As `test_settings` takes them."""
        return {"database_url": self.database_url, "keystore_url": self.keystore_url}

    @property
    def environment(self) -> dict[str, str]:
        """As a process takes them."""
        return {f"CASEVAULT_{name.upper()}": value for name, value in self.settings.items()}


@contextmanager
def new_pair(folder: Path) -> Iterator[Pair]:
    """Both with their tables, as the models describe them, and nothing in them."""
    if is_postgresql():
        with _used("database") as database, _used("keystore") as keystore:
            yield Pair(database.url, keystore.url)
        return
    pair = _files(folder)
    for part, url in (("database", pair.database_url), ("keystore", pair.keystore_url)):
        (folder / part).mkdir(mode=0o700)
        shutil.copyfile(_template(part), make_url(url).database or "")
    yield pair


def engine_of(url: str) -> Engine:
    """An engine for one of a pair: whoever makes it lets go of its connections, but for those to what is kept."""
    kept = kept_at(url)
    return kept.engine() if kept else make_engine(url)


@contextmanager
def new_database(folder: Path, **options: Any) -> Iterator[str]:
    """The address of a database with its tables; on SQLite only those that the options of `create_all` say."""
    if is_postgresql():
        with _used("database") as database:
            yield database.url
        return
    with bare_database(folder) as url:
        make_tables(url, METADATA["database"], **options)
        yield url


@contextmanager
def bare_pair(folder: Path) -> Iterator[Pair]:
    """Both without tables, as a server's administrator hands them over."""
    if not is_postgresql():
        yield _files(folder)
        return
    with bare_database(folder, "database") as database, bare_database(folder, "keystore") as keystore:
        yield Pair(database, keystore)


@contextmanager
def bare_database(folder: Path, part: str = "database") -> Iterator[str]:
    """The address of one without tables; `part` says whose: that of the database or of the keystore."""
    if not is_postgresql():
        (folder / part).mkdir(mode=0o700, exist_ok=True)
        yield f"sqlite:///{folder / part / 'bare.sqlite'}"
        return
    name = _create(part)
    try:
        yield url_of(name, part)
    finally:
        drop(name)


def make_tables(url: str, metadata: MetaData, **options: Any) -> None:
    """The tables are there, made from their models."""
    engine = make_engine(url)
    metadata.create_all(engine, **options)
    engine.dispose()


@contextmanager
def unchecked(connection: Connection, table: str) -> Iterator[None]:
    """Rows of the table may break its CHECKs; on PostgreSQL they are gone for good, and so is the database after it."""
    if not is_postgresql():
        connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
        yield
        connection.exec_driver_sql("PRAGMA ignore_check_constraints=OFF")
        return
    for check in inspect(connection).get_check_constraints(table):
        connection.exec_driver_sql(f'ALTER TABLE {table} DROP CONSTRAINT "{check["name"]}"')
    yield


class Copy:
    """What a database held at one moment; nothing may be connected to it while it is taken or put back."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url, self._name = make_url(url), make_url(url).database or ""
        if is_postgresql():
            self._kept = _create_from(self._name)
            _copies.append(self._kept)
        else:
            self._kept = str(folder / f"copy-{uuid4().hex}")
            shutil.copytree(Path(self._name).parent, self._kept)

    def put_back(self) -> None:
        """The database is what it was, and nothing else."""
        lose(str(self._url))
        if is_postgresql():
            drop(self._name)
            _create_from(self._kept, self._name)
        else:
            shutil.copytree(self._kept, Path(self._name).parent, dirs_exist_ok=True)

    def content(self) -> bytes:
        """All that is in it, as `content_of` gives it."""
        return content_of(self._kept) if is_postgresql() else _files_below(Path(self._kept))


def lose(url: str) -> None:
    """The database is there no more; on PostgreSQL an empty one has its place."""
    name = make_url(url).database or ""
    if not is_postgresql():
        shutil.rmtree(Path(name).parent)
        Path(name).parent.mkdir(mode=0o700)
        return
    drop(name)
    _admin().execute(f'CREATE DATABASE "{name}" OWNER "{make_url(url).username}"')


def content_of(database: str) -> bytes:
    """Every byte of every column of a database, by its URL or its name; of SQLite all files beside it, too."""
    if not is_postgresql():
        return _files_below(Path(make_url(database).database or "").parent)
    name = make_url(database).database if "://" in database else database
    found = []
    with psycopg.connect(_server_url(name), autocommit=True) as connection:
        tables = connection.execute("SELECT relname FROM pg_stat_user_tables").fetchall()
        for (table,) in tables:
            with connection.cursor().copy(f'COPY "{table}" TO STDOUT (FORMAT binary)') as rows:
                found += [bytes(row) for row in rows]
    return b"\0".join(found)


def drop(name: str) -> None:
    """The database is gone, whoever is connected to it."""
    _admin().execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def url_of(name: str, part: str) -> str:
    """The address of a database for the owner of databases or of keystores."""
    url = make_url(_server_url(name)).set(username=OWNERS[part], password=_password())
    return url.render_as_string(hide_password=False)


@contextmanager
def may_make_databases() -> Iterator[None]:
    """Both owners may; on SQLite whoever writes files does."""
    for change in ("CREATEDB", "NOCREATEDB"):
        for role in OWNERS.values() if is_postgresql() else ():
            _admin().execute(f'ALTER ROLE "{role}" {change}')
        if change == "CREATEDB":
            yield


@contextmanager
def new_roles(*names: str) -> Iterator[None]:
    """Roles that may sign in and nothing else; the databases in which they get rights must be gone before them."""
    for name in names:
        _admin().execute(f"CREATE ROLE \"{name}\" LOGIN PASSWORD '{_password()}'")
    yield
    for name in names:
        _admin().execute(f'DROP ROLE "{name}"')


def url_as(url: str, role: str) -> str:
    """The same database for somebody else."""
    return make_url(url).set(username=role, password=_password()).render_as_string(hide_password=False)


@cache
def _template(part: str) -> Path:
    """An SQLite file with its tables and nothing in it: copying it is faster than making them."""
    path = _prepared() / f"{part}.sqlite"
    make_tables(f"sqlite:///{path}", METADATA[part])
    return path


@cache
def _prepared() -> Path:
    return Path(mkdtemp(prefix="casevault-templates-"))


def leave() -> None:
    """What this process made on the server or beside the tests is gone."""
    if _prepared.cache_info().currsize:
        shutil.rmtree(_prepared())
    if _admin.cache_info().currsize:
        for kept in [*_free["database"], *_free["keystore"]]:
            kept.close()
        for name in _copies:
            drop(name)
        _admin().close()


def kept_at(url: str) -> Kept | None:
    """The database in use that is emptied after it, if it is one."""
    return next((each for each in _in_use if each.url == url), None)


class Kept:
    """A database of this process that is emptied after each use."""

    def __init__(self, part: str) -> None:
        self.name = _create_from(_empty_one(part))
        self.url = url_of(self.name, part)
        self._engine: Engine | None = None
        self._connection = psycopg.connect(_server_url(self.name), autocommit=True)
        self._shape = self._connection.execute(SHAPE).fetchone()
        self._tables = [table.name for table in METADATA[part].sorted_tables]
        deletes = [f'DELETE FROM "{name}"' for name in self._tables]
        # A replica's session runs no triggers: neither the guards of the log nor the foreign keys.
        self._emptying = ["SET session_replication_role = replica", *deletes]
        self._heads = guard_statements("postgresql")[:1] if part == "database" else []
        self._has_moment = False

    def engine(self) -> Engine:
        """The one engine of this process that stays connected between uses."""
        if self._engine is None:
            options = {"application_name": STAYS, "prepare_threshold": 0}
            self._engine = make_engine(self.url, connect_args=options)
            event.listen(self._engine, "connect", _keep_statements)
        return self._engine

    def empty(self) -> bool:
        """Nothing is in it and nobody is at work in it; False when it is not as it was made."""
        if self._engine and cast(QueuePool, self._engine.pool).checkedout():
            self._engine.dispose()
            self._engine = None
        others = "datname = %s AND pid <> %s AND (application_name <> %s OR state <> 'idle')"
        ending = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"
        self._connection.execute(ending, (self.name, self._connection.info.backend_pid, STAYS))
        if self._connection.execute(SHAPE).fetchone() != self._shape:
            return False
        self._run(*self._emptying, *self._heads)
        if self._has_moment:
            self._run(f"DROP SCHEMA {ASIDE} CASCADE")
            self._has_moment = False
        return True

    def keep(self) -> None:
        """What its tables hold now can be put back, as often as one likes."""
        copies = [f'CREATE TABLE {ASIDE}."{name}" AS TABLE public."{name}"' for name in self._tables]
        self._run(f"DROP SCHEMA IF EXISTS {ASIDE} CASCADE", f"CREATE SCHEMA {ASIDE}", *copies)
        self._has_moment = True

    def put_back(self) -> None:
        """Its tables hold what they held, and nothing else."""
        inserts = [f'INSERT INTO public."{name}" TABLE {ASIDE}."{name}"' for name in self._tables]
        self._run(*self._emptying, *inserts)

    def _run(self, *statements: str) -> None:
        self._connection.execute("; ".join(statements))

    def close(self) -> None:
        if self._engine:
            self._engine.dispose()
        self._connection.close()
        drop(self.name)


def _keep_statements(connection: psycopg.Connection, _record: object) -> None:
    connection.prepared_max = None


_copies: list[str] = []
_free: dict[str, list[Kept]] = {part: [] for part in OWNERS}
_in_use: list[Kept] = []


@contextmanager
def _used(part: str) -> Iterator[Kept]:
    kept = _free[part].pop() if _free[part] else Kept(part)
    _in_use.append(kept)
    yield kept
    _in_use.remove(kept)
    if kept.empty():
        _free[part].append(kept)
    else:
        kept.close()


def _create(part: str) -> str:
    name = f"casevault_test_{uuid4().hex}"
    _admin().execute(f'CREATE DATABASE "{name}" OWNER "{OWNERS[part]}"')
    return name


@cache
def _empty_one(part: str) -> str:
    """A database with its tables and nothing in it, to which nobody connects: a copy costs less than other tables."""
    name = _create(part)
    make_tables(url_of(name, part), METADATA[part])
    _copies.append(name)
    return name


def _create_from(template: str, name: str = "") -> str:
    name = name or f"casevault_test_{uuid4().hex}"
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"
    (role,) = _admin().execute(owner, (template,)).fetchone() or ("",)
    _admin().execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER "{role}"')
    return name


@cache
def _admin() -> psycopg.Connection:
    """This process's connection as the server's superuser; both owners are there."""
    connection = psycopg.connect(_server_url(), autocommit=True)
    for role in OWNERS.values():
        # Another process may be making the same role.
        connection.execute("SELECT pg_advisory_lock(1)")
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
            connection.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{_password()}'")
        connection.execute("SELECT pg_advisory_unlock(1)")
    return connection


def _password() -> str:
    """The same in every process of a run, for servers that ask for one."""
    return sha256(os.environ[SERVER].encode()).hexdigest()


def _server_url(name: str | None = None) -> str:
    url = make_url(os.environ[SERVER])
    return (url.set(database=name) if name else url).render_as_string(hide_password=False)


def _files(folder: Path) -> Pair:
    return Pair(
        f"sqlite:///{folder / 'database' / 'vault.sqlite'}",
        f"sqlite:///{folder / 'keystore' / 'keystore.sqlite'}",
    )


def _files_below(folder: Path) -> bytes:
    return b"\0".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
