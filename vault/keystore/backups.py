"""Backups of the keystore: which there are, what they hold, and which are gone.

As long as one exists, a slot that was destroyed since can be put back. So each is entered before its first byte is
written: in the keystore, and as an object `backups/<id>` in the object store, which outlives a keystore that is put
back; `backups/<id>-gone` says that it is gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, exists, func, select
from sqlalchemy.orm import Session, aliased

from vault.errors import Conflict, NotFound, Tampered
from vault.keystore.epochs import lock_deployment, reading, writing
from vault.keystore.models import Epoch, KeystoreBackup, Slot
from vault.store.base import Store

PREFIX = "backups/"
GONE = "-gone"
DELETED, CONFIRMED = "deleted", "confirmed"
MANY = 500
MARGIN = timedelta(hours=1)
"""How far the clocks of two machines that write to the keystore may be apart."""


@dataclass(frozen=True)
class BackupRecord:
    """One backup. `taken_at` is None where it was not finished, as far as is known; `gone` says how it went."""

    id: UUID
    place: str
    begun_at: datetime
    taken_at: datetime | None
    expires_at: datetime
    first_epoch: int
    last_epoch: int
    masters: tuple[int, ...]
    gone_at: datetime | None
    gone: str | None


class KeystoreBackups:
    """The backups of one keystore."""

    def __init__(self, engine: Engine, store: Store, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._store = store
        self._clock = clock

    def begin(
        self, place: Callable[[UUID, datetime], str], kept: timedelta, since: datetime | None = None
    ) -> BackupRecord:
        """A backup that is about to be written to a place is entered; from now on it holds every living slot.

        `since`: a copy that comes from an older backup also holds what lived when that was taken.
        """
        with writing(self._engine) as session:
            lock_deployment(session, alone=True)
            epochs = session.scalars(select(Epoch).order_by(Epoch.number)).all()
            now, backup_id = self._clock(), uuid4()
            row = KeystoreBackup(
                id=backup_id,
                place=place(backup_id, now),
                begun_at=min(since or now, now),
                expires_at=now + kept,
                first_epoch=epochs[0].number if epochs else 0,
                last_epoch=epochs[-1].number if epochs else 0,
                masters=sorted({epoch.master_version for epoch in epochs}),
            )
            session.add(row)
            session.flush()
            self._store.put(f"{PREFIX}{row.id}", _written(row))
            return _record(row)

    def taken(self, backup_id: UUID) -> None:
        """The backup is whole: what came after this moment is not in it."""
        with writing(self._engine) as session:
            lock_deployment(session, alone=True)
            row = session.get_one(KeystoreBackup, backup_id)
            row.taken_at = row.taken_at or self._clock()

    def note_gone(self, backup_id: UUID, way: str) -> BackupRecord:
        """The backup is gone: deleted here, or confirmed by a person. Can be repeated; the first word counts."""
        with writing(self._engine) as session:
            row = session.get(KeystoreBackup, backup_id, with_for_update=True)
            if row is None:
                raise NotFound("There is no such backup.")
            if row.gone_at is None:
                row.gone_at, row.gone = self._clock(), way
            session.flush()
            record = _record(row)
        content = json.dumps({"at": _text(record.gone_at), "way": record.gone}).encode()
        _put_once(self._store, f"{PREFIX}{backup_id}{GONE}", content)
        return record

    def all(self) -> list[BackupRecord]:
        """Every backup that was ever begun, the newest first."""
        with reading(self._engine) as session:
            rows = session.scalars(select(KeystoreBackup).order_by(KeystoreBackup.begun_at.desc()))
            return [_record(row) for row in rows]

    def find(self, backup_id: UUID) -> BackupRecord:
        """This backup. Raises `NotFound`."""
        found = [each for each in self.all() if each.id == backup_id]
        if not found:
            raise NotFound("There is no such backup.")
        return found[0]

    def living(self) -> list[BackupRecord]:
        """Those that are not known to be gone, the newest first."""
        return [each for each in self.all() if each.gone_at is None]

    def holding(self, slot_id: UUID) -> list[BackupRecord]:
        """Those that are not known to be gone and may hold this slot: the end of it is final when there is none.

        A slot that the keystore does not know may be in any. Times are compared with an hour to spare.
        """
        with reading(self._engine) as session:
            slot = session.get(Slot, slot_id)
            made = slot.created_at if slot is not None else None
            ended = slot.destroyed_at if slot is not None else None
        return [each for each in self.living() if _may_hold(each, made, ended)]

    def that_held(self, slot_ids: Collection[UUID]) -> list[BackupRecord]:
        """Those, gone or not, that may hold or have held one of these slots, the newest first. In doubt one did."""
        made, ended, are_known = self._lives(list(slot_ids))
        if not are_known:
            return self.all()
        return [each for each in self.all() if _may_hold(each, made, ended)]

    def _lives(self, slot_ids: list[UUID]) -> tuple[datetime | None, datetime | None, bool]:
        """When the first slot of what these are of was made, when the last ended, and whether all are known."""
        made: list[datetime] = []
        ended: list[datetime | None] = []
        columns = func.count(), func.count(Slot.destroyed_at), func.min(Slot.created_at)
        of_it = aliased(Slot)
        with reading(self._engine) as session:
            for start in range(0, len(slot_ids), MANY):
                some = slot_ids[start : start + MANY]
                named = exists().where(
                    of_it.id.in_(some), of_it.kind == Slot.kind, of_it.subject_id == Slot.subject_id
                )
                if session.scalars(select(func.count()).where(Slot.id.in_(some))).one() < len(set(some)):
                    return None, None, False
                query = select(*columns, func.max(Slot.destroyed_at)).where(named)
                known, dead, first, last = session.execute(query).one()
                made.append(first)
                ended.append(last if dead == known else None)
        died = [at for at in ended if at is not None]
        return min(made, default=None), max(died) if died and None not in ended else None, True

    def adopt(self) -> int:
        """Backups that the object store remembers and this keystore, put back or rebuilt, does not; how many.

        Raises `Tampered` for an object that tells of none.
        """
        names = set(self._store.names(PREFIX))
        adopted = 0
        with writing(self._engine) as session:
            lock_deployment(session, alone=True)
            for name in sorted(each for each in names if not each.endswith(GONE)):
                adopted += self._bring(session, name, f"{name}{GONE}" in names)
        return adopted

    def _bring(self, session: Session, name: str, is_gone: bool) -> bool:
        try:
            row = _read(json.loads(self._store.get(name)))
            gone = json.loads(self._store.get(f"{name}{GONE}")) if is_gone else None
            known = session.get(KeystoreBackup, row.id)
            found = known or row
            if gone is not None and found.gone_at is None:
                found.gone_at, found.gone = datetime.fromisoformat(gone["at"]), gone["way"]
        except (ValueError, KeyError, TypeError) as fault:
            raise Tampered("An object that tells of a backup of the keystore is damaged.") from fault
        session.add(found)
        return known is None


def _may_hold(backup: BackupRecord, made: datetime | None, ended: datetime | None) -> bool:
    if made is not None and backup.taken_at is not None and made > backup.taken_at + MARGIN:
        return False
    return ended is None or ended >= backup.begun_at - MARGIN


def _record(row: KeystoreBackup) -> BackupRecord:
    return BackupRecord(
        id=row.id,
        place=row.place,
        begun_at=row.begun_at,
        taken_at=row.taken_at,
        expires_at=row.expires_at,
        first_epoch=row.first_epoch,
        last_epoch=row.last_epoch,
        masters=tuple(row.masters),
        gone_at=row.gone_at,
        gone=row.gone,
    )


def _written(row: KeystoreBackup) -> bytes:
    values = {name: _text(value) for name, value in asdict(_record(row)).items()}
    return json.dumps(values, sort_keys=True).encode()


def _text(value: Any) -> Any:
    return (
        value.isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value
    )


def _read(values: dict[str, Any]) -> KeystoreBackup:
    return KeystoreBackup(
        id=UUID(values["id"]),
        place=values["place"],
        begun_at=datetime.fromisoformat(values["begun_at"]),
        expires_at=datetime.fromisoformat(values["expires_at"]),
        first_epoch=values["first_epoch"],
        last_epoch=values["last_epoch"],
        masters=values["masters"],
    )


def _put_once(store: Store, name: str, content: bytes) -> None:
    with suppress(Conflict):  # said before
        store.put(name, content)
