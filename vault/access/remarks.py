"""Remarks: free text that people give as a reason. It is kept in an erasable row, never in the log.

Under an open bundle the text is locked with the bundle's key; otherwise with the office's slot, which is a machine half
only: whoever has the keystore reads it, and the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from secrets import token_bytes
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import LargeBinary, select
from sqlalchemy.orm import Mapped, mapped_column

from vault.crypto.kdf import hmac_sha256
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import lock_text, unlock_text
from vault.db import Base, Row, take_turn
from vault.errors import Conflict, Fault, Invalid

if TYPE_CHECKING:
    from vault.runtime import Transaction

LABEL = "remark.text"
LONGEST_REASON = 1000


@dataclass(frozen=True)
class Holder:
    """Whose key locks a text: an id (bundle, link, office) and its 32-byte key."""

    id: UUID
    key: bytes


class OfficeSlot(Base):
    """The slot under which an office's remarks outside bundles are locked."""

    __tablename__ = "office_slots"

    office_id: Mapped[UUID] = mapped_column(primary_key=True)
    slot_id: Mapped[UUID] = mapped_column(unique=True)


class Remark(Row):
    """One text, its holder, and the salt of the digest that the log keeps."""

    __tablename__ = "remarks"

    holder_id: Mapped[UUID] = mapped_column(index=True)
    text_lock: Mapped[bytes] = mapped_column(LargeBinary)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    made_by_id: Mapped[UUID | None]
    made_at: Mapped[datetime]


def checked_reason(reason: str) -> str:
    """The reason without outer spaces, 1 to 1,000 characters; `Invalid` at /reason otherwise."""
    reason = reason.strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        message = f"Give a reason, in at most {LONGEST_REASON:,} characters."
        raise Invalid(message, errors=[Fault("/reason", message)])
    return reason


def make_remark(tx: Transaction, text: str, holder: Holder | None = None) -> Remark:
    """Keep the text locked; the row's id and salted HMAC are what an event may carry."""
    holder = holder or office_holder(tx)
    remark_id = uuid4()
    return tx.add(
        Remark(
            id=remark_id,
            holder_id=holder.id,
            text_lock=lock_text(holder.key, holder.id, LABEL, remark_id, text),
            salt=token_bytes(32),
            made_by_id=tx.actor.id,
            made_at=tx.now,
        )
    )


def digest_of(remark: Remark, text: str) -> str:
    """Hexadecimal HMAC-SHA-256 of the text under the remark's own salt."""
    return hmac_sha256(remark.salt, text.encode()).hex()


def read_remark(tx: Transaction, remark: Remark, holder: Holder | None = None) -> str:
    """The text of a remark; `Tampered` when the holder's key does not fit."""
    holder = holder or office_holder(tx)
    return unlock_text(holder.key, remark.holder_id, LABEL, remark.id, remark.text_lock)


def office_holder(tx: Transaction, office_id: UUID | None = None) -> Holder:
    """An office, the actor's if none is named, as holder; its slot is made the first time."""
    office_id = office_id or tx.actor.office_id
    if office_id is None:
        raise Conflict("A reason needs an office to be kept in.")
    query = select(OfficeSlot).where(OfficeSlot.office_id == office_id)
    kept = tx.session.scalar(query)
    if kept is None:
        take_turn(tx.session, f"slot of office {office_id}")
        kept = tx.session.scalar(query)
    if kept is None:
        slot = tx.keystore.create_slot(SlotKind.OFFICE, office_id)
        tx.session.add(OfficeSlot(office_id=office_id, slot_id=slot.id))
        tx.session.flush()
        return Holder(office_id, slot.key)
    return Holder(office_id, tx.keystore.open_slot(kept.slot_id, SlotKind.OFFICE, office_id))
