"""One database as a file: written while others go on working, and put back into an empty place.

SQLite gives a page-by-page copy through its own backup interface, PostgreSQL a dump by `pg_dump` in its custom format.
Both hold one moment, which the caller may read in the same transaction.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import Session

from vault.db import make_engine, reader_of
from vault.durable import CREATE, make_folder, opened, room, sync_folder
from vault.errors import Misconfigured, Tampered

PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
SQLITE, POSTGRESQL = "sqlite", "postgresql"
SUFFIXES = {SQLITE: ".sqlite", POSTGRESQL: ".dump"}
NO_TOOL = "{tool} is not installed here. On Debian: apt install postgresql-client, of the server's version or newer."


@dataclass(frozen=True)
class Moment:
    """What a database holds at one moment: to be read by `session`, to be written by `write`."""

    session: Session
    kind: str
    _snapshot: str | None

    def write(self, path: Path) -> None:
        """The file holds it, mode 0600, on the disk. `Misconfigured` where PostgreSQL's tools are missing or refuse."""
        with room():
            if self._snapshot is None:
                _copy_sqlite(self.session.connection().connection.driver_connection, path)
            else:
                url = self.session.connection().engine.url
                options = ["--format=custom", f"--snapshot={self._snapshot}", f"--file={path}"]
                _run("pg_dump", url, options)
            sync_file(path)


@contextmanager
def moment_of(engine: Engine) -> Iterator[Moment]:
    """One moment of the database. Nobody waits for it."""
    kind = engine.dialect.name
    if kind == POSTGRESQL:
        require_tool("pg_dump")
    with Session(reader_of(engine)) as session:
        snapshot = None
        if kind == POSTGRESQL:
            # A large dump takes longer than a forgotten transaction may.
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            snapshot = session.scalar(text("SELECT pg_export_snapshot()"))
        else:
            session.execute(text("SELECT 1"))
        yield Moment(session, kind, snapshot)


def require_tool(tool: str) -> None:
    """`Misconfigured` unless this program of PostgreSQL's is here."""
    if shutil.which(tool) is None:
        raise Misconfigured(NO_TOOL.format(tool=tool))


def load(dump: Path, url: str | URL) -> None:
    """The empty database holds what the file does. `Tampered` for a file that is damaged, `Misconfigured` as `write`."""
    url = make_url(url)
    if url.get_backend_name() == POSTGRESQL:
        require_tool("pg_restore")
        options = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
        _run("pg_restore", url, [*options, str(dump)], as_database=True)
        return
    path = Path(url.database or "")
    make_folder(path.parent)
    with room():
        with (
            opened(path, CREATE) as target,
            dump.open("rb") as source,
            open(target, "wb", closefd=False) as file,
        ):
            shutil.copyfileobj(source, file)
        sync_file(path)
    with closing(sqlite3.connect(path)) as connection:
        try:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.DatabaseError as fault:
            raise Tampered("The database in the backup is damaged.") from fault
    if found != "ok":
        raise Tampered("The database in the backup is damaged.")


def move_aside(url: str | URL, name: str) -> None:
    """What was in the database's place lies beside it under this name, if anything was there.

    SQLite: a folder beside the file. PostgreSQL: a schema of the same database, which only its owner can make.
    """
    url = make_url(url)
    if url.get_backend_name() == POSTGRESQL:
        _rename_schema(url, name)
        return
    path = Path(url.database or "")
    if not path.exists():
        return
    aside = path.parent / name
    make_folder(aside)
    # A damaged one is moved as it is, with its journal.
    with closing(sqlite3.connect(path)) as connection, suppress(sqlite3.DatabaseError):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with room():
        for part in (path, *path.parent.glob(f"{path.name}-*")):
            os.replace(part, aside / part.name)
        sync_folder(aside)
        sync_folder(path.parent)


def aside_of(url: str | URL, name: str) -> str | None:
    """Where that lies which was moved aside under this name; None if nothing does."""
    url = make_url(url)
    if url.get_backend_name() != POSTGRESQL:
        folder = Path(url.database or "").parent / name
        return str(folder) if folder.is_dir() else None
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            schemas = text("SELECT nspname FROM pg_namespace WHERE nspname = :name")
            found = connection.scalar(schemas, {"name": name})
    finally:
        engine.dispose()
    return f"schema {found}" if found else None


def place(made: str | URL, url: str | URL) -> None:
    """The SQLite file of one address is now that of the other, whole or not at all."""
    source, target = Path(make_url(made).database or ""), Path(make_url(url).database or "")
    with room():
        os.replace(source, target)
        sync_folder(target.parent)


@contextmanager
def beside(url: str | URL) -> Iterator[URL]:
    """The address of an empty database beside this one, which is gone afterwards unless `place` moved it.

    PostgreSQL has no file to move: there it is the database itself, whose place is empty.
    """
    url = make_url(url)
    if url.get_backend_name() == POSTGRESQL:
        yield url
        return
    path = Path(url.database or "")
    aside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        yield url.set(database=str(aside))
    finally:
        for part in (aside, *aside.parent.glob(f"{aside.name}-*")):
            part.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """The file's content is on the disk."""
    with opened(path, os.O_RDONLY) as descriptor:
        os.fsync(descriptor)


def _copy_sqlite(source: Any, path: Path) -> None:
    with opened(path, CREATE):
        pass
    with closing(sqlite3.connect(path)) as target:
        source.backup(target)
        # One file, without a journal beside it.
        target.execute("PRAGMA journal_mode=DELETE")


def _rename_schema(url: URL, name: str) -> None:
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            if connection.scalar(text(tables)):
                renaming = (
                    f'ALTER SCHEMA public RENAME TO "{name}"'  # made of digits and letters by `name_of`
                )
                connection.exec_driver_sql(renaming)
                connection.exec_driver_sql("CREATE SCHEMA public")
    finally:
        engine.dispose()


def _end_with_parent() -> None:
    """In the child: it ends when we are killed, and what it began with it (Linux, prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _run(tool: str, url: URL, options: Sequence[str], as_database: bool = False) -> None:
    """Run it against this database; the password goes by the environment, where only its owner sees it."""
    address = url.set(drivername="postgresql", password=None).render_as_string()
    environment = dict(os.environ) | ({"PGPASSWORD": str(url.password)} if url.password else {})
    command = [tool, f"--dbname={address}", *options] if as_database else [tool, *options, address]
    done = subprocess.run(  # noqa: S603
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        umask=0o077,
        preexec_fn=_end_with_parent,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise Misconfigured(f"{tool} ended with {done.returncode}: {lines[0] if lines else 'no word'}")
