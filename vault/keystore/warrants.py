"""Why the slot of a bundle or of a sealed version may die: two people approved it, and both approvals were checked.

The database says what is to die, and whoever writes to it could say more. So the keystore keeps for itself which slots
need a warrant, and for which requests it has seen two approvals that hold.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from vault.crypto.kinds import SlotKind
from vault.errors import Tampered, Unwarranted
from vault.keystore.epochs import lock_deployment, reading, writing
from vault.keystore.models import Slot, Warrant

MANY = 500
NEEDING = (SlotKind.BUNDLE, SlotKind.VERSION)
"""The kinds of slots that may need one: a bundle's always, a version's once it is sealed."""


class Warrants:
    """The warrants of one keystore."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def require(self, slot_id: UUID) -> None:
        """From now on this slot dies only by a warrant or for a successor: what it locks is sealed."""
        with writing(self._engine) as session:
            session.execute(update(Slot).where(Slot.id == slot_id).values(needs_warrant=True))

    def require_all(self) -> None:
        """Every living slot of a bundle or version dies only by a warrant or for a successor."""
        living = Slot.kind.in_(NEEDING), Slot.destroyed_at.is_(None)
        with writing(self._engine) as session:
            session.execute(update(Slot).where(*living).values(needs_warrant=True))

    def give(self, request_id: UUID, digest: bytes, slots: Mapping[UUID, UUID]) -> None:
        """These slots, each with its version, may die for this request. Call it once both approvals were checked.

        Repeated, it is the same. `Tampered` if one is of another version, or if this request was approved in other words:
        then none may.
        """
        with writing(self._engine) as session:
            lock_deployment(session)
            known = session.get(Warrant, request_id)
            if known is None:
                session.add(Warrant(id=request_id, digest=digest, given_at=self._clock()))
                session.flush()
            elif known.digest != digest:
                raise Tampered("This request was approved in other words.")
            for some in _pieces(list(slots)):
                _grant(session, request_id, {slot_id: slots[slot_id] for slot_id in some})

    def digest_of(self, request_id: UUID) -> bytes | None:
        """What was approved, or None if no warrant was given."""
        with reading(self._engine) as session:
            return session.scalar(select(Warrant.digest).where(Warrant.id == request_id))

    def ended_by(self, request_id: UUID) -> set[UUID]:
        """The slots that were to die for this request, and did."""
        died = select(Slot.id).where(Slot.warrant_id == request_id, Slot.destroyed_at.is_not(None))
        with reading(self._engine) as session:
            return set(session.scalars(died))

    def living_of(self, subjects: Collection[UUID]) -> dict[UUID, UUID]:
        """Every living slot of these versions, each with its version: also what a crash left, and no row names."""
        found: dict[UUID, UUID] = {}
        with reading(self._engine) as session:
            for some in _pieces(list(subjects)):
                mine = Slot.kind == SlotKind.VERSION, Slot.subject_id.in_(some), Slot.destroyed_at.is_(None)
                found.update(session.execute(select(Slot.id, Slot.subject_id).where(*mine)).all())
        return found

    def withdraw(self, request_id: UUID) -> None:
        """A request that will not be carried out lets no living slot die. What died for it stays on record."""
        living = Slot.warrant_id == request_id, Slot.destroyed_at.is_(None)
        with writing(self._engine) as session:
            lock_deployment(session)
            session.execute(update(Slot).where(*living).values(warrant_id=None))
            died = session.scalar(select(Slot.id).where(Slot.warrant_id == request_id).limit(1))
            row = session.get(Warrant, request_id)
            if row is not None and died is None:
                session.delete(row)


def require_end(session: Session, row: Slot, successor_id: UUID | None) -> None:
    """This living slot may die now. `Unwarranted` where it needs a warrant, has none, and nothing lives in its place."""
    if not row.needs_warrant or row.warrant_id is not None:
        return
    seen, following = {row.id}, successor_id
    while following is not None and following not in seen:
        seen.add(following)
        heir = session.get(Slot, following)
        if heir is None or (heir.kind, heir.subject_id) != (row.kind, row.subject_id):
            break
        if heir.destroyed_at is None or heir.warrant_id is not None:
            return
        following = heir.successor_id
    raise Unwarranted


def _grant(session: Session, request_id: UUID, slots: Mapping[UUID, UUID]) -> None:
    query = select(Slot).where(Slot.id.in_(slots)).with_for_update()
    rows = session.scalars(query).all()
    if {row.id for row in rows} != set(slots):
        raise Tampered("The keystore does not know all of these slots.")
    for row in rows:
        if row.kind != SlotKind.VERSION or row.subject_id != slots[row.id]:
            raise Tampered("A slot is not that of its version.")
        if row.destroyed_at is None:
            row.warrant_id = request_id
        elif row.warrant_id != request_id:
            raise Tampered("A slot has died already, and not for this request.")


def _pieces(ids: list[UUID]) -> list[list[UUID]]:
    return [ids[start : start + MANY] for start in range(0, len(ids), MANY)]
