"""The receipt of a sender: which files have arrived, signed by the vault, so that nobody can say later that they did not.

The text is canonical JSON: members in alphabetical order, no spaces, UTF-8, times in UTC with seconds. The signature is
Ed25519 over `casevault-v1/receipt`, a zero byte, and the text.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import select

from vault.access.signing import RECEIPT, SigningKey, sign_for, signed_bytes
from vault.crypto.signature import verify
from vault.db import for_change
from vault.deployment import deployment_id
from vault.drops.keys import DIGEST, Entry, name_of
from vault.drops.models import DroppedFile, DropReceipt
from vault.drops.notices import FINISHED
from vault.drops.programs import Program
from vault.drops.queries import files_of
from vault.errors import Conflict, Tampered
from vault.people.notices import tell

if TYPE_CHECKING:
    from datetime import datetime

    from vault.runtime import Transaction

LABEL = "drop.receipt"
FORM = "casevault-receipt-1"


def make_receipt(tx: Transaction, entry: Entry) -> DropReceipt:
    """A receipt for everything that has arrived from this sender until now, and stands. `Conflict` when nothing has.

    When there is one that says all this already, that one.
    """
    files = [file for file in files_of(tx, entry) if file.state in ("waiting", "taken_in")]
    if not files:
        raise Conflict("Nothing has arrived yet, so there is nothing to confirm.")
    _alone(tx, entry)
    newest = _newest(tx, entry)
    if newest is not None and _says_all(newest, files):
        return newest
    receipt_id = uuid4()
    text = canonical(_content(tx, entry, receipt_id, files))
    key, signature = sign_for(tx, RECEIPT, text.encode())
    receipt = DropReceipt(
        id=receipt_id,
        request_id=entry.request.id,
        sender_id=entry.sender_id,
        text_lock=entry.lock_text(LABEL, receipt_id, text),
        signature=signature,
        key_id=key.id,
        files=len(files),
        made_at=tx.now,
    )
    tx.record(
        "drop.receipted", entry.request, receipt=receipt_id, sender=entry.sender_id, files=receipt.files
    )
    tell(tx, entry.request, FINISHED, mark=str(receipt_id))
    return tx.add(receipt)


def newest_receipt(tx: Transaction, entry: Entry) -> tuple[DropReceipt, SigningKey, str] | None:
    """The sender's latest receipt, the key that signed it, and its text."""
    receipt = _newest(tx, entry)
    if receipt is None:
        return None
    key = tx.session.get_one(SigningKey, receipt.key_id)
    return receipt, key, entry.read_text(LABEL, receipt.id, receipt.text_lock)


def _alone(tx: Transaction, entry: Entry) -> None:
    """Nobody else makes a receipt for this sender meanwhile."""
    row = entry.request if isinstance(entry, Program) else entry.visit.sender
    tx.session.refresh(row, with_for_update=for_change(type(row)))


def _newest(tx: Transaction, entry: Entry) -> DropReceipt | None:
    own = select(DropReceipt).where(
        DropReceipt.request_id == entry.request.id, DropReceipt.sender_id == entry.sender_id
    )
    newest = own.order_by(DropReceipt.made_at.desc(), DropReceipt.files.desc(), DropReceipt.id)
    return tx.session.scalar(newest.limit(1))


def _says_all(receipt: DropReceipt, files: Sequence[DroppedFile]) -> bool:
    """Whether nothing has arrived, and nothing was ended, since the receipt."""
    is_older = all(file.arrived_at is None or file.arrived_at <= receipt.made_at for file in files)
    return receipt.files == len(files) and is_older


def check_receipt(text: str, signature: bytes, public_key: bytes) -> dict[str, Any]:
    """What the receipt says, if this key has signed exactly this text; else `Tampered`."""
    verify(public_key, signed_bytes(RECEIPT, text.encode()), signature)
    try:
        content = json.loads(text)
    except ValueError:
        raise Tampered from None
    if not isinstance(content, dict) or content.get("form") != FORM or canonical(content) != text:
        raise Tampered
    return content


def canonical(content: dict[str, Any]) -> str:
    """The one spelling of this content."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _content(tx: Transaction, entry: Entry, receipt_id: UUID, files: Sequence[DroppedFile]) -> dict[str, Any]:
    return {
        "form": FORM,
        "deployment": str(deployment_id(tx.session)),
        "request": str(entry.request.id),
        "sender": str(entry.sender_id or entry.request.token_id),
        "receipt": str(receipt_id),
        "made_at": _spelled(tx.now),
        "files": [
            {
                "name": name_of(entry, file),
                "length": file.upload.length,
                "sha256": digest_of(entry, file),
                "arrived_at": _spelled(file.arrived_at),
            }
            for file in files
        ],
    }


def digest_of(entry: Entry, file: DroppedFile) -> str | None:
    """SHA-256 of an arrived file, hexadecimal."""
    lock = file.sender_digest_lock
    return entry.read_text(DIGEST, file.id, lock) if lock else None


def _spelled(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
