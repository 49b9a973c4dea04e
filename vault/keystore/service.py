"""Slots: made, opened, destroyed.

Order of every replacement: new slot → new locks as a write-once object (`keep_locks`) → database transaction →
the old slot is destroyed, and the ledger names its successor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, bindparam, func, select
from sqlalchemy.orm import Session

from vault.crypto.kinds import SlotKind
from vault.crypto.locks import slot_lock
from vault.crypto.secret import random_key
from vault.db import reader_of
from vault.errors import Misconfigured, NotFound, Tampered, VaultSealed
from vault.keystore.backups import KeystoreBackups
from vault.keystore.epochs import (
    Epochs,
    Relocked,
    leave_no_trace,
    lock_deployment,
    newest_epoch,
    reading,
    sealed_epoch,
    sealed_slot,
    writing,
)
from vault.keystore.ledger import Ledger, LedgerEntry
from vault.keystore.models import Epoch, Slot
from vault.keystore.second_copy import SecondCopy
from vault.keystore.warrants import Warrants, require_end
from vault.kms.base import KeyManagement, Wrapped
from vault.store.base import Store

MANY = 500
_LIVE_SLOT = (
    select(Slot.blob, Epoch.number, Epoch.wrapped, Epoch.master_version)
    .join(Epoch, Slot.epoch == Epoch.number)
    .where(Slot.id == bindparam("slot_id"), Slot.kind == bindparam("kind"))
    .where(Slot.subject_id == bindparam("subject_id"), Slot.destroyed_at.is_(None))
)
"""With the epoch it lies under. Made once: every request opens several."""


@dataclass(frozen=True)
class NewSlot:
    """A slot that was just made: its id, and its 32 bytes, which never print."""

    id: UUID
    key: bytes = field(repr=False)


class Keystore:
    """The slots of one deployment. Safe to share between threads; several processes may use one database."""

    def __init__(
        self,
        engine: Engine,
        kms: KeyManagement,
        store: Store,
        copy: Path | None,
        clock: Callable[[], datetime],
    ) -> None:
        self.engine = engine
        self._reader = reader_of(engine)
        self.copy = SecondCopy(copy)
        self._kms = kms
        self._store = store
        self._clock = clock
        self._ledger = Ledger(store)
        self.epochs = Epochs(engine, kms, self.copy, clock)
        self.backups = KeystoreBackups(engine, store, clock)
        self.warrants = Warrants(engine, clock)

    def prepare(self) -> None:
        """There is an epoch, and the second copy is complete. To be called once at each start.

        Raises `VaultSealed` if the keystore is older than its copy, `Misconfigured` if the copy is another's.
        """
        with writing(self.engine) as session:
            deployment_id = lock_deployment(session, alone=True)
            newest = newest_epoch(session)
            owner = self.copy.deployment_id()
            if owner is None:
                self._fill_copy(session, deployment_id)
            elif owner != deployment_id:
                raise Misconfigured("The second copy belongs to another keystore.")
            elif max((epoch.number for epoch in self.copy.epochs()), default=0) > newest:
                raise VaultSealed("The keystore is older than its second copy: it must be rebuilt.")
        if newest == 0:
            self.epochs.start(after=0)

    def create_slot(self, kind: SlotKind, subject_id: UUID, is_sealed: bool = False) -> NewSlot:
        """A fresh slot under the current epoch, committed and copied. A bundle's, and one for a version that `is_sealed`,
        dies only by a warrant or for a successor.
        """
        slot = NewSlot(uuid4(), random_key())
        while True:
            number, key = self.epochs.current()
            row = Slot(
                id=slot.id,
                kind=kind,
                subject_id=subject_id,
                epoch=number,
                blob=slot_lock(slot.id, kind, subject_id, number).close(key, plaintext=slot.key),
                created_at=self._clock(),
                needs_warrant=is_sealed or kind is SlotKind.BUNDLE,
            )
            with writing(self.engine) as session:
                if not self.epochs.hold_current(session, number):
                    continue
                session.add(row)
                session.flush()
                # A crash after this line leaves a copy of a slot that nobody was told of: dead weight.
                self.copy.keep_slot(sealed_slot(row))
            return slot

    def open_slot(self, slot_id: UUID, kind: SlotKind, subject_id: UUID) -> bytes:
        """The slot's 32 bytes. Raises `Tampered` if it is unknown, destroyed, or of another kind or subject."""
        asked = {"slot_id": slot_id, "kind": kind, "subject_id": subject_id}
        with self._reader.connect() as connection:
            found = connection.execute(_LIVE_SLOT, asked).one_or_none()
        if found is None or found.blob is None:
            raise Tampered("The slot does not open.")
        key = self.epochs.keys.open(found.number, Wrapped(found.wrapped, found.master_version))
        return slot_lock(slot_id, kind, subject_id, found.number).open(key, blob=found.blob)

    def destroy_slot(self, slot_id: UUID, successor_id: UUID | None = None) -> None:
        """The slot is dead: in the ledger, out of the second copy, out of the keystore and its journal.

        Call it only for a slot that a committed *destroying* row names (K5), and again until it returns. A slot
        that the keystore does not know is entered in the ledger all the same: a restored keystore may know it.
        `Unwarranted`: it lives on, for that row is not enough. `Busy`: dead, but still in the journal; call again.
        """
        with writing(self.engine) as session:
            lock_deployment(session)
            row = session.get(Slot, slot_id, with_for_update=True)
            if row is None or row.destroyed_at is None:
                if row is not None:
                    require_end(session, row, successor_id)
                self._ledger.append(slot_id, successor_id, self._clock())
            self._end(row, slot_id, successor_id, self._clock())
        leave_no_trace(self.engine)

    def repeat_destruction(self, entry: LedgerEntry) -> bool:
        """The slot of a ledger entry is dead; returns whether it lived, as it does in a restored keystore."""
        with writing(self.engine) as session:
            lock_deployment(session)
            row = session.get(Slot, entry.slot_id, with_for_update=True)
            lived = row is not None and row.destroyed_at is None
            self._end(row, entry.slot_id, entry.successor_id, entry.at)
        if lived:
            leave_no_trace(self.engine)
        return lived

    def is_live(self, slot_id: UUID) -> bool:
        """Whether the slot is known and not destroyed."""
        return bool(self.live_among([slot_id]))

    def live_among(self, slot_ids: Collection[UUID]) -> set[UUID]:
        """Those of these slots that are known and not destroyed."""
        wanted, live = list(slot_ids), set[UUID]()
        with reading(self.engine) as session:
            for start in range(0, len(wanted), MANY):
                some = wanted[start : start + MANY]
                query = select(Slot.id).where(Slot.id.in_(some), Slot.destroyed_at.is_(None))
                live.update(session.scalars(query))
        return live

    def live_slots(self) -> Iterator[tuple[UUID, SlotKind, UUID]]:
        """Id, kind and subject of every live slot, by id: for the count of those that no row names."""
        last = UUID(int=0)
        while True:
            query = select(Slot.id, Slot.kind, Slot.subject_id).where(
                Slot.id > last, Slot.destroyed_at.is_(None)
            )
            with reading(self.engine) as session:
                rows = session.execute(query.order_by(Slot.id).limit(MANY)).all()
            for row in rows:
                yield row.id, SlotKind(row.kind), row.subject_id
            if not rows:
                return
            last = rows[-1].id

    def keep_locks(self, subject_id: UUID, slot_id: UUID, content: Mapping[str, Any]) -> None:
        """The locks made with a new slot are a write-once object. Values are what JSON holds; bytes go as base64.

        Raises `Conflict` if that slot's locks were kept already.
        """
        self._store.put(_locks_name(subject_id, slot_id), json.dumps(content, sort_keys=True).encode())

    def kept_locks(self, subject_id: UUID, slot_id: UUID) -> dict[str, Any] | None:
        """What `keep_locks` kept for that slot, or None."""
        try:
            content = json.loads(self._store.get(_locks_name(subject_id, slot_id)))
        except NotFound:
            return None
        except ValueError as fault:
            raise Tampered("A kept lock is damaged.") from fault
        if not isinstance(content, dict):
            raise Tampered("A kept lock is damaged.")
        return content

    def ledger(self) -> Iterator[LedgerEntry]:
        """Every entry of the erasure ledger, in order."""
        return self._ledger.entries()

    def ends(self) -> dict[UUID, LedgerEntry]:
        """For every slot that the ledger names, the entry that counts: its first."""
        return self._ledger.ends()

    def rotate_epoch(self) -> int:
        """A new epoch is current and every live slot lies under it; returns its number.

        Raises `Tampered`, after all others are done, if the lock of some slot does not open: its epoch then stays.
        """
        number = self.epochs.start()
        self.relock()
        return number

    def relock(self, seconds: float | None = None) -> Relocked:
        """Every live slot lies under the newest epoch, or `seconds` are over: then `is_done` is false.

        Raises `Tampered`, after all others are done, if the lock of some slot does not open: its epoch then stays.
        """
        done = self.epochs.relock(seconds)
        if done.is_done and done.damaged:
            names = ", ".join(map(str, done.damaged))
            raise Tampered(f"The lock of these slots does not open: {names}")
        return done

    def new_master(self) -> int:
        """The key management has a new version of the master key; returns its number. `Conflict` if that is not ours."""
        return self._kms.rotate()

    def rewrap(self) -> int:
        """Every epoch key is wrapped by the newest version of the master key; returns how many were wrapped anew."""
        return self.epochs.rewrap()

    def status(self) -> dict[str, Any]:
        """Numbers and times for people, as JSON holds them; no key, no slot's name."""
        live = Slot.destroyed_at.is_(None)
        with reading(self.engine) as session:
            epochs = session.scalars(select(Epoch).order_by(Epoch.number)).all()
            kinds = session.execute(select(Slot.kind, func.count()).where(live).group_by(Slot.kind)).all()
            destroyed = session.scalar(select(func.count()).select_from(Slot).where(~live))
        return {
            "epoch": epochs[-1].number if epochs else None,
            "epoch_started_at": epochs[-1].created_at.isoformat() if epochs else None,
            "epochs_waiting": [epoch.number for epoch in epochs[:-1]],
            "slots": {SlotKind(kind).name.lower(): count for kind, count in kinds},
            "slots_waiting": self.epochs.outdated_count(),
            "slots_destroyed": destroyed,
            "master_versions": self._kms.versions(),
            "master_versions_in_use": sorted({epoch.master_version for epoch in epochs}),
            "second_copy": self.copy.deployment_id() is not None,
        }

    def _end(self, row: Slot | None, slot_id: UUID, successor_id: UUID | None, at: datetime) -> None:
        self.copy.erase_slot(slot_id)
        if row is not None and row.destroyed_at is None:
            row.blob, row.epoch = None, None
            row.destroyed_at, row.successor_id = at, successor_id

    def _fill_copy(self, session: Session, deployment_id: UUID) -> None:
        """Into a new folder goes everything that lives, before the folder counts."""
        self.copy.begin()
        for epoch in session.scalars(select(Epoch)):
            self.copy.keep_epoch(sealed_epoch(epoch), replace=True, founding=True)
        live = select(Slot).where(Slot.destroyed_at.is_(None)).execution_options(yield_per=MANY)
        for slot in session.scalars(live):
            self.copy.keep_slot(sealed_slot(slot), founding=True)
        self.copy.found(deployment_id)


def _locks_name(subject_id: UUID, slot_id: UUID) -> str:
    return f"locks/{subject_id}/{slot_id}"
