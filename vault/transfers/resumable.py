"""Resumable uploads: begun with a length, grown by pieces, each acknowledged to the byte; then settled, or dropped.

A piece is written outside any transaction and acknowledged by `note_progress`, which one writer wins: `revision` says
whether somebody else was faster. What waits in the tail is locked under the file's own key.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import update

from vault.access.policy import Permission
from vault.bundles.models import Bundle
from vault.bundles.opening import OpenBundle, open_bundle
from vault.crypto.header import NONCE, object_head
from vault.crypto.locks import file_lock, tail_lock
from vault.crypto.marks import tail_key
from vault.crypto.payload import CHUNK
from vault.crypto.secret import Secret, random_file_key
from vault.errors import Conflict, Invalid, NotFound, UploadBusy, UploadEnded, WrongOffset
from vault.inspection.inspector import inspect_head, promised_media
from vault.store.base import Store
from vault.transfers.appending import Appender, Begin, Progress
from vault.transfers.models import Upload
from vault.transfers.quota import check_room
from vault.transfers.reading import require_session
from vault.transfers.receiving import open_for_adding
from vault.transfers.uploads import Wanted, begin_upload, drop_upload, is_own, upload_keys

if TYPE_CHECKING:
    from vault.runtime import Transaction


@dataclass(frozen=True)
class Announced:
    """What a sender says beforehand: bytes, SHA-256 of all of them (hexadecimal), and a mark to find the file again."""

    length: int
    digest: str | None = None
    fingerprint: str | None = None


@dataclass
class Resumed:
    """An upload that its owner goes on with: its row as it was, its keys, its tail in plaintext."""

    upload: Upload
    file_name: str
    file_key: Secret
    slot: Secret
    tail: Secret | None
    digest: str | None
    revision: int
    expires_at: datetime

    def appender(self, store: Store, begin: Begin) -> Appender:
        """What writes on from the acknowledged offset."""
        tail = self.tail.reveal() if self.tail else b""
        return Appender(store, self.upload, self.file_key.reveal(), tail, self._inspect, begin)

    def _inspect(self, head: bytes) -> None:
        self.upload.media_type = inspect_head(head, self.file_name).name


def begin_resumable(tx: Transaction, bundle_id: UUID, wanted: Wanted, announced: Announced) -> Upload:
    """The upload is there, at offset 0.

    Errors: those of `begin_upload`; `Invalid` for an empty file, `TooLarge` for one over a limit, `WrongType` for a
    name that promises nothing that is accepted, `BundleLocked`.
    """
    opened = open_for_adding(tx, bundle_id)
    if announced.length < 1:
        raise Invalid(f"{wanted.file_name} was not stored: it is empty.")
    check_room(tx, opened.bundle, announced.length)
    upload = begin_upload(tx, opened, wanted, promised_media(wanted.file_name))
    upload.length = announced.length
    if announced.digest:
        upload.digest_lock = opened.lock_text("upload.digest", upload.id, announced.digest)
    if announced.fingerprint:
        upload.fingerprint_lock = opened.lock_text("upload.fingerprint", upload.id, announced.fingerprint)
    return upload


def own_upload(tx: Transaction, upload_id: UUID, lock: bool = False) -> Upload:
    """The actor's own resumable upload, whatever became of it; `NotFound` for anybody else's."""
    upload = tx.session.get(Upload, upload_id, with_for_update=lock or None)
    if upload is None or upload.length is None or not is_own(tx, upload):
        raise NotFound
    tx.load(Bundle, upload.bundle_id, Permission.DOCUMENT_ADD)
    return upload


def unfinished_upload(tx: Transaction, upload_id: UUID, lock: bool = False) -> Upload:
    """The same, if it still takes bytes or waits to be settled; else `UploadEnded`."""
    upload = own_upload(tx, upload_id, lock)
    is_over = tx.now >= upload.expires_at and not is_complete(upload)
    if upload.completed_at or upload.dropped_at or is_over:
        raise UploadEnded
    return upload


def resume_upload(tx: Transaction, upload_id: UUID, offset: int | None = None) -> Resumed:
    """What is needed to go on at `offset` (without one: wherever it stands).

    Errors: `NotFound`, `Refused`, `UploadEnded`, `BundleLocked`, `WrongOffset`.
    """
    upload = unfinished_upload(tx, upload_id)
    opened = open_bundle(tx, tx.session.get_one(Bundle, upload.bundle_id))
    if offset is not None and offset != upload.offset:
        raise WrongOffset(upload.offset)
    file_key, slot = upload_keys(tx, opened, upload)
    tail = opened_tail(upload, file_key, slot)
    name = opened.read_text("version.file_name", upload.id, upload.file_name_lock)
    digest = announced_digest(opened, upload)
    return Resumed(
        upload, name, Secret(file_key), Secret(slot), tail, digest, upload.revision, upload.expires_at
    )


def opened_tail(upload: Upload, file_key: bytes, slot: bytes) -> Secret | None:
    """What fills no chunk yet of the acknowledged bytes, in plaintext."""
    if upload.tail_lock is None:
        return None
    start = upload.offset // CHUNK * CHUNK
    return Secret(tail_lock(upload.id, start).open(tail_key(file_key), slot, blob=upload.tail_lock))


def begin_object(tx: Transaction, resumed: Resumed) -> None:
    """The object has its partial, if the upload still goes on under this name; else `UploadBusy`.

    The row is held meanwhile: a name that a restart or an end left behind is never begun again, or one file key could
    seal two contents (K6), and nobody would remove the partial.
    """
    row = tx.session.get(Upload, resumed.upload.id, with_for_update=True)
    if row is None or row.completed_at or row.dropped_at or row.object_name != resumed.upload.object_name:
        raise UploadBusy
    with suppress(Conflict):
        tx.store.begin(row.object_name)


def require_right(tx: Transaction, resumed: Resumed) -> None:
    """The session and the right to add, both of which may end while a piece comes in, still stand. Errors say which."""
    require_session(tx)
    tx.load(Bundle, resumed.upload.bundle_id, Permission.DOCUMENT_ADD)


def note_progress(tx: Transaction, resumed: Resumed, progress: Progress) -> None:
    """So many bytes are acknowledged. They are in the store, synced, before this is called.

    Errors: `UploadBusy` when another request went on meanwhile, `UploadEnded`; nothing more is acknowledged than was.
    """
    upload = resumed.upload
    start = progress.offset - len(progress.tail)
    blob = None
    if progress.tail:
        key, slot = tail_key(resumed.file_key.reveal()), resumed.slot.reveal()
        blob = tail_lock(upload.id, start).close(key, slot, plaintext=progress.tail)
    found = tx.session.execute(
        update(Upload)
        .where(Upload.id == upload.id, Upload.revision == resumed.revision)
        .where(Upload.completed_at.is_(None), Upload.dropped_at.is_(None))
        .values(
            offset=progress.offset,
            tail_lock=blob,
            media_type=upload.media_type,
            revision=resumed.revision + 1,
            expires_at=tx.now + tx.settings.upload_kept,
        )
        .execution_options(synchronize_session=False)
    )
    if not found.rowcount:  # type: ignore[attr-defined]
        row = tx.session.get(Upload, upload.id)
        raise UploadEnded if row is None or row.completed_at or row.dropped_at else UploadBusy
    resumed.revision += 1
    resumed.expires_at = tx.now + tx.settings.upload_kept


def restart_upload(tx: Transaction, upload_id: UUID, revision: int) -> str | None:
    """The upload is at offset 0 again, under a new file key and object name; returns the name of what is left over.

    For bytes that differ from what a crash left of the same place: one key never seals two contents (K6).
    """
    upload = unfinished_upload(tx, upload_id, lock=True)
    if upload.revision != revision:
        raise UploadBusy
    if upload.stale_object_name:
        tx.store.drop(upload.stale_object_name)
    opened = open_bundle(tx, tx.session.get_one(Bundle, upload.bundle_id))
    _old_key, slot = upload_keys(tx, opened, upload)
    file_key = random_file_key()
    lock = file_lock(opened.bundle.id, upload.id, upload.key_number)
    upload.file_lock = lock.close(opened.key.reveal(), slot, plaintext=file_key)
    upload.head = object_head(upload.id, file_key, os.urandom(NONCE))
    upload.stale_object_name, upload.object_name = upload.object_name, f"versions/{uuid4()}"
    upload.offset, upload.tail_lock, upload.media_type = 0, None, None
    upload.revision += 1
    tx.record("upload.restarted", upload)
    return upload.stale_object_name


def refuse_upload(tx: Transaction, upload_id: UUID, code: str) -> None:
    """The upload will never be a version: it is dropped, and says why to its owner."""
    drop_upload(tx, tx.session.get_one(Upload, upload_id, with_for_update=True), code)


def stop_upload(tx: Transaction, upload_id: UUID) -> None:
    """Its owner wants the upload no more: nothing of it stays but the event."""
    drop_upload(tx, unfinished_upload(tx, upload_id, lock=True), "stopped")


def is_complete(upload: Upload) -> bool:
    """Whether every byte has come; it may still wait to be settled."""
    return upload.length is not None and upload.offset == upload.length


def opened_names(opened: OpenBundle, upload: Upload) -> tuple[str, str, str | None]:
    """File name, title and fingerprint of an upload into an open bundle."""
    mark = upload.fingerprint_lock
    return (
        opened.read_text("version.file_name", upload.id, upload.file_name_lock),
        opened.read_text("document.title", upload.document_id, upload.title_lock),
        opened.read_text("upload.fingerprint", upload.id, mark) if mark else None,
    )


def announced_digest(opened: OpenBundle, upload: Upload) -> str | None:
    """SHA-256 of the whole file, hexadecimal, if its sender announced it."""
    lock = upload.digest_lock
    return opened.read_text("upload.digest", upload.id, lock) if lock else None
