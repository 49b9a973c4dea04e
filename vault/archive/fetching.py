"""Fetching a package: the tar leaves as it lies in the archive. It is ciphertext, but it leaves: so it is an event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.policy import Permission
from vault.archive.copies import copy_to_read
from vault.archive.models import ARCHIVED, RECEIPTED, ArchivalPackage
from vault.errors import Conflict
from vault.transfers.reading import session_lives

if TYPE_CHECKING:
    from vault.access.actor import Actor
    from vault.runtime import Runtime, Transaction


@dataclass(frozen=True)
class Fetched:
    """The object and its version in one of the archives, its bytes, and what it is called."""

    id: UUID
    name: str
    size: int
    store: str
    place: tuple[str, str | None]

    def watch(self, runtime: Runtime, actor: Actor) -> Callable[[], bool]:
        """Whether it may go on leaving; each call is a short look."""

        def still_allowed() -> bool:
            with runtime.reading(actor) as tx:
                row = tx.session.get_one(ArchivalPackage, self.id)
                return tx.allows(Permission.PACKAGE_DOWNLOAD, row) and session_lives(tx)

        return still_allowed


def fetch_package(tx: Transaction, package_id: UUID, is_sent: bool = True) -> Fetched:
    """Where the package lies; that it leaves is recorded if it is sent. `Conflict` until its receipt is signed."""
    row = tx.load(ArchivalPackage, package_id, Permission.PACKAGE_DOWNLOAD)
    if row.state not in (RECEIPTED, ARCHIVED):
        raise Conflict("This package is not in the archive yet.")
    copy = copy_to_read(tx.session, row.id)
    if copy is None:
        raise Conflict("This package lies nowhere in the archive.")
    if is_sent:
        tx.record("package.downloaded", row, version=row.version, size=row.size)
    place = (copy.object_name, copy.store_version)
    return Fetched(row.id, f"AIP-{row.aip_id}-v{row.version}", row.size or 0, copy.store, place)
