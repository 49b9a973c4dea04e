"""What administrators see of backups: where they are, how old, what must be done. No content, no key."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.policy import Permission
from vault.backups.queries import last_drill, newest_backups, state_of, warnings
from vault.keystore.backups import BackupRecord

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST = 10


class DatabaseBackup(BaseModel):
    """A backup of the database; `is_there` as seen from this process."""

    place: str
    taken_at: datetime
    log_size: int
    size: int
    objects: int
    is_there: bool


class KeystoreBackupRow(BaseModel):
    """A backup of the keystore. `state` is kept, unfinished, expired, by_hand or gone."""

    id: UUID
    place: str
    begun_at: datetime
    expires_at: datetime
    gone_at: datetime | None
    first_epoch: int
    last_epoch: int
    state: str
    may_confirm: bool


class DrillRow(BaseModel):
    """The last drill."""

    held_at: datetime
    seconds: int
    lost: int
    faults: int


class BackupsPage(BaseModel):
    """Backups, the newest first; of those of the keystore all that are not gone, and a few that are."""

    now: datetime
    warnings: list[str]
    databases: list[DatabaseBackup]
    keystores: list[KeystoreBackupRow]
    drill: DrillRow | None


def backups_page(tx: Transaction) -> BackupsPage:
    """As they are known."""
    drill = last_drill(tx.session)
    every = tx.keystore.backups.all()
    gone = [each for each in every if each.gone_at is not None][:MOST]
    shown = [each for each in every if each.gone_at is None or each in gone]
    return BackupsPage(
        now=tx.now,
        warnings=[note for _, note in warnings(tx.session, tx.keystore, tx.now)],
        databases=[
            DatabaseBackup(
                place=each.place,
                taken_at=each.taken_at,
                log_size=each.log_size,
                size=each.size,
                objects=each.objects,
                is_there=Path(each.place).is_dir(),
            )
            for each in newest_backups(tx.session, MOST)
        ],
        keystores=[_keystore_row(tx, each) for each in shown],
        drill=drill
        and DrillRow(held_at=drill.held_at, seconds=drill.seconds, lost=drill.lost, faults=drill.faults),
    )


def _keystore_row(tx: Transaction, backup: BackupRecord) -> KeystoreBackupRow:
    state = state_of(backup, tx.now)
    return KeystoreBackupRow(
        id=backup.id,
        place=backup.place,
        begun_at=backup.begun_at,
        expires_at=backup.expires_at,
        gone_at=backup.gone_at,
        first_epoch=backup.first_epoch,
        last_epoch=backup.last_epoch,
        state=state,
        may_confirm=state != "gone"
        and not Path(backup.place).is_dir()
        and tx.allows(Permission.BACKUP_CONFIRM),
    )
