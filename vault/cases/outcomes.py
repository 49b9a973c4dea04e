"""What became of the individuals of a case: an outcome for each, on a day, by number. A case closes once all are final."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.policy import Permission
from vault.cases.models import OUTCOMES, Case
from vault.errors import Fault, Invalid

if TYPE_CHECKING:
    from vault.runtime import Transaction


def set_outcome(
    tx: Transaction, case_id: UUID, individual_id: UUID, outcome: str | None, on: date | None
) -> Case:
    """The individual's outcome, or None while it is open.

    Errors: `Invalid` for somebody who is not of the case, an outcome that is none, or a day that is missing or to come;
    `Conflict` in a closed case.
    """
    case = tx.load(Case, case_id, Permission.CASE_CHANGE, lock=True)
    person = next((each for each in case.individuals if each.id == individual_id), None)
    if person is None:
        raise _unfit("individual", "Choose an individual of this case.")
    if outcome is not None and outcome not in OUTCOMES:
        raise _unfit("outcome", "Choose one of the list.")
    if outcome is not None and (on is None or on > tx.now.date()):
        raise _unfit("outcome_on", "Give the day on which it was known, today or earlier.")
    before = person.outcome or "open"
    person.outcome, person.outcome_on = outcome, on if outcome is not None else None
    case.changed_at = tx.now
    case.revision += 1
    tx.record("individual.outcome_set", case, individual=person.id, before=before, outcome=outcome or "open")
    return case


def _unfit(field: str, message: str) -> Invalid:
    return Invalid(message, errors=[Fault(f"/{field}", message)])
