"""Which bundles a person's token may open: those that its owner gives it, one by one.

A token's grant is its own, and counts only as long as its owner is a member too, alone and not only through a team: then
both end together. A bundle with a password is given to
no token, and one that gets a password later opens for none. A service is a member like any colleague.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.cells import STRICT
from vault.access.grants import Grant, end_grant, give_grant, live_grant
from vault.access.holdings import open_own_grant
from vault.access.policy import Permission
from vault.access.principals import Principal
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.errors import Conflict, NotFound
from vault.people.models import Token
from vault.people.step_up import Act, require_step_up
from vault.people.tokens import live_tokens

if TYPE_CHECKING:
    from vault.runtime import Transaction

NO_PASSWORDS = "A token opens no bundle that has a password."
THROUGH_A_TEAM = (
    "You open this bundle through a team. A token is given what is opened to you yourself: ask to be added."
)


def give_to_token(tx: Transaction, bundle_id: UUID, token_id: UUID) -> Token:
    """One's own token may open the bundle. Errors: `NotFound`, `BundleLocked`, `StepUpDue` for
    what is strictly confidential, `Conflict` for a bundle with a password or one opened through a team.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN, lock=True)
    token = _own(tx, token_id)
    if bundle.profile is not None:
        raise Conflict(NO_PASSWORDS)
    if live_grant(tx, token.person_id, bundle.id) is None:
        raise Conflict(THROUGH_A_TEAM)
    opened = open_bundle(tx, bundle)
    if bundle.tier == STRICT:
        facts = (("Token", token.name), ("Bundle", opened.title))
        sentence = "Give a token what is strictly confidential"
        require_step_up(tx, Act("bundle.add_token", sentence, bundle.id, facts, (str(token.id),)))
    access_key = open_own_grant(tx, bundle.id, bundle.generation)
    principal = tx.session.get_one(Principal, token.id)
    give_grant(tx, principal, bundle.id, bundle.generation, access_key)
    tx.record("bundle.token_added", bundle, token=token.id)
    return token


def take_from_token(tx: Transaction, bundle_id: UUID, token_id: UUID) -> Token:
    """One's own token opens the bundle no more; who opens it next makes new keys."""
    bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN, lock=True)
    token = _own(tx, token_id)
    grant = live_grant(tx, token.id, bundle.id)
    if grant is None:
        raise NotFound
    end_grant(tx, grant)
    bundle.rekey_pending_at = bundle.rekey_pending_at or tx.now
    tx.record("bundle.token_removed", bundle, token=token.id)
    return token


def end_token_grants(tx: Transaction, bundle: Bundle, person_id: UUID) -> None:
    """No token of this person opens the bundle: it was theirs only while the person was a member."""
    for token in live_tokens(tx, person_id):
        grant = live_grant(tx, token.id, bundle.id)
        if grant is not None and not token.is_service:
            end_grant(tx, grant)
            tx.record("bundle.token_removed", bundle, token=token.id)


def own_tokens_in(tx: Transaction, bundle: Bundle) -> list[tuple[Token, bool]]:
    """The actor's own tokens, and whether each may open the bundle."""
    if tx.actor.kind != "person" or tx.actor.id is None:
        return []
    granted = select(Grant.principal_id).where(Grant.subject_id == bundle.id, Grant.ended_at.is_(None))
    holders = set(tx.session.scalars(granted))
    return [(token, token.id in holders) for token in _usable(tx, tx.actor.id)]


def _usable(tx: Transaction, person_id: UUID) -> Sequence[Token]:
    return [token for token in live_tokens(tx, person_id) if tx.now < token.expires_at]


def _own(tx: Transaction, token_id: UUID) -> Token:
    if tx.actor.kind != "person" or tx.actor.id is None:
        raise NotFound
    found = next((token for token in _usable(tx, tx.actor.id) if token.id == token_id), None)
    if found is None:
        raise NotFound
    return found
