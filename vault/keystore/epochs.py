"""The epoch key: every slot lies under one, and it is replaced monthly and after disposals.

A backup of the keystore that is older than its epochs' last wrapping key opens nothing. The key of the newest epoch
locks; a slot is inserted or re-locked only under it, which is checked in the transaction that does so. An epoch's row
goes when no live slot names it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import CursorResult, Engine, Update, delete, exists, func, select, update
from sqlalchemy.orm import Session

from vault.crypto.kinds import SlotKind
from vault.crypto.locks import slot_lock
from vault.crypto.secret import check, random_key
from vault.db import reader_of
from vault.errors import Busy, Misconfigured, Tampered, VaultSealed
from vault.keystore.epoch_keys import EpochKeys
from vault.keystore.models import Deployment, Epoch, Slot
from vault.keystore.second_copy import SealedEpoch, SealedSlot, SecondCopy
from vault.kms.base import KeyManagement, Wrapped

BATCH = 100
BREATH = 0.005
"""Seconds between two batches of a rotation, so that on SQLite others get to write."""


@dataclass(frozen=True)
class Relocked:
    """How far a rotation has come: whether all was tried, what does not open, which epochs ended."""

    number: int
    is_done: bool
    damaged: tuple[UUID, ...]
    """Slots whose lock does not open. They keep their epoch alive."""
    ended: tuple[int, ...] = ()


class Epochs:
    """The epochs of one keystore."""

    def __init__(
        self, engine: Engine, kms: KeyManagement, copy: SecondCopy, clock: Callable[[], datetime]
    ) -> None:
        self._engine = engine
        self._kms = kms
        self._copy = copy
        self._clock = clock
        self.keys = EpochKeys(kms)

    def current(self) -> tuple[int, bytes]:
        """Number and key of the newest epoch. Raises `VaultSealed` in a keystore that was never prepared."""
        with reading(self._engine) as session:
            row = session.scalar(select(Epoch).order_by(Epoch.number.desc()).limit(1))
        if row is None:
            raise VaultSealed("The keystore holds no epoch.")
        return row.number, self.keys.open(row.number, Wrapped(row.wrapped, row.master_version))

    def newest(self) -> tuple[int, datetime]:
        """Number of the newest epoch, and when it began. Raises `VaultSealed` in a keystore that was never prepared."""
        with reading(self._engine) as session:
            row = session.scalar(select(Epoch).order_by(Epoch.number.desc()).limit(1))
        if row is None:
            raise VaultSealed("The keystore holds no epoch.")
        return row.number, row.created_at

    def may_begin(self) -> bool:
        """Whether this process may begin an epoch: on PostgreSQL not every role may."""
        if self._engine.dialect.name != "postgresql":
            return True
        with reading(self._engine) as session:
            return bool(session.scalar(select(func.has_table_privilege(Epoch.__tablename__, "INSERT"))))

    def start(self, after: int | None = None) -> int:
        """A new epoch is current; returns its number. With `after`, only if that is the newest number so far."""
        while True:
            with reading(self._engine) as session:
                newest = newest_epoch(session)
            if after is not None and newest != after:
                return newest
            number, key = newest + 1, random_key()
            wrapped = self._kms.wrap(number, key)
            check(self._kms.unwrap(number, wrapped), key)
            with writing(self._engine) as session:
                lock_deployment(session, alone=True)
                if newest_epoch(session) != newest or wrapped.version not in self._kms.versions():
                    continue
                if self._copy.has_epoch(number):
                    raise VaultSealed("The keystore is older than its second copy: it must be rebuilt.")
                session.add(
                    Epoch(
                        number=number,
                        wrapped=wrapped.blob,
                        master_version=wrapped.version,
                        created_at=self._clock(),
                    )
                )
            with writing(self._engine) as session:
                self.hold_current(session, number)
            return number

    def hold_current(self, session: Session, number: int) -> bool:
        """Whether the epoch is current, and in the copy, and stays so until this transaction ends."""
        lock_deployment(session)
        if newest_epoch(session) != number:
            return False
        row = session.get_one(Epoch, number)
        self._copy.keep_epoch(sealed_epoch(row), replace=False)
        return True

    def relock(self, seconds: float | None = None) -> Relocked:
        """Every live slot lies under the newest epoch, and the others are gone; or `seconds` are over.

        Any number may run at once, and be killed: what one has done the next finds done.
        """
        number, key = self.current()
        damaged: list[UUID] = []
        after: UUID | None = None
        end = None if seconds is None else time.monotonic() + seconds
        while batch := self._outdated(number, after):
            if end is not None and time.monotonic() > end:
                return Relocked(number, is_done=False, damaged=tuple(damaged))
            after = batch[-1][0].id
            fresh: list[tuple[SealedSlot, SealedSlot]] = []
            for slot, wrapped in batch:
                try:
                    old_key = self.keys.open(slot.epoch, wrapped)
                    fresh.append((slot, relocked(slot, old_key, number, key)))
                except Tampered:
                    damaged.append(slot.id)
            if not self._switch(number, fresh):
                (number, key), after, damaged = self.current(), None, []
            time.sleep(BREATH)
        return Relocked(number, is_done=True, damaged=tuple(damaged), ended=tuple(self.drop_unused()))

    def drop_unused(self) -> list[int]:
        """The epochs that no live slot names are gone, except the newest; returns their numbers."""
        with writing(self._engine) as session:
            lock_deployment(session, alone=True)
            named = exists().where(Slot.epoch == Epoch.number)
            unused = select(Epoch.number).where(Epoch.number < newest_epoch(session), ~named)
            numbers = list(session.scalars(unused))
            for number in numbers:
                self._copy.erase_epoch(number)
            session.execute(delete(Epoch).where(Epoch.number.in_(numbers)))
        if numbers:
            self.keys.forget(numbers)
            leave_no_trace(self._engine)
        return numbers

    def rewrap(self) -> int:
        """Every epoch key is wrapped by the newest master key version; returns how many were wrapped anew.

        What came back from the key management is opened once before it takes the place of what is known to open.
        """
        changed = 0
        for row in self._wrapped_by_older():
            old = Wrapped(row.wrapped, row.master_version)
            wrapped = self._kms.rewrap(row.number, old)
            check(self._kms.unwrap(row.number, wrapped), self.keys.open(row.number, old))
            fresh = replace(row, wrapped=wrapped.blob, master_version=wrapped.version)
            with writing(self._engine) as session:
                switch = (
                    update(Epoch)
                    .where(Epoch.number == row.number, Epoch.wrapped == row.wrapped)
                    .values(wrapped=fresh.wrapped, master_version=fresh.master_version)
                )
                if _changed(session, switch):
                    self._copy.keep_epoch(fresh, replace=True)
                    changed += 1
        if changed:
            leave_no_trace(self._engine)
        return changed

    def rewrap_count(self, new_version: bool = False) -> int:
        """How many epoch keys `rewrap` would wrap anew; with `new_version`, after one was made."""
        with reading(self._engine) as session:
            every = session.scalar(select(func.count()).select_from(Epoch)) or 0
        return every if new_version else len(self._wrapped_by_older())

    def destroy_unused_masters(self) -> list[int]:
        """The versions of the master key that wrap no epoch are destroyed, but the newest; returns their numbers.

        Who holds the deployment's row alone keeps others from beginning an epoch under a version that goes.
        """
        with writing(self._engine) as session:
            lock_deployment(session, alone=True)
            used = set(session.scalars(select(Epoch.master_version)))
            used |= {epoch.master_version for epoch in self._copy.epochs()}
            unused = [version for version in self._kms.versions()[:-1] if version not in used]
            for version in unused:
                self._kms.destroy_version(version)
        return unused

    def masters(self) -> list[int]:
        """The versions of the master key that still unwrap, oldest first."""
        return self._kms.versions()

    def are_destroyed(self, versions: Collection[int]) -> bool:
        """Whether the key management says of each of these versions of the master key that it is destroyed."""
        return all(self._kms.is_destroyed(version) for version in versions)

    def _wrapped_by_older(self) -> list[SealedEpoch]:
        with reading(self._engine) as session:
            rows = [sealed_epoch(row) for row in session.scalars(select(Epoch).order_by(Epoch.number))]
        return [row for row in rows if not self._kms.is_newest(Wrapped(row.wrapped, row.master_version))]

    def outdated_count(self) -> int:
        """How many live slots do not lie under the newest epoch yet."""
        with reading(self._engine) as session:
            query = select(func.count()).select_from(Slot)
            behind = query.where(Slot.destroyed_at.is_(None), Slot.epoch < newest_epoch(session))
            return session.scalar(behind) or 0

    def _outdated(self, number: int, after: UUID | None) -> list[tuple[SealedSlot, Wrapped]]:
        query = (
            select(Slot, Epoch)
            .join(Epoch, Slot.epoch == Epoch.number)
            .where(Slot.destroyed_at.is_(None), Slot.epoch < number)
            .order_by(Slot.id)
            .limit(BATCH)
        )
        if after is not None:
            query = query.where(Slot.id > after)
        with reading(self._engine) as session:
            return [
                (sealed_slot(slot), Wrapped(epoch.wrapped, epoch.master_version))
                for slot, epoch in session.execute(query)
            ]

    def _switch(self, number: int, pairs: Sequence[tuple[SealedSlot, SealedSlot]]) -> bool:
        """Whether `number` was still current. A slot that was destroyed or re-locked meanwhile is left alone."""
        with writing(self._engine) as session:
            if not self.hold_current(session, number):
                return False
            for old, fresh in pairs:
                switch = (
                    update(Slot)
                    .where(Slot.id == old.id, Slot.epoch == old.epoch, Slot.destroyed_at.is_(None))
                    .values(epoch=fresh.epoch, blob=fresh.blob)
                )
                if _changed(session, switch):
                    self._copy.keep_slot(fresh)
        return True


def relocked(slot: SealedSlot, old_key: bytes, number: int, key: bytes) -> SealedSlot:
    """The same slot under the key of another epoch. Raises `Tampered` if its lock does not open."""
    kind = SlotKind(slot.kind)
    content = slot_lock(slot.id, kind, slot.subject_id, slot.epoch).open(old_key, blob=slot.blob)
    blob = slot_lock(slot.id, kind, slot.subject_id, number).close(key, plaintext=content)
    return replace(slot, epoch=number, blob=blob)


def sealed_epoch(row: Epoch) -> SealedEpoch:
    """The row as a plain value."""
    return SealedEpoch(row.number, row.wrapped, row.master_version, row.created_at)


def sealed_slot(row: Slot) -> SealedSlot:
    """A live row as a plain value; ValueError for a destroyed one."""
    if row.epoch is None or row.blob is None:
        raise ValueError("a destroyed slot has no lock")
    return SealedSlot(row.id, row.kind, row.subject_id, row.epoch, row.blob, row.created_at)


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A short look at the keystore."""
    with Session(reader_of(engine), expire_on_commit=False) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """One transaction of the keystore; commits at the end of the block."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def lock_deployment(session: Session, alone: bool = False) -> UUID:
    """Whose keystore this is. Until this transaction ends the newest epoch stays the newest.

    `alone`: nobody else holds this lock. Raises `Misconfigured` in a keystore that was never founded.
    """
    deployment_id = session.scalar(select(Deployment.id).with_for_update(read=not alone))
    if deployment_id is None:
        raise Misconfigured("The keystore was never founded.")
    return deployment_id


def newest_epoch(session: Session) -> int:
    """The highest epoch number, or 0."""
    return session.scalar(select(func.max(Epoch.number))) or 0


def leave_no_trace(engine: Engine) -> None:
    """What was deleted or overwritten is in no journal of an SQLite keystore. Raises `Busy` while others read it.

    PostgreSQL keeps old row versions until its next vacuum, and journals until they are recycled: there the epoch's
    rotation ends what remains.
    """
    if engine.dialect.name != "sqlite":
        return
    until = time.monotonic() + 5
    while True:
        connection = engine.raw_connection()
        try:
            cursor = connection.cursor()
            is_busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            cursor.close()
        finally:
            connection.close()
        if not is_busy:
            return
        if time.monotonic() > until:
            raise Busy("The keystore's journal could not be emptied.", retry_after=1)
        time.sleep(0.01)


def _changed(session: Session, switch: Update) -> bool:
    result = session.execute(switch)
    return isinstance(result, CursorResult) and result.rowcount == 1
