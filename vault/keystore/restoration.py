"""After something was put back from a backup: what it forgot, found and replayed.

Order of a restore: `rebuild` the keystore from its second copy if it was lost or is older → `replay` the ledger, so
that every slot that died is dead again → for each row of the database whose slot is dead, `Successors.follow` to the
slot that lives and take its locks from `Keystore.kept_locks`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from vault.errors import Misconfigured
from vault.keystore.epochs import lock_deployment, newest_epoch, writing
from vault.keystore.ledger import LedgerEntry
from vault.keystore.models import Epoch, Slot
from vault.keystore.second_copy import SealedEpoch, SealedSlot
from vault.keystore.service import Keystore
from vault.keystore.warrants import NEEDING

DESTROYING, DONE = "destroying", "done"


@dataclass(frozen=True)
class Discrepancies:
    """Where ledger, keystore and database disagree; each tuple in the ledger's order."""

    unfinished: tuple[LedgerEntry, ...]
    """The database orders these destructions: finish them."""
    restored: tuple[LedgerEntry, ...]
    """The database or the keystore has forgotten these: it was put back, and the vault stays sealed."""


def find_discrepancies(keystore: Keystore, destroying: Callable[[UUID], str | None]) -> Discrepancies:
    """Compare the ledger with both databases.

    `destroying` tells what the database knows of a slot's end: 'destroying', 'done', or None for nothing.
    """
    ends = keystore.ends()
    live = keystore.live_among(ends)
    unfinished, restored = [], []
    for slot_id, entry in ends.items():
        state = destroying(slot_id)
        if state == DESTROYING:
            unfinished.append(entry)
        elif state != DONE or slot_id in live:
            restored.append(entry)
    return Discrepancies(tuple(unfinished), tuple(restored))


def replay(keystore: Keystore) -> int:
    """Every slot that the ledger names is dead; returns how many were killed again. Can be repeated.

    A keystore that was put back may not know what was sealed since: the slot of every version needs a warrant from now on.
    """
    keystore.warrants.require_all()
    return sum(keystore.repeat_destruction(entry) for entry in keystore.ends().values())


class Successors:
    """Who took whose place, as the ledger tells it. Read once: for a restore, not for a running vault."""

    def __init__(self, keystore: Keystore) -> None:
        self._keystore = keystore
        self._ends = keystore.ends()

    def knows(self, slot_id: UUID) -> bool:
        """Whether the ledger tells of the end of this slot."""
        return slot_id in self._ends

    def follow(self, slot_id: UUID) -> UUID | None:
        """The living slot that this one, or the last of its successors, is; None if the line has ended."""
        line = self.line(slot_id)
        return line[-1] if line else None

    def has_ended(self, slot_id: UUID) -> bool:
        """Whether the ledger tells that the line of this slot ended for good; a slot that is merely not here has not."""
        seen: set[UUID] = set()
        while slot_id in self._ends and slot_id not in seen:
            seen.add(slot_id)
            successor = self._ends[slot_id].successor_id
            if successor is None:
                return True
            slot_id = successor
        return False

    def line(self, slot_id: UUID) -> list[UUID]:
        """This slot's successors in their order up to the living one (a living slot alone); empty if it has ended."""
        seen: set[UUID] = set()
        line, following = [], slot_id
        while following in self._ends and following not in seen:
            seen.add(following)
            successor = self._ends[following].successor_id
            if successor is None:
                return []
            following = successor
            line.append(following)
        if following in seen or not self._keystore.is_live(following):
            return []
        return line or [slot_id]


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild brought back from the second copy."""

    epochs: int
    slots: int
    erased: int
    """Slots that the ledger knows as dead: not brought back, and erased from the copy."""
    stranded: tuple[UUID, ...]
    """Slots whose epoch is in neither: nothing opens them."""


def rebuild(keystore: Keystore) -> Rebuilt:
    """The keystore holds every slot of its second copy that did not die, and the copy's newer locks.

    For a keystore that is empty (founded with the copy's deployment id) or older than its copy. Raises
    `Misconfigured` if there is no copy, or it is another deployment's. Can be repeated.
    """
    copy, ends = keystore.copy, keystore.ends()
    with writing(keystore.engine) as session:
        if copy.deployment_id() != lock_deployment(session, alone=True):
            raise Misconfigured("There is no second copy of this keystore.")
        epochs = sum([_bring_epoch(session, epoch) for epoch in copy.epochs()])
        session.flush()
        slots, erased, stranded = 0, 0, []
        for sealed in copy.slots():
            row = session.get(Slot, sealed.id, with_for_update=True)
            if sealed.id in ends or (row is not None and row.destroyed_at is not None):
                copy.erase_slot(sealed.id)
                erased += 1
            elif session.get(Epoch, sealed.epoch) is None:
                stranded.append(sealed.id)
            else:
                slots += _bring_slot(session, row, sealed)
        newest = newest_epoch(session)
    if newest:
        keystore.epochs.relock()
    return Rebuilt(epochs, slots, erased, tuple(stranded))


def _bring_epoch(session: Session, sealed: SealedEpoch) -> bool:
    row = session.get(Epoch, sealed.number)
    if row is None:
        row = Epoch(number=sealed.number, created_at=sealed.created_at)
        session.add(row)
    elif (row.wrapped, row.master_version) == (sealed.wrapped, sealed.master_version):
        return False
    row.wrapped, row.master_version = sealed.wrapped, sealed.master_version
    return True


def _bring_slot(session: Session, row: Slot | None, sealed: SealedSlot) -> bool:
    if row is None:
        row = Slot(id=sealed.id, kind=sealed.kind, subject_id=sealed.subject_id, created_at=sealed.created_at)
        row.needs_warrant = sealed.kind in NEEDING
        session.add(row)
    elif (row.epoch or 0) >= sealed.epoch:
        return False
    row.epoch, row.blob = sealed.epoch, sealed.blob
    return True
