"""Checkpoints: size and root of the log, signed, each a write-once object in the object store.

    checkpoints/<size>-<microsecond of the last entry>-<beginning of the root>

The name is made from the head alone, so that the same head is kept once. Whoever can write to the database can rewrite
the log, but signs nothing: that takes a slot. A log that is shorter than a checkpoint says, or has another root there,
was put back from a backup or changed.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from vault.access.actor import SYSTEM
from vault.access.signing import sign_for, signed_bytes
from vault.audit import models
from vault.audit.tree import Frontier
from vault.crypto.encoding import b64, unb64
from vault.crypto.kinds import SlotKind
from vault.crypto.signature import signing_public_key, verify
from vault.deployment import deployment_id
from vault.errors import Conflict, Tampered
from vault.jobs import ClaimedJob, handles

if TYPE_CHECKING:
    from vault.keystore.service import Keystore
    from vault.runtime import Runtime, Transaction
    from vault.store.base import Store

KEEP = "audit.keep_checkpoint"
PREFIX = "checkpoints/"
PURPOSE = "checkpoint"
FORMAT = "casevault-checkpoint/1"
ROOT_LETTERS = 16
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


@dataclass(frozen=True)
class Head:
    """Where a log ends: its number of entries, the root over them, when the last was written."""

    size: int
    root: bytes
    at: datetime | None


@dataclass(frozen=True)
class Named:
    """What the name of a checkpoint says. It is signed by nobody: enough to be wary, not to believe."""

    size: int
    at: datetime
    name: str


@handles(KEEP)
def keep_checkpoint_job(runtime: Runtime, _job: ClaimedJob) -> None:
    """The head of the log stands in the object store, signed."""
    keep_checkpoint(runtime)


def keep_checkpoint(runtime: Runtime) -> Head:
    """The head of the log is kept in the object store, signed; once, however often it is asked."""
    with runtime.transaction(SYSTEM) as tx:
        head = head_of(tx.session)
        content = signed_statement(tx, {"format": FORMAT, **statement_of(tx.session, head)})
    if head.at is not None:
        with suppress(Conflict):  # this head was kept before
            runtime.store.put(_name(head), content)
    return head


def head_of(session: Session) -> Head:
    """Where the log ends. Raises `Tampered` for a log without a head."""
    row = session.scalar(select(models.AuditHead).where(models.AuditHead.id == 1))
    if row is None:
        raise Tampered("The audit log has no head.")
    return Head(row.size, bytes(row.root), row.at)


def statement_of(session: Session, head: Head) -> dict[str, Any]:
    """What is signed of a head: whose log it is, size, root, time."""
    at = head.at.isoformat() if head.at else None
    return {"deployment": str(deployment_id(session)), "size": head.size, "root": head.root.hex(), "at": at}


def signed_statement(tx: Transaction, values: dict[str, Any]) -> bytes:
    """The values in one spelling, with the signature of the checkpoint key, its public half, and its slot's id."""
    text = _written(values)
    key, signature = sign_for(tx, PURPOSE, text)
    envelope = {
        "key": b64(key.public_key),
        "signature": b64(signature),
        "slot": str(key.slot_id),
        "statement": text.decode(),
    }
    return _written(envelope)


def read_statement(content: bytes) -> dict[str, Any]:
    """The values of a signed statement whose signature fits the key that it carries; else `Tampered`.

    That says that nothing was changed by accident. Whether the key is ours, `vouch` knows.
    """
    try:
        envelope = json.loads(content)
        text = envelope["statement"].encode()
        verify(unb64(envelope["key"]), signed_bytes(PURPOSE, text), unb64(envelope["signature"]))
        values: dict[str, Any] = json.loads(text)
        is_same = _written(values) == text and _written(envelope) == content
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Tampered("A signed statement is damaged.") from None
    if not is_same:
        raise Tampered("A signed statement is damaged.")
    return values


def vouch(keystore: Keystore, deployment: UUID, content: bytes) -> dict[str, Any]:
    """The values of a statement that this deployment signed: the keystore has the key. Raises `Tampered`."""
    values, envelope = read_statement(content), json.loads(content)
    seed = keystore.open_slot(UUID(envelope["slot"]), SlotKind.SIGNING, deployment)
    if signing_public_key(seed) != unb64(envelope["key"]) or values.get("deployment") != str(deployment):
        raise Tampered("A signed statement is not this vault's.")
    return values


def named_checkpoints(store: Store) -> list[Named]:
    """What the names in the store say, the longest log first."""
    found = [_parsed(name) for name in store.names(PREFIX)]
    return sorted((each for each in found if each), key=lambda each: (each.size, each.at), reverse=True)


def signed_head(keystore: Keystore, store: Store, deployment: UUID, named: Named) -> Head | None:
    """The head that this checkpoint vouches for; None for one that this keystore's key has not signed."""
    try:
        values = vouch(keystore, deployment, store.get(named.name))
        head = read_head(values)
    except (Tampered, ValueError, KeyError, TypeError):
        return None
    return head if values.get("format") == FORMAT and _name(head) == named.name else None


def read_head(values: dict[str, Any]) -> Head:
    """The head that a statement's values tell of. Raises ValueError, KeyError, TypeError."""
    at = datetime.fromisoformat(values["at"]) if values["at"] is not None else None
    return Head(int(values["size"]), bytes.fromhex(values["root"]), at)


def roots_at(session: Session, sizes: set[int]) -> dict[int, bytes]:
    """The root that the log had at each of these sizes, as far as it goes. Reads digests only."""
    frontier, roots = Frontier(), {0: Frontier().root()}
    digests = select(models.entries.c.leaf_digest).order_by(models.entries.c.number)
    for digest in session.execute(digests, execution_options={"yield_per": 500}).scalars():
        frontier.append(bytes(digest))
        if frontier.size in sizes:
            roots[frontier.size] = frontier.root()
    return roots


def _name(head: Head) -> str:
    micro = (head.at - EPOCH) // MICROSECOND if head.at else 0
    return f"{PREFIX}{head.size:012d}-{micro:017d}-{head.root.hex()[:ROOT_LETTERS]}"


def _parsed(name: str) -> Named | None:
    size, _, rest = name.removeprefix(PREFIX).partition("-")
    micro, _, root = rest.partition("-")
    if not (size.isdecimal() and micro.isdecimal() and len(root) == ROOT_LETTERS):
        return None
    return Named(int(size), EPOCH + int(micro) * MICROSECOND, name)


def _written(values: Any) -> bytes:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
