"""Changing what is said about a document, withdrawing it, and moving it to another open bundle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict
from uuid import UUID

from sqlalchemy import select

from vault.access.actor import Role
from vault.access.holds import keep_on_hold
from vault.access.policy import Permission
from vault.access.remarks import Holder, Remark, checked_reason, read_remark
from vault.bundles import bookmarks
from vault.bundles.deposits import individuals_by_number
from vault.bundles.document_types import RECORDING, check_named, document_type, is_permanent
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import OpenBundle, open_bundle
from vault.bundles.seals import check_sealed, seal_of
from vault.bundles.service import checked_title
from vault.bundles.type_rights import require_addable
from vault.cases.models import Individual
from vault.cases.service import mark_changed
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import file_lock
from vault.crypto.marks import duplicate_mark
from vault.db import Row
from vault.errors import BundleLocked, Conflict, Fault, Invalid, Refused
from vault.runtime import refusal_about
from vault.slots import replace_slot

if TYPE_CHECKING:
    from vault.runtime import Transaction

FORM = "rrf"
"""The Resettlement Registration Form: agreements and declarations bind it by its type, so not everybody may change that."""
PLACE_COLUMNS = ("bundle_id", "case_id", "office_id", "tier", "former_tier", "title_lock")
"""What of a document goes with its versions when it is moved."""


class Description(TypedDict, total=False):
    """What people may say about a document, individuals by number; what is not named stays as it is."""

    document_type: str
    language: str | None
    individuals: Sequence[str]
    title: str


def change_document(
    tx: Transaction, document_id: UUID, wanted: Description, revision: int | None = None
) -> tuple[Document, OpenBundle]:
    """The document described anew; the bundle is open. `revision` is the one that the person saw, if known.

    The type may change only within its kind, and a Resettlement Registration Form leaves its type by a supervisor or
    controller alone. Errors: `BundleLocked`, `Invalid`, `Refused`, `Conflict` for an older revision.
    """
    document, opened = _load_open(tx, document_id, Permission.DOCUMENT_CHANGE)
    if document.withdrawn_at is not None:
        raise Conflict("A withdrawn document stays as it is.")
    if revision is not None and revision != document.revision:
        raise Conflict("Somebody changed this document meanwhile. Load it again, then make your change.")
    before = document.document_type
    if "document_type" in wanted:
        _change_type(tx, document, wanted["document_type"])
        require_addable(tx, opened.bundle, document.document_type)
    if "language" in wanted:
        document.language = wanted["language"]
    if "individuals" in wanted:
        individuals = individuals_by_number(tx, document.case_id, wanted["individuals"])
        check_named(document.kind, len(individuals))
        document.individuals = individuals
    if "title" in wanted:
        document.title_lock = opened.lock_text("document.title", document.id, checked_title(wanted["title"]))
    document.revision += 1
    mark_changed(tx, document.case_id)
    types = {"from_type": before, "to_type": document.document_type}
    retyped = types if before != document.document_type else {}
    tx.record("document.changed", document, revision=document.revision, **retyped)
    return document, opened


def withdraw_document(tx: Transaction, document_id: UUID, reason: str) -> Document:
    """Hide a wrong file from all but its uploader, the controller and the auditor; nothing is deleted.

    The reason is locked under the bundle's key when the bundle is open, else under the office's slot.
    """
    document = tx.load(Document, document_id, Permission.DOCUMENT_WITHDRAW, lock=True)
    if document.withdrawn_at is not None:
        raise Conflict("This document is withdrawn already.")
    remark = tx.remark(checked_reason(reason), _holder(tx, document))
    document.withdrawn_at, document.withdrawn_by_id = tx.now, tx.actor.id
    document.withdrawal_remark_id = UUID(remark["remark"])
    document.revision += 1
    mark_changed(tx, document.case_id)
    tx.record("document.withdrawn", document, **remark)
    return document


def withdrawal_reason(tx: Transaction, document: Document, opened: OpenBundle | None) -> str | None:
    """Why it was withdrawn; None when it was not, or while the bundle that keeps the words is sealed."""
    remark = tx.session.get(Remark, document.withdrawal_remark_id) if document.withdrawal_remark_id else None
    if remark is None:
        return None
    if remark.holder_id != document.bundle_id:
        return read_remark(tx, remark) if remark.holder_id == tx.actor.office_id else None
    return read_remark(tx, remark, opened.holder) if opened else None


def move_document(tx: Transaction, document_id: UUID, bundle_id: UUID) -> Document:
    """The document lies in the other bundle, both being open; its bytes are not copied.

    Every version gets a new slot, locks, marks and seal under the target's key, and its old slot dies; bookmarks go along.
    Individuals follow by number where the target's case knows them. The target may be of any case of the same office.
    Errors: `BundleLocked`, `Conflict`, `Tampered` when a version's present seal does not hold.
    """
    document, source = _load_open(tx, document_id, Permission.DOCUMENT_MOVE)
    target_bundle = tx.load(Bundle, bundle_id, Permission.DOCUMENT_ADD, lock=True)
    if target_bundle.id == source.bundle.id:
        raise Conflict("The document lies in this bundle already.")
    if document.withdrawn_at is not None:
        raise Conflict("A withdrawn document stays where it is.")
    versions = tx.session.scalars(select(Version).where(Version.document_id == document.id)).all()
    if any(version.removed_at is not None for version in versions):
        raise Conflict("What lay here of this document is in the archive. It stays where it is.")
    require_addable(tx, target_bundle, document.document_type)
    target = open_bundle(tx, target_bundle)
    individuals = _individuals_there(tx, document, target_bundle)
    tx.record("document.moved", document, to_bundle=target_bundle.id)
    keep_on_hold(tx.session, [document.id])
    document.title_lock = target.lock_text("document.title", document.id, source.title_of(document))
    document.individuals = individuals
    document.former_tier, document.tier = document.highest_tier, target_bundle.tier
    document.bundle_id, document.case_id = target_bundle.id, target_bundle.case_id
    document.office_id = target_bundle.office_id
    moved: list[tuple[Row, Sequence[str]]] = [(document, PLACE_COLUMNS)]
    moved += [
        (each, bookmarks.PLACE_COLUMNS) for each in bookmarks.move_bookmarks(tx, document, source, target)
    ]
    for version in versions:
        _move_version(tx, version, source, target, moved)
    document.revision += 1
    for case_id in {source.bundle.case_id, target_bundle.case_id}:
        mark_changed(tx, case_id)
    tx.session.flush()
    tx.record("document.moved", document, from_bundle=source.bundle.id)
    return document


def _load_open(tx: Transaction, document_id: UUID, permission: Permission) -> tuple[Document, OpenBundle]:
    document = tx.load(Document, document_id, permission, lock=True)
    bundle = tx.load(Bundle, document.bundle_id, permission, lock=True)
    return document, open_bundle(tx, bundle)


def _holder(tx: Transaction, document: Document) -> Holder | None:
    bundle = tx.load(Bundle, document.bundle_id, Permission.DOCUMENT_WITHDRAW, lock=True)
    try:
        return open_bundle(tx, bundle).holder
    except BundleLocked:
        return None


def _change_type(tx: Transaction, document: Document, code: str) -> None:
    if code == document.document_type:
        return
    chosen = document_type(code, video=True)
    if RECORDING in (chosen.kind, document.kind):
        message = "A recording stays what it is, and a document becomes none."
        raise Invalid(message, errors=[Fault("/document_type", message)])
    if is_permanent(document.document_type) and not is_permanent(chosen.code):
        message = "A permanent record does not become a temporary copy."
        raise Invalid(message, errors=[Fault("/document_type", message)])
    if document.document_type == FORM and not tx.actor.has(Role.SUPERVISOR, Role.CONTROLLER):
        permission = Permission.DOCUMENT_CHANGE.value
        refusal = refusal_about(document, "access.refused", permission=permission, type=FORM)
        message = (
            "A Resettlement Registration Form stays one. A supervisor or the Personal Data Controller who is in the"
            " bundle can change its type."
        )
        raise Refused(message, refusal=refusal)
    if document.document_type == FORM:
        document.form_left_at = tx.now
    keep_on_hold(tx.session, [document.id])
    document.document_type = chosen.code


def _individuals_there(tx: Transaction, document: Document, target: Bundle) -> list[Individual]:
    """The same people as the target's case numbers them; a recording must keep at least one."""
    if target.case_id == document.case_id:
        return list(document.individuals)
    keys = [individual.number_key for individual in document.individuals]
    query = select(Individual).where(Individual.case_id == target.case_id, Individual.number_key.in_(keys))
    found = list(tx.session.scalars(query.order_by(Individual.number)))
    if document.kind == "recording" and not found:
        raise Conflict("The other case knows none of this recording's individuals. Add them there first.")
    return found


def _move_version(
    tx: Transaction,
    version: Version,
    source: OpenBundle,
    target: OpenBundle,
    moved: Sequence[tuple[Row, Sequence[str]]],
) -> None:
    file_key, old_slot = source.file_keys(tx, version)
    check_sealed(version, file_key, old_slot)
    file_name, digest = source.file_name_of(version), source.digest_of(version)
    bundle = target.bundle
    lock = file_lock(bundle.id, version.id, bundle.key_number)

    def remake(slot: bytes) -> dict[str, Any]:
        return {
            "file_lock": lock.close(target.key.reveal(), slot, plaintext=file_key),
            "key_number": bundle.key_number,
            "seal": seal_of(version, file_key, slot),
            "file_name_lock": target.lock_text("version.file_name", version.id, file_name),
            "plaintext_digest_lock": target.lock_text("version.plaintext_digest", version.id, digest),
            "duplicate_mark": duplicate_mark(target.key.reveal(), bytes.fromhex(digest)),
            "bundle_id": bundle.id,
            "case_id": bundle.case_id,
            "office_id": bundle.office_id,
        }

    replace_slot(tx, version, SlotKind.VERSION, remake, also=moved)
