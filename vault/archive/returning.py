"""Returning: files that were copied out of a package become documents, in the opening of the next member.

A bounded number at a time. Who opens need not be allowed to add documents: two people decided that they come. A file that
does not open says so, and keeps nobody out of the bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import exists, func, select

from vault.access.closed import RETRIEVED, takes_retrieved
from vault.archive.retrieval import give_up_key
from vault.archive.retrieval_models import COPY, Retrieval, RetrievedFile
from vault.bundles.deposits import Deposit, admit_version
from vault.bundles.documents import FORM
from vault.bundles.models import Document, Version
from vault.bundles.opening import OpenBundle, at_opening
from vault.cases.models import Case
from vault.crypto.grant import open_grant
from vault.crypto.header import HEAD
from vault.crypto.kinds import PrincipalKind, SlotKind
from vault.crypto.locks import file_lock, unlock_text
from vault.crypto.marks import drop_seed, seal
from vault.crypto.payload import CHUNK, check_size, read_range
from vault.crypto.secret import Secret, compare
from vault.db import for_change
from vault.drops.keys import DIGEST, KEY_NUMBER, NAME, TITLE
from vault.drops.taking_in import AT_ONCE
from vault.errors import Invalid, NotFound, StoreUnavailable, Tampered

if TYPE_CHECKING:
    from uuid import UUID

    from vault.runtime import Transaction


class Opened(NamedTuple):
    """What a member reads of a file that came back: its key and slot, its names, and the SHA-256 of its plaintext."""

    file_key: Secret
    slot: Secret
    title: str
    file_name: str
    digest: str


@at_opening
def take_back_some(tx: Transaction, opened: OpenBundle) -> None:
    """The first files that wait are documents; the rest wait for the next opening, which may be the next request.

    While the store does not answer all wait, and the bundle opens.
    """
    with suppress(StoreUnavailable):
        _take_back_all(tx, opened)
    tx.session.flush()
    mine = (Retrieval.bundle_id == opened.bundle.id, Retrieval.rewrapped_at.is_not(None))
    if tx.session.scalar(select(exists().where(*mine, Retrieval.returned_at.is_(None)))):
        # Drops, whose turn at an opening is before, have taken the mark away if nothing waits there.
        opened.bundle.arrivals_at = opened.bundle.arrivals_at or tx.now


def _take_back_all(tx: Transaction, opened: OpenBundle) -> None:
    left = AT_ONCE
    for retrieval in _waiting(tx, opened):
        case = tx.session.get_one(Case, retrieval.case_id)
        if not takes_retrieved(case.state, RETRIEVED if retrieval.kind == COPY else ""):
            continue
        if not compare(retrieval.recipient or b"", opened.bundle.drop_public_key or b""):
            _order_again(tx, retrieval)
            continue
        for file in _files(tx, retrieval, left):
            _take_back(tx, opened, retrieval, file)
            left -= 1
        _settle(tx, retrieval)


def waiting_of(tx: Transaction, retrieval: Retrieval) -> int:
    """How many of its files are not back yet, and may come."""
    tx.session.flush()
    return tx.session.scalar(select(func.count()).select_from(RetrievedFile).where(*_waits(retrieval))) or 0


def _waiting(tx: Transaction, opened: OpenBundle) -> Sequence[Retrieval]:
    """Retrievals whose files wait for this bundle, held."""
    tx.session.flush()
    mine = (Retrieval.bundle_id == opened.bundle.id, Retrieval.copied_at.is_not(None))
    query = select(Retrieval).where(*mine, Retrieval.returned_at.is_(None)).order_by(Retrieval.proposed_at)
    held = query.with_for_update(**for_change(Retrieval))
    return tx.session.scalars(held, execution_options={"populate_existing": True}).all()


def _files(tx: Transaction, retrieval: Retrieval, most: int) -> Sequence[RetrievedFile]:
    """The oldest versions first, so that the current one of a document comes last."""
    query = select(RetrievedFile).join(Version, Version.id == RetrievedFile.version_id)
    waits = query.where(*_waits(retrieval)).order_by(Version.number, Version.deposited_at, Version.id)
    return tx.session.scalars(waits.limit(most)).all()


def _waits(retrieval: Retrieval) -> tuple:  # type: ignore[type-arg]
    return (
        RetrievedFile.retrieval_id == retrieval.id,
        RetrievedFile.returned_at.is_(None),
        RetrievedFile.failure.is_(None),
    )


def _settle(tx: Transaction, retrieval: Retrieval) -> None:
    """With the last file the retrieval has ended."""
    if waiting_of(tx, retrieval):
        return
    came = (RetrievedFile.retrieval_id == retrieval.id, RetrievedFile.returned_at.is_not(None))
    count = tx.session.scalar(select(func.count()).select_from(RetrievedFile).where(*came))
    retrieval.returned_at = tx.now
    tx.record("retrieval.returned", retrieval, files=count)


def _take_back(tx: Transaction, opened: OpenBundle, retrieval: Retrieval, file: RetrievedFile) -> None:
    """The file is a document; or it says why it cannot be, and its slot dies."""
    archived = tx.session.get_one(Version, file.version_id)
    try:
        found = _opened(tx, opened, file, archived.length)
    except (Tampered, Invalid, NotFound) as fault:
        file.failure = fault.code
        if file.slot_id is not None:
            tx.destroy(file.slot_id)
        tx.record("retrieval.failed", retrieval, file=file.id, code=fault.code)
        return
    admit_version(tx, opened, _deposit(tx, opened, retrieval, file, found))
    _keep_form(tx, archived.document_id, file.document_id)
    file.returned_at = tx.now
    file.sealed_key = file.file_lock = file.title_lock = file.file_name_lock = file.digest_lock = None
    if retrieval.kind == COPY:
        file.due_at = tx.now + tx.settings.retrieved


def _keep_form(tx: Transaction, archived_id: UUID, document_id: UUID) -> None:
    """A Resettlement Registration Form that comes back as a copy is lent by the rules of one ever after."""
    archived, document = tx.session.get_one(Document, archived_id), tx.session.get_one(Document, document_id)
    document.form_left_at = archived.form_left_at
    if archived.document_type == FORM and document.document_type != FORM:
        document.form_left_at = tx.now


def _opened(tx: Transaction, opened: OpenBundle, file: RetrievedFile, length: int) -> Opened:
    """All that could go wrong is found before anything is written. Errors: `Tampered`, `NotFound` for a lost object."""
    blobs = (file.sealed_key, file.file_lock, file.title_lock, file.file_name_lock, file.digest_lock)
    sealed_key, locked, title, name, digest = (blob or b"" for blob in blobs)
    if file.slot_id is None:
        raise Tampered
    seed = drop_seed(opened.key.reveal())
    key = open_grant(seed, PrincipalKind.DROP, opened.bundle.id, file.id, 0, sealed_key)
    slot = tx.keystore.open_slot(file.slot_id, SlotKind.VERSION, file.id)
    found = Opened(
        Secret(file_lock(file.id, file.id, KEY_NUMBER).open(key, slot, blob=locked)),
        Secret(slot),
        unlock_text(key, file.id, TITLE, file.document_id, title),
        unlock_text(key, file.id, NAME, file.id, name),
        unlock_text(key, file.id, DIGEST, file.id, digest),
    )
    _check_opens(tx, file, found, length)
    return found


def _check_opens(tx: Transaction, file: RetrievedFile, found: Opened, length: int) -> None:
    """The object has its size, and its first chunk opens."""
    name, end = file.object_name or "", min(CHUNK, length) - 1
    check_size(length, file.object_length or 0)
    if tx.store.size(name) != file.object_length:
        raise Tampered
    key, head = found.file_key.reveal(), _head(file)
    for _ in read_range(head, key, length, 0, end, lambda first, last: tx.store.read(name, first, last)):
        pass


def _head(file: RetrievedFile) -> bytes:
    head = (file.new_start or b"") + (file.nonce or b"")
    if len(head) != HEAD:
        raise Tampered
    return head


def _deposit(
    tx: Transaction, opened: OpenBundle, retrieval: Retrieval, file: RetrievedFile, found: Opened
) -> Deposit:
    archived = tx.session.get_one(Version, file.version_id)
    document, bundle = tx.session.get_one(Document, archived.document_id), opened.bundle
    if file.slot_id is None or file.object_name is None or file.object_digest is None:
        raise Tampered
    keys = found.file_key.reveal(), found.slot.reveal()
    size = file.object_length or 0
    return Deposit(
        version_id=file.id,
        document_id=file.document_id,
        is_new_document=tx.session.get(Document, file.document_id) is None,
        document_type=RETRIEVED if retrieval.kind == COPY else document.document_type,
        language=document.language,
        individual_ids=[person.id for person in document.individuals],
        title_lock=opened.lock_text(TITLE, file.document_id, found.title),
        slot_id=file.slot_id,
        file_lock=file_lock(bundle.id, file.id, bundle.key_number).close(
            opened.key.reveal(), keys[1], plaintext=keys[0]
        ),
        key_number=bundle.key_number,
        head=_head(file),
        length=archived.length,
        object_name=file.object_name,
        object_length=size,
        object_digest=file.object_digest,
        seal=seal(*keys, file.id, archived.length, size, file.object_digest),
        media_type=archived.media_type,
        extension=archived.extension,
        file_name_lock=opened.lock_text(NAME, file.id, found.file_name),
        plaintext_sha256=bytes.fromhex(found.digest),
        duration_ms=archived.duration_ms,
        owner_id=retrieval.proposed_by_id,
        is_retrieved=True,
    )


def _order_again(tx: Transaction, retrieval: Retrieval) -> None:
    """The bundle has a new key since, which does not open the files: an order is made anew.

    What was copied stays: made again it would have the same bytes, for they depend on the file's key and id alone. What is
    back already is not ordered again.
    """
    for file in tx.session.scalars(select(RetrievedFile).where(*_waits(retrieval))).all():
        give_up_key(tx, file)
    for name in ("bundle_id", "recipient", "order_digest", "ordered_by_id", "ordered_at"):
        setattr(retrieval, name, None)
    retrieval.rewrapped_by_id = retrieval.rewrapped_at = retrieval.copied_at = None
    tx.record("retrieval.failed", retrieval, code="other-key")
