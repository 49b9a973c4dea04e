"""Gathering what a package is made of: rows that stand since the case was closed, and the stored index. No lock is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from vault.archive.models import ArchivalPackage, ArchiveHeader, ArchiveIndex
from vault.archive.package import DisposalClass, Package, PackedFile
from vault.archive.packing import Unsound
from vault.bundles.document_types import DOCUMENT_TYPES, PERMANENT
from vault.bundles.models import Document, Version
from vault.crypto.kdf import sha256
from vault.errors import Tampered

if TYPE_CHECKING:
    from uuid import UUID

    from sqlalchemy.orm import Session

    from vault.store.base import Store

AGENT = "Casevault"
IS_HERE = (Version.seal.is_not(None), Version.removed_at.is_(None))
"""What lies here: of an earlier closing the active copies may have gone, and its package has them."""


class WrongIndex(Tampered):
    """The index of a closing, or how many files it names, is not what was written then."""


def package_of(session: Session, store: Store, row: ArchivalPackage) -> Package:
    """The package as it was queued: the same values whenever it is asked for.

    Errors: `WrongIndex`; `Unsound` for a permanent record without its header; `NotFound` when the index is gone.
    """
    files = _files_of(session, row)
    return Package(
        id=row.aip_id,
        version=row.version,
        case_number=row.case_number,
        disposal=DisposalClass(row.disposal),
        organisation=row.organisation,
        closed_on=row.closed_on,
        packaged_at=row.packaged_at,
        agent=(AGENT, row.agent_version),
        index=_index_of(session, store, row, len(files)),
        files=files,
    )


def content_of(session: Session, case_id: UUID, disposal: str) -> int:
    """Bytes of the stored objects of this class in the case; a package of them is a little larger."""
    codes = codes_of(disposal)
    query = (
        select(func.sum(Version.object_length))
        .join(Document, Document.id == Version.document_id)
        .where(Version.case_id == case_id, *IS_HERE, Document.document_type.in_(codes))
    )
    return int(session.scalar(query) or 0)


def _files_of(session: Session, row: ArchivalPackage) -> list[PackedFile]:
    headers = _headers_of(session, row)
    query = (
        select(
            *(Version.id, Version.object_name, Version.object_length, Version.object_digest),
            *(Version.media_type, Version.deposited_at),
        )
        .join(Document, Document.id == Version.document_id)
        .where(
            Version.case_id == row.case_id,
            *IS_HERE,
            Document.document_type.in_(codes_of(row.disposal)),
        )
    )
    files = []
    for found in session.execute(query):
        if row.disposal == PERMANENT and found.id not in headers:
            raise Unsound(found.id)
        files.append(PackedFile(header=headers.get(found.id), **found._mapping))
    return files


def codes_of(disposal: str) -> list[str]:
    """The document types of a class."""
    return [code for code, kind in DOCUMENT_TYPES.items() if kind.disposal == disposal]


def _headers_of(session: Session, row: ArchivalPackage) -> dict[UUID, bytes]:
    query = select(ArchiveHeader.version_id, ArchiveHeader.header)
    mine = query.where(ArchiveHeader.closure_id == row.closure_id)
    headers: dict[UUID, bytes] = dict(session.execute(mine).all())
    return headers


def _index_of(session: Session, store: Store, row: ArchivalPackage, files: int) -> bytes:
    query = select(ArchiveIndex.files, ArchiveIndex.object_name, ArchiveIndex.object_digest)
    found = session.execute(
        query.where(ArchiveIndex.closure_id == row.closure_id, ArchiveIndex.disposal == row.disposal)
    ).one()
    index = store.get(found.object_name)
    if found.files != files or sha256(index) != found.object_digest:
        raise WrongIndex("The index of this closing is not what was written then.")
    return index
