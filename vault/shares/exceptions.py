"""Exceptions: a Personal Data Controller lets links of one case go to one organisation, for a reason and for a while."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.policy import Permission
from vault.access.remarks import Remark, checked_reason, office_holder, read_remark
from vault.cases.models import Case
from vault.errors import Conflict, Fault, Invalid
from vault.languages import ENGLISH, moment
from vault.people.step_up import Act, require_step_up
from vault.shares.models import Organisation
from vault.shares.term_models import EXCEPTION_KINDS, DisclosureException

if TYPE_CHECKING:
    from vault.runtime import Transaction

LONGEST = timedelta(days=30)


def make_exception(
    tx: Transaction, case_id: UUID, organisation_id: UUID, kind: str, expires_at: datetime, reason: str
) -> DisclosureException:
    """Others of the office may make links of this case to the organisation although `kind` stands against it.

    Errors: `Refused`, `NotFound`, `Invalid` for an end more than 30 days ahead, `StepUpDue`.
    """
    case = tx.load(Case, case_id, Permission.EXCEPTION_MAKE, lock=True)
    organisation = tx.load(Organisation, organisation_id, Permission.ORGANISATION_SEE)
    if kind not in EXCEPTION_KINDS:
        raise _unfit("kind", "Choose one of the list.")
    if not tx.now < expires_at <= tx.now + LONGEST:
        raise _unfit("expires_at", f"Choose a time from now to {LONGEST.days} days ahead.")
    reason = checked_reason(reason)
    facts = (("Case", case.number), ("Organisation", organisation.name), ("Against", kind))
    until = moment(expires_at, ENGLISH.locale)
    require_step_up(
        tx, Act("exception.make", "Allow what a rule forbids", case.id, (*facts, ("Until", until)), (reason,))
    )
    remark = tx.remark(reason)
    row = tx.add(
        DisclosureException(
            case_id=case.id,
            office_id=case.office_id,
            organisation_id=organisation.id,
            kind=kind,
            remark_id=UUID(remark["remark"]),
            made_by_id=tx.actor.id,
            made_at=tx.now,
            expires_at=expires_at,
        )
    )
    tx.record("exception.made", row, kind=kind, organisation=organisation.id, expires_at=expires_at, **remark)
    return row


def end_exception(tx: Transaction, exception_id: UUID, reason: str) -> DisclosureException:
    """No new link is made by it. `Conflict` when it is over."""
    row = tx.load(DisclosureException, exception_id, Permission.EXCEPTION_MAKE, lock=True)
    if not row.is_valid(tx.now):
        raise Conflict("This exception is over already.")
    row.ended_at = tx.now
    tx.record("exception.ended", row, **tx.remark(checked_reason(reason)))
    return row


def exceptions_of(tx: Transaction, case: Case) -> Sequence[DisclosureException]:
    """All that were ever made for the case in its present office, newest first."""
    query = select(DisclosureException).where(
        DisclosureException.case_id == case.id, DisclosureException.office_id == case.office_id
    )
    return tx.session.scalars(query.order_by(DisclosureException.made_at.desc())).all()


def reason_of(tx: Transaction, row: DisclosureException) -> str:
    """Why it was made."""
    return read_remark(tx, tx.session.get_one(Remark, row.remark_id), office_holder(tx, row.office_id))


def _unfit(field: str, message: str) -> Invalid:
    return Invalid("Nothing was changed.", errors=[Fault(f"/{field}", message)])
