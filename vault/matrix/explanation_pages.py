"""What is shown of an explanation: a colleague, the documents of a case, and for one of them every step."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.actor import Role
from vault.access.cells import LEVELS
from vault.access.policy import NEEDS, Permission
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.models import Bundle, Document
from vault.cases.models import Case
from vault.matrix.explanation import Explanation, explain, grant_is_current, may_with_each
from vault.matrix.queries import cells_in_force, holders, level_of
from vault.people.models import Person

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST_DOCUMENTS = 200


class PersonChoice(BaseModel):
    """A colleague to ask about."""

    person: UUID
    name: str


class KnownDocument(BaseModel):
    """A document as somebody knows it who opens no bundle: no title. `number` counts the documents of the case."""

    document: UUID
    number: int
    type_name: str
    tier: str
    individuals: list[str]
    created_at: datetime
    is_withdrawn: bool
    may: list[str]


class ExplanationList(BaseModel):
    """The documents of a case, each with what the colleague may do with it."""

    people: list[PersonChoice]
    person: UUID | None = None
    name: str | None = None
    case_number: str | None = None
    items: list[KnownDocument] = []


class StepRow(BaseModel):
    """One thing that must hold: account, role, office, reach, clearance, caseload, cell, closed,
    withdrawn."""

    name: str
    holds: bool


class Verdict(BaseModel):
    """Whether the colleague may do this, and each step to the answer."""

    permission: str
    allowed: bool
    steps: list[StepRow]


class ExplanationPage(BaseModel):
    """What decides about one colleague and one document. `level` is what the matrix leaves the best of the roles."""

    person: UUID
    name: str
    roles: list[Role]
    document: UUID
    case_id: UUID
    case_number: str
    type_name: str
    tier: str
    is_withdrawn: bool
    level: str
    has_current_grant: bool
    has_password: bool
    verdicts: list[Verdict]


def explanation_form(tx: Transaction, office_id: UUID) -> ExplanationList:
    """Whom one may ask about."""
    people = holders(tx, office_id)
    return ExplanationList(people=[PersonChoice(person=each.id, name=each.display_name) for each in people])


def explanation_list(
    tx: Transaction, office_id: UUID, person: Person, cases: Sequence[Case]
) -> ExplanationList:
    """The documents of these cases, and what the person may do with each."""
    page = explanation_form(tx, office_id)
    page.person, page.name = person.id, person.display_name
    page.case_number = cases[0].number if cases else None
    found = may_with_each(tx, person, [case.id for case in cases], MOST_DOCUMENTS)
    page.items = [_known(number, *each) for number, each in enumerate(found, 1)]
    return page


def explanation_page(tx: Transaction, person: Person, document: Document) -> ExplanationPage:
    """Every step for one person and one document."""
    bundle = tx.session.get_one(Bundle, document.bundle_id)
    levels = {spot: cell.level for spot, cell in cells_in_force(tx, document.office_id).items()}
    return ExplanationPage(
        person=person.id,
        name=person.display_name,
        roles=sorted(person.roles),
        document=document.id,
        case_id=document.case_id,
        case_number=tx.session.get_one(Case, document.case_id).number,
        type_name=DOCUMENT_TYPES[document.document_type].name,
        tier=document.tier,
        is_withdrawn=document.withdrawn_at is not None,
        level=level_of(person.roles, document.document_type, document.tier, levels) or LEVELS[0],
        has_current_grant=grant_is_current(tx, person, bundle),
        has_password=bundle.profile is not None,
        verdicts=[_verdict(each) for each in explain(tx, person, document)],
    )


def _known(number: int, document: Document, allowed: frozenset[Permission]) -> KnownDocument:
    may = {NEEDS[each] for each in allowed}
    return KnownDocument(
        document=document.id,
        number=number,
        type_name=DOCUMENT_TYPES[document.document_type].name,
        tier=document.tier,
        individuals=[individual.number for individual in document.individuals],
        created_at=document.created_at,
        is_withdrawn=document.withdrawn_at is not None,
        may=sorted(may, key=LEVELS.index),
    )


def _verdict(explained: Explanation) -> Verdict:
    steps = [StepRow(name=step.name, holds=step.holds) for step in explained.steps]
    return Verdict(permission=explained.permission.value, allowed=explained.allowed, steps=steps)
