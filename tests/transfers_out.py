"""A case whose packages are archived, and a records repository that takes them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tests.archiving import Archivings
from vault.access.actor import Actor
from vault.archive.accessioning import ASK
from vault.archive.models import ArchivalPackage, Closure
from vault.archive.transfer_models import PackageTransfer
from vault.archive.transferring import approve_transfer, digest_shown, propose_transfer, transfer_of
from vault.jobs import enqueue

WHY = "The headquarters take it over."


class Handovers(Archivings):
    """The archivist proposes, a controller approves; the drop is a folder beside the data."""

    drop: Path

    def archived(self, contents: dict[str, bytes] | None = None) -> Closure:
        """A case in the archive, and an empty drop."""
        self.open_drop()
        closure = self.closed(contents)
        self.archive(closure)
        self.work()
        return closure

    def open_drop(self) -> str:
        """The drop as the settings name it from now on."""
        self.drop = self.runtime.settings.data / "drop"
        self.drop.mkdir()
        self.runtime.settings = replace(self.runtime.settings, transfer=f"folder:{self.drop}")
        return self.runtime.settings.transfer

    def permanent(self, closure: Closure) -> ArchivalPackage:
        """The package of permanent records."""
        (found,) = [row for row in self.packages(closure) if row.disposal == "permanent"]
        return found

    def offer(self, package: ArchivalPackage, by: Actor | None = None) -> PackageTransfer:
        """By the archivist."""
        return self.make.confirmed(by or self.archivist, lambda tx: propose_transfer(tx, package.id, WHY))

    def let_go(self, package: ArchivalPackage, by: Actor | None = None) -> PackageTransfer:
        """By a controller, who has read what waits."""
        seen = digest_shown(self.transfer(package))
        return self.make.confirmed(by or self.controller, lambda tx: approve_transfer(tx, package.id, seen))

    def delivered(self, package: ArchivalPackage) -> PackageTransfer:
        """It lies at the drop."""
        self.offer(package)
        self.let_go(package)
        self.work()
        return self.transfer(package)

    def transfer(self, package: ArchivalPackage) -> PackageTransfer:
        """As it stands now."""
        with self.runtime.reading(self.archivist) as tx:
            row = transfer_of(tx, package.id)
            assert row is not None
            return row

    def ask(self) -> None:
        """A worker looks for receipts."""
        with self.runtime.session() as session:
            enqueue(session, ASK, None, self.make.clock.now())
        self.work()

    def receipt(self, row: PackageTransfer, **other: Any) -> dict[str, Any]:
        """What the receiver says of it."""
        said = {
            "format": "casevault-accession/1",
            "package": row.name,
            "accession_number": "2026/0417",
            "receiver": "Records and Archives Section",
            "received_at": self.make.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "sha256": row.sha256.hex() if row.sha256 else None,
            "sha512": row.sha512.hex() if row.sha512 else None,
        }
        return {name: value for name, value in (said | other).items() if value is not None}

    def lay(self, row: PackageTransfer, content: dict[str, Any] | bytes) -> None:
        """The receiver lays a receipt beside the package."""
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        (self.drop / f"{row.name}.tar.receipt.json").write_bytes(text)

    def rows(self, model: type[Any], **having: Any) -> list[Any]:
        """Rows as they stand now."""
        with self.runtime.session() as session:
            return list(session.scalars(select(model).filter_by(**having)))
