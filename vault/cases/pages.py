"""What is shown of cases, to pages and to the API alike."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.policy import Permission
from vault.cases.assignments import Assignee, assignees, possible_assignees
from vault.cases.models import OUTCOMES, Case, Individual
from vault.cases.queries import has_usual_number
from vault.people.models import Office

if TYPE_CHECKING:
    from vault.runtime import Transaction


class OfficePage(BaseModel):
    """The office a case belongs to."""

    id: UUID
    code: str
    name: str


class IndividualPage(BaseModel):
    """A person of the case, by number, and what became of that person."""

    id: UUID
    number: str
    outcome: str | None
    outcome_on: date | None


class OutcomeRow(BaseModel):
    """What became of one individual; null while it is open."""

    individual: UUID
    number: str
    outcome: str | None
    outcome_on: date | None
    is_final: bool


class OutcomesPage(BaseModel):
    """What became of all individuals of a case, and which outcomes there are."""

    case_id: UUID
    case_number: str
    items: list[OutcomeRow]
    possible: list[str]
    may_change: bool


class AssigneeRow(BaseModel):
    """A colleague whose case it is, since when, or who could get it."""

    person: UUID
    name: str
    since: datetime | None


class CasePage(BaseModel):
    """A case: its numbers, whose it is, its place in proGres, its state here. `state` is ours, `stage` is proGres's."""

    id: UUID
    number: str
    has_usual_number: bool
    aliases: list[str]
    office: OfficePage
    priority: str
    stage: str | None
    stage_on: date | None
    state: str
    individuals: list[IndividualPage]
    origin_countries: list[str]
    asylum_country: str | None
    assigned: list[AssigneeRow]
    created_at: datetime
    changed_at: datetime
    revision: int
    may_change: bool
    may_assign: bool
    may_move: bool
    may_close: bool
    may_add_bundle: bool


class AssignmentsPage(BaseModel):
    """Whose a case is, and who could get it: that is told only to those who assign."""

    case_id: UUID
    case_number: str
    items: list[AssigneeRow]
    possible: list[AssigneeRow]
    may_assign: bool


class FoundCases(BaseModel):
    """What a search by number found."""

    items: list[CasePage]


def case_page(tx: Transaction, case: Case) -> CasePage:
    """The case as this actor sees it."""
    office = tx.session.get_one(Office, case.office_id)
    return CasePage(
        id=case.id,
        number=case.number,
        has_usual_number=has_usual_number(tx, case),
        aliases=[alias.number for alias in case.aliases],
        office=OfficePage(id=office.id, code=office.code, name=office.name),
        priority=case.priority,
        stage=case.stage,
        stage_on=case.stage_on,
        state=case.state,
        individuals=[_individual(person) for person in case.individuals],
        origin_countries=case.origin_countries,
        asylum_country=case.asylum_country,
        assigned=_rows(assignees(tx, case.id)),
        created_at=case.created_at,
        changed_at=case.changed_at,
        revision=case.revision,
        may_change=tx.allows(Permission.CASE_CHANGE, case),
        may_assign=tx.allows(Permission.CASE_ASSIGN, case),
        may_move=tx.allows(Permission.CASE_MOVE, case),
        may_close=tx.allows(Permission.CASE_CLOSE, case),
        may_add_bundle=tx.allows(Permission.BUNDLE_CREATE, case),
    )


def outcomes_page(tx: Transaction, case: Case) -> OutcomesPage:
    """What became of its people. Load it with a permission first."""
    return OutcomesPage(
        case_id=case.id,
        case_number=case.number,
        items=[outcome_row(person) for person in case.individuals],
        possible=list(OUTCOMES),
        may_change=tx.allows(Permission.CASE_CHANGE, case),
    )


def outcome_row(person: Individual) -> OutcomeRow:
    """One individual's."""
    return OutcomeRow(
        individual=person.id,
        number=person.number,
        outcome=person.outcome,
        outcome_on=person.outcome_on,
        is_final=person.is_final,
    )


def _individual(person: Individual) -> IndividualPage:
    return IndividualPage(
        id=person.id, number=person.number, outcome=person.outcome, outcome_on=person.outcome_on
    )


def assignments_page(tx: Transaction, case: Case) -> AssignmentsPage:
    """Whose case it is. Load it with a permission first."""
    may_assign = tx.allows(Permission.CASE_ASSIGN, case)
    possible = possible_assignees(tx, case) if may_assign else []
    return AssignmentsPage(
        case_id=case.id,
        case_number=case.number,
        items=_rows(assignees(tx, case.id)),
        possible=_rows([Assignee(person, None) for person in possible]),
        may_assign=may_assign,
    )


def _rows(found: list[Assignee]) -> list[AssigneeRow]:
    return [
        AssigneeRow(person=each.person.id, name=each.person.display_name, since=each.since) for each in found
    ]
