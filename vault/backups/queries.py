"""What is known of backups, and what is wrong with that: for the page, and for `casevault check`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from vault.audit.checkpoints import head_of, named_checkpoints
from vault.backups.models import Backup, Drill, Restore
from vault.backups.service import is_reached
from vault.keystore.backups import BackupRecord
from vault.keystore.service import Keystore
from vault.store.base import Store

DAY = timedelta(days=1)
DRILL_EVERY = timedelta(days=90)
NONE_EVER = "There is no backup of the database. Run: casevault backup --to FOLDER"
NONE_LATELY = "The newest backup of the database is older than a day. Run: casevault backup --to FOLDER"
NOT_THERE = "The newest backup of the database is not where it was written, as far as can be seen from here."
NO_KEYSTORE = "The keystore has neither a second copy nor a backup: one lost disk loses every case."
KEYSTORE_OLD = "The newest backup of the keystore is older than a day, and it has no second copy."
BY_HAND = "Backups of the keystore must be destroyed by hand, and confirmed on the page Backups."
NO_DRILL = "No backup was tried within 90 days. Run: casevault restore --drill"
BAD_DRILL = "The last drill found faults. Run it again: casevault restore --drill"
PARTS = ("backups", "keystore backups", "drill")


def newest_backups(session: Session, most: int) -> list[Backup]:
    """Those of the database, the newest first."""
    return list(session.scalars(select(Backup).order_by(Backup.taken_at.desc()).limit(most)))


def was_longer(session: Session, store: Store) -> bool:
    """Whether a checkpoint tells of a longer log, but for those of before the last restore. Trusts their names."""
    named = named_checkpoints(store)
    size = head_of(session).size
    known = session.scalar(select(func.max(Restore.known_until)))
    return any(each.size > size and (known is None or each.at > known) for each in named)


def last_drill(session: Session) -> Drill | None:
    """The drill that was held last."""
    return session.scalar(select(Drill).order_by(Drill.held_at.desc()).limit(1))


def state_of(backup: BackupRecord, now: datetime) -> str:
    """One word for a backup of the keystore: gone, unfinished, kept, expired (the job deletes it) or by_hand."""
    if backup.gone_at is not None:
        return "gone"
    if backup.expires_at <= now:
        return "expired" if is_reached(backup) else "by_hand"
    return "kept" if backup.taken_at is not None else "unfinished"


def warnings(session: Session, keystore: Keystore, now: datetime) -> Iterator[tuple[str, str]]:
    """What somebody should do, each with the part that it is about."""
    newest = next(iter(newest_backups(session, 1)), None)
    if newest is None:
        yield "backups", NONE_EVER
    elif newest.taken_at < now - DAY:
        yield "backups", NONE_LATELY
    elif not Path(newest.place).is_dir():
        yield "backups", NOT_THERE
    living = keystore.backups.living()
    if keystore.engine.dialect.name == "sqlite" and not keystore.copy.is_kept:
        if not living:
            yield "keystore backups", NO_KEYSTORE
        elif living[0].begun_at < now - DAY:
            yield "keystore backups", KEYSTORE_OLD
    if any(state_of(each, now) == "by_hand" for each in living):
        yield "keystore backups", BY_HAND
    drill = last_drill(session)
    if newest is not None and (drill is None or drill.held_at < now - DRILL_EVERY):
        yield "drill", NO_DRILL
    elif drill is not None and drill.faults:
        yield "drill", BAD_DRILL
