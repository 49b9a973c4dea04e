"""Files that a sender sends in pieces: begun with a length, gone on with from any of the sender's devices, then settled.

The pieces themselves are those of `vault/transfers/pieces`; here stands under which keys they lie and who may send them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from vault.crypto.header import NONCE, object_head
from vault.crypto.secret import Secret, random_file_key
from vault.drops.dropping import Offer, begin_drop, complete_drop, hold, name_of, own_file
from vault.drops.keys import ANNOUNCED, FINGERPRINT, keys_of_sender, lock_for_sender, seal_drop
from vault.drops.models import DroppedFile
from vault.drops.receiving import Door
from vault.drops.visits import Visit, enter
from vault.errors import Invalid, UploadBusy, UploadEnded, WrongOffset
from vault.inspection.inspector import promised_media
from vault.store.base import Store
from vault.transfers.durations import duration_of
from vault.transfers.pieces import Sender
from vault.transfers.resumable import Announced, Resumed, opened_tail, refuse_upload
from vault.transfers.settling import FINAL, check_announced, finished_object, settling_alone
from vault.transfers.uploads import drop_upload

if TYPE_CHECKING:
    from vault.runtime import Transaction


def begin_in_pieces(tx: Transaction, visit: Visit, offer: Offer, announced: Announced) -> DroppedFile:
    """The file is there, at offset 0. Errors: those of `begin_drop`; `Invalid` for an empty file."""
    if announced.length < 1:
        raise Invalid(f"{offer.file_name} was not stored: it is empty.")
    file = begin_drop(tx, visit, offer, promised_media(offer.file_name))
    upload = file.upload
    upload.length = announced.length
    if announced.digest:
        upload.digest_lock = visit.lock_text(ANNOUNCED, file.id, announced.digest)
    if announced.fingerprint:
        upload.fingerprint_lock = visit.lock_text(FINGERPRINT, file.id, announced.fingerprint)
    return file


def resume_drop(tx: Transaction, visit: Visit, file_id: UUID, offset: int | None = None) -> Resumed:
    """What is needed to go on at `offset` (without one: wherever it stands).

    Errors: `NotFound` also for another sender's file, `UploadEnded`, `WrongOffset`.
    """
    file = own_file(tx, visit, file_id)
    upload = file.upload
    if upload.length is None:
        raise UploadEnded
    if offset is not None and offset != upload.offset:
        raise WrongOffset(upload.offset)
    file_key, slot = keys_of_sender(tx, visit, file)
    digest = visit.read_text(ANNOUNCED, file.id, upload.digest_lock) if upload.digest_lock else None
    return Resumed(
        upload,
        name_of(visit, file),
        Secret(file_key),
        Secret(slot),
        opened_tail(upload, file_key, slot),
        digest,
        upload.revision,
        upload.expires_at,
    )


def restart_drop(tx: Transaction, visit: Visit, file_id: UUID, revision: int) -> str | None:
    """The file is at offset 0 again, under new keys and a new object name; returns the name of what is left over (K6)."""
    bundle, request = hold(tx, visit.request)
    file = own_file(tx, visit, file_id, lock=True)
    upload = file.upload
    if upload.revision != revision:
        raise UploadBusy
    if upload.stale_object_name:
        tx.store.drop(upload.stale_object_name)
    _old_key, slot = keys_of_sender(tx, visit, file)
    file_key, ids = random_file_key(), (file.id, upload.document_id)
    sealed = seal_drop(tx, bundle, ids, (file_key, slot), name_of(visit, file))
    file.sealed_key, upload.file_lock = sealed.sealed_key, sealed.file_lock
    upload.title_lock, upload.file_name_lock = sealed.title_lock, sealed.file_name_lock
    file.sender_file_lock = lock_for_sender(visit, file.id, file_key, slot)
    upload.head = object_head(file.id, file_key, os.urandom(NONCE))
    upload.stale_object_name, upload.object_name = upload.object_name, f"versions/{uuid4()}"
    upload.offset, upload.tail_lock, upload.media_type = 0, None, None
    upload.revision += 1
    tx.record("upload.restarted", upload, request=request.id)
    return upload.stale_object_name


def stop_drop(tx: Transaction, visit: Visit, file_id: UUID) -> None:
    """Its sender wants the file no more: nothing of it stays but the event."""
    hold(tx, visit.request)
    drop_upload(tx, own_file(tx, visit, file_id, lock=True).upload, "stopped")


def settle_drop(door: Door, store: Store, file_id: UUID) -> DroppedFile:
    """The file, every byte of which has come, has arrived. `UploadBusy` while this process settles it already.

    After an error that no second try mends it is ended; after any other it waits, whole.
    """
    with settling_alone(file_id):
        with door.open() as (tx, visit):
            resumed = resume_drop(tx, visit, file_id)
        try:
            return _settled(door, store, resumed)
        except UploadEnded:
            raise
        except FINAL as error:
            with door.transact() as tx:
                refuse_upload(tx, file_id, error.code)
            raise


def _settled(door: Door, store: Store, resumed: Resumed) -> DroppedFile:
    written, upload = finished_object(store, resumed), resumed.upload
    media = promised_media(resumed.file_name)
    duration = duration_of(store, upload, media.name, written.length, resumed.file_key.reveal())
    check_announced(resumed.digest, written)
    with door.open() as (tx, visit):
        return complete_drop(tx, visit, upload.id, media, written, duration)


def sender_at(door: Door) -> Sender:
    """Whoever came in by this door, as the pieces ask about a sender: the visit is entered each time."""

    def inside(tx: Transaction, _resumed: Resumed) -> None:
        enter(tx, door.request_id, door.cookie)

    def restart(tx: Transaction, resumed: Resumed) -> str | None:
        return restart_drop(tx, enter(tx, door.request_id, door.cookie), resumed.upload.id, resumed.revision)

    return Sender(inside, inside, restart)
