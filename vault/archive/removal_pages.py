"""What is shown of a removal: the list that is signed, who signed, how long it cools off, how far it is, its certificate."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select

from vault.access.policy import Permission
from vault.archive.archiving import packages_of
from vault.archive.certificate_pages import certificate_of
from vault.archive.closing import standing_closure
from vault.archive.models import Closure
from vault.archive.package_pages import PackageRow, package_rows
from vault.archive.removal import closer_signs, lending_words, lendings_of, live_removal, may_sign
from vault.archive.removal_approvals import Said, said_of
from vault.archive.removal_models import (
    CHECKED,
    COOLING,
    ENDED,
    PROPOSED,
    Removal,
    RemovedVersion,
)
from vault.archive.removing import holds_until
from vault.cases.models import IN_ARCHIVE, Case
from vault.matrix.approvals import has_lapsed, lapses_at
from vault.matrix.pages import names_of

if TYPE_CHECKING:
    from vault.runtime import Transaction


class GoingRow(BaseModel):
    """One version whose active copy goes: the digest is of the encrypted object, hexadecimal; `length` is its bytes."""

    id: UUID
    sha256: str
    length: int


class RemovalRow(BaseModel):
    """One removal. `lapses_at`: when what is signed so far holds no more. `done` of `files` are gone; `error` is a code."""

    id: UUID
    state: str
    files: int
    done: int
    proposed_by: str
    proposed_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    cools_until: datetime | None
    lapses_at: datetime
    has_lapsed: bool
    error: str | None
    failed_package: UUID | None
    begun_at: datetime | None
    removed_at: datetime | None
    ended_at: datetime | None
    end_reason: str | None


class RemovalPage(BaseModel):
    """How an archived case stands to the removal of its active copies. `digest` is what signing sends back, if one may sign.

    `kept`: recordings and temporary copies, which stay. `lendings`: what must end first, as sentences.
    """

    case_id: UUID
    case_number: str
    now: datetime
    packages: list[PackageRow]
    going: list[GoingRow]
    length: int
    kept: int
    lendings: list[str]
    removal: RemovalRow | None
    certificate: UUID | None
    digest: str | None
    waits_for_closer: bool
    may_propose: bool
    may_approve: bool
    may_cancel: bool
    may_resume: bool


def removal_page(tx: Transaction, case: Case) -> RemovalPage:
    """The page for those who may archive the case. Load it with a permission first."""
    closure = standing_closure(tx, case.id) if case.state in IN_ARCHIVE else None
    removal = newest_removal(tx, closure.id) if closure is not None else None
    said = said_of(tx.session, case.id, closure.id) if closure is not None else None
    live = live_removal(tx, closure.id) if closure is not None else None
    waits = live is not None and live.state == PROPOSED and not has_lapsed(tx, live)
    signs = closure is not None and may_sign(tx, case, closure, live if waits else None)
    may = tx.allows(Permission.CASE_ARCHIVE, case)
    stopped = live is not None and live.error_code is not None
    packages = package_rows(tx, packages_of(tx, closure)) if closure is not None else []
    lapsed = live is not None and live.state == PROPOSED and not waits
    return RemovalPage(
        case_id=case.id,
        case_number=case.number,
        now=tx.now,
        packages=packages,
        going=_going(said),
        length=said.length if said else 0,
        kept=sum(row.files for row in packages if row.disposal != "permanent"),
        lendings=[lending_words(tx, *each) for each in lendings_of(tx, case)],
        removal=_row(tx, removal) if removal is not None else None,
        certificate=certificate_of(tx, case.id),
        digest=said.digest.hex() if said and (signs or (stopped and may)) else None,
        waits_for_closer=waits and closure is not None and _waits_for_closer(tx, case, closure, live),
        may_propose=signs and (live is None or lapsed) and bool(said and said.going),
        may_approve=signs and waits,
        may_cancel=live is not None and live.state in (PROPOSED, COOLING, CHECKED) and may,
        may_resume=stopped and may and tx.actor.kind == "person",
    )


def newest_removal(tx: Transaction, closure_id: UUID) -> Removal | None:
    """The removal of this closing that has not ended, else the one that was proposed last."""
    mine = select(Removal).where(Removal.closure_id == closure_id)
    newest = mine.order_by(Removal.state == ENDED, Removal.proposed_at.desc(), Removal.id)
    return tx.session.scalar(newest.limit(1))


def _waits_for_closer(tx: Transaction, case: Case, closure: Closure, live: Removal | None) -> bool:
    is_signed = live is not None and live.proposed_by_id == closure.closed_by_id
    return not is_signed and closer_signs(tx, case, closure)


def _going(said: Said | None) -> list[GoingRow]:
    if said is None:
        return []
    return [
        GoingRow(id=each.id, sha256=each.object_digest.hex(), length=each.object_length)
        for each in said.going
    ]


def _row(tx: Transaction, row: Removal) -> RemovalRow:
    names = names_of(tx, [row.proposed_by_id, row.approved_by_id])
    gone = select(func.count()).select_from(RemovedVersion).where(RemovedVersion.removal_id == row.id)
    done = gone.where(RemovedVersion.object_removed_at.is_not(None))
    is_proposed = row.state == PROPOSED
    return RemovalRow(
        id=row.id,
        state=row.state,
        files=row.files,
        done=tx.session.scalar(done) or 0,
        proposed_by=names.get(row.proposed_by_id, ""),
        proposed_at=row.proposed_at,
        approved_by=names.get(row.approved_by_id, "") if row.approved_by_id else None,
        approved_at=row.approved_at,
        cools_until=row.cools_until,
        lapses_at=lapses_at(tx, row) if is_proposed else holds_until(row),
        has_lapsed=is_proposed and has_lapsed(tx, row),
        error=row.error_code,
        failed_package=row.failed_package_id,
        begun_at=row.begun_at,
        removed_at=row.removed_at,
        ended_at=row.ended_at,
        end_reason=row.end_reason,
    )
