"""Short looks at database, keystore and objects, that change nothing and hold nobody up."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from vault.clock import read_clock
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import slot_lock
from vault.db import reader_of
from vault.errors import Tampered
from vault.keystore.epochs import reading
from vault.keystore.models import Epoch, Slot
from vault.kms.base import Wrapped
from vault.runtime import Runtime
from vault.slots import Destruction
from vault.store.archive import Archive
from vault.stores import archives_of

PAGE = 500
"""Rows, slots or names of one look."""
GRACE = timedelta(hours=1)
"""What is younger may be the half of something that goes on."""


@dataclass(frozen=True)
class SlotSeen:
    """What the keystore tells of a slot without opening it."""

    id: UUID
    kind: int
    subject_id: UUID
    is_live: bool


@dataclass
class Looking:
    """A vault that is looked at: nothing of it is changed."""

    runtime: Runtime
    is_deep: bool = False
    now: datetime = field(init=False)
    _asides: dict[str, Aside] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        with self.session() as session:
            self.now = read_clock(session, self.runtime.clock).now

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One moment of the database, read only."""
        with Session(reader_of(self.runtime.engine), autoflush=False) as session:
            yield session

    def rows(self, query: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        """What a query finds at one moment."""
        with self.session() as session:
            return session.execute(query).all()

    def kept_slots(self, query: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        """What a query of the keystore finds at one moment."""
        with reading(self.runtime.keystore.engine) as session:
            return session.execute(query).all()

    def slots(self, ids: Iterable[UUID | None]) -> dict[UUID, SlotSeen]:
        """Those of these slots that the keystore knows, alive or dead."""
        columns = select(Slot.id, Slot.kind, Slot.subject_id, Slot.destroyed_at)
        found = {}
        for some in pieces({each for each in ids if each is not None}):
            for row in self.kept_slots(columns.where(Slot.id.in_(some))):
                found[row.id] = SlotSeen(row.id, row.kind, row.subject_id, row.destroyed_at is None)
        return found

    def living(self, ids: Iterable[UUID | None]) -> set[UUID]:
        """Those of these slots that live."""
        return {slot.id for slot in self.slots(ids).values() if slot.is_live}

    def ends(self, ids: Iterable[UUID | None]) -> dict[UUID, str]:
        """How far the end of these slots is that the database has ordered: destroying, done or refused."""
        columns = select(Destruction.slot_id, Destruction.state)
        return dict(self.among(columns, Destruction.slot_id, {each for each in ids if each is not None}))

    def among(self, query: Select[*tuple[Any, ...]], column: Any, values: Collection[Any]) -> list[Any]:
        """The rows of the query in which the column has one of these values."""
        found: list[Any] = []
        for some in pieces(values):
            found += self.rows(query.where(column.in_(some)))
        return found

    def opened(self, ids: Iterable[UUID | None]) -> dict[UUID, bytes | None]:
        """The living ones of these slots, each with its 32 bytes; None where its lock does not open."""
        columns = select(Slot, Epoch).join(Epoch, Slot.epoch == Epoch.number)
        found: dict[UUID, bytes | None] = {}
        for some in pieces({each for each in ids if each is not None}):
            for slot, epoch in self.kept_slots(columns.where(Slot.id.in_(some))):
                found[slot.id] = self._opened(slot, epoch)
        return found

    def aside(self, name: str) -> Aside:
        """What was set aside under this name."""
        return self._asides.setdefault(name, Aside())

    def close(self) -> None:
        """Nothing is set aside any more."""
        for each in self._asides.values():
            each.close()
        self._asides.clear()

    def archives(self) -> dict[str, Archive]:
        """The archives of this vault, by name."""
        return archives_of(self.runtime)

    def _opened(self, slot: Slot, epoch: Epoch) -> bytes | None:
        try:
            key = self.runtime.keystore.epochs.keys.open(
                epoch.number, Wrapped(epoch.wrapped, epoch.master_version)
            )
            lock = slot_lock(slot.id, SlotKind(slot.kind), slot.subject_id, epoch.number)
            return lock.open(key, blob=slot.blob or b"")
        except (Tampered, ValueError):
            return None


class Aside:
    """Values set aside in a file of SQLite that is gone when this is closed: memory does not grow with them."""

    def __init__(self) -> None:
        self._kept = sqlite3.connect("")
        self._kept.execute("CREATE TABLE kept (value BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, value: bytes) -> bool:
        """Whether it is new."""
        return self._kept.execute("INSERT OR IGNORE INTO kept VALUES (?)", (value,)).rowcount == 1

    def has(self, value: bytes) -> bool:
        """Whether it was added."""
        return self._kept.execute("SELECT 1 FROM kept WHERE value = ?", (value,)).fetchone() is not None

    def close(self) -> None:
        """Nothing is kept any more."""
        self._kept.close()


def pieces(values: Iterable[Any]) -> Iterator[list[Any]]:
    """The same, a page at a time."""
    some: list[Any] = []
    for value in values:
        some.append(value)
        if len(some) == PAGE:
            yield some
            some = []
    if some:
        yield some
