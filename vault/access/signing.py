"""Signing keys: one Ed25519 key per purpose, whose seed is a slot. What it signs anybody can check with its public half."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import LargeBinary, String, select
from sqlalchemy.orm import Mapped, mapped_column

from vault.crypto.kinds import SlotKind
from vault.crypto.signature import sign, signing_public_key
from vault.db import Row, take_turn
from vault.deployment import deployment_id
from vault.errors import Misconfigured

if TYPE_CHECKING:
    from vault.runtime import Transaction

RECEIPT = "receipt"
CERTIFICATE = "certificate"


class SigningKey(Row):
    """The public half of a key, and the slot that is its seed; the subject of the slot is the deployment."""

    __tablename__ = "signing_keys"

    purpose: Mapped[str] = mapped_column(String(20), unique=True)
    slot_id: Mapped[UUID] = mapped_column(unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    made_at: Mapped[datetime]


def signing_key(tx: Transaction, purpose: str) -> SigningKey | None:
    """The key for this purpose, if something was ever signed with it."""
    return tx.session.scalar(select(SigningKey).where(SigningKey.purpose == purpose))


def sign_for(tx: Transaction, purpose: str, content: bytes) -> tuple[SigningKey, bytes]:
    """The key, made the first time, and 64 bytes over `casevault-v1/<purpose>`, a zero byte and the content."""
    deployment = deployment_id(tx.session)
    if deployment is None:
        raise Misconfigured("This vault was never set up. Run: casevault db upgrade")
    key = signing_key(tx, purpose) or _made(tx, purpose, deployment)
    seed = tx.keystore.open_slot(key.slot_id, SlotKind.SIGNING, deployment)
    return key, sign(seed, signed_bytes(purpose, content))


def signed_bytes(purpose: str, content: bytes) -> bytes:
    """What is signed: the purpose stands before the content, so that no signature serves for another."""
    return b"casevault-v1/" + purpose.encode() + b"\x00" + content


def _made(tx: Transaction, purpose: str, deployment: UUID) -> SigningKey:
    take_turn(tx.session, f"signing:{purpose}")
    found = signing_key(tx, purpose)
    if found is not None:
        return found
    slot = tx.keystore.create_slot(SlotKind.SIGNING, deployment)
    public = signing_public_key(slot.key)
    return tx.add(SigningKey(id=uuid4(), purpose=purpose, slot_id=slot.id, public_key=public, made_at=tx.now))
