"""Slots seen from the database: replacing one in the safe order, and ending one for good.

Order of every replacement (docs/format.md): new slot → write-once lock object → database transaction → old slot destroyed.
A slot dies only because a committed *destroying* row names it; a sweep finishes what a crash left.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import CheckConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from vault.access.actor import SYSTEM
from vault.crypto.kinds import SlotKind
from vault.db import Row
from vault.errors import Unwarranted, VaultError
from vault.jobs import handles

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

DESTROYING, DONE, REFUSED = "destroying", "done", "refused"
Kept = Sequence[tuple[Row, Sequence[str]]]
"""Other rows that belong to a replacement, each with the columns that are kept of it."""


class Destruction(Row):
    """The committed word that one slot dies, and whether it has; or that the keystore refused."""

    __tablename__ = "destructions"
    __table_args__ = (CheckConstraint("state in ('destroying', 'done', 'refused')", name="state"),)

    slot_id: Mapped[UUID] = mapped_column(unique=True)
    successor_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(default=DESTROYING, index=True)
    ordered_at: Mapped[datetime]
    done_at: Mapped[datetime | None]


def replace_slot(
    tx: Transaction,
    row: Any,
    kind: SlotKind,
    remake: Callable[[bytes], Mapping[str, Any]],
    also: Kept = (),
) -> None:
    """Give `row` (with `id` and `slot_id`) a new slot and everything that hangs on it.

    `remake` gets the new 32-byte slot and returns the columns made anew; `also` names columns of other rows that
    belong to the same change. All are kept as a lock object before the database changes, so that a restored
    database can be brought forward. The old slot dies after the commit.
    """
    slot = tx.keystore.create_slot(kind, row.id, is_sealed=kind is SlotKind.VERSION)
    columns = remake(slot.key)
    others = [kept_row(other, {name: getattr(other, name) for name in names}) for other, names in also]
    tx.keystore.keep_locks(row.id, slot.id, {"row": kept_row(row, columns), "also": others})
    old = row.slot_id
    row.slot_id = slot.id
    for name, value in columns.items():
        setattr(row, name, value)
    if old is not None:
        tx.destroy(old, successor_id=slot.id)


def kept_row(row: Row, columns: Mapping[str, Any]) -> dict[str, Any]:
    """A row's columns as JSON holds them: bytes in base64, ids and times as text."""
    return {
        "table": row.__tablename__,
        "id": str(row.id),
        "columns": {k: _kept(v) for k, v in columns.items()},
    }


def _kept(value: Any) -> str | int | None:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, int | str):
        return value
    raise TypeError(f"a lock object keeps no {type(value).__name__}")


def destruction_state(session: Session, slot_id: UUID) -> str | None:
    """What the database knows of a slot's end: 'destroying', 'done' or None."""
    return session.scalar(select(Destruction.state).where(Destruction.slot_id == slot_id))


def finish_destructions(runtime: Runtime) -> int:
    """Destroy every slot that a committed row names; each step can be repeated. Returns how many were finished.

    One that fails does not keep the others waiting; its error is raised at the end. One that the keystore refuses says so in
    its row and in the log, once.
    """
    with runtime.session() as session:
        waiting = session.scalars(select(Destruction).where(Destruction.state == DESTROYING)).all()
    failures: list[VaultError | OSError] = []
    refused = 0
    for ordered in waiting:
        try:
            finish_destruction(runtime, ordered.slot_id, ordered.successor_id)
        except Unwarranted:
            refused += 1
        except (VaultError, OSError) as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return len(waiting) - refused


@handles("slots.finish_destructions")
def finish_destructions_job(runtime: Runtime, _job: object) -> None:
    """Finish what a crash left between a commit and the end of a slot."""
    finish_destructions(runtime)


def finish_destruction(runtime: Runtime, slot_id: UUID, successor_id: UUID | None) -> None:
    """Ledger, keystore, then the row: the slot is dead and the database knows it.

    `Unwarranted` where this needs more than a row: the slot lives, and row and log say that it was refused.
    """
    try:
        runtime.keystore.destroy_slot(slot_id, successor_id)
    except Unwarranted:
        _note_refusal(runtime, slot_id)
        raise
    with runtime.session() as session:
        row = session.scalar(select(Destruction).where(Destruction.slot_id == slot_id))
        if row is not None:
            row.state, row.done_at = DONE, runtime.clock.now()


def _note_refusal(runtime: Runtime, slot_id: UUID) -> None:
    with runtime.transaction(SYSTEM) as tx:
        row = tx.session.scalar(select(Destruction).where(Destruction.slot_id == slot_id).with_for_update())
        if row is not None and row.state == DESTROYING:
            row.state = REFUSED
            tx.record("slot.destruction_refused", slot=slot_id)
