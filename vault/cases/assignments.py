"""Who works on a case: assigned by a supervisor or controller of its office. Whoever adds a case begins with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import select

from vault.access.caseload import Assignment
from vault.access.policy import Permission
from vault.access.principals import Principal
from vault.cases.models import Case
from vault.crypto.kinds import PrincipalKind
from vault.errors import Conflict, Fault, Invalid, NotFound
from vault.people.models import Person
from vault.people.teams import working_in

if TYPE_CHECKING:
    from datetime import datetime

    from vault.runtime import Transaction


class Assignee(NamedTuple):
    """A colleague, and since when the case is theirs."""

    person: Person
    since: datetime | None


def assign_case(tx: Transaction, case_id: UUID, person_id: UUID) -> Case:
    """The case is in the colleague's caseload, too. It opens no bundle: that takes a grant, as ever.

    Errors: `Refused`, `Invalid` for somebody who does not work in this office, `Conflict` for one who has it already.
    """
    case = tx.load(Case, case_id, Permission.CASE_ASSIGN, lock=True)
    if person_id not in {person.id for person in possible_assignees(tx, case)}:
        if _open_assignment(tx, case.id, person_id) is not None:
            raise Conflict("This case is assigned to this person already.")
        message = "Choose a colleague of this office who may work with bundles."
        raise Invalid(message, errors=[Fault("/person", message)])
    begin_assignment(tx, case.id, person_id)
    tx.record("case.assigned", case, person=person_id)
    return case


def take_off_case(tx: Transaction, case_id: UUID, person_id: UUID) -> Case:
    """The case is in the person's caseload no more; bundles opened to them stay so. `NotFound` for whose it is not."""
    case = tx.load(Case, case_id, Permission.CASE_ASSIGN, lock=True)
    found = _open_assignment(tx, case.id, person_id)
    if found is None:
        raise NotFound
    end_assignment(tx, found)
    tx.record("case.unassigned", case, person=person_id)
    return case


def begin_assignment(
    tx: Transaction, case_id: UUID, person_id: UUID | None, by_themselves: bool = False
) -> None:
    """The row alone; whoever calls has checked that it may."""
    by = None if by_themselves else tx.actor.id
    tx.add(Assignment(case_id=case_id, person_id=person_id, assigned_by_id=by, assigned_at=tx.now))


def end_assignment(tx: Transaction, found: Assignment) -> None:
    """It is over, and the row keeps when."""
    found.ended_at, found.ended_by_id = tx.now, tx.actor.id
    tx.session.flush()


def assignments_of(tx: Transaction, case_id: UUID) -> Sequence[Assignment]:
    """Those that have not ended."""
    query = select(Assignment).where(Assignment.case_id == case_id, Assignment.ended_at.is_(None))
    return tx.session.scalars(query).all()


def assignees(tx: Transaction, case_id: UUID) -> list[Assignee]:
    """Whose case it is, in the order in which they got it; who has left is not told."""
    query = (
        select(Person, Assignment.assigned_at)
        .join(Assignment, Assignment.person_id == Person.id)
        .where(Assignment.case_id == case_id, Assignment.ended_at.is_(None), Person.left_at.is_(None))
        .order_by(Assignment.assigned_at, Person.display_name, Person.id)
    )
    return [Assignee(*row) for row in tx.session.execute(query)]


def possible_assignees(tx: Transaction, case: Case) -> Sequence[Person]:
    """Colleagues of the case's office to whom it could be assigned, by name."""
    have = select(Assignment.person_id).where(Assignment.case_id == case.id, Assignment.ended_at.is_(None))
    query = (
        working_in(tx, case.office_id)
        .join(Principal, Principal.id == Person.id)
        .where(Principal.kind == PrincipalKind.PERSON, Person.id.not_in(have))
    )
    return tx.session.scalars(query.order_by(Person.display_name, Person.id)).all()


def _open_assignment(tx: Transaction, case_id: UUID, person_id: UUID) -> Assignment | None:
    query = select(Assignment).where(Assignment.case_id == case_id, Assignment.person_id == person_id)
    return tx.session.scalar(query.where(Assignment.ended_at.is_(None)))
