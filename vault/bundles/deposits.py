"""Depositing: a file that is complete in the store becomes a version of a new or an existing document."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.policy import Permission
from vault.bundles.document_types import check_named, document_type, is_permanent
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import OpenBundle
from vault.bundles.seals import check_sealed
from vault.cases.models import Individual
from vault.cases.numbers import read_numbers
from vault.cases.service import mark_changed, mark_retrieved
from vault.crypto.marks import duplicate_mark
from vault.db import for_change
from vault.errors import Conflict, Fault, Invalid
from vault.people.approvals import is_video_approved

if TYPE_CHECKING:
    from vault.runtime import Transaction


@dataclass(frozen=True)
class Deposit:
    """All facts of one complete upload. Locks are under the open bundle; lengths in bytes; digests raw SHA-256;
    `duration_ms` is that of a recording, if it is known; `owner_id` whose document it is, the actor's if nothing is said;
    `is_retrieved`: the file comes back out of an archival package of its case.

    For a further version (`is_new_document` false) the document keeps its type, language, individuals and title.
    """

    version_id: UUID
    document_id: UUID
    is_new_document: bool
    document_type: str
    language: str | None
    individual_ids: Sequence[UUID]
    title_lock: bytes
    slot_id: UUID
    file_lock: bytes
    key_number: int
    head: bytes
    length: int
    object_name: str
    object_length: int
    object_digest: bytes
    seal: bytes
    media_type: str
    extension: str
    file_name_lock: bytes
    plaintext_sha256: bytes
    duration_ms: int | None = None
    owner_id: UUID | None = None
    is_retrieved: bool = False


def deposit_version(tx: Transaction, opened: OpenBundle, deposit: Deposit) -> Version:
    """The version stands, sealed, and is the document's current one.

    Errors: `Invalid` for type or individuals, `Conflict` when the document moved away meanwhile, `NotFound` when it
    was withdrawn, `Tampered` when locks, head and seal do not belong together.
    """
    tx.require(Permission.DOCUMENT_ADD, opened.bundle)
    return admit_version(tx, opened, deposit)


def admit_version(tx: Transaction, opened: OpenBundle, deposit: Deposit) -> Version:
    """The same for whoever has the bundle open: the right to add was asked when the file was sent. Errors: the same."""
    document = (
        _new_document(tx, opened, deposit) if deposit.is_new_document else _existing(tx, opened, deposit)
    )
    version = _version(tx, opened, deposit, number=document.current_number)
    check_sealed(version, *opened.file_keys(tx, version))
    tx.add(version)
    if deposit.is_retrieved:
        mark_retrieved(tx, document.case_id, document.document_type)
    else:
        mark_changed(tx, document.case_id)
    tx.record(
        "document.deposited" if deposit.is_new_document else "document.version_added",
        document,
        version=version.id,
        number=version.number,
        length=version.length,
        object_digest=version.object_digest.hex(),
    )
    tx.session.flush()
    tx.keystore.warrants.require(deposit.slot_id)
    return version


def individuals_of(tx: Transaction, case_id: UUID, ids: Sequence[UUID]) -> list[Individual]:
    """The individuals of the case with these ids; `Invalid` when one is not of the case."""
    wanted = set(ids)
    query = select(Individual).where(Individual.case_id == case_id, Individual.id.in_(wanted))
    return _all_of(wanted, list(tx.session.scalars(query.order_by(Individual.number))))


def individuals_by_number(tx: Transaction, case_id: UUID, numbers: Sequence[str]) -> list[Individual]:
    """The individuals of the case with these numbers, in any spelling; `Invalid` when one is not of the case."""
    keys = {number.key for number in read_numbers(numbers, "/individuals")}
    query = select(Individual).where(Individual.case_id == case_id, Individual.number_key.in_(keys))
    return _all_of(keys, list(tx.session.scalars(query.order_by(Individual.number))))


def find_duplicate(tx: Transaction, opened: OpenBundle, plaintext_sha256: bytes) -> Version | None:
    """A version of the open bundle with the same content, oldest first; what was withdrawn or removed does not count."""
    mark = duplicate_mark(opened.key.reveal(), plaintext_sha256)
    return tx.session.scalar(
        select(Version)
        .join(Document, Document.id == Version.document_id)
        .where(
            Version.bundle_id == opened.bundle.id,
            Version.duplicate_mark == mark,
            Version.removed_at.is_(None),
            Document.withdrawn_at.is_(None),
        )
        .order_by(Version.deposited_at)
        .limit(1)
    )


def _all_of(wanted: Collection[object], found: list[Individual]) -> list[Individual]:
    if len(found) != len(wanted):
        message = "Choose individuals of this case."
        raise Invalid(message, errors=[Fault("/individuals", message)])
    return found


def _new_document(tx: Transaction, opened: OpenBundle, deposit: Deposit) -> Document:
    bundle = opened.bundle
    kind = document_type(deposit.document_type, is_video_approved(tx, bundle.office_id))
    individuals = individuals_of(tx, bundle.case_id, deposit.individual_ids)
    check_named(kind.kind, len(individuals))
    opened.read_text("document.title", deposit.document_id, deposit.title_lock)
    return tx.add(
        Document(
            id=deposit.document_id,
            bundle_id=bundle.id,
            case_id=bundle.case_id,
            office_id=bundle.office_id,
            tier=bundle.tier,
            document_type=kind.code,
            kind=kind.kind,
            language=deposit.language,
            title_lock=deposit.title_lock,
            current_number=1,
            owner_id=deposit.owner_id or tx.actor.id,
            created_at=tx.now,
            individuals=individuals,
        )
    )


def require_undisposed(tx: Transaction, document: Document) -> None:
    """Something of the document lies here, or in the archive; `Conflict` for one that was disposed of."""
    left = select(Version.id).where(Version.document_id == document.id, Version.removed_at.is_(None))
    if not is_permanent(document.document_type) and tx.session.scalar(left.limit(1)) is None:
        raise Conflict("This document was disposed of. Store the file as a document of its own.")


def _existing(tx: Transaction, opened: OpenBundle, deposit: Deposit) -> Document:
    if deposit.is_retrieved:
        document = tx.session.get_one(Document, deposit.document_id, with_for_update=for_change(Document))
    else:
        document = tx.load(Document, deposit.document_id, Permission.DOCUMENT_ADD, lock=True)
    if document.bundle_id != opened.bundle.id:
        raise Conflict("The document was moved to another bundle meanwhile. Nothing was stored.")
    if document.withdrawn_at is not None:
        raise Conflict("The document was withdrawn meanwhile. Nothing was stored.")
    require_undisposed(tx, document)
    document_type(document.document_type, is_video_approved(tx, document.office_id))
    document.current_number += 1
    document.revision += 1
    return document


def _version(tx: Transaction, opened: OpenBundle, deposit: Deposit, number: int) -> Version:
    bundle: Bundle = opened.bundle
    opened.read_text("version.file_name", deposit.version_id, deposit.file_name_lock)
    digest = deposit.plaintext_sha256
    return Version(
        id=deposit.version_id,
        document_id=deposit.document_id,
        bundle_id=bundle.id,
        office_id=bundle.office_id,
        case_id=bundle.case_id,
        number=number,
        slot_id=deposit.slot_id,
        file_lock=deposit.file_lock,
        key_number=deposit.key_number,
        head=deposit.head,
        length=deposit.length,
        object_name=deposit.object_name,
        object_length=deposit.object_length,
        object_digest=deposit.object_digest,
        seal=deposit.seal,
        media_type=deposit.media_type,
        extension=deposit.extension,
        duration_ms=deposit.duration_ms,
        file_name_lock=deposit.file_name_lock,
        plaintext_digest_lock=opened.lock_text("version.plaintext_digest", deposit.version_id, digest.hex()),
        duplicate_mark=duplicate_mark(opened.key.reveal(), digest),
        owner_id=deposit.owner_id or tx.actor.id,
        deposited_at=tx.now,
    )
