"""Guesses at a link's password and at its codes: counted in the database, for the link alone.

An address says nothing: a whole embassy sits behind one. After ten wrong ones in a row each next one waits a minute;
after fifty the link sleeps until its owner lets it work again. After the fifth wrong code the owner is told, once a day.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.throttle import Limit, forget_tries, give_back_try, take_try, tries_of
from vault.db import for_change
from vault.errors import Fault, Refusal, TooMany
from vault.people.notices import tell
from vault.runtime import refusal_about
from vault.shares.models import Share
from vault.shares.notices import CODES_GUESSED, SUSPENDED

if TYPE_CHECKING:
    from vault.runtime import Transaction

GUESSES = Limit(free=10, first=timedelta(minutes=1), longest=timedelta(minutes=1))
TOLD_AFTER, MOST_GUESSES = 5, 50
TOO_MANY = "Too many attempts. Wait a minute, then try again."
PASSWORDS, CODES = "passwords", "codes"
"""What can be guessed at, as the log says it."""


def take_guess(tx: Transaction, share: Share, what: str) -> None:
    """Count one guess before it is made; `TooMany` when they come too fast."""
    try:
        take_try(tx.session, _name(share.id, what), GUESSES, tx.now)
    except TooMany as error:
        error.message = TOO_MANY
        error.errors = (Fault(f"/{what.removesuffix('s')}", TOO_MANY),)
        error.refusal = share_refusal(share, "too-many")
        raise


def give_back_guess(tx: Transaction, share_id: UUID) -> None:
    """The password was never tried, because the vault was busy."""
    give_back_try(tx.session, _name(share_id, PASSWORDS))


def forget_guesses(tx: Transaction, share: Share) -> None:
    """The link was opened: the counts start anew."""
    for what, guessed in ((PASSWORDS, share.profile is not None), (CODES, share.asks_code)):
        if guessed:
            forget_tries(tx.session, _name(share.id, what))


def suspend_if_guessed(tx: Transaction, share_id: UUID, what: str) -> None:
    """After fifty wrong ones in a row the link is suspended."""
    share = tx.session.get(Share, share_id, with_for_update=for_change(Share))
    name = _name(share_id, what)
    if share is None or not share.is_live(tx.now):
        return
    if what == CODES and tries_of(tx.session, name) >= TOLD_AFTER:
        tell(tx, share, CODES_GUESSED, mark=tx.now.date().isoformat())
    if tries_of(tx.session, name) < MOST_GUESSES:
        return
    share.suspended_at = tx.now
    share.revision += 1
    forget_tries(tx.session, name)
    tx.record("share.suspended", share, reason=what)
    tell(tx, share, SUSPENDED, mark=str(share.revision))


def share_refusal(share: Share, reason: str) -> Refusal:
    """What the log keeps of a link that was not opened."""
    return refusal_about(share, "share.refused", reason=reason)


def _name(share_id: UUID, what: str) -> str:
    return f"{'link' if what == PASSWORDS else what}:{share_id}"
