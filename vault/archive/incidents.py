"""Incidents: what the checks say of a copy. Noted once while it lasts, repaired when right again, closed by a person."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select

from vault.access.policy import Permission
from vault.access.remarks import checked_reason
from vault.archive.models import (
    CONTENT_FAULTS,
    FAULTS,
    OPEN,
    REPAIRED,
    SETTLED,
    ArchivalPackage,
    Incident,
    PackageCopy,
)
from vault.db import for_change
from vault.errors import Conflict

if TYPE_CHECKING:
    from vault.runtime import Transaction


def held_copy(tx: Transaction, copy_id: UUID) -> PackageCopy:
    """The copy's row, which nobody else changes until this transaction ends."""
    query = select(PackageCopy).where(PackageCopy.id == copy_id)
    return tx.session.scalars(query.with_for_update(**for_change(PackageCopy))).one()


def note_faults(tx: Transaction, copy: PackageCopy, faults: Collection[str]) -> None:
    """Each fault has its open incident, and the log hears of it when it is news; `good` says how many copies are left.

    Take hold of the copy first.
    """
    content = [kind for kind in CONTENT_FAULTS if kind in faults]
    if content and copy.fault is None:
        copy.failed_at, copy.fault = tx.now, content[0]
    row = tx.session.get_one(ArchivalPackage, copy.package_id)
    known = {incident.kind for incident in _open(tx, copy)}
    for kind in sorted(set(faults) - known):
        incident = Incident(package_id=row.id, copy_id=copy.id, office_id=row.office_id, case_id=row.case_id)
        incident.kind, incident.found_at = kind, tx.now
        tx.add(incident)
        tx.record(
            "incident.found", incident, kind=kind, package=row.id, store=copy.store, good=good(tx, row.id)
        )


def settle_faults(
    tx: Transaction, copy: PackageCopy, kinds: Collection[str] = FAULTS, by: PackageCopy | None = None
) -> None:
    """Of these kinds nothing is wrong with the copy any more, or another stands in its place: they are repaired."""
    if not set(CONTENT_FAULTS) - set(kinds):
        copy.failed_at = copy.fault = None
    for incident in _open(tx, copy):
        if incident.kind in kinds:
            incident.state, incident.repaired_at = REPAIRED, tx.now
            incident.repaired_by_id = by.id if by is not None else None
            tx.record("incident.repaired", incident, kind=incident.kind, package=incident.package_id)


def good(tx: Transaction, package_id: UUID) -> int:
    """How many copies of the package there are in which nothing is wrong."""
    tx.session.flush()
    present = PackageCopy.package_id == package_id, PackageCopy.lost_at.is_(None)
    query = select(func.count()).select_from(PackageCopy).where(*present, PackageCopy.failed_at.is_(None))
    return tx.session.scalar(query) or 0


def close_incident(tx: Transaction, incident_id: UUID, reason: str) -> Incident:
    """A person has looked at what happened and says so. `Conflict` while it is open: then it goes on being an alarm."""
    incident = tx.load(Incident, incident_id, Permission.INCIDENT_CLOSE, lock=True)
    if incident.state != REPAIRED:
        raise Conflict("Only what is right again is closed.")
    remark = tx.remark(checked_reason(reason))
    incident.state, incident.closed_at = SETTLED, tx.now
    incident.closed_by_id, incident.remark_id = tx.actor.id, UUID(remark["remark"])
    tx.record("incident.closed", incident, kind=incident.kind, package=incident.package_id, **remark)
    return incident


def _open(tx: Transaction, copy: PackageCopy) -> list[Incident]:
    query = select(Incident).where(Incident.copy_id == copy.id, Incident.state == OPEN)
    return list(tx.session.scalars(query.order_by(Incident.found_at, Incident.id)))
