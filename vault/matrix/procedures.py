"""Who may do what in an office, and is accountable for it: the table, the cells and the people on one page, for its SOPs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.actor import Role
from vault.access.clearances import Clearance
from vault.access.policy import MATRIX, Permission, Scope
from vault.matrix.pages import ChangeRow, change_rows, names_of
from vault.matrix.queries import cells_in_force, holders
from vault.people.models import Office, Person

if TYPE_CHECKING:
    from vault.runtime import Transaction


class Holder(BaseModel):
    """A role, and by name who holds it."""

    role: Role
    people: list[str]


class Reach(BaseModel):
    """How far one role gets with a permission: `everywhere`, `own office`, `member of the bundle`, `own`."""

    role: Role
    scopes: list[Scope]


class Right(BaseModel):
    """One permission, and who has it."""

    permission: str
    reaches: list[Reach]


class ClearedRow(BaseModel):
    """Somebody cleared for what is strictly confidential, since when, and who decided; nobody where the vault was set up."""

    name: str
    since: datetime
    proposed_by: str | None
    approved_by: str | None


class ProceduresPage(BaseModel):
    """Who may do what in an office at one moment, and is accountable for it."""

    office: str
    at: datetime
    accountable: list[str]
    holders: list[Holder]
    rights: list[Right]
    cells: list[ChangeRow]
    cleared: list[ClearedRow]


def procedures_page(tx: Transaction, office_id: UUID) -> ProceduresPage:
    """All of it as it holds now; made from what the rule itself reads."""
    people = holders(tx, office_id)
    by_role = {role: [each.display_name for each in people if role in each.roles] for role in Role}
    return ProceduresPage(
        office=tx.session.get_one(Office, office_id).name,
        at=tx.now,
        accountable=by_role[Role.CONTROLLER],
        holders=[Holder(role=role, people=names) for role, names in by_role.items()],
        rights=[_right(permission) for permission in Permission],
        cells=change_rows(tx, list(cells_in_force(tx, office_id).values())),
        cleared=_cleared(tx, people),
    )


def _right(permission: Permission) -> Right:
    reaches = [
        Reach(role=role, scopes=[rule.scope for rule in MATRIX[permission] if role in rule.roles])
        for role in Role
    ]
    return Right(permission=permission.value, reaches=[each for each in reaches if each.scopes])


def _cleared(tx: Transaction, people: Sequence[Person]) -> list[ClearedRow]:
    query = select(Clearance).where(Clearance.settled_at.is_not(None), Clearance.ended_at.is_(None))
    found = {each.person_id: each for each in tx.session.scalars(query)}
    here = [(person, found[person.id]) for person in people if person.id in found]
    names = names_of(tx, {who for _, each in here for who in (each.proposed_by_id, each.approved_by_id)})
    return [
        ClearedRow(
            name=person.display_name,
            since=each.settled_at or each.proposed_at,
            proposed_by=names.get(each.proposed_by_id) if each.proposed_by_id else None,
            approved_by=names.get(each.approved_by_id) if each.approved_by_id else None,
        )
        for person, each in here
    ]
