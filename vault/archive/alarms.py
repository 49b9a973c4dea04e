"""What is wrong with what is kept, counted when somebody asks: never by the jobs that do the checking, which may be dead."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, and_, case, exists, func, select, true

from vault.archive.models import ARCHIVED, OPEN, REPAIRED, ArchivalPackage, Incident, PackageCopy
from vault.bundles.models import Version
from vault.store.archive import SECOND
from vault.transfers.deep import was_not_looked_at, was_not_read
from vault.transfers.objects import is_stored

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from vault.settings import Settings

LATE = timedelta(hours=36)
"""A daily check that did not come for so long, or a deep one so long after its cycle, is overdue."""


class Alarms(BaseModel):
    """Counts. `failed` copies are not what was written; of `hopeless` packages no copy is good, so nothing is repaired.

    `open` and `repaired` are incidents. `not_looked_at` and `not_read` copies are overdue; of `unanswered` ones the archive
    did not answer last. `single` packages have one copy; `is_alone`: there is no second archive. `files_…` are of
    the object store.
    """

    copies: int
    failed: int
    hopeless: int
    open: int
    repaired: int
    not_looked_at: int
    not_read: int
    unanswered: int
    single: int
    is_alone: bool
    files: int
    files_failed: int
    files_not_looked_at: int
    files_not_read: int

    @property
    def is_found(self) -> bool:
        """Whether something is not what was stored."""
        return bool(self.failed or self.open or self.files_failed)

    @property
    def is_overdue(self) -> bool:
        """Whether the checks do not come."""
        late = (self.not_looked_at, self.not_read, self.files_not_looked_at, self.files_not_read)
        return any(late)


def count_alarms(
    session: Session,
    settings: Settings,
    now: datetime,
    packages: ColumnElement[bool] | None = None,
    files: ColumnElement[bool] | None = None,
) -> Alarms:
    """Of these packages and of the stored files of these versions; of all, if nothing is said."""
    mine = true() if packages is None else packages
    found = _of_copies(session, settings, now, mine) | _of_incidents(session, mine)
    found |= _of_files(session, settings, now, true() if files is None else files)
    found["single"] = _single(session, mine) if settings.archive_copy else 0
    return Alarms(**found, is_alone=not settings.archive_copy)


def was_not_looked(now: datetime) -> ColumnElement[bool]:
    """True for copies of which the light check has not had an answer for too long."""
    return func.coalesce(PackageCopy.looked_at, PackageCopy.verified_at) < now - LATE


def was_not_verified(now: datetime, cycle: timedelta) -> ColumnElement[bool]:
    """True for copies that should have been read whole long since. One that is known to be bad is not late besides."""
    return and_(PackageCopy.failed_at.is_(None), PackageCopy.verified_at < now - cycle - LATE)


def is_hopeless() -> ColumnElement[bool]:
    """True for packages of which no copy is good."""
    present = exists().where(PackageCopy.package_id == ArchivalPackage.id, PackageCopy.lost_at.is_(None))
    present = present.correlate(ArchivalPackage)
    return and_(present, ~present.where(PackageCopy.failed_at.is_(None)))


def _of_copies(
    session: Session, settings: Settings, now: datetime, mine: ColumnElement[bool]
) -> dict[str, int]:
    late = was_not_verified(now, settings.fixity_cycle)
    what = {"failed": PackageCopy.failed_at.is_not(None), "not_looked_at": was_not_looked(now)}
    what |= {"not_read": late, "unanswered": PackageCopy.unanswered > 0}
    query = select(func.count(), *map(_so_many, what.values())).select_from(PackageCopy)
    query = query.join(ArchivalPackage, ArchivalPackage.id == PackageCopy.package_id)
    counts = session.execute(query.where(PackageCopy.lost_at.is_(None), mine)).one()
    found = dict(zip(("copies", *what), map(int, counts), strict=True))
    found["hopeless"] = _count(session, ArchivalPackage, mine, is_hopeless())
    return found


def _of_incidents(session: Session, mine: ColumnElement[bool]) -> dict[str, int]:
    of_mine = exists().where(ArchivalPackage.id == Incident.package_id, mine)
    return {name: _count(session, Incident, of_mine, Incident.state == name) for name in (OPEN, REPAIRED)}


def _of_files(
    session: Session, settings: Settings, now: datetime, mine: ColumnElement[bool]
) -> dict[str, int]:
    what = {
        "files_failed": Version.check_failed_at.is_not(None),
        "files_not_looked_at": was_not_looked_at(now, LATE),
        "files_not_read": was_not_read(now, settings.fixity_cycle, LATE),
    }
    query = select(func.count(), *map(_so_many, what.values())).select_from(Version)
    counts = session.execute(query.where(is_stored(), mine)).one()
    return dict(zip(("files", *what), map(int, counts), strict=True))


def _single(session: Session, mine: ColumnElement[bool]) -> int:
    """Archived packages that lack their copy in the second archive."""
    second = exists().where(
        PackageCopy.package_id == ArchivalPackage.id,
        PackageCopy.store == SECOND,
        PackageCopy.lost_at.is_(None),
    )
    stays = ArchivalPackage.state == ARCHIVED, ArchivalPackage.disposed_at.is_(None)
    return _count(session, ArchivalPackage, mine, *stays, ~second)


def _so_many(holds: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count(case((holds, 1)))


def _count(session: Session, model: type[Any], *holds: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(model).where(*holds)) or 0
