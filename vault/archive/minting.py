"""Minting: an age header for the archive identities, for each version of a permanent record, after its seal was checked.

Disposable classes get none, ever: what a header once let out could not be erased (K1). Withdrawn documents are records as
well, and get theirs. Each header is an event, and a line in the inventory of copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from vault.archive.checklist import Checklist
from vault.archive.gathering import IS_HERE
from vault.archive.models import ArchiveHeader, Closure
from vault.bundles.document_types import is_permanent
from vault.bundles.models import Document, Version
from vault.bundles.opening import OpenBundle
from vault.bundles.seals import check_sealed
from vault.crypto.header import age_header
from vault.crypto.payload import check_size
from vault.errors import Tampered
from vault.runtime import refusal_about
from vault.transfers.exports import fingerprint
from vault.transfers.models import ARCHIVE, CopyMade

if TYPE_CHECKING:
    from vault.runtime import Transaction


class Filed(NamedTuple):
    """One available version, its document, and the open bundle that it lies in."""

    document: Document
    version: Version
    opened: OpenBundle


def mint_headers(tx: Transaction, closure: Closure, checklist: Checklist) -> int:
    """Every seal is checked, and every permanent version has its header; returns how many. Errors: `Tampered`, recorded."""
    recipients = [each.recipient for each in checklist.identities]
    identities = [str(each.identity.id) for each in checklist.identities]
    words = [fingerprint(recipient) for recipient in recipients]
    copies, headers = [], []
    for filed in filed_in(tx, checklist):
        file_key, version = _checked_key(tx, filed), filed.version
        if not is_permanent(filed.document.document_type):
            continue
        copy = _copy_of(tx, version, identities)
        header = age_header(file_key, recipients)
        copies.append(copy)
        headers.append(
            ArchiveHeader(closure_id=closure.id, version_id=version.id, copy_id=copy.id, header=header)
        )
        tx.record(
            "document.header_minted",
            filed.document,
            version=version.id,
            number=version.number,
            copy=copy.id,
            closure=closure.id,
            fingerprints=words,
        )
    for rows in (copies, headers):
        tx.session.add_all(rows)
        tx.session.flush()
    return len(headers)


def filed_in(tx: Transaction, checklist: Checklist) -> Sequence[Filed]:
    """Every version of the case that can be read here, oldest documents first; all bundles are open."""
    opened = {held.bundle.id: held.look.opened for held in checklist.bundles}
    query = (
        select(Document, Version)
        .join(Version, Version.document_id == Document.id)
        .where(Document.case_id == checklist.case.id, *IS_HERE)
        .order_by(Document.created_at, Document.id, Version.number)
        .options(selectinload(Document.individuals))
    )
    found = []
    for document, version in tx.session.execute(query):
        bundle = opened[version.bundle_id]
        if bundle is None:
            raise Tampered
        found.append(Filed(document, version, bundle))
    return found


def _checked_key(tx: Transaction, filed: Filed) -> bytes:
    version = filed.version
    try:
        file_key, slot = filed.opened.file_keys(tx, version)
        check_sealed(version, file_key, slot)
        check_size(version.length, version.object_length)
    except Tampered:
        raise Tampered(refusal=refusal_about(version, "fixity.failed", reason="seal")) from None
    return file_key


def _copy_of(tx: Transaction, version: Version, identities: list[str]) -> CopyMade:
    return CopyMade(
        id=uuid4(),
        version_id=version.id,
        bundle_id=version.bundle_id,
        office_id=version.office_id,
        purpose=ARCHIVE,
        recipients=identities,
        owner_id=tx.actor.id,
        made_at=tx.now,
    )
