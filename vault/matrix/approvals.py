"""The second person: who may approve what another proposed, and until when."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from sqlalchemy import func, select

from vault.access.actor import Role
from vault.access.principals import Principal
from vault.crypto.kinds import PrincipalKind
from vault.crypto.secret import compare
from vault.errors import Conflict, Refused
from vault.people.models import Person, PersonRole
from vault.people.step_up import Act, require_step_up

if TYPE_CHECKING:
    from datetime import datetime

    from vault.runtime import Transaction


class Request(Protocol):
    """What waits for a second person."""

    @property
    def proposed_by_id(self) -> UUID | None: ...

    @property
    def proposed_at(self) -> datetime: ...


def lapses_at(tx: Transaction, request: Request) -> datetime:
    """When the request lapses if nobody approves it."""
    return request.proposed_at + tx.settings.approval


def has_lapsed(tx: Transaction, request: Request) -> bool:
    """Whether it is too late to approve. The transaction's time never runs back behind what the vault has seen."""
    return tx.now >= lapses_at(tx, request)


def require_second(tx: Transaction, request: Request, facts: dict[str, str], seen: str, act: Act) -> None:
    """The actor may be the second person for this request, as it was read, and has proved who that is for this `act`.

    Errors: `Refused` for whoever proposed it, in whatever session, and for a supervisor while another controller could
    approve; `Conflict` when it has lapsed or is not what was read; `StepUpDue`.
    """
    if request.proposed_by_id == tx.actor.id:
        raise Refused("Somebody else must approve what you proposed.")
    if not tx.actor.has(Role.CONTROLLER) and other_controllers(tx, request.proposed_by_id):
        raise Refused("There is another Personal Data Controller. Let them approve.")
    if has_lapsed(tx, request):
        raise Conflict("This request has lapsed: nobody approved it in time. It must be made anew.")
    if not compare(seen.encode(), digest_of(facts).encode()):
        raise Conflict("This is not the request that you read. Read it again.")
    require_step_up(tx, replace(act, bound=(seen,)))


def other_controllers(tx: Transaction, but: UUID | None) -> int:
    """How many controllers of the actor's office, without this one, could sign in now."""
    query = (
        select(func.count())
        .select_from(Person)
        .join(PersonRole, PersonRole.person_id == Person.id)
        .join(Principal, Principal.id == Person.id)
        .where(Person.office_id == tx.actor.office_id, PersonRole.role == Role.CONTROLLER.value)
        .where(Person.is_in(tx.now), Principal.slot_id.is_not(None), Principal.kind == PrincipalKind.PERSON)
    )
    return tx.session.scalar(query.where(Person.id != but)) or 0


def digest_of(facts: dict[str, str]) -> str:
    """Hexadecimal SHA-256 of all that a request says: what is approved is what was read."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
