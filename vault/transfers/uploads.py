"""Uploads: a file on its way in. *Begun* it has a slot and keys; *completed* it is a sealed version; *dropped*, nothing.

Bytes come before the row that announces them: the object is finished in the store before the version is committed.
Destroying goes the other way: the committed row says *dropped*, then the slot and the bytes go.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from vault.access.policy import Permission
from vault.bundles.deposits import (
    Deposit,
    deposit_version,
    individuals_by_number,
    require_undisposed,
)
from vault.bundles.document_types import check_named, document_type
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import OpenBundle
from vault.bundles.service import checked_title
from vault.bundles.type_rights import require_addable
from vault.crypto.header import NONCE, object_head
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import file_lock
from vault.crypto.marks import seal
from vault.crypto.secret import random_file_key
from vault.errors import Conflict, NotFound, Tampered, UploadEnded, WrongType
from vault.inspection.formats import AUDIO, DOCUMENT, IMAGE, VIDEO, MediaType
from vault.people.approvals import is_video_approved
from vault.sentences import said
from vault.store.base import Store
from vault.transfers.inspections import UNSEEN, Inspected, note_inspection
from vault.transfers.models import Upload
from vault.transfers.writer import Writer, Written

if TYPE_CHECKING:
    from vault.runtime import Transaction

DISCARD = "transfers.discard_bytes"
FAMILIES = {"interview_audio": (AUDIO,), "interview_video": (VIDEO,)}


@dataclass(frozen=True)
class Wanted:
    """A file that somebody wants to store; `file_name` is a display name, `individuals` are numbers of the case.

    With `document_id` it is a further version of that document, whose type, title and individuals stay.
    """

    file_name: str
    document_type: str = ""
    title: str = ""
    language: str | None = None
    individuals: tuple[str, ...] = ()
    document_id: UUID | None = None


def begin_upload(tx: Transaction, opened: OpenBundle, wanted: Wanted, media: MediaType) -> Upload:
    """A row, a slot and a file key for a file of the open bundle. Its object begins after the commit (`writer_for`).

    Errors: `Refused`, `NotFound`, `Invalid` for the type or the individuals, `WrongType` when the type does not take
    such content, `Conflict` for a document that is withdrawn or lies elsewhere.
    """
    bundle = opened.bundle
    tx.require(Permission.DOCUMENT_ADD, bundle)
    document = _document(tx, bundle, wanted.document_id) if wanted.document_id else None
    upload_id, document_id = uuid4(), document.id if document else uuid4()
    facts = _facts_of(document, opened) if document else _asked_facts(tx, bundle, wanted)
    require_addable(tx, bundle, facts.document_type)
    check_family(facts.document_type, wanted.file_name, media)
    slot, file_key = tx.keystore.create_slot(SlotKind.VERSION, upload_id), random_file_key()
    lock = file_lock(bundle.id, upload_id, bundle.key_number)
    upload = tx.add(
        Upload(
            id=upload_id,
            document_id=document_id,
            is_new_document=document is None,
            bundle_id=bundle.id,
            case_id=bundle.case_id,
            office_id=bundle.office_id,
            owner_id=tx.actor.id,
            document_type=facts.document_type,
            language=facts.language,
            individual_ids=facts.individual_ids,
            title_lock=opened.lock_text("document.title", document_id, facts.title),
            file_name_lock=opened.lock_text("version.file_name", upload_id, wanted.file_name),
            slot_id=slot.id,
            file_lock=lock.close(opened.key.reveal(), slot.key, plaintext=file_key),
            key_number=bundle.key_number,
            head=object_head(upload_id, file_key, os.urandom(NONCE)),
            object_name=f"versions/{uuid4()}",
            begun_at=tx.now,
            expires_at=tx.now + tx.settings.upload_kept,
        )
    )
    tx.record("upload.begun", upload, type=facts.document_type)
    return upload


def is_own(tx: Transaction, upload: Upload) -> bool:
    """Whether the actor, as a member, began the upload."""
    return upload.owner_id == tx.actor.id and upload.key_number > 0


def writer_for(tx: Transaction, opened: OpenBundle, upload: Upload) -> Writer:
    """The writer of an upload that has just begun; it works after the commit, without a transaction."""
    file_key, _slot = upload_keys(tx, opened, upload)
    return Writer(tx.store, upload, file_key, tx.settings.form_limit)


def complete_upload(
    tx: Transaction,
    opened: OpenBundle,
    upload_id: UUID,
    media: MediaType,
    written: Written,
    inspected: Inspected = UNSEEN,
) -> Version:
    """The upload is a sealed version of its document; its object stands finished in the store already.

    Errors: `Refused`, `NotFound` for another's upload, `Conflict` when it has ended or its object is not there.
    """
    upload = tx.session.get(Upload, upload_id, with_for_update=True)
    if upload is None or not is_own(tx, upload) or upload.bundle_id != opened.bundle.id:
        raise NotFound
    if upload.completed_at or upload.dropped_at:
        raise Conflict("This upload has ended already.")
    if tx.store.size(upload.object_name) != written.object_length:
        raise Conflict("This upload is not whole. Send the file again.")
    file_key, slot = upload_keys(tx, opened, upload)
    upload.completed_at = tx.now
    deposit = _deposit(upload, media, written, file_key, slot)
    note_inspection(tx, upload, inspected)
    return deposit_version(tx, opened, replace(deposit, duration_ms=inspected.duration_ms))


def drop_upload(tx: Transaction, upload: Upload, reason: str) -> None:
    """End an unfinished upload: its slot dies with the commit, a job removes its bytes. Done twice, nothing more."""
    if upload.completed_at or upload.dropped_at:
        return
    upload.dropped_at, upload.refusal, upload.tail_lock = tx.now, reason[:40], None
    if upload.slot_id is not None:
        tx.destroy(upload.slot_id)
    tx.later(DISCARD, upload.id, dedupe_key=f"{DISCARD}:{upload.id}")
    tx.record("upload.dropped", upload, reason=reason)


def discard_bytes(store: Store, upload: Upload) -> None:
    """Remove what a dropped upload left in the store, finished or not; it may be done again."""
    for name in filter(None, (upload.object_name, upload.stale_object_name)):
        store.drop(name)
        store.delete(name)


@dataclass(frozen=True)
class _Facts:
    """What the upload's row says about the document it becomes or belongs to."""

    document_type: str
    title: str
    language: str | None
    individual_ids: list[str]


def _facts_of(document: Document, opened: OpenBundle) -> _Facts:
    ids = [str(individual.id) for individual in document.individuals]
    return _Facts(document.document_type, opened.title_of(document), document.language, ids)


def _asked_facts(tx: Transaction, bundle: Bundle, wanted: Wanted) -> _Facts:
    chosen = document_type(wanted.document_type, is_video_approved(tx, bundle.office_id))
    individuals = individuals_by_number(tx, bundle.case_id, wanted.individuals)
    check_named(chosen.kind, len(individuals))
    title = checked_title(wanted.title) if wanted.title else wanted.file_name
    return _Facts(chosen.code, title, wanted.language, [str(each.id) for each in individuals])


def check_family(type_code: str, file_name: str, media: MediaType) -> None:
    """`WrongType` when the document type does not take such content."""
    families = FAMILIES.get(type_code, (DOCUMENT, IMAGE))
    if media.family not in families:
        for_papers = (
            "%(file)s was not stored: this document type is for a document or a picture. Choose another type."
        )
        for_sound = "%(file)s was not stored: this document type is for a recording. Choose another type."
        raise WrongType(said(for_papers if DOCUMENT in families else for_sound, file=file_name))


def _document(tx: Transaction, bundle: Bundle, document_id: UUID) -> Document:
    document = tx.load(Document, document_id, Permission.DOCUMENT_ADD)
    if document.withdrawn_at is not None or document.bundle_id != bundle.id:
        raise Conflict("The document was withdrawn or moved meanwhile. Nothing was stored.")
    require_undisposed(tx, document)
    document_type(document.document_type, is_video_approved(tx, bundle.office_id))
    return document


def upload_keys(tx: Transaction, opened: OpenBundle, upload: Upload) -> tuple[bytes, bytes]:
    """FK and SLK of an unfinished upload; `Tampered` when they do not belong together.

    `UploadEnded` for one that began just before its bundle got a new key.
    """
    if upload.key_number != opened.bundle.key_number:
        raise UploadEnded("The bundle got a new key meanwhile. Send the file again.")
    if upload.slot_id is None:
        raise Tampered
    slot = tx.keystore.open_slot(upload.slot_id, SlotKind.VERSION, upload.id)
    lock = file_lock(opened.bundle.id, upload.id, upload.key_number)
    return lock.open(opened.key.reveal(), slot, blob=upload.file_lock), slot


def _deposit(upload: Upload, media: MediaType, written: Written, file_key: bytes, slot: bytes) -> Deposit:
    if upload.slot_id is None:
        raise Tampered
    facts = (written.length, written.object_length, written.object_digest)
    return Deposit(
        version_id=upload.id,
        document_id=upload.document_id,
        is_new_document=upload.is_new_document,
        document_type=upload.document_type,
        language=upload.language,
        individual_ids=[UUID(each) for each in upload.individual_ids],
        title_lock=upload.title_lock,
        slot_id=upload.slot_id,
        file_lock=upload.file_lock,
        key_number=upload.key_number,
        head=upload.head,
        length=written.length,
        object_name=upload.object_name,
        object_length=written.object_length,
        object_digest=written.object_digest,
        seal=seal(file_key, slot, upload.id, *facts),
        media_type=media.name,
        extension=media.extension,
        file_name_lock=upload.file_name_lock,
        plaintext_sha256=written.plaintext_digest,
    )
