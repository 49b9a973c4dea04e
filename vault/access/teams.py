"""Teams: principals that stand for several people. A recovery desk is the same thing of another kind.

A team has a seed like a person; its user lock opens with the team key TK, which is granted to each member (subject: the
team, generation: the team's). So what is granted to the team once opens for all of them, a new colleague costs one grant,
and when a member leaves TK, slot and generation are made anew while the seed, and all that was granted to the team, stays
(docs/format.md, "People"). Who may do this is asked by those who call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import aliased

from vault.access.grants import (
    GRANT_COLUMNS,
    Grant,
    end_grant,
    give_grant,
    live_grant,
    live_grants,
    lock_grants,
    renew_or_end,
)
from vault.access.principals import Principal, hold_principal, open_seed, set_keys
from vault.crypto.grant import open_grant
from vault.crypto.identity import new_seed
from vault.crypto.kinds import PrincipalKind
from vault.crypto.secret import random_key
from vault.errors import Conflict, NotFound, Tampered

if TYPE_CHECKING:
    from vault.runtime import Transaction

MANY = (PrincipalKind.TEAM, PrincipalKind.DESK)
"""Kinds of principal that stand for several people."""


def make_team(
    tx: Transaction, kind: PrincipalKind, members: Sequence[Principal], seed: bytes | None = None
) -> Principal:
    """A new team with a new identity, or that of `seed`, open for these members, at least one.

    Errors: `Conflict` for a member who has no keys yet, `Tampered` for one whose key is not vouched for.
    """
    if kind not in MANY or not members:
        raise ValueError("a team or desk has members")
    team, team_key = tx.add(Principal(kind=int(kind), created_at=tx.now)), random_key()
    for member in members:
        give_grant(tx, member, team.id, team.generation, team_key)
    _lock_team(tx, team, seed or new_seed(), team_key)
    return team


def add_team_member(tx: Transaction, team: Principal, member: Principal) -> Grant:
    """One more member, by one who is in the team already; nothing else changes.

    Errors: `NotFound` when the actor is not in the team, `Conflict` for a member or without keys, `Tampered`.
    """
    hold_principal(tx, team)
    open_team_seed(tx, team.id)
    _, team_key, _ = _opened(tx, team.id)
    return give_grant(tx, member, team.id, team.generation, team_key)


def remove_team_member(tx: Transaction, team: Principal, member_id: UUID) -> bool:
    """The member's grant has ended. True when the new keys were made at once, because the actor is in the team;
    otherwise they are *pending* until the next member opens it.

    Errors: `NotFound` for one who is no member, `Conflict` for the last one.
    """
    hold_principal(tx, team)
    lock_grants(tx, [team.id])
    grant = live_grant(tx, member_id, team.id)
    if grant is None:
        raise NotFound
    if len(live_grants(tx, team.id)) == 1:
        raise Conflict("This is the last member. Add a colleague first, or what the team holds is lost.")
    end_grant(tx, grant)
    team.rekey_pending_at = team.rekey_pending_at or tx.now
    tx.session.flush()
    try:
        open_team_seed(tx, team.id)
    except (NotFound, Tampered):
        return False
    return True


def end_team(tx: Transaction, team: Principal) -> None:
    """The team has no members and no keys any more, for good. Whoever calls has ended what was granted to it."""
    hold_principal(tx, team)
    lock_grants(tx, [team.id])
    for grant in live_grants(tx, team.id):
        end_grant(tx, grant)
    if team.slot_id is not None:
        tx.destroy(team.slot_id)
    team.slot_id = team.user_lock = team.directory_mac = team.rekey_pending_at = None
    tx.session.flush()


def open_team_seed(tx: Transaction, team_id: UUID) -> bytes:
    """The seed of a team that the actor is in. Whoever comes first after a member has left makes the new keys.

    Errors: `NotFound` for one who is not in the team, `Tampered` for a grant, key or lock of another or older one.
    """
    team, _, seed = _opened(tx, team_id)
    if team.rekey_pending_at is not None:
        # Whoever makes new keys holds the row, and looks again: another may have made them, or left, meanwhile.
        hold_principal(tx, team)
        team, _, seed = _opened(tx, team_id)
        if team.rekey_pending_at is not None:
            _renew_team(tx, team, seed)
    return seed


def _renew_team(tx: Transaction, team: Principal, seed: bytes) -> None:
    """New team key, slot and generation for the members who remain; the identity stays."""
    team_key = random_key()
    team.generation += 1
    for grant in live_grants(tx, team.id):
        if not renew_or_end(tx, grant, team.generation, team_key):
            tx.record("team.member_removed", team, member=grant.principal_id, reason="no_vouched_key")
    team.rekey_pending_at = None
    _lock_team(tx, team, seed, team_key)
    tx.record("team.rekeyed", team, generation=team.generation)


def _lock_team(tx: Transaction, team: Principal, seed: bytes, team_key: bytes) -> None:
    tx.session.flush()
    grants = [(grant, GRANT_COLUMNS) for grant in live_grants(tx, team.id)]
    set_keys(tx, team, seed, team_key, None, also=grants)


def _opened(tx: Transaction, team_id: UUID) -> tuple[Principal, bytes, bytes]:
    """Team, TK and seed. Who meets new keys just being made looks once more."""
    try:
        return _look(tx, team_id)
    except Tampered:
        return _look(tx, team_id)


def _look(tx: Transaction, team_id: UUID) -> tuple[Principal, bytes, bytes]:
    """Grant and team in one query, so that they are of one moment."""
    if tx.actor.id is None or tx.actor.session is None:
        raise NotFound
    holder = aliased(Principal)
    query = (
        select(Principal, Grant.sealed, holder.kind)
        .join(Grant, Grant.subject_id == Principal.id)
        .join(holder, holder.id == Grant.principal_id)
        .where(Principal.id == team_id, Principal.kind.in_(MANY))
        .where(Grant.principal_id == tx.actor.id, Grant.ended_at.is_(None))
    )
    found = tx.session.execute(query, execution_options={"populate_existing": True}).one_or_none()
    if found is None:
        raise NotFound
    team, sealed, kind = found
    own = tx.actor.session.seed.reveal()
    team_key = open_grant(own, kind, tx.actor.id, team.id, team.generation, sealed)
    return team, team_key, open_seed(tx.keystore, team, team_key)
