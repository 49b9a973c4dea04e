"""Packages in two archives, and what becomes of the files in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from tests.archiving import Archivings
from tests.factory import PDF, Factory
from vault.archive.fixity import CHECK, LOOK
from vault.archive.models import ArchivalPackage, Closure, Incident, PackageCopy
from vault.jobs import enqueue
from vault.store.archive import FIRST
from vault.stores import archives_of

FORM = {"form.pdf": PDF}


class Vaults(Archivings):
    """Two archives, and what becomes of the files in them."""

    def __init__(self, make: Factory, alone: bool = False) -> None:
        super().__init__(make)
        self.closures: list[Closure] = []
        if not alone:
            place = self.runtime.settings.data / "second"
            self.runtime.settings = replace(self.runtime.settings, archive_copy=f"disk:{place}")

    def archived(self) -> ArchivalPackage:
        """A package, whole in every archive that there is."""
        closure = self.closed(FORM)
        self.closures.append(closure)
        self.archive(closure)
        self.work()
        self.look()
        return self.packages(closure)[0]

    def look(self) -> None:
        """The daily job ran, and all that it ordered."""
        self.order(LOOK)

    def read(self, copy: PackageCopy) -> None:
        """The copy is read whole, and what follows from that is done."""
        self.order(CHECK, copy.id)

    def order(self, name: str, subject_id: UUID | None = None) -> None:
        self.make.clock.move(minutes=1)
        with self.runtime.session() as session:
            enqueue(session, name, subject_id, self.make.clock.now())
        self.work()

    def copies(self, lost: bool = False) -> list[PackageCopy]:
        """All of the present ones, the first archive's first."""
        with self.runtime.session() as session:
            query = select(PackageCopy).where(
                PackageCopy.lost_at.is_not(None) if lost else PackageCopy.lost_at.is_(None)
            )
            return list(session.scalars(query.order_by(PackageCopy.store, PackageCopy.id)))

    def incidents(self) -> list[tuple[str, str]]:
        """Kind and state of each, in the order in which they were found."""
        with self.runtime.session() as session:
            found = session.scalars(select(Incident).order_by(Incident.found_at, Incident.kind))
            return [(each.kind, each.state) for each in found]

    def file(self, copy: PackageCopy) -> Path:
        """Where its bytes lie, writable."""
        folder = "archive" if copy.store == FIRST else "second"
        (path,) = self.runtime.settings.data.glob(
            f"{folder}/objects/packages/*/{Path(copy.object_name).name}"
        )
        path.chmod(0o600)
        return path

    def content(self, copy: PackageCopy) -> bytes:
        return archives_of(self.runtime)[copy.store].get(copy.object_name)


def flip(path: Path) -> None:
    """One bit is another."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-512])


def break_head(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"ustar", b"usTar", 1))
