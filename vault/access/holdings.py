"""What the actor can open: what is granted to the person, or to a team that the person is in."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Select, Uuid, and_, bindparam, select

from vault.access.grants import Grant, held_by
from vault.access.principals import Principal
from vault.access.teams import open_team_seed
from vault.crypto.grant import open_grant
from vault.errors import NotFound

if TYPE_CHECKING:
    from vault.runtime import Transaction


def open_own_grant(tx: Transaction, subject_id: UUID, generation: int) -> bytes:
    """The secret granted to the actor, opened with the session's seed; else that of a team, opened with the team's.

    A token opens what is granted to itself, and nothing by a team.

    Errors: `NotFound` without a grant or session, `Tampered` for a grant of another principal or generation.
    """
    actor = tx.actor
    holder = actor.principal
    if holder is None or actor.session is None:
        raise NotFound
    query = _granted(alone=actor.principal_id is not None)
    found = tx.session.execute(query, {"subject_id": subject_id, "holder_id": holder}).one_or_none()
    if found is None:
        raise NotFound
    is_own = found.principal_id == holder
    seed = actor.session.seed.reveal() if is_own else open_team_seed(tx, found.principal_id)
    return open_grant(seed, found.kind, found.principal_id, subject_id, generation, found.sealed)


@lru_cache
def _granted(alone: bool) -> Select[UUID, bytes, int]:
    """The grant that opens a subject for somebody, the own one before a team's; `alone` asks for no team. Made once."""
    holder: Any = bindparam("holder_id", type_=Uuid())
    own = and_(Grant.principal_id == holder, Grant.ended_at.is_(None))
    return (
        select(Grant.principal_id, Grant.sealed, Principal.kind)
        .join(Principal, Principal.id == Grant.principal_id)
        .where(Grant.subject_id == bindparam("subject_id", type_=Uuid()), own if alone else held_by(holder))
        .order_by(Grant.principal_id != holder, Grant.granted_at, Grant.id)
        .limit(1)
    )
