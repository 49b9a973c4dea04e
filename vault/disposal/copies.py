"""The inventory: where else what is on a list lies, as far as the vault knows.

A package of recordings or temporary copies holds its files as they lie here, without a key. Which files those are follows
from when it was made: its case was closed then, and nothing came or went. It goes once all of them do; until then it is
*shared*, and stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ColumnElement, Exists, or_, select

from vault.archive.gathering import codes_of
from vault.archive.models import ArchivalPackage, ArchiveIndex, PackageCopy
from vault.bundles.document_types import PERMANENT
from vault.bundles.models import Document, Version
from vault.disposal.models import INDEX, PACKAGE, SHARED, DisposalItem, FoundCopy

if TYPE_CHECKING:
    from datetime import datetime

    from vault.runtime import Transaction

Lying = tuple[str, str, str, str | None]
OBJECTS = "objects"
"""Where the active copies lie."""


def copies_of(tx: Transaction, disposal_id: UUID) -> list[FoundCopy]:
    """Every copy of a package that holds a file of the list, and the package's index, as rows that are not stored yet."""
    found: list[FoundCopy] = []
    whole = set(packages_gone_with(tx, disposal_id))
    for package in _packages_with(tx, disposal_id):
        remains = None if package.id in whole else SHARED
        copies = tx.session.scalars(select(PackageCopy).where(PackageCopy.package_id == package.id))
        found += [_package(disposal_id, tx.now, package, copy, remains) for copy in copies]
        if remains is None:
            found += [_index(tx, disposal_id, *each) for each in _indexes(tx, package)]
    return found


def lying_at(copy: FoundCopy) -> Lying:
    """What it is and where: kind, place, name and version."""
    return copy.kind, copy.place, copy.name, copy.store_version


def packages_gone_with(tx: Transaction, disposal_id: UUID) -> list[UUID]:
    """The packages that hold a file of the list, and none that stays."""
    return [row.id for row in _packages_with(tx, disposal_id) if not _holds_others(tx, row, disposal_id)]


def _packages_with(tx: Transaction, disposal_id: UUID) -> list[ArchivalPackage]:
    """The packages of disposable classes that hold a file of the list."""
    query = (
        select(ArchivalPackage)
        .join(DisposalItem, DisposalItem.case_id == ArchivalPackage.case_id)
        .where(DisposalItem.disposal_id == disposal_id, ArchivalPackage.disposal != PERMANENT)
        .order_by(ArchivalPackage.packaged_at, ArchivalPackage.id)
    )
    packages = {row.id: row for row in tx.session.scalars(query)}
    listed = select(DisposalItem.document_id).where(DisposalItem.disposal_id == disposal_id)
    return [
        row
        for row in packages.values()
        if tx.session.scalar(select(_content_of(row, Document.id.in_(listed))))
    ]


def _holds_others(tx: Transaction, package: ArchivalPackage, disposal_id: UUID) -> bool:
    listed = select(DisposalItem.document_id).where(DisposalItem.disposal_id == disposal_id)
    stays = Version.removed_at.is_(None), Document.id.not_in(listed)
    return bool(tx.session.scalar(select(_content_of(package, *stays))))


def _content_of(package: ArchivalPackage, *also: ColumnElement[bool]) -> Exists:
    """Whether anything of which `also` is true was put into the package: what lay in its case then, of its class."""
    mine = (
        Version.document_id == Document.id,
        Version.case_id == package.case_id,
        Document.document_type.in_(codes_of(package.disposal)),
        Version.deposited_at <= package.packaged_at,
        or_(Version.removed_at.is_(None), Version.removed_at > package.packaged_at),
    )
    return select(Version.id).where(*mine, *also).exists()


def _indexes(tx: Transaction, package: ArchivalPackage) -> Sequence[tuple[str, bytes]]:
    query = select(ArchiveIndex.object_name, ArchiveIndex.object_digest)
    mine = ArchiveIndex.closure_id == package.closure_id, ArchiveIndex.disposal == package.disposal
    return [(name, digest) for name, digest in tx.session.execute(query.where(*mine))]


def _package(
    disposal_id: UUID, now: datetime, package: ArchivalPackage, copy: PackageCopy, remains: str | None
) -> FoundCopy:
    return FoundCopy(
        disposal_id=disposal_id,
        kind=PACKAGE,
        place=copy.store,
        name=copy.object_name,
        store_version=copy.store_version,
        copy_id=copy.id,
        digest=package.sha256,
        length=package.size,
        found_at=now,
        remains=remains,
    )


def _index(tx: Transaction, disposal_id: UUID, name: str, digest: bytes) -> FoundCopy:
    return FoundCopy(
        disposal_id=disposal_id, kind=INDEX, place=OBJECTS, name=name, digest=digest, found_at=tx.now
    )
