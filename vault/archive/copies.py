"""The copies of a package that stand, and which of them is read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.archive.models import PackageCopy
from vault.errors import StoreUnavailable

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from vault.store.archive import Archive


def copy_to_read(session: Session, package_id: UUID) -> PackageCopy | None:
    """One that nothing is known to be wrong with if there is one, the first archive before the second."""
    standing = PackageCopy.package_id == package_id, PackageCopy.lost_at.is_(None)
    good_first = PackageCopy.failed_at.is_not(None), PackageCopy.store, PackageCopy.verified_at
    return session.scalars(select(PackageCopy).where(*standing).order_by(*good_first).limit(1)).first()


def archive_for(archives: dict[str, Archive], store: str) -> Archive:
    """The archive of that name. `StoreUnavailable` where no setting names it any more."""
    if store not in archives:
        raise StoreUnavailable("This vault has no second archive any more.")
    return archives[store]
