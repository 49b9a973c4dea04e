"""Under which keys a file lies while it comes: DK, granted to the bundle's drop key, and the link's key, for its sender.

DK is random and new each time it is sealed: when the file is begun, and when it has arrived, with its digest. Nobody but a
member with the bundle open gets it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.remarks import Holder
from vault.bundles.drop_keys import vouched_drop_key
from vault.bundles.models import Bundle
from vault.bundles.opening import OpenBundle
from vault.crypto.grant import open_grant, seal_grant
from vault.crypto.kinds import PrincipalKind, SlotKind
from vault.crypto.locks import file_lock, lock_text, unlock_text
from vault.crypto.marks import drop_seed
from vault.crypto.secret import Secret, random_key
from vault.drops.models import DroppedFile
from vault.drops.programs import Program, key_of_token
from vault.drops.visits import Visit
from vault.errors import Tampered
from vault.transfers.models import Upload

if TYPE_CHECKING:
    from vault.runtime import Transaction

KEY_NUMBER = 0
"""Of file locks under DK and under a link's key."""
ANNOUNCED, FINGERPRINT = "upload.digest", "upload.fingerprint"
Entry = Visit | Program
"""Somebody inside a request: a sender on a device, or a program."""
NAME, TITLE, DIGEST = "version.file_name", "document.title", "version.plaintext_digest"


@dataclass(frozen=True)
class SealedDrop:
    """DK, as it is and as it is granted, and what lies under it."""

    drop_key: Secret
    sealed_key: bytes
    file_lock: bytes
    title_lock: bytes
    file_name_lock: bytes
    digest_lock: bytes | None


@dataclass(frozen=True)
class OpenDrop:
    """What a member reads of an arrived file: FK, its slot, name and SHA-256 (hexadecimal)."""

    file_key: Secret
    slot: Secret
    file_name: str
    digest: str


def seal_drop(
    tx: Transaction,
    bundle: Bundle,
    ids: tuple[UUID, UUID],
    keys: tuple[bytes, bytes],
    file_name: str,
    digest: str | None = None,
) -> SealedDrop:
    """A fresh DK for the bundle alone. `ids` are of version and document, `keys` are FK and SLK(version).

    `Tampered` when nobody vouches for the bundle's drop key.
    """
    version_id, document_id = ids
    file_key, slot = keys
    drop_key, public = random_key(), vouched_drop_key(tx, bundle)
    return SealedDrop(
        Secret(drop_key),
        seal_grant(public, PrincipalKind.DROP, bundle.id, version_id, 0, drop_key),
        file_lock(version_id, version_id, KEY_NUMBER).close(drop_key, slot, plaintext=file_key),
        lock_text(drop_key, version_id, TITLE, document_id, file_name),
        lock_text(drop_key, version_id, NAME, version_id, file_name),
        lock_text(drop_key, version_id, DIGEST, version_id, digest) if digest else None,
    )


def open_drop(tx: Transaction, opened: OpenBundle, file: DroppedFile) -> OpenDrop:
    """An arrived file, with the key of its open bundle; `Tampered` for locks of anything else."""
    upload, seed = file.upload, drop_seed(opened.key.reveal())
    drop_key = open_grant(seed, PrincipalKind.DROP, opened.bundle.id, file.id, 0, file.sealed_key)
    if file.digest_lock is None:
        raise Tampered
    slot = slot_of(tx, upload)
    return OpenDrop(
        Secret(file_lock(file.id, file.id, KEY_NUMBER).open(drop_key, slot, blob=upload.file_lock)),
        Secret(slot),
        unlock_text(drop_key, file.id, NAME, file.id, upload.file_name_lock),
        unlock_text(drop_key, file.id, DIGEST, file.id, file.digest_lock),
    )


def columns_for_sender(
    tx: Transaction, entry: Entry, file_id: UUID, keys: tuple[bytes, bytes], sealed: SealedDrop, name: str
) -> dict[str, bytes]:
    """What the sender keeps of a file: its name under the link's key; until it has arrived FK too, or DK for a program."""
    named = {"sender_name_lock": entry.lock_text(NAME, file_id, name)} if entry.key is not None else {}
    if isinstance(entry, Program):
        public = key_of_token(tx, entry.token_id)
        drop_key = sealed.drop_key.reveal()
        sealed_key = seal_grant(public, PrincipalKind.TOKEN, entry.token_id, file_id, 0, drop_key)
        return named | {"sender_grant": sealed_key}
    file_key, slot = keys
    lock = file_lock(entry.request.id, file_id, KEY_NUMBER)
    return named | {"sender_file_lock": lock.close(entry.key.reveal(), slot, plaintext=file_key)}


def holder_of(entry: Entry, file: DroppedFile) -> Holder:
    """Whose key locks the sender's texts about a file: the link's, or of a program DK, while the file comes."""
    if not isinstance(entry, Program):
        return Holder(entry.request.id, entry.key.reveal())
    if file.sender_grant is None:
        raise Tampered
    seed, token_id = entry.seed.reveal(), entry.token_id
    return Holder(file.id, open_grant(seed, PrincipalKind.TOKEN, token_id, file.id, 0, file.sender_grant))


def keys_of_sender(tx: Transaction, entry: Entry, file: DroppedFile) -> tuple[bytes, bytes]:
    """FK and SLK of a file that has not arrived; `Tampered` for one that has, or is another request's."""
    blob = file.upload.file_lock if isinstance(entry, Program) else file.sender_file_lock
    if blob is None:
        raise Tampered
    holder, slot = holder_of(entry, file), slot_of(tx, file.upload)
    return file_lock(holder.id, file.id, KEY_NUMBER).open(holder.key, slot, blob=blob), slot


def name_of(entry: Entry, file: DroppedFile) -> str:
    """The name that the sender's file had."""
    if file.sender_name_lock is not None:
        return entry.read_text(NAME, file.id, file.sender_name_lock)
    if not isinstance(entry, Program):
        raise Tampered
    holder = holder_of(entry, file)
    return unlock_text(holder.key, holder.id, NAME, file.id, file.upload.file_name_lock)


def slot_of(tx: Transaction, upload: Upload) -> bytes:
    """SLK(version); `Tampered` once it is destroyed."""
    if upload.slot_id is None:
        raise Tampered
    return tx.keystore.open_slot(upload.slot_id, SlotKind.VERSION, upload.id)
