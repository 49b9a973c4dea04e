"""Taking in: what arrived in a bundle becomes documents, in the opening of the next member, a bounded number at a time.

The file itself stays as it is: key and names are locked anew, under the bundle's key. Who opens need not be allowed to add
documents: the maker of the request was, when the file was sent, and the document is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select

from vault.bundles.deposits import Deposit, admit_version, individuals_of
from vault.bundles.document_types import check_named, document_type
from vault.bundles.opening import OpenBundle, at_opening
from vault.crypto.locks import file_lock
from vault.crypto.marks import seal
from vault.crypto.secret import compare
from vault.db import for_change
from vault.drops.keys import OpenDrop, open_drop
from vault.drops.models import DroppedFile, FileRequest
from vault.errors import Invalid, Tampered
from vault.people.approvals import is_video_approved
from vault.transfers.models import Upload

if TYPE_CHECKING:
    from vault.runtime import Transaction

AT_ONCE = 20
"""Files taken in by one opening."""


@at_opening
def take_in_some(tx: Transaction, opened: OpenBundle) -> None:
    """The oldest files that wait are documents; the rest wait for the next opening, which may be the next request."""
    waiting = _waiting(tx, opened.bundle.id, AT_ONCE)
    for file in waiting:
        _take_in(tx, opened, file)
    if len(waiting) < AT_ONCE:
        opened.bundle.arrivals_at = None


def take_in_all(tx: Transaction, opened: OpenBundle) -> None:
    """Every file that waits is a document; what could not be is ended: for when the bundle's key goes.

    The mark stays until the next opening, for it may stand for what another room waits with.
    """
    while waiting := _waiting(tx, opened.bundle.id, AT_ONCE):
        for file in waiting:
            _take_in(tx, opened, file)


def waiting_in(tx: Transaction, bundle_id: UUID) -> int:
    """How many files wait to be taken in."""
    query = select(func.count()).select_from(DroppedFile).join(Upload, Upload.id == DroppedFile.id)
    return tx.session.scalar(query.where(*_waits(bundle_id))) or 0


def _waits(bundle_id: UUID) -> tuple:  # type: ignore[type-arg]
    return (
        DroppedFile.bundle_id == bundle_id,
        DroppedFile.arrived_at.is_not(None),
        DroppedFile.taken_in_at.is_(None),
        DroppedFile.failure.is_(None),
        Upload.completed_at.is_(None),
        Upload.dropped_at.is_(None),
    )


def _waiting(tx: Transaction, bundle_id: UUID, most: int) -> Sequence[DroppedFile]:
    """The oldest, with their uploads held; the bundle's row is held by whoever opened it."""
    tx.session.flush()
    query = select(DroppedFile).join(Upload, Upload.id == DroppedFile.id).where(*_waits(bundle_id))
    held = query.order_by(DroppedFile.arrived_at, DroppedFile.id).limit(most)
    held = held.with_for_update(**for_change(Upload))
    return tx.session.scalars(held, execution_options={"populate_existing": True}).all()


def _take_in(tx: Transaction, opened: OpenBundle, file: DroppedFile) -> None:
    """The file is a document; or it says why it cannot be, and keeps nobody out of the bundle."""
    request = tx.session.get_one(FileRequest, file.request_id)
    try:
        found = _checked(tx, opened, file)
    except (Tampered, Invalid) as fault:
        file.failure = fault.code
        tx.record("drop.failed", request, file=file.id, reason=fault.code)
        return
    version = admit_version(tx, opened, _deposit(opened, file, found))
    file.taken_in_at = file.upload.completed_at = tx.now
    tx.record("drop.taken_in", request, file=file.id, document=version.document_id)


def _checked(tx: Transaction, opened: OpenBundle, file: DroppedFile) -> OpenDrop:
    """All that could go wrong is found before anything is written. Errors: `Tampered`, `Invalid`."""
    upload, found = file.upload, open_drop(tx, opened, file)
    facts = (upload.length or 0, file.object_length or 0, file.object_digest or b"")
    whole = seal(found.file_key.reveal(), found.slot.reveal(), file.id, *facts)
    if file.seal is None or not compare(whole, file.seal):
        raise Tampered
    kind = document_type(upload.document_type, is_video_approved(tx, upload.office_id))
    people = individuals_of(tx, upload.case_id, [UUID(each) for each in upload.individual_ids])
    check_named(kind.kind, len(people))
    return found


def _deposit(opened: OpenBundle, file: DroppedFile, found: OpenDrop) -> Deposit:
    upload, bundle = file.upload, opened.bundle
    if upload.slot_id is None or file.object_digest is None or file.seal is None:
        raise Tampered
    lock = file_lock(bundle.id, file.id, bundle.key_number)
    return Deposit(
        version_id=file.id,
        document_id=upload.document_id,
        is_new_document=True,
        document_type=upload.document_type,
        language=None,
        individual_ids=[UUID(each) for each in upload.individual_ids],
        title_lock=opened.lock_text("document.title", upload.document_id, found.file_name),
        slot_id=upload.slot_id,
        file_lock=lock.close(opened.key.reveal(), found.slot.reveal(), plaintext=found.file_key.reveal()),
        key_number=bundle.key_number,
        head=upload.head,
        length=upload.length or 0,
        object_name=upload.object_name,
        object_length=file.object_length or 0,
        object_digest=file.object_digest,
        seal=file.seal,
        media_type=upload.media_type or "",
        extension=file.extension or "",
        file_name_lock=opened.lock_text("version.file_name", file.id, found.file_name),
        plaintext_sha256=bytes.fromhex(found.digest),
        duration_ms=file.duration_ms,
        owner_id=upload.owner_id,
    )
