"""A submission (SIP): an archival package made over for a records repository, without a key.

Every file and the encrypted index come out of the archived tar, byte for byte: it can be made when the vault has no active
copy any more, opens with the same archive identities, and comes out the same however often it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from vault.archive.gathering import AGENT
from vault.archive.models import ArchivalPackage, ArchiveHeader
from vault.archive.package import CONTENT, INDEX, DisposalClass, Package, PackedFile
from vault.archive.tar import BLOCK, header
from vault.archive.verifying import Report
from vault.bundles.models import Version
from vault.errors import NotFound, Tampered

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Reader = Callable[[int, int], Iterator[bytes]]
"""Gives the bytes of a tar from one place up to, not including, another."""


class Opened:
    """The files in an archived tar that was read back whole, by their paths in the bag."""

    def __init__(self, report: Report, read: Reader) -> None:
        self.report, self._read = report, read
        self._starts: dict[str, int] = {}
        place = 0
        for path, sums in report.files.items():
            self._starts[path] = place = place + len(header(f"{report.name}/{path}", sums.size))
            place += sums.size + -sums.size % BLOCK

    def size(self, name: str) -> int | None:
        """Bytes of a file, or None if there is none."""
        sums = self.report.files.get(name)
        return sums.size if sums is not None else None

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        """Bytes `start` up to, not including, `end` of a file. Raises `NotFound`."""
        if name not in self._starts:
            raise NotFound("There is no such file in the package.")
        return self._read(self._starts[name] + start, self._starts[name] + end)


def submission_of(
    session: Session, row: ArchivalPackage, opened: Opened, made_at: datetime, agent_version: str
) -> Package:
    """What is handed over of an archived package of permanent records; the same values whenever it is asked for.

    `Tampered` if the tar does not hold just the files that got headers when the case was closed.
    """
    size = opened.size(INDEX) or 0
    return Package(
        id=row.aip_id,
        version=row.version,
        case_number=row.case_number,
        disposal=DisposalClass(row.disposal),
        organisation=row.organisation,
        closed_on=row.closed_on,
        packaged_at=made_at,
        agent=(AGENT, agent_version),
        index=b"".join(opened.read(INDEX, 0, size)),
        files=_files_of(session, row, opened),
        made_of=(row.sha256 or b"").hex(),
    )


def _files_of(session: Session, row: ArchivalPackage, opened: Opened) -> list[PackedFile]:
    query = (
        select(Version.id, Version.media_type, Version.deposited_at)
        .join(ArchiveHeader, ArchiveHeader.version_id == Version.id)
        .where(ArchiveHeader.closure_id == row.closure_id)
    )
    known = {f"{CONTENT}/{found.id}.age": found for found in session.execute(query)}
    packed = {path for path in opened.report.files if path.startswith(f"{CONTENT}/")}
    if packed != known.keys():
        raise Tampered("A package does not hold the files that were closed.")
    return [
        PackedFile(
            id=found.id,
            header=None,
            object_name=path,
            object_length=opened.report.files[path].size,
            object_digest=bytes.fromhex(opened.report.files[path].sha256),
            media_type=found.media_type,
            deposited_at=found.deposited_at,
        )
        for path, found in known.items()
    ]
