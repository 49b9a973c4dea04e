"""The copies of a package that stand, and which of them is read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import Select, select

from vault.archive.models import PackageCopy
from vault.errors import StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from vault.store.archive import Archive


def standing_copies(package_id: UUID) -> Select[PackageCopy]:
    """Those that no other stands in the place of, the first archive before the second."""
    standing = PackageCopy.package_id == package_id, PackageCopy.lost_at.is_(None)
    return select(PackageCopy).where(*standing).order_by(PackageCopy.store, PackageCopy.verified_at)


def copy_to_read(session: Session, package_id: UUID) -> PackageCopy | None:
    """One that nothing is known to be wrong with if there is one, the first archive before the second."""
    copies = session.scalars(standing_copies(package_id)).all()
    return min(copies, key=lambda copy: copy.failed_at is not None, default=None)


def archive_for(archives: dict[str, Archive], store: str) -> Archive:
    """The archive of that name. `StoreUnavailable` where no setting names it any more."""
    if store not in archives:
        raise StoreUnavailable("This vault has no second archive any more.")
    return archives[store]
