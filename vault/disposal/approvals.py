"""Signatures of a list, and whether they hold: each is the MAC of docs/format.md by the slot that its person had then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.crypto.kinds import SlotKind
from vault.crypto.marks import approval_mac
from vault.crypto.secret import compare
from vault.disposal.lists import Said
from vault.disposal.models import Disposal, DisposalSignature
from vault.errors import Tampered

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from vault.keystore.service import Keystore
    from vault.runtime import Transaction


def signatures_of(session: Session, disposal_id: UUID) -> Sequence[DisposalSignature]:
    """In the order in which they were given."""
    mine = select(DisposalSignature).where(DisposalSignature.disposal_id == disposal_id)
    return session.scalars(mine.order_by(DisposalSignature.place)).all()


def approval_of(
    keystore: Keystore, slot_id: UUID, person_id: UUID, disposal_id: UUID, said: Said, at: datetime
) -> bytes:
    """One person's approval; `Tampered` once that slot is gone, or if it is another's."""
    slot = keystore.open_slot(slot_id, SlotKind.PRINCIPAL, person_id)
    return approval_mac(slot, person_id, disposal_id, said.content, int(at.timestamp()))


def all_hold(
    keystore: Keystore, disposal: Disposal, signatures: Sequence[DisposalSignature], said: Said
) -> bool:
    """Whether as many different people of different units as the list asks for have signed just this, and each approval
    still verifies. The first is an archivist's, the others are not.
    """
    roles = [each.role for each in signatures]
    if len(signatures) != disposal.signers or disposal.signers < 2:
        return False
    if roles[0] != "archivist" or "archivist" in roles[1:]:
        return False
    if any(len({getattr(each, name) for each in signatures}) < len(roles) for name in ("person_id", "unit")):
        return False
    return all(_holds(keystore, disposal.id, said, each) for each in signatures)


def are_cold(tx: Transaction, signatures: Sequence[DisposalSignature]) -> bool:
    """Whether the cool-off is over, counted from the last approval: nobody who writes to the database changes that."""
    return all(tx.now >= each.signed_at + tx.settings.cool_off for each in signatures)


def _holds(keystore: Keystore, disposal_id: UUID, said: Said, each: DisposalSignature) -> bool:
    try:
        expected = approval_of(keystore, each.slot_id, each.person_id, disposal_id, said, each.signed_at)
    except Tampered:
        return False
    return compare(expected, each.mac)
