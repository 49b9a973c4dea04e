"""A new key for a bundle, when somebody may have watched the server while it was open.

Whoever saw the bundle's key could open every file that is stored later, too. Afterwards the key, its number, the access
key, the bundle's slot, every version's slot, and all that is locked under any of them are new: file locks, seals, titles,
file names, digests, duplicate marks, bookmarks, remarks. The files themselves stay: a file key that was seen stays known.

Order as in every replacement: slots and lock objects before the database changes, old slots after it. Killed before the
commit, all is as it was; killed after it, the sweep destroys the old slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select

from vault.access.policy import Permission
from vault.access.remarks import LABEL as REMARK
from vault.access.remarks import Remark, checked_reason, read_remark
from vault.bundles import bookmarks
from vault.bundles.documents import PLACE_COLUMNS
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import OpenBundle, open_bundle, password_key_of, renew_access_key
from vault.bundles.seals import check_sealed, seal_of
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import file_lock
from vault.crypto.marks import duplicate_mark
from vault.crypto.secret import Secret, random_key
from vault.db import Row, for_change
from vault.slots import Kept, replace_slot

if TYPE_CHECKING:
    from vault.runtime import Transaction

NAME_COLUMNS = ("file_name_lock", "plaintext_digest_lock", "duplicate_mark")


def rekey_bundle(tx: Transaction, bundle_id: UUID, reason: str) -> OpenBundle:
    """Everything in the bundle is locked under a new key, for the same members and the same password.

    Uploads into it and links on it must have been ended by whoever calls. Errors: `BundleLocked`, `Invalid` without a
    reason, `Tampered` when a version's present seal does not hold: then nothing is changed.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_MANAGE, lock=True)
    old, reason = open_bundle(tx, bundle), checked_reason(reason)
    password_key, title = password_key_of(tx, bundle), old.title
    fresh = OpenBundle(bundle, Secret(random_key()))
    bundle.key_number += 1
    bundle.title_lock = fresh.lock_text("bundle.title", bundle.id, title)
    along = list(_rekeyed_remarks(tx, old, fresh))
    for document in tx.session.scalars(select(Document).where(Document.bundle_id == bundle.id)).all():
        along += _rekey_document(tx, document, old, fresh)
    renew_access_key(tx, fresh, password_key, also=along)
    bundle.revision += 1
    why = tx.remark(reason, fresh.holder)
    tx.record("bundle.key_replaced", bundle, key_number=bundle.key_number, **why)
    return fresh


def _rekey_document(tx: Transaction, document: Document, old: OpenBundle, fresh: OpenBundle) -> Kept:
    """Returns what no version's new slot carries along: all of a document whose files were removed from here."""
    title = old.title_of(document)
    document.title_lock = fresh.lock_text("document.title", document.id, title)
    along: list[tuple[Row, Sequence[str]]] = [(document, PLACE_COLUMNS)]
    along += [(each, bookmarks.PLACE_COLUMNS) for each in bookmarks.move_bookmarks(tx, document, old, fresh)]
    query = select(Version).where(Version.document_id == document.id).order_by(Version.id)
    held = query.with_for_update(**for_change(Version))
    versions = tx.session.scalars(held, execution_options={"populate_existing": True}).all()
    for version in versions:
        if version.removed_at is not None:
            _rename_version(version, old, fresh)
            along.append((version, NAME_COLUMNS))
    here = [version for version in versions if version.removed_at is None]
    for version in here:
        _rekey_version(tx, version, old, fresh, along)
    return () if here else along


def _rename_version(version: Version, old: OpenBundle, fresh: OpenBundle) -> None:
    """Of a file that was removed from here only what it was called is locked anew."""
    digest = old.digest_of(version)
    version.file_name_lock = fresh.lock_text("version.file_name", version.id, old.file_name_of(version))
    version.plaintext_digest_lock = fresh.lock_text("version.plaintext_digest", version.id, digest)
    version.duplicate_mark = duplicate_mark(fresh.key.reveal(), bytes.fromhex(digest))


def _rekey_version(
    tx: Transaction, version: Version, old: OpenBundle, fresh: OpenBundle, along: Kept
) -> None:
    file_key, old_slot = old.file_keys(tx, version)
    check_sealed(version, file_key, old_slot)
    name, digest, bundle = old.file_name_of(version), old.digest_of(version), fresh.bundle
    lock, key = file_lock(bundle.id, version.id, bundle.key_number), fresh.key.reveal()

    def remake(slot: bytes) -> dict[str, Any]:
        return {
            "file_lock": lock.close(key, slot, plaintext=file_key),
            "key_number": bundle.key_number,
            "seal": seal_of(version, file_key, slot),
            "file_name_lock": fresh.lock_text("version.file_name", version.id, name),
            "plaintext_digest_lock": fresh.lock_text("version.plaintext_digest", version.id, digest),
            "duplicate_mark": duplicate_mark(key, bytes.fromhex(digest)),
        }

    replace_slot(tx, version, SlotKind.VERSION, remake, also=along)


def _rekeyed_remarks(tx: Transaction, old: OpenBundle, fresh: OpenBundle) -> Kept:
    """The remarks that lie under the bundle's key; their digests in the log stay true, for they have salts of their own."""
    found = tx.session.scalars(select(Remark).where(Remark.holder_id == fresh.bundle.id)).all()
    for remark in found:
        text = read_remark(tx, remark, old.holder)
        remark.text_lock = fresh.lock_text(REMARK, remark.id, text)
    return [(remark, ("text_lock",)) for remark in found]
