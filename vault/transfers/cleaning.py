"""A document's current version once more without what it says besides its content, as a new version. The old one stays."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.policy import Permission
from vault.errors import Conflict
from vault.inspection.cleaning import cleaned
from vault.inspection.formats import FORMATS
from vault.store.base import Store
from vault.transfers.reading import Content, open_content, reader_of
from vault.transfers.receiving import Stored, Transact, receive_file, settle
from vault.transfers.uploads import Wanted

if TYPE_CHECKING:
    from vault.runtime import Transaction


def clean_document(transact: Transact, store: Store, document_id: UUID) -> Stored:
    """The clean version stands, looked at and scanned like any other file, and is the current one.

    Errors: `NotFound`, `Refused`, `BundleLocked`, `StepUpDue`, `Conflict` when it cannot be cleaned or there was nothing to
    take out, and those of `receive_file`.
    """
    with transact() as tx:
        content, file_name = _opened(tx, document_id)
    version = content.version
    media = next(known.media for known in FORMATS if known.media.extension == version.extension)
    wanted = Wanted(file_name, document_id=document_id)
    pieces = cleaned(media, content.length, reader_of(store, content))
    arrived = receive_file(transact, store, version.bundle_id, wanted, pieces)
    return settle(transact, store, arrived)


def _opened(tx: Transaction, document_id: UUID) -> tuple[Content, str]:
    content, opened = open_content(tx, document_id)
    tx.require(Permission.DOCUMENT_ADD, content.document)
    if content.document.withdrawn_at is not None:
        raise Conflict("A withdrawn document is not changed.")
    return content, opened.file_name_of(content.version)
