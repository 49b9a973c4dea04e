"""A file that a sender sends: begun within the limits of the request, arrived whole, or ended.

Whoever changes what comes holds the bundle's row, then the request's, then the upload's, in this order: so limits hold
however many send at once, and nobody waits for each other in a ring.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import func, literal, select

from vault.access.cells import Place, cells_allow
from vault.access.policy import NEEDS, Permission, roles_for
from vault.bundles.document_types import check_named, document_type
from vault.bundles.models import Bundle
from vault.crypto.header import NONCE, object_head
from vault.crypto.kinds import SlotKind
from vault.crypto.marks import seal
from vault.crypto.secret import random_file_key
from vault.db import for_change
from vault.drops.closures import require_open
from vault.drops.keys import (
    DIGEST,
    KEY_NUMBER,
    Entry,
    SealedDrop,
    columns_for_sender,
    keys_of_sender,
    name_of,
    seal_drop,
)
from vault.drops.models import DroppedFile, FileRequest
from vault.drops.notices import tell_of_arrival
from vault.errors import Conflict, Fault, Invalid, NotFound, TooLarge, UploadBusy, UploadEnded
from vault.inspection.formats import MediaType
from vault.people.approvals import is_video_approved
from vault.people.models import Person
from vault.people.sessions import actor_of
from vault.sentences import counted, said
from vault.transfers.inspections import UNSEEN, Inspected, note_inspection
from vault.transfers.models import Upload
from vault.transfers.quota import check_room
from vault.transfers.uploads import check_family, drop_upload
from vault.transfers.writer import Written

if TYPE_CHECKING:
    from vault.keystore.service import NewSlot
    from vault.runtime import Transaction

MEGABYTE = 1024 * 1024
BEGUN_PER_FILE, BEGUN_AT_LEAST = 10, 50
"""How many files may be begun for each that is asked for, whatever becomes of them; and in any request."""


@dataclass(frozen=True)
class Offer:
    """A file that a sender wants to send: its display name, what it is, and its length in bytes if it is known."""

    file_name: str
    document_type: str
    length: int | None = None


def begin_drop(tx: Transaction, entry: Entry, offer: Offer, media: MediaType) -> DroppedFile:
    """Rows, a slot and a file key for one file; its object begins after the commit.

    Errors: `Gone`, `Invalid` for a type that is not asked for, `WrongType` for content that the type does not take,
    `TooLarge` when the request or the bundle takes no more, or when files were begun too often.
    """
    bundle, request = hold(tx, entry.request)
    _check_asked(tx, request, offer, media)
    _check_begun(tx, request)
    check_limits(tx, bundle, request, offer.length)
    file_id, document_id, file_key = uuid4(), uuid4(), random_file_key()
    slot = tx.keystore.create_slot(SlotKind.VERSION, file_id)
    sealed = seal_drop(tx, bundle, (file_id, document_id), (file_key, slot.key), offer.file_name)
    tx.add(_upload(tx, entry, offer, (file_id, document_id), (file_key, slot), sealed))
    file = DroppedFile(
        id=file_id,
        request_id=request.id,
        sender_id=entry.sender_id,
        bundle_id=bundle.id,
        case_id=bundle.case_id,
        office_id=bundle.office_id,
        sealed_key=sealed.sealed_key,
        begun_at=tx.now,
        **columns_for_sender(tx, entry, file_id, (file_key, slot.key), sealed, offer.file_name),
    )
    tx.record("drop.begun", request, file=file_id, type=offer.document_type, sender=entry.sender_id)
    return tx.add(file)


def complete_drop(
    tx: Transaction,
    entry: Entry,
    file_id: UUID,
    media: MediaType,
    written: Written,
    inspected: Inspected = UNSEEN,
) -> DroppedFile:
    """The file has arrived: its object stands finished in the store, its sender can read it no more, the bundle is marked.

    Errors: `Gone`, `UploadEnded`, `TooLarge`, `Conflict` when its object is not there.
    """
    bundle, request = hold(tx, entry.request)
    file = own_file(tx, entry, file_id, lock=True)
    upload = file.upload
    if upload.length is None:
        check_limits(tx, bundle, request, written.length, file_id)
    if tx.store.size(upload.object_name) != written.object_length:
        raise Conflict("This file is not whole. Send it again.")
    (file_key, slot), digest = keys_of_sender(tx, entry, file), written.plaintext_digest.hex()
    ids, name = (file.id, upload.document_id), name_of(entry, file)
    sealed = seal_drop(tx, bundle, ids, (file_key, slot), name, digest)
    upload.file_lock, upload.title_lock = sealed.file_lock, sealed.title_lock
    upload.file_name_lock, upload.tail_lock = sealed.file_name_lock, None
    upload.length = upload.offset = written.length
    upload.revision, upload.media_type = upload.revision + 1, media.name
    file.sealed_key, file.digest_lock = sealed.sealed_key, sealed.digest_lock
    file.sender_file_lock = file.sender_grant = None
    if entry.key is not None:
        file.sender_digest_lock = entry.lock_text(DIGEST, file.id, digest)
    file.object_length, file.object_digest = written.object_length, written.object_digest
    file.seal = seal(file_key, slot, file.id, written.length, written.object_length, written.object_digest)
    file.extension, file.duration_ms, file.arrived_at = media.extension, inspected.duration_ms, tx.now
    note_inspection(tx, upload, inspected)
    bundle.arrivals_at = bundle.arrivals_at or tx.now
    _note_arrival(tx, request, file, written)
    return file


def _note_arrival(tx: Transaction, request: FileRequest, file: DroppedFile, written: Written) -> None:
    tx.record(
        "drop.arrived",
        request,
        file=file.id,
        sender=file.sender_id,
        length=written.length,
        object_digest=written.object_digest.hex(),
    )
    tell_of_arrival(tx, request)


def own_file(tx: Transaction, entry: Entry, file_id: UUID, lock: bool = False) -> DroppedFile:
    """The sender's own file, still coming; `NotFound` for anybody else's, `UploadEnded` for one that ended or arrived."""
    file = tx.session.get(DroppedFile, file_id)
    if file is None or file.sender_id != entry.sender_id or file.request_id != entry.request.id:
        raise NotFound
    if lock:
        tx.session.refresh(file.upload, with_for_update=for_change(Upload))
        tx.session.refresh(file, ["arrived_at", "sender_file_lock", "sender_grant"])
    upload = file.upload
    is_late = tx.now >= upload.expires_at and upload.offset != upload.length
    if upload.dropped_at or upload.completed_at or file.arrived_at or is_late:
        raise UploadEnded
    return file


def end_coming(tx: Transaction, file_id: UUID, reason: str, revision: int | None = None) -> bool:
    """Nothing of a file that has not arrived stays; False, and nothing is changed, for one that has.

    With the `revision` that a writer began from, `UploadBusy` when another went on meanwhile: what the one found wrong is
    not what the other sent. This needs no open request.
    """
    file = tx.session.get_one(DroppedFile, file_id)
    tx.session.refresh(file.upload, with_for_update=for_change(Upload))
    tx.session.refresh(file, ["arrived_at"])
    if file.arrived_at is not None:
        return False
    if revision is not None and file.upload.revision != revision:
        raise UploadBusy
    drop_upload(tx, file.upload, reason)
    return True


def hold(tx: Transaction, request: FileRequest) -> tuple[Bundle, FileRequest]:
    """The rows of bundle and request, held and looked at anew; `Gone` for a request that has ended meanwhile."""
    bundle = tx.session.get_one(Bundle, request.bundle_id)
    tx.session.refresh(bundle, with_for_update=for_change(Bundle))
    tx.session.refresh(request, with_for_update=for_change(FileRequest))
    require_open(tx, request)
    return bundle, request


def check_limits(
    tx: Transaction, bundle: Bundle, request: FileRequest, length: int | None, besides: UUID | None = None
) -> None:
    """`TooLarge` when the request, or its bundle, has no room for one more file of so many bytes. `besides`: a file that is
    counted by `length` and not by its row."""
    held = [DroppedFile.request_id == request.id, Upload.dropped_at.is_(None)]
    if besides is not None:
        held.append(DroppedFile.id != besides)
    sums = select(func.count(), func.coalesce(func.sum(Upload.length), 0)).select_from(DroppedFile)
    count, total = tx.session.execute(sums.join(Upload, Upload.id == DroppedFile.id).where(*held)).one()
    if count >= request.files_limit:
        words = counted(
            "You were asked for at most %(num)s file, and it is there.",
            "You were asked for at most %(num)s files, and they are there.",
            request.files_limit,
        )
        raise TooLarge(words)
    if (length or 0) > request.file_limit:
        size = request.file_limit // MEGABYTE
        raise TooLarge(said("A file may have at most %(size)s MB here.", size=size))
    if int(total or 0) + (length or 1) > request.bytes_limit:
        most = request.bytes_limit // MEGABYTE
        raise TooLarge(
            said("All files together may have at most %(size)s MB here. This one goes over it.", size=most)
        )
    check_room(tx, bundle, length or 1)


def _check_begun(tx: Transaction, request: FileRequest) -> None:
    """`TooLarge` when so many files were begun, and ended, that somebody with the link only fills tables."""
    begun = select(func.count()).select_from(DroppedFile).where(DroppedFile.request_id == request.id)
    most = max(BEGUN_AT_LEAST, BEGUN_PER_FILE * request.files_limit)
    if (tx.session.scalar(begun) or 0) >= most:
        raise TooLarge("Files were begun here too often. Ask whoever sent you the link for a new one.")


def _upload(
    tx: Transaction,
    entry: Entry,
    offer: Offer,
    ids: tuple[UUID, UUID],
    keys: tuple[bytes, NewSlot],
    sealed: SealedDrop,
) -> Upload:
    """The row of the upload; `owner_id` is the member who asked."""
    request, (file_id, document_id), (file_key, slot) = entry.request, ids, keys
    return Upload(
        id=file_id,
        document_id=document_id,
        is_new_document=True,
        bundle_id=request.bundle_id,
        case_id=request.case_id,
        office_id=request.office_id,
        owner_id=request.owner_id,
        document_type=offer.document_type,
        individual_ids=request.individual_ids,
        title_lock=sealed.title_lock,
        file_name_lock=sealed.file_name_lock,
        slot_id=slot.id,
        file_lock=sealed.file_lock,
        key_number=KEY_NUMBER,
        head=object_head(file_id, file_key, os.urandom(NONCE)),
        object_name=f"versions/{uuid4()}",
        begun_at=tx.now,
        expires_at=min(request.expires_at, tx.now + tx.settings.upload_kept),
    )


def _check_asked(tx: Transaction, request: FileRequest, offer: Offer, media: MediaType) -> None:
    if offer.document_type not in request.document_types:
        message = "Choose one of the kinds of documents that you were asked for."
        raise Invalid(message, errors=[Fault("/document_type", message)])
    found = document_type(offer.document_type, is_video_approved(tx, request.office_id))
    check_named(found.kind, len(request.individual_ids))
    if not _maker_may_add(tx, request, found.code):
        message = "This kind of document is not taken at present. Ask whoever sent you the link."
        raise Invalid(message, errors=[Fault("/document_type", message)])
    check_family(found.code, offer.file_name, media)


def _maker_may_add(tx: Transaction, request: FileRequest, code: str) -> bool:
    """Whether the office's matrix still lets the request's maker add documents of this type."""
    maker, permission = tx.session.get_one(Person, request.owner_id), Permission.DOCUMENT_ADD
    place = Place(request.office_id, literal(code), request.tier)
    roles = roles_for(permission, actor_of(maker))
    return bool(tx.session.scalar(select(cells_allow(NEEDS[permission], roles, place, tx.now))))
