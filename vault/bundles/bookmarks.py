"""Bookmarks: places in a recording that members of its bundle have named. Whoever may open the recording sees them all.

A label lies under the bundle's key and goes with the recording when it is moved; the log keeps that there was one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import func, select

from vault.access.policy import Permission
from vault.bundles.document_types import RECORDING
from vault.bundles.models import Bookmark, Bundle, Document, Version
from vault.bundles.opening import OpenBundle, open_bundle
from vault.cases.service import held_active
from vault.errors import Conflict, Fault, Invalid, NotFound, Refused
from vault.runtime import refusal_about

if TYPE_CHECKING:
    from vault.runtime import Transaction

LABEL = "bookmark.label"
LONGEST_LABEL = 200
LONGEST_MS = 24 * 3600 * 1000
MOST_BOOKMARKS = 500
PLACE_COLUMNS = ("bundle_id", "case_id", "office_id", "label_lock")
"""What of a bookmark goes with its recording when that is moved."""


def add_bookmark(tx: Transaction, document_id: UUID, position_ms: int, label: str) -> Bookmark:
    """The place is bookmarked, for all who may open the recording.

    Errors: `NotFound` for what is no recording, `BundleLocked`, `Invalid` for a place beyond its end or a label that is
    too long, `Conflict` when it is withdrawn or has 500 of them, or its case is closed.
    """
    document, opened = open_recording(tx, document_id, lock=True)
    held_active(tx, document.case_id)
    if document.withdrawn_at is not None:
        raise Conflict("A withdrawn recording stays as it is.")
    count = select(func.count()).select_from(Bookmark).where(Bookmark.document_id == document.id)
    if (tx.session.scalar(count) or 0) >= MOST_BOOKMARKS:
        raise Conflict(f"This recording has {MOST_BOOKMARKS} bookmarks. Remove some first.")
    _check_place(tx, document, position_ms)
    bookmark_id = uuid4()
    bookmark = Bookmark(
        id=bookmark_id,
        document_id=document.id,
        bundle_id=document.bundle_id,
        case_id=document.case_id,
        office_id=document.office_id,
        position_ms=position_ms,
        label_lock=opened.lock_text(LABEL, bookmark_id, _checked_label(label)),
        owner_id=tx.actor.id,
        made_at=tx.now,
    )
    tx.record("bookmark.added", document, bookmark=bookmark.id)
    return tx.add(bookmark)


def remove_bookmark(tx: Transaction, document_id: UUID, bookmark_id: UUID) -> Document:
    """The bookmark is gone, label and all. One's own, or any for those who may change the recording's description.

    Errors: as above, and `Refused`.
    """
    document, _opened = open_recording(tx, document_id, lock=True)
    held_active(tx, document.case_id)
    bookmark = tx.session.get(Bookmark, bookmark_id)
    if bookmark is None or bookmark.document_id != document.id:
        raise NotFound
    if bookmark.owner_id != tx.actor.id and not tx.allows(Permission.DOCUMENT_CHANGE, document):
        refusal = refusal_about(document, "access.refused", permission=Permission.DOCUMENT_CHANGE.value)
        raise Refused("Only who made this bookmark may remove it.", refusal=refusal)
    tx.session.delete(bookmark)
    tx.record("bookmark.removed", document, bookmark=bookmark.id)
    tx.session.flush()
    return document


def open_recording(tx: Transaction, document_id: UUID, lock: bool = False) -> tuple[Document, OpenBundle]:
    """A recording that the actor may open, and its open bundle; `NotFound` for a document.

    `lock=True` holds the bundle, for what is about to be locked under its key.
    """
    document = tx.load(Document, document_id, Permission.DOCUMENT_READ)
    if document.kind != RECORDING:
        raise NotFound
    return document, open_bundle(tx, tx.load(Bundle, document.bundle_id, Permission.DOCUMENT_READ, lock))


def bookmarks_of(tx: Transaction, document: Document) -> Sequence[Bookmark]:
    """All bookmarks of a recording, in the order of their places. Load the recording with its permission first."""
    query = select(Bookmark).where(Bookmark.document_id == document.id)
    return tx.session.scalars(query.order_by(Bookmark.position_ms, Bookmark.made_at)).all()


def label_of(opened: OpenBundle, bookmark: Bookmark) -> str:
    """What the place is called; may be empty."""
    return opened.read_text(LABEL, bookmark.id, bookmark.label_lock)


def move_bookmarks(
    tx: Transaction, document: Document, source: OpenBundle, target: OpenBundle
) -> Sequence[Bookmark]:
    """The bookmarks lie in the other bundle, their labels under its key."""
    found = bookmarks_of(tx, document)
    for bookmark in found:
        label = label_of(source, bookmark)
        bookmark.label_lock = target.lock_text(LABEL, bookmark.id, label)
        bookmark.bundle_id, bookmark.case_id = target.bundle.id, target.bundle.case_id
        bookmark.office_id = target.bundle.office_id
    return found


def _check_place(tx: Transaction, document: Document, position_ms: int) -> None:
    query = select(Version.duration_ms).where(
        Version.document_id == document.id, Version.number == document.current_number
    )
    end = tx.session.scalar(query)
    if not 0 <= position_ms <= (end if end is not None else LONGEST_MS):
        message = "The recording is shorter than that."
        raise Invalid(message, errors=[Fault("/at", message)])


def _checked_label(label: str) -> str:
    label = " ".join(label.split())
    if len(label) > LONGEST_LABEL or not label.isprintable():
        message = f"Give a label of at most {LONGEST_LABEL} ordinary characters."
        raise Invalid(message, errors=[Fault("/label", message)])
    return label
