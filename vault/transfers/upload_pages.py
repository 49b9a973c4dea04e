"""What is shown of uploads on their way: to programs, and to the page that goes on with them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.policy import Permission
from vault.bundles.deposits import find_duplicate
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import OpenBundle, open_bundle
from vault.errors import BundleLocked, NotFound, ReasonDue
from vault.inspection.findings import STILL_LOOKED_AT, Findings, findings_of
from vault.transfers.models import BY_MEMBER, Upload
from vault.transfers.resumable import announced_digest, is_complete, opened_names

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST_LISTED = 200


class UploadPage(BaseModel):
    """One upload. Lengths in bytes; names are null while the bundle is sealed. `reason` is a code of errors.md.
    `document` is known beforehand where it is to be a further version of one.

    `state`: receiving, checking (all has come), stored, refused. `inspection` is there once all has come.
    """

    id: UUID
    bundle: UUID
    document_type: str
    file_name: str | None = None
    title: str | None = None
    fingerprint: str | None = None
    sha256: str | None = None
    offset: int
    length: int
    expires_at: datetime
    state: str
    document: UUID | None = None
    version: int | None = None
    same_as: UUID | None = None
    reason: str | None = None
    inspection: Findings | None = None


class UploadList(BaseModel):
    """The actor's unfinished uploads, oldest first, at most 200."""

    items: list[UploadPage]


class KnownFile(BaseModel):
    """A document of the bundle with the same content; nulls when there is none."""

    document: UUID | None = None
    version: int | None = None
    title: str | None = None


def upload_page(tx: Transaction, upload: Upload) -> UploadPage:
    """What its owner may know of an upload."""
    page = UploadPage(
        id=upload.id,
        bundle=upload.bundle_id,
        document_type=upload.document_type,
        offset=upload.offset,
        length=upload.length or 0,
        expires_at=upload.expires_at,
        state=_state(tx, upload),
        document=None if upload.is_new_document else upload.document_id,
        reason=upload.refusal,
    )
    if page.state == "checking":
        page.inspection = STILL_LOOKED_AT
    opened = _opened(tx, upload.bundle_id)
    if opened is not None and upload.dropped_at is None:
        page.file_name, page.title, page.fingerprint = opened_names(opened, upload)
        page.sha256 = announced_digest(opened, upload)
    if upload.completed_at is not None:
        page.inspection = findings_of(tx.session, [upload.id])[upload.id]
        version = tx.session.get(Version, upload.id)
        page.document, page.version = upload.document_id, version.number if version else None
        page.same_as = _same_as(tx, opened, version)
    return page


def unfinished_page(tx: Transaction) -> UploadList:
    """The actor's own, in bundles that he may still add to."""
    rows = tx.session.scalars(
        select(Upload)
        .where(
            Upload.owner_id == tx.actor.id, BY_MEMBER, Upload.length.is_not(None), Upload.expires_at > tx.now
        )
        .where(Upload.completed_at.is_(None), Upload.dropped_at.is_(None))
        .order_by(Upload.begun_at, Upload.id)
        .limit(MOST_LISTED)
    ).all()
    bundles = {row.bundle_id: tx.session.get(Bundle, row.bundle_id) for row in rows}
    allowed = {
        each
        for each, bundle in bundles.items()
        if bundle is not None and tx.allows(Permission.DOCUMENT_ADD, bundle)
    }
    return UploadList(items=[upload_page(tx, row) for row in rows if row.bundle_id in allowed])


def known_file(tx: Transaction, opened: OpenBundle, digest: str) -> KnownFile:
    """What the open bundle has of this SHA-256 (hexadecimal)."""
    version = find_duplicate(tx, opened, bytes.fromhex(digest))
    if version is None:
        return KnownFile()
    document = tx.session.get_one(Document, version.document_id)
    return KnownFile(document=document.id, version=version.number, title=opened.title_of(document))


def _state(tx: Transaction, upload: Upload) -> str:
    if upload.completed_at is not None:
        return "stored"
    if upload.dropped_at is not None:
        return "refused"
    if is_complete(upload):
        return "checking"
    return "receiving" if tx.now < upload.expires_at else "refused"


def _opened(tx: Transaction, bundle_id: UUID) -> OpenBundle | None:
    """The bundle if it is open in this session; its names are nobody's to see otherwise."""
    try:
        return open_bundle(tx, tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN))
    except (BundleLocked, NotFound, ReasonDue):
        return None


def _same_as(tx: Transaction, opened: OpenBundle | None, version: Version | None) -> UUID | None:
    if opened is None or version is None:
        return None
    older = find_duplicate(tx, opened, bytes.fromhex(opened.digest_of(version)))
    return older.document_id if older is not None and older.id != version.id else None
