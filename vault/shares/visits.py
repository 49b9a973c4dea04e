"""The recipient's side: opening a link, coming back to an opening, finishing.

Strangers are never told why a link does not open; whoever proved the secret is. What a recipient does from the page on,
with the password's slow hash between two transactions, is `arrivals`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select, update

from vault.access.policy import Permission
from vault.access.throttle import Limit, forget_tries, give_back_try, take_try, tries_of
from vault.crypto.encoding import b64url, unb64url
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import session_lock
from vault.crypto.marks import link_auth, link_auth_stored, link_key, session_auth
from vault.crypto.passwords import Argon2Profile
from vault.crypto.secret import Secret, compare, random_key
from vault.db import for_change
from vault.errors import Fault, Gone, Invalid, Refusal, Tampered, TooMany
from vault.runtime import refusal_about
from vault.shares.lending import lock_of, owner_may
from vault.shares.models import Opening, Share, SharedDocument

if TYPE_CHECKING:
    from vault.runtime import Transaction

GUESSES = Limit(free=10, first=timedelta(minutes=1), longest=timedelta(minutes=1))
MOST_GUESSES = 50
SEEN_EVERY = timedelta(seconds=30)

SPENT = "All openings of this link are used up. Ask the sender for a new one."


class WrongPassword(Invalid):
    """The secret is right and the link's password is not. Nothing was opened."""


@dataclass(frozen=True)
class Visit:
    """A recipient inside a share: the share, the opening, and the key SHK of the link."""

    share: Share
    opening: Opening
    key: Secret


def knock(
    tx: Transaction, share_id: UUID, secret: bytes, has_password: bool, cookie: str | None = None
) -> Argon2Profile | None:
    """Whether this secret may try to open the link; the password's profile when it has one. Spends no opening.

    Errors: `Gone`, `Invalid` when the password is missing, `TooMany` when guesses come too fast.
    """
    share = _proved(tx, share_id, secret)
    if _returning(tx, share, cookie) is None and share.openings >= share.max_openings:
        raise _closed(share, "spent", SPENT)
    if share.profile is None:
        return None
    if not has_password:
        fault = Fault("/password", "This link has a password. The sender gives it to you another way.")
        raise Invalid("Nothing was opened.", errors=[fault])
    try:
        take_try(tx.session, _guess_name(share.id), GUESSES, tx.now)
    except TooMany as error:
        error.refusal = _refusal(share, "too-many")
        raise
    return share.profile


def open_share(
    tx: Transaction,
    share_id: UUID,
    secret: bytes,
    password_key: bytes | None = None,
    cookie: str | None = None,
) -> tuple[Visit, str]:
    """Open the link: the visit and its cookie value. A proved visitor with an unfinished opening comes back to it.

    One conditional UPDATE takes an opening, so a budget of N opens N times whoever races.
    Errors: `Gone`, `WrongPassword`.
    """
    share = _proved(tx, share_id, secret)
    slot = _slot(tx, share)
    key = link_key(secret, password_key, share.id)
    try:
        share_key = lock_of(share).open(key, slot, blob=share.link_lock)
    except Tampered:
        raise _misfit(share) from None
    opening = _returning(tx, share, cookie)
    event = "share.rejoined" if opening else "share.opened"
    opening = opening or _spend(tx, share)
    visit_secret = random_key()
    opening.auth_digest = session_auth(visit_secret, opening.id)
    opening.session_lock = session_lock(opening.id, share.id).close(visit_secret, slot, plaintext=key)
    opening.seen_at = tx.now
    tx.add(opening)
    if share.profile is not None:
        forget_tries(tx.session, _guess_name(share.id))
    tx.record(event, share, opening=opening.id)
    return Visit(share, opening, Secret(share_key)), b64url(opening.id.bytes + visit_secret)


def enter(tx: Transaction, share_id: UUID, cookie: str | None) -> Visit:
    """The visit that a cookie proves, while it has not idled. Errors: `Gone`, to a stranger without a reason."""
    share = tx.session.get(Share, share_id)
    found = _opening_of(tx, share, cookie) if share else None
    if share is None or found is None:
        raise Gone
    opening, visit_secret = found
    _require_live(tx, share)
    if not _is_unfinished(tx, opening):
        raise Gone("This visit has ended. To see the documents again, open the link again.")
    if tx.now >= opening.seen_at + tx.settings.visitor_idle:
        raise Gone("You were away for a while. Open the link again: it costs no opening.")
    slot = _slot(tx, share)
    try:
        key = session_lock(opening.id, share.id).open(visit_secret, slot, blob=opening.session_lock)
        share_key = lock_of(share).open(key, slot, blob=share.link_lock)
    except Tampered:
        raise Gone from None
    if tx.now - opening.seen_at > SEEN_EVERY:
        opening.seen_at = tx.now
    return Visit(share, opening, Secret(share_key))


def finish_visit(tx: Transaction, visit: Visit) -> None:
    """The recipient is done: nobody comes back to this opening. When it was the last one, the link ends."""
    visit.opening.ended_at = tx.now
    tx.record("share.visit_finished", visit.share, opening=visit.opening.id)
    tx.later("shares.end_expired", dedupe_key="shares.end_expired")


def is_still_open(tx: Transaction, share_id: UUID, opening_id: UUID) -> bool:
    """Whether bytes may go on flowing to this opening; asked once a second while they do."""
    share, opening = tx.session.get(Share, share_id), tx.session.get(Opening, opening_id)
    if share is None or opening is None or not _is_unfinished(tx, opening):
        return False
    return share.is_live(tx.now) and _owner_may_share(tx, share)


def keep_visit(tx: Transaction, opening_id: UUID) -> None:
    """A running download counts as use: the visit does not idle meanwhile."""
    opening = tx.session.get_one(Opening, opening_id)
    if opening.ended_at is None:
        opening.seen_at = max(opening.seen_at, tx.now)


def give_back_guess(tx: Transaction, share_id: UUID) -> None:
    """The password was never tried, because the vault was busy."""
    give_back_try(tx.session, _guess_name(share_id))


def suspend_if_guessed(tx: Transaction, share_id: UUID) -> None:
    """After fifty wrong passwords in a row the link sleeps until its owner lets it work again."""
    share = tx.session.get(Share, share_id, with_for_update=for_change(Share))
    name = _guess_name(share_id)
    if share is None or not share.is_live(tx.now) or tries_of(tx.session, name) < MOST_GUESSES:
        return
    share.suspended_at = tx.now
    share.revision += 1
    forget_tries(tx.session, name)
    tx.record("share.suspended", share, reason="passwords")


def _proved(tx: Transaction, share_id: UUID, secret: bytes) -> Share:
    """The share whose secret this is, if it is live; `Gone` otherwise, with a reason only for the right secret."""
    share = tx.session.get(Share, share_id, with_for_update=for_change(Share))
    if share is None:
        raise Gone
    if not compare(link_auth_stored(link_auth(secret, share_id)), share.auth_digest):
        raise Gone(refusal=_refusal(share, "secret"))
    _require_live(tx, share)
    return share


def _require_live(tx: Transaction, share: Share) -> None:
    if share.revoked_at is not None:
        raise _closed(share, "revoked", "The sender has withdrawn this link.")
    if share.has_expired(tx.now):
        raise _closed(share, "expired", "This link has expired. Ask the sender for a new one.")
    if share.ended_at is not None:
        raise _closed(share, "ended", "This link has ended. Ask the sender for a new one.")
    if share.suspended_at is not None or not _owner_may_share(tx, share):
        raise _closed(share, "suspended", "This link does not work at present. Ask the sender.")


def _owner_may_share(tx: Transaction, share: Share) -> bool:
    lent = select(SharedDocument.document_id).where(SharedDocument.share_id == share.id)
    return owner_may(tx, share.owner_id, share.bundle_id, Permission.SHARE_CREATE, lent)


def _returning(tx: Transaction, share: Share, cookie: str | None) -> Opening | None:
    found = _opening_of(tx, share, cookie)
    return found[0] if found and _is_unfinished(tx, found[0]) else None


def _is_unfinished(tx: Transaction, opening: Opening) -> bool:
    return opening.ended_at is None and tx.now < opening.ends_at


def _opening_of(tx: Transaction, share: Share, cookie: str | None) -> tuple[Opening, bytes] | None:
    """The opening that a cookie proves, with the cookie's secret."""
    named = read_cookie(cookie)
    opening = tx.session.get(Opening, named[0]) if named else None
    if named is None or opening is None or opening.share_id != share.id:
        return None
    return (opening, named[1]) if compare(session_auth(named[1], opening.id), opening.auth_digest) else None


def read_cookie(cookie: str | None) -> tuple[UUID, bytes] | None:
    """The opening that a cookie names and its secret, not proved yet; None for anything of another form."""
    try:
        raw = unb64url(cookie or "")
    except Tampered:
        return None
    return (UUID(bytes=raw[:16]), raw[16:]) if len(raw) == 48 else None


def _spend(tx: Transaction, share: Share) -> Opening:
    """A new opening, taken from the budget; `Gone` when none is left."""
    has_left = (Share.openings < Share.max_openings, Share.revoked_at.is_(None), Share.ended_at.is_(None))
    taken = tx.session.scalar(
        update(Share)
        .where(Share.id == share.id, *has_left)
        .values(openings=Share.openings + 1)
        .returning(Share.openings)
        .execution_options(synchronize_session=False)
    )
    if taken is None:
        raise _closed(share, "spent", SPENT)
    tx.session.refresh(share, ["openings"])
    return Opening(id=uuid4(), share_id=share.id, opened_at=tx.now, ends_at=tx.now + tx.settings.rejoin)


def _slot(tx: Transaction, share: Share) -> bytes:
    """SLK(link); `Gone` once it is destroyed, whatever the database says."""
    try:
        return tx.keystore.open_slot(share.slot_id, SlotKind.LINK, share.id)
    except Tampered:
        raise _closed(share, "slot", "This link has ended. Ask the sender for a new one.") from None


def _misfit(share: Share) -> Gone | WrongPassword:
    """The link lock did not open: the password is wrong; without one, somebody has changed the row."""
    if share.profile is None:
        return _closed(share, "lock", "")
    fault = Fault("/password", "The password does not fit.")
    return WrongPassword("Nothing was opened.", errors=[fault], refusal=_refusal(share, "password"))


def _guess_name(share_id: UUID) -> str:
    return f"link:{share_id}"


def _refusal(share: Share, reason: str) -> Refusal:
    return refusal_about(share, "share.refused", reason=reason)


def _closed(share: Share, reason: str, message: str) -> Gone:
    return Gone(message, refusal=_refusal(share, reason))
