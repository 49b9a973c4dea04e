"""When a certificate may become final: nothing that could bring a destroyed slot back is known to be left.

What a provisional certificate says of its slots and of the backups as they were then is taken from its signed text alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from vault.archive.package import written_time
from vault.archive.removal_models import MIGRATION, WAITS_BACKUP, WAITS_COPY, WAITS_SLOT, WAITS_TIME

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from vault.keystore.backups import BackupRecord
    from vault.runtime import Transaction

BACKUPS_GONE, MASTERS_DESTROYED = "backups_gone", "masters_destroyed"
FINAL_STATEMENTS = {
    BACKUPS_GONE: (
        "The time for which backups of the keystore are kept is over, and of those that this vault has entered none is left"
        " that may hold one of the slots that are named here."
    ),
    MASTERS_DESTROYED: (
        "Every version of the master key that could open an epoch in which one of the slots that are named here lay was"
        " destroyed, as the key management says. What is left of backups of the keystore opens none of them."
    ),
}
FINAL_LIMITATIONS = (
    "It says what this vault knows: a copy of the keystore, or of a master key, that somebody made by hand and never entered"
    " is not known to it.",
    "What had left the vault before, by download, link, loan or export, was not reached.",
)


@dataclass(frozen=True)
class Remaining:
    """A copy that the act could not remove: where it lies, and until when its store keeps it."""

    name: str
    until: datetime | None


Left = Callable[["Session", UUID], "list[Remaining] | None"]
LEFT: dict[str, Left] = {}


def tells_what_is_left(kind: str) -> Callable[[Left], Left]:
    """Register the function that knows, of an act of this kind, which of the copies that remained are still there; None for
    an act that it does not know, as after a restore: then the signed text counts.
    """

    def register(tells: Left) -> Left:
        if LEFT.setdefault(kind, tells) is not tells:
            raise ValueError(f"two that tell what is left of a {kind}")
        return tells

    return register


@dataclass(frozen=True)
class Outlook:
    """Why it can be final (`reason`), or what it waits for, until when, and for which backup of the keystore."""

    reason: str | None = None
    waits_for: str | None = None
    until: datetime | None = None
    backup_id: UUID | None = None
    backups: list[BackupRecord] = field(default_factory=list)
    masters: list[int] = field(default_factory=list)


def backup_facts(tx: Transaction, slot_ids: Collection[UUID]) -> dict[str, Any]:
    """What a provisional certificate says of backups of the keystore: which may hold one of these slots, and until when;
    the day after which none is left if each goes in its time; and the versions of the master key that could open them.
    """
    living = [each for each in tx.keystore.backups.that_held(slot_ids) if each.gone_at is None]
    until = max([tx.now + tx.settings.keystore_backup_kept, *(each.expires_at for each in living)])
    masters = {*tx.keystore.epochs.masters(), *(version for each in living for version in each.masters)}
    return {
        "keystore_backups": [
            {"id": str(each.id), "retain_until": written_time(each.expires_at)} for each in living
        ],
        "keystore_backups_until": until.date().isoformat(),
        "master_versions": sorted(masters),
    }


def slots_of(said: dict[str, Any]) -> list[UUID]:
    """The slots that a certificate says were destroyed."""
    return [UUID(each["slot"]) for each in said["removed"] if each["slot"]]


def outlook_of(tx: Transaction, kind: str, act_id: UUID, said: dict[str, Any]) -> Outlook:
    """Whether this provisional certificate can have its final one now."""
    slots = slots_of(said)
    if tx.keystore.live_among(slots):
        return Outlook(waits_for=WAITS_SLOT)
    left = _left(tx.session, kind, act_id, said)
    if left:
        return Outlook(
            waits_for=WAITS_COPY, until=max((each.until for each in left if each.until), default=None)
        )
    held = tx.keystore.backups.that_held(slots)
    living = sorted((each for each in held if each.gone_at is None), key=lambda each: each.expires_at)
    over_at = _end_of(said["keystore_backups_until"])
    if not living and tx.now >= over_at:
        return Outlook(BACKUPS_GONE, backups=held)
    known = said.get("master_versions")
    masters = sorted({*known, *(version for each in living for version in each.masters)}) if known else []
    if masters and tx.keystore.epochs.are_destroyed(masters):
        return Outlook(MASTERS_DESTROYED, backups=held, masters=masters)
    if living:
        return Outlook(waits_for=WAITS_BACKUP, until=living[-1].expires_at, backup_id=living[-1].id)
    return Outlook(waits_for=WAITS_TIME, until=over_at)


def final_values(said: dict[str, Any], outlook: Outlook) -> dict[str, Any]:
    """What the final certificate says beside its heading and the name of the provisional one. Never a path."""
    kept = {name: said[name] for name in ("organisation", "office", "case") if name in said}
    return kept | {
        "reason": outlook.reason,
        "statement": FINAL_STATEMENTS[outlook.reason or ""],
        "files": len(said["removed"]),
        "slots": [str(each) for each in slots_of(said)],
        "keystore_backups": [_backup(each) for each in outlook.backups],
        "keystore_backups_until": said["keystore_backups_until"],
        "master_versions_destroyed": outlook.masters,
        "remaining": [each for each in said.get("remaining", []) if not each["locked_until"]],
        "limitations": list(FINAL_LIMITATIONS),
    }


def _left(session: Session, kind: str, act_id: UUID, said: dict[str, Any]) -> list[Remaining]:
    """What a store had locked: still there, unless who knows says otherwise. What lies with other files is not asked."""
    known = LEFT[kind](session, act_id) if kind in LEFT else None
    if known is not None:
        return known
    if kind != MIGRATION and "remaining" not in said:
        return [Remaining("", None)]  # it does not say: in doubt something is left
    locked = [each for each in said.get("remaining", []) if each["locked_until"]]
    return [Remaining(each["object"], _moment(each["locked_until"])) for each in locked]


def _end_of(day: str) -> datetime:
    """The moment at which this day is over."""
    return datetime.combine(date.fromisoformat(day), time(), UTC) + timedelta(days=1)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _backup(each: BackupRecord) -> dict[str, Any]:
    return {
        "id": str(each.id),
        "begun_at": written_time(each.begun_at),
        "retain_until": written_time(each.expires_at),
        "gone_at": written_time(each.gone_at) if each.gone_at else None,
        "gone": each.gone,
    }
