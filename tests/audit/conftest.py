from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Engine, select, text, update
from sqlalchemy.orm import Session

from tests.databases import is_postgresql, new_database
from vault.audit import log, models
from vault.audit.events import EVENTS
from vault.audit.tree import Frontier
from vault.db import make_engine

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
TABLES = [models.entries, models.head]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with new_database(tmp_path, tables=TABLES) as url:
        engine = make_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


@pytest.fixture
def new_entry() -> Callable[[int], log.NewEntry]:
    """The n-th of a varied sequence of events."""
    names = sorted(EVENTS)

    def make(number: int) -> log.NewEntry:
        def made(kind: int) -> UUID:
            return UUID(int=(kind << 64) + number % 7)

        return log.NewEntry(
            event=names[number % len(names)],
            actor_kind="person",
            actor_id=made(1),
            office_id=made(2) if number % 2 else None,
            case_id=made(3),
            bundle_id=made(4) if number % 3 else None,
            subject_type="documents",
            subject_id=UUID(int=number),
            details={"count": number, "digest": "ab" * 32, "ids": [str(made(5))]},
        )

    return make


@pytest.fixture
def fill(new_entry: Callable[[int], log.NewEntry]) -> Callable[..., None]:
    """Appends entries number `first` to `last`, one commit each, a second apart (or all in one commit)."""

    def do(session: Session, first: int, last: int, at_once: bool = False) -> None:
        if at_once:
            log.append(session, [new_entry(n) for n in range(first, last + 1)], START)
        else:
            for number in range(first, last + 1):
                log.append(session, [new_entry(number)], START + timedelta(seconds=number))
        session.commit()

    return do


@pytest.fixture
def drop_guards() -> Callable[[Session], None]:
    """What somebody with full rights on the database can do before changing the log."""

    def do(session: Session) -> None:
        if is_postgresql():
            for table in ("audit_entries", "audit_head"):
                session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            return
        names = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
        assert len(names) == 6
        for name in names:
            session.execute(text(f"DROP TRIGGER {name}"))

    return do


@pytest.fixture
def reseat_head() -> Callable[[Session], None]:
    """Makes the head fit whatever the entries now are, as somebody who knows the tree would."""

    def do(session: Session) -> None:
        entries = models.entries.c
        rows = session.execute(select(entries.leaf_digest, entries.at).order_by(entries.number)).all()
        frontier = Frontier()
        for row in rows:
            frontier.append(row.leaf_digest)
        fitting = {
            "size": frontier.size,
            "frontier": frontier.to_bytes(),
            "root": frontier.root(),
            "at": rows[-1].at if rows else None,
        }
        session.execute(update(models.head).values(fitting))

    return do
