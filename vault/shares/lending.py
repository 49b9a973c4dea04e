"""What links and loans have in common: versions locked under a key of the lending, and read again with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from sqlalchemy import and_, exists, select

from vault.access.cells import Place, cells_allow
from vault.access.closed import CLOSED
from vault.access.policy import CASELOAD, NEEDS, Permission, permits, roles_for
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import OpenBundle, version_slot
from vault.bundles.seals import check_sealed
from vault.crypto.locks import Lock, file_lock, link_lock, lock_text
from vault.errors import Gone, Refusal, Tampered
from vault.people.models import Person
from vault.people.sessions import actor_of
from vault.transfers.reading import Content, content_of

if TYPE_CHECKING:
    from datetime import datetime

    from vault.runtime import Transaction

SHARE_KEY_NUMBER = 0
"""The key number in file locks under a lending's key."""


class Lending(Protocol):
    """A link or a loan: whose key locks what is lent, and the last moment that its lock allows."""

    id: Any
    bundle_id: Any
    absolute_end_at: Any


class Lent(Protocol):
    """One version that is lent: which, and its file key locked under the lending's key."""

    document_id: Any
    version_id: Any
    file_lock: Any


def lock_of(lending: Lending) -> Lock:
    """The link lock, bound to the absolute end in whole seconds."""
    end: datetime = lending.absolute_end_at
    return link_lock(lending.id, int(end.timestamp()))


def lent_columns(
    tx: Transaction, opened: OpenBundle, lending_id: UUID, share_key: bytes, document: Document
) -> dict[str, Any]:
    """File key and names of the current version, under the lending's key; label and row are the original's."""
    version = tx.session.scalars(
        select(Version).where(Version.document_id == document.id, Version.number == document.current_number)
    ).one()
    lock = file_lock(lending_id, version.id, SHARE_KEY_NUMBER)
    file_key, slot = opened.file_keys(tx, version)
    check_sealed(version, file_key, slot)
    title, name = opened.title_of(document), opened.file_name_of(version)
    return {
        "document_id": document.id,
        "version_id": version.id,
        "file_lock": lock.close(share_key, slot, plaintext=file_key),
        "title_lock": lock_text(share_key, lending_id, "document.title", document.id, title),
        "file_name_lock": lock_text(share_key, lending_id, "version.file_name", version.id, name),
    }


def lent_content(
    tx: Transaction, lending: Lending, lent: Lent, share_key: bytes, refusal: Refusal
) -> Content:
    """The content of one lent version. Nothing is recorded yet.

    Errors: `Gone` for a document that lies elsewhere by now, `Tampered` when locks, seal and sizes do not agree;
    `refusal` is what is recorded for a file lock that does not open.
    """
    document = tx.session.get_one(Document, lent.document_id)
    version = tx.session.get_one(Version, lent.version_id)
    if not still_there(document, lending):
        raise Gone("The sender has withdrawn this document.")
    lock = file_lock(lending.id, version.id, SHARE_KEY_NUMBER)
    try:
        slot = version_slot(tx, version)
        file_key = lock.open(share_key, slot, blob=lent.file_lock)
    except Tampered:
        raise Tampered(refusal=refusal) from None
    return content_of(tx, document, version, file_key, slot)


def still_there(document: Document, lending: Lending) -> bool:
    """Whether the document is not withdrawn and lies where it was lent from."""
    return document.withdrawn_at is None and bool(document.bundle_id == lending.bundle_id)


def owner_may(
    tx: Transaction, owner_id: UUID, bundle_id: UUID, permission: Permission, document_ids: Any
) -> bool:
    """A lending lives only while its owner is active and may still lend from the bundle, and types like all it lends.

    Whose caseload the case is in was asked when it was lent; which lendings outlive its closing, when it was closed.
    """
    owner = tx.session.get_one(Person, owner_id)
    if owner.state_at(tx.now) != "active":
        return False
    acting = actor_of(owner)
    place = Place(Document.office_id, Document.document_type, Document.tier)
    narrowed = exists().where(
        Document.id.in_(document_ids),
        ~cells_allow(NEEDS[permission], roles_for(permission, acting), place, tx.now),
    )
    allowed = and_(permits(permission, Bundle, acting, tx.now, but_for=(CASELOAD, CLOSED)), ~narrowed)
    return bool(tx.session.scalar(select(allowed).where(Bundle.id == bundle_id)))
