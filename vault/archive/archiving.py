"""Archiving a closed case: its packages are queued, one for each disposal class; workers make and keep them.

Whoever archives is not who closed. Asked again, what had stopped goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select

from vault import __version__
from vault.access.policy import Permission
from vault.archive.closing import standing_closure
from vault.archive.gathering import content_of
from vault.archive.models import ARCHIVED, ArchivalPackage, ArchiveIndex, Closure
from vault.archive.packaging import STEPS, go_on, key_of
from vault.archive.reopening import waiting_reopening
from vault.archive.settlement import settle_transfer
from vault.cases.models import ARCHIVING, CLOSED, Case
from vault.errors import Conflict, Misconfigured, Refused
from vault.jobs import hasten
from vault.matrix.approvals import has_lapsed
from vault.people.models import Office
from vault.people.step_up import Act, require_step_up
from vault.stores import open_archive_of

if TYPE_CHECKING:
    from vault.runtime import Transaction

CLOSED_BY_YOU = "You closed this case. Somebody else archives it."


def archive_case(tx: Transaction, case_id: UUID) -> Case:
    """The case is being archived: its packages are queued. What had stopped goes on; a case without files is archived.

    Errors: `Refused` for who closed it; `Conflict` unless it is closed, while somebody wants to reopen it, and where no
    archive can be used; `StepUpDue`.
    """
    case = tx.load(Case, case_id, Permission.CASE_ARCHIVE, lock=True)
    closure = standing_closure(tx, case.id)
    if closure is None or case.state not in (CLOSED, ARCHIVING):
        raise Conflict("Only a closed case is archived.")
    _require_archive(tx)
    if case.state == ARCHIVING:
        _resume(tx, closure)
        return case
    if closure.closed_by_id == tx.actor.id:
        raise Refused(CLOSED_BY_YOU)
    waiting = waiting_reopening(tx, case.id)
    if waiting is not None and not has_lapsed(tx, waiting):
        raise Conflict("Somebody wants to reopen this case. That is decided first.")
    require_step_up(tx, _act(tx, case, closure))
    packages = [_queued(tx, case, closure, index) for index in _indexes(tx, closure)]
    case.state = ARCHIVING if packages else ARCHIVED
    case.changed_at = tx.now
    case.revision += 1
    tx.record("case.archiving_begun", case, closure=closure.id, packages=len(packages))
    if not packages:
        tx.record("case.archived", case, closure=closure.id)
        settle_transfer(tx, case)
    return case


def packages_of(tx: Transaction, closure: Closure) -> Sequence[ArchivalPackage]:
    """The packages of a closing, by class."""
    query = select(ArchivalPackage).where(ArchivalPackage.closure_id == closure.id)
    return tx.session.scalars(query.order_by(ArchivalPackage.disposal)).all()


def _require_archive(tx: Transaction) -> None:
    try:
        open_archive_of(tx.settings, lambda: tx.now)
    except Misconfigured as fault:
        words = "The archive cannot be used. Whoever runs the vault sets CASEVAULT_ARCHIVE_STORE."
        raise Conflict(f"{words} {fault.message}") from None


def _resume(tx: Transaction, closure: Closure) -> None:
    """Each package that is not archived has its next step waiting, now."""
    for row in packages_of(tx, closure):
        if row.state != ARCHIVED:
            hasten(tx.session, key_of(STEPS[row.state], row.id), tx.now)
            go_on(tx, row)


def _act(tx: Transaction, case: Case, closure: Closure) -> Act:
    indexes = _indexes(tx, closure)
    facts = (
        ("Case", case.number),
        ("Closed as of", closure.closed_on.isoformat()),
        ("Packages", str(len(indexes))),
        ("Files", str(sum(index.files for index in indexes))),
    )
    return Act("case.archive", "Archive this case", closure.id, facts)


def _indexes(tx: Transaction, closure: Closure) -> Sequence[ArchiveIndex]:
    query = select(ArchiveIndex).where(ArchiveIndex.closure_id == closure.id)
    return tx.session.scalars(query.order_by(ArchiveIndex.disposal)).all()


def _queued(tx: Transaction, case: Case, closure: Closure, index: ArchiveIndex) -> ArchivalPackage:
    """All that its bytes depend on is fixed here."""
    earlier = select(ArchivalPackage.aip_id).where(
        ArchivalPackage.case_id == case.id, ArchivalPackage.disposal == index.disposal
    )
    aip_id = tx.session.scalar(earlier.limit(1)) or uuid4()
    row = tx.add(
        ArchivalPackage(
            closure_id=closure.id,
            case_id=case.id,
            office_id=case.office_id,
            aip_id=aip_id,
            version=closure.number,
            disposal=index.disposal,
            case_number=case.number,
            organisation=tx.session.get_one(Office, case.office_id).name,
            agent_version=__version__,
            closed_on=closure.closed_on,
            packaged_at=tx.now,
            queued_by_id=tx.actor.id,
            files=index.files,
            content_length=content_of(tx.session, case.id, index.disposal),
            object_name=f"packages/aip-{aip_id}-v{closure.number}.tar",
        )
    )
    go_on(tx, row)
    return row
