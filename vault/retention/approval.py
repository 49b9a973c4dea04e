"""Who approves a schedule: the office's records authority; where there is none, the second person of everything else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import exists, select

from vault.access.actor import Role
from vault.access.principals import Principal
from vault.crypto.secret import compare
from vault.errors import Conflict, Refused
from vault.matrix.approvals import digest_of, has_lapsed, require_second
from vault.people.models import Person, PersonRole
from vault.people.step_up import Act, require_step_up

if TYPE_CHECKING:
    from vault.retention.models import RetentionRule
    from vault.runtime import Transaction


def require_authority(
    tx: Transaction, rule: RetentionRule, facts: dict[str, str], seen: str, act: Act
) -> None:
    """The actor may approve this, as it was read, and has proved who that is for this `act`.

    Errors: `Refused` for whoever proposed it, and for others while a records authority could approve; as
    `require_second` where there is none.
    """
    if not has_authority(tx, rule.office_id, but=rule.proposed_by_id):
        require_second(tx, rule, facts, seen, act)
        return
    if rule.proposed_by_id == tx.actor.id:
        raise Refused("Somebody else must approve what you proposed.")
    if not tx.actor.has(Role.RECORDS_AUTHORITY):
        raise Refused("The office has a records authority. Let them approve.")
    if has_lapsed(tx, rule):
        raise Conflict("This request has lapsed: nobody approved it in time. It must be made anew.")
    if not compare(seen.encode(), digest_of(facts).encode()):
        raise Conflict("This is not the request that you read. Read it again.")
    require_step_up(tx, replace(act, bound=(seen,)))


def has_authority(tx: Transaction, office_id: UUID, but: UUID | None = None) -> bool:
    """Whether the office has a records authority, another than this person, who could sign in now."""
    found = (
        select(Person.id)
        .join(PersonRole, PersonRole.person_id == Person.id)
        .join(Principal, Principal.id == Person.id)
        .where(Person.office_id == office_id, PersonRole.role == Role.RECORDS_AUTHORITY.value)
        .where(Person.is_in(tx.now), Principal.slot_id.is_not(None))
    )
    if but is not None:
        found = found.where(Person.id != but)
    return bool(tx.session.scalar(select(exists(found.subquery()))))
