"""When a case counts as transferred: every permanent record that was archived of it is in a package that was received."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.archive.holdings import IN_THE_ARCHIVE
from vault.archive.models import ArchivalPackage, ArchiveHeader
from vault.archive.retrieval_models import RetrievedFile
from vault.archive.transfer_models import PackageTransfer
from vault.cases.models import ARCHIVED, TRANSFERRED, Case

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from vault.runtime import Transaction


def settle_transfer(tx: Transaction, case: Case) -> None:
    """An archived case is transferred once nothing is to be received any more. Hold the case first.

    Asked at every receipt, and when the case becomes archived: receipts may have come while it was active again.
    """
    if case.state != ARCHIVED:
        return
    tx.session.flush()
    packages = _packages(tx.session, case.id)
    if not packages or packages_due(tx.session, case.id):
        return
    case.state, case.changed_at = TRANSFERRED, tx.now
    case.revision += 1
    tx.record("case.transferred", case, package=packages[0])


def packages_due(session: Session, case_id: UUID) -> list[UUID]:
    """The packages of the case that a repository is still to receive, newest first: the newest one, and each other one that
    holds a record which is in no received package, and did not come back as a record of a later one.
    """
    packages, received = _packages(session, case_id), _received(session, case_id)
    held = {package_id: _records(session, package_id) for package_id in packages}
    packed = set().union(*held.values())
    there = set().union(*(held[each] for each in packages if each in received))
    due: list[UUID] = []
    for package_id in packages:
        lacking = held[package_id] - there - _came_back(session, held[package_id], packed)
        if package_id not in received and (package_id == packages[0] or lacking):
            due.append(package_id)
            there |= held[package_id]
    return due


def _packages(session: Session, case_id: UUID) -> Sequence[UUID]:
    mine = select(ArchivalPackage.id).where(ArchivalPackage.case_id == case_id, *IN_THE_ARCHIVE)
    return session.scalars(mine.order_by(ArchivalPackage.version.desc())).all()


def _received(session: Session, case_id: UUID) -> set[UUID]:
    mine = (PackageTransfer.case_id == case_id, PackageTransfer.received_at.is_not(None))
    return set(session.scalars(select(PackageTransfer.package_id).where(*mine)))


def _records(session: Session, package_id: UUID) -> set[UUID]:
    """The versions that it holds."""
    query = select(ArchiveHeader.version_id).join(
        ArchivalPackage, ArchivalPackage.closure_id == ArchiveHeader.closure_id
    )
    return set(session.scalars(query.where(ArchivalPackage.id == package_id)))


def _came_back(session: Session, versions: set[UUID], packed: set[UUID]) -> set[UUID]:
    """Those that came back as another record which is in a package too."""
    came = select(RetrievedFile.version_id, RetrievedFile.id).where(RetrievedFile.version_id.in_(versions))
    return {version_id for version_id, later_id in session.execute(came) if later_id in packed}
