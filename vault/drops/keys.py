"""Under which keys a file lies while it comes: DK, granted to the bundle's drop key, and the link's key, for its sender.

DK is random and new each time it is sealed: when the file is begun, and when it has arrived, with its digest. Nobody but a
member with the bundle open gets it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from vault.bundles.drop_keys import vouched_drop_key
from vault.bundles.models import Bundle
from vault.bundles.opening import OpenBundle
from vault.crypto.grant import open_grant, seal_grant
from vault.crypto.kinds import PrincipalKind, SlotKind
from vault.crypto.locks import file_lock, lock_text, unlock_text
from vault.crypto.marks import drop_seed
from vault.crypto.secret import Secret, random_key
from vault.drops.models import DroppedFile
from vault.drops.visits import Visit
from vault.errors import Tampered
from vault.transfers.models import Upload

if TYPE_CHECKING:
    from vault.runtime import Transaction

KEY_NUMBER = 0
"""Of file locks under DK and under a link's key."""
ANNOUNCED, FINGERPRINT = "upload.digest", "upload.fingerprint"
NAME, TITLE, DIGEST = "version.file_name", "document.title", "version.plaintext_digest"


@dataclass(frozen=True)
class SealedDrop:
    """DK as it is granted, and what lies under it."""

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


def lock_for_sender(visit: Visit, file_id: UUID, file_key: bytes, slot: bytes) -> bytes:
    """FK for the sender, until the file has arrived."""
    lock = file_lock(visit.request.id, file_id, KEY_NUMBER)
    return lock.close(visit.key.reveal(), slot, plaintext=file_key)


def keys_of_sender(tx: Transaction, visit: Visit, file: DroppedFile) -> tuple[bytes, bytes]:
    """FK and SLK of a file that has not arrived; `Tampered` for one that has, or is another request's."""
    if file.sender_file_lock is None:
        raise Tampered
    slot = slot_of(tx, file.upload)
    lock = file_lock(visit.request.id, file.id, KEY_NUMBER)
    return lock.open(visit.key.reveal(), slot, blob=file.sender_file_lock), slot


def slot_of(tx: Transaction, upload: Upload) -> bytes:
    """SLK(version); `Tampered` once it is destroyed."""
    if upload.slot_id is None:
        raise Tampered
    return tx.keystore.open_slot(upload.slot_id, SlotKind.VERSION, upload.id)
