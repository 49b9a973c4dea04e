"""What is shown of cases, to pages and to the API alike."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.policy import Permission
from vault.cases.models import Case
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
    """A person of the case, by number."""

    id: UUID
    number: str


class CasePage(BaseModel):
    """A case: its numbers, its place in proGres, its state here. `state` is ours, `stage` is proGres's."""

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
    created_at: datetime
    changed_at: datetime
    revision: int
    may_change: bool
    may_add_bundle: bool


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
        individuals=[IndividualPage(id=person.id, number=person.number) for person in case.individuals],
        created_at=case.created_at,
        changed_at=case.changed_at,
        revision=case.revision,
        may_change=tx.allows(Permission.CASE_CHANGE, case),
        may_add_bundle=tx.allows(Permission.BUNDLE_CREATE, case),
    )
