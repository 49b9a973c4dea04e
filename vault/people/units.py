"""The unit that a person signs for, where two people of one unit must not sign the same."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.errors import Conflict, Fault, Invalid
from vault.people.accounts import load_managed
from vault.people.step_up import Act, require_step_up

if TYPE_CHECKING:
    from vault.people.models import Person
    from vault.runtime import Transaction

LONGEST_UNIT = 60


def set_unit(tx: Transaction, person_id: UUID, unit: str | None) -> Person:
    """The person signs for this unit from now on, or, with None, for that of the role. Nothing is recorded if so it was.

    Errors: `NotFound`, `Refused`, `Conflict` for somebody who has left, `Invalid` at /unit, `StepUpDue`.
    """
    person = load_managed(tx, person_id)
    if person.left_at is not None:
        raise Conflict("This person has left.")
    wanted = " ".join((unit or "").split()) or None
    if wanted is not None and (len(wanted) > LONGEST_UNIT or not wanted.isprintable()):
        message = "Name the unit in at most 60 characters."
        raise Invalid(message, errors=[Fault("/unit", message)])
    if wanted != person.unit:
        facts = (("User name", person.username), ("Unit", wanted or "that of the role"))
        require_step_up(
            tx, Act("person.unit", "Change the unit that this person signs for", person.id, facts)
        )
        person.unit = wanted
        tx.record("person.unit", person, has_unit=wanted is not None)
    return person
