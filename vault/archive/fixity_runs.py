"""Fixity at somebody's word: what the daily jobs would do in their time is done now, by the one who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import false, select

from vault.access.actor import SYSTEM
from vault.archive.fixity import CHECK, COPY, LOOK, REPAIR, order
from vault.archive.models import OPEN, ArchivalPackage, Incident, PackageCopy
from vault.bundles.models import Version
from vault.errors import NotFound
from vault.jobs import QUEUED, Job, run_job
from vault.transfers.deep import READ, order_all
from vault.transfers.fixity import CHECK as CHECK_FILES

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from vault.runtime import Runtime


class Wrong(NamedTuple):
    """What is not what was stored, by ids: versions of documents, copies of packages, open incidents."""

    versions: list[str]
    copies: list[str]
    incidents: list[str]


def run_now(runtime: Runtime, deep: bool, package_id: UUID | None) -> bool:
    """Everything, or the copies of one package, was looked at, or read; repairs were tried. False where a job failed.

    Errors: `NotFound` for a package that is none.
    """
    with runtime.transaction(SYSTEM) as tx:
        if package_id is not None and tx.session.get(ArchivalPackage, package_id) is None:
            raise NotFound("There is no package with this id.")
        if package_id is None:
            tx.later(CHECK_FILES)
            tx.later(LOOK)
        copies = select(PackageCopy.id).where(PackageCopy.lost_at.is_(None))
        mine = copies if package_id is None else copies.where(PackageCopy.package_id == package_id)
        for copy_id in tx.session.scalars(mine).all() if deep or package_id else ():
            order(tx, CHECK, copy_id)
        if deep and package_id is None:
            order_all(tx)
    return _run_waiting(runtime)


def found_wrong(session: Session, package_id: UUID | None) -> Wrong:
    """What is wrong now; with a package, in its copies alone."""
    versions = select(Version.id).where(Version.check_failed_at.is_not(None))
    copies = select(PackageCopy.id).where(PackageCopy.failed_at.is_not(None), PackageCopy.lost_at.is_(None))
    incidents = select(Incident.id).where(Incident.state == OPEN)
    if package_id is not None:
        copies = copies.where(PackageCopy.package_id == package_id)
        incidents = incidents.where(Incident.package_id == package_id)
    asked = (versions if package_id is None else versions.where(false()), copies, incidents)
    return Wrong(*([str(found) for found in session.scalars(query)] for query in asked))


def _run_waiting(runtime: Runtime) -> bool:
    """Jobs of fixity that are due are done here, and those that they order; whether all went well."""
    names = (CHECK_FILES, LOOK, CHECK, COPY, REPAIR, READ)
    went_well = True
    while True:
        with runtime.session() as session:
            due = Job.name.in_(names), Job.state == QUEUED, Job.run_at <= runtime.clock.now()
            waiting = session.scalars(select(Job.id).where(*due)).all()
        if not waiting:
            return went_well
        done = sum(run_job(runtime, job_id) for job_id in waiting)
        went_well = went_well and done == len(waiting)
