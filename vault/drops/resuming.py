"""Files that a sender sends in pieces: begun with a length, gone on with from any of the sender's devices, then settled.

The pieces themselves are those of `vault/transfers/pieces`; here stands under which keys they lie and who may send them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from vault.crypto.header import NONCE, object_head
from vault.crypto.locks import lock_text, unlock_text
from vault.crypto.secret import Secret, random_file_key
from vault.drops.dropping import Offer, begin_drop, complete_drop, end_coming, hold, own_file
from vault.drops.keys import (
    ANNOUNCED,
    FINGERPRINT,
    Entry,
    columns_for_sender,
    holder_of,
    keys_of_sender,
    name_of,
    seal_drop,
)
from vault.drops.models import DroppedFile
from vault.drops.receiving import Door
from vault.errors import Invalid, UploadBusy, UploadEnded, WrongOffset
from vault.inspection.inspector import promised_media
from vault.sentences import said
from vault.store.base import Store
from vault.transfers.inspections import Checks, checks_for, inspect_stored
from vault.transfers.pieces import Sender
from vault.transfers.resumable import Announced, Resumed, opened_tail
from vault.transfers.settling import (
    FINAL,
    check_announced,
    finished_file,
    finished_object,
    settling_alone,
)
from vault.transfers.uploads import drop_upload

if TYPE_CHECKING:
    from vault.bundles.models import Bundle
    from vault.runtime import Transaction


def begin_in_pieces(tx: Transaction, entry: Entry, offer: Offer, announced: Announced) -> DroppedFile:
    """The file is there, at offset 0. Errors: those of `begin_drop`; `Invalid` for an empty file."""
    if announced.length < 1:
        raise Invalid(said("%(file)s was not stored: it is empty.", file=offer.file_name))
    file = begin_drop(tx, entry, offer, promised_media(offer.file_name))
    upload = file.upload
    upload.length = announced.length
    holder = holder_of(entry, file)
    if announced.digest:
        upload.digest_lock = lock_text(holder.key, holder.id, ANNOUNCED, file.id, announced.digest)
    if announced.fingerprint:
        mark = lock_text(holder.key, holder.id, FINGERPRINT, file.id, announced.fingerprint)
        upload.fingerprint_lock = mark
    return file


def resume_drop(tx: Transaction, entry: Entry, file_id: UUID, offset: int | None = None) -> Resumed:
    """What is needed to go on at `offset` (without one: wherever it stands).

    Errors: `NotFound` also for another sender's file, `UploadEnded`, `WrongOffset`.
    """
    file = own_file(tx, entry, file_id)
    upload = file.upload
    if upload.length is None:
        raise UploadEnded
    if offset is not None and offset != upload.offset:
        raise WrongOffset(upload.offset)
    file_key, slot = keys_of_sender(tx, entry, file)
    digest = said_of(entry, file, ANNOUNCED, upload.digest_lock)
    return Resumed(
        upload,
        name_of(entry, file),
        Secret(file_key),
        Secret(slot),
        opened_tail(upload, file_key, slot),
        digest,
        upload.revision,
        upload.expires_at,
    )


def restart_drop(tx: Transaction, entry: Entry, file_id: UUID, revision: int) -> str | None:
    """The file is at offset 0 again, under new keys and a new object name; returns the name of what is left over (K6)."""
    bundle, request = hold(tx, entry.request)
    file = own_file(tx, entry, file_id, lock=True)
    upload = file.upload
    if upload.revision != revision:
        raise UploadBusy
    if upload.stale_object_name:
        tx.store.drop(upload.stale_object_name)
    _old_key, slot = keys_of_sender(tx, entry, file)
    file_key = random_file_key()
    _reseal(tx, bundle, entry, file, (file_key, slot))
    upload.head = object_head(file.id, file_key, os.urandom(NONCE))
    upload.stale_object_name, upload.object_name = upload.object_name, f"versions/{uuid4()}"
    upload.offset, upload.tail_lock, upload.media_type = 0, None, None
    upload.revision += 1
    tx.record("upload.restarted", upload, request=request.id)
    return upload.stale_object_name


def _reseal(
    tx: Transaction, bundle: Bundle, entry: Entry, file: DroppedFile, keys: tuple[bytes, bytes]
) -> None:
    """The file's locks are of another FK and DK; what its sender announced is locked anew with them."""
    upload, name = file.upload, name_of(entry, file)
    said = {
        column: (label, said_of(entry, file, label, getattr(upload, column)))
        for column, label in (("digest_lock", ANNOUNCED), ("fingerprint_lock", FINGERPRINT))
    }
    sealed = seal_drop(tx, bundle, (file.id, upload.document_id), keys, name)
    file.sealed_key, upload.file_lock = sealed.sealed_key, sealed.file_lock
    upload.title_lock, upload.file_name_lock = sealed.title_lock, sealed.file_name_lock
    for column, blob in columns_for_sender(tx, entry, file.id, keys, sealed, name).items():
        setattr(file, column, blob)
    holder = holder_of(entry, file)
    for column, (label, text) in said.items():
        if text is not None:
            setattr(upload, column, lock_text(holder.key, holder.id, label, file.id, text))


def said_of(entry: Entry, file: DroppedFile, label: str, blob: bytes | None) -> str | None:
    """What the sender announced of a file, while it comes."""
    if blob is None:
        return None
    holder = holder_of(entry, file)
    return unlock_text(holder.key, holder.id, label, file.id, blob)


def stop_drop(tx: Transaction, entry: Entry, file_id: UUID) -> None:
    """Its sender wants the file no more: nothing of it stays but the event."""
    hold(tx, entry.request)
    drop_upload(tx, own_file(tx, entry, file_id, lock=True).upload, "stopped")


def settle_drop(door: Door, store: Store, file_id: UUID) -> DroppedFile:
    """The file, every byte of which has come, has arrived. `UploadBusy` while this process settles it already.

    After an error that no second try mends it is ended, unless it has arrived; after any other it waits, whole.
    """
    with settling_alone(file_id):
        with door.open() as (tx, entry):
            resumed = resume_drop(tx, entry, file_id)
            checks = checks_for(tx, entry.request.office_id)
        try:
            return _settled(door, store, resumed, checks)
        except UploadEnded:
            raise
        except FINAL as error:
            with door.transact() as tx:
                end_coming(tx, file_id, error.code)
            raise


def _settled(door: Door, store: Store, resumed: Resumed, checks: Checks) -> DroppedFile:
    written, upload = finished_object(store, resumed), resumed.upload
    media = promised_media(resumed.file_name)
    inspected = inspect_stored(store, finished_file(resumed, media, written.length), checks)
    check_announced(resumed.digest, written)
    with door.open() as (tx, entry):
        return complete_drop(tx, entry, upload.id, media, written, inspected)


def sender_at(door: Door) -> Sender:
    """Whoever came in by this door, as the pieces ask about a sender: the visit is entered each time."""

    def inside(tx: Transaction, _resumed: Resumed) -> None:
        door.enter(tx)

    def restart(tx: Transaction, resumed: Resumed) -> str | None:
        return restart_drop(tx, door.enter(tx), resumed.upload.id, resumed.revision)

    def refuse(tx: Transaction, resumed: Resumed, code: str) -> None:
        if not end_coming(tx, resumed.upload.id, code, resumed.revision):
            raise UploadEnded

    return Sender(inside, inside, restart, refuse)
