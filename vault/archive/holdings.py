"""What the packages of a case hold, and which of it lies nowhere else.

A later package holds what lay in the vault when the case was closed again. For a file that had gone, and has not come back,
the package that holds it stays the current one, however many closings follow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import exists, select

from vault.archive.gathering import IS_HERE
from vault.archive.models import ARCHIVED as KEPT
from vault.archive.models import ArchivalPackage, ArchiveHeader
from vault.archive.retrieval_models import REOPENING, Retrieval, RetrievedFile
from vault.bundles.document_types import PERMANENT
from vault.bundles.models import Document, Version

if TYPE_CHECKING:
    from vault.runtime import Transaction

IN_THE_ARCHIVE = (ArchivalPackage.disposal == PERMANENT, ArchivalPackage.state == KEPT)


class Packed(NamedTuple):
    """A file, its document, and the newest package that holds it."""

    version: Version
    document: Document
    package: ArchivalPackage


def packed_files(tx: Transaction, case_id: UUID) -> list[Packed]:
    """Every permanent record in a package of the case, once; newest packages first. What came back as another is left out
    where a package holds that.
    """
    query = (
        select(Version, Document, ArchivalPackage)
        .join(ArchiveHeader, ArchiveHeader.version_id == Version.id)
        .join(Document, Document.id == Version.document_id)
        .join(ArchivalPackage, ArchivalPackage.closure_id == ArchiveHeader.closure_id)
        .where(ArchivalPackage.case_id == case_id, *IN_THE_ARCHIVE)
        .order_by(ArchivalPackage.version.desc(), Document.created_at, Document.id, Version.number)
    )
    found: dict[UUID, Packed] = {}
    for row in tx.session.execute(query):
        found.setdefault(row[0].id, Packed(*row))
    later = _later(tx, case_id)
    return [each for each in found.values() if found.keys().isdisjoint(later[each.version.id])]


def only_packed(tx: Transaction, case_id: UUID) -> list[Packed]:
    """Those of them that cannot be read here any more, and did not come back."""
    here, later = _here(tx, case_id), _later(tx, case_id)
    return [
        each
        for each in packed_files(tx, case_id)
        if here.isdisjoint({each.version.id, *later[each.version.id]})
    ]


def has_packages(tx: Transaction, case_id: UUID) -> bool:
    """Whether permanent records of the case lie in the archive."""
    mine = (ArchivalPackage.case_id == case_id, *IN_THE_ARCHIVE)
    return bool(tx.session.scalar(select(exists().where(*mine))))


def _later(tx: Transaction, case_id: UUID) -> Mapping[UUID, Collection[UUID]]:
    """As what each file came back when the case was reopened."""
    query = (
        select(RetrievedFile.version_id, RetrievedFile.id)
        .join(Retrieval, Retrieval.id == RetrievedFile.retrieval_id)
        .where(Retrieval.case_id == case_id, Retrieval.kind == REOPENING)
        .where(RetrievedFile.returned_at.is_not(None))
    )
    found: dict[UUID, set[UUID]] = defaultdict(set)
    for version_id, later_id in tx.session.execute(query):
        found[version_id].add(later_id)
    return found


def _here(tx: Transaction, case_id: UUID) -> set[UUID]:
    """The versions of the case whose key lives in the vault."""
    query = select(Version.id, Version.slot_id).where(Version.case_id == case_id, *IS_HERE)
    slots = {slot: each for each, slot in tx.session.execute(query) if slot is not None}
    return {slots[slot] for slot in tx.keystore.live_among(set(slots))}
