"""The recipient's side: opening a link, coming back to an opening, finishing.

Opening is three steps, because a password hash must not hold a transaction: `knock` checks the secret and takes a try,
the password is derived, `open_share` spends one opening and keeps the link key in the visit's session lock.
Strangers are never told why a link does not open; whoever proved the secret is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select, update

from vault.access.actor import Actor
from vault.access.policy import Permission, permits
from vault.access.throttle import Limit, forget_tries, give_back_try, take_try, tries_of
from vault.bundles.models import Bundle
from vault.crypto.encoding import b64url, unb64url
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import link_lock, session_lock
from vault.crypto.marks import link_auth, link_auth_stored, link_key, session_auth
from vault.crypto.passwords import Argon2Profile
from vault.crypto.secret import Secret, compare, random_key
from vault.errors import Fault, Gone, Invalid, Refusal, Tampered, TooMany
from vault.people.models import Person
from vault.shares.models import Opening, Share

if TYPE_CHECKING:
    from vault.runtime import Transaction

GUESSES = Limit(free=10, first=timedelta(minutes=1), longest=timedelta(minutes=1), most=50)


@dataclass(frozen=True)
class Visit:
    """A recipient inside a share: the share, the opening, and the key SHK of the link."""

    share: Share
    opening: Opening
    key: Secret


def knock(
    tx: Transaction, share_id: UUID, secret: bytes, has_password: bool, cookie: str | None
) -> Argon2Profile | None:
    """Whether this secret may try to open the link; the password's profile when it has one. Spends nothing.

    Errors: `Gone`, `Invalid` when the password is missing, `TooMany` when guesses come too fast.
    """
    share = _proved(tx, share_id, secret)
    if _returning(tx, share, cookie) is None and share.openings >= share.max_openings:
        raise _closed(share, "spent", "All openings of this link are used up. Ask the sender for a new one.")
    if share.profile is None:
        return None
    if not has_password:
        message = "This link has a password. The sender gives it to you another way."
        raise Invalid("Nothing was opened.", errors=[Fault("/password", message)])
    _take_guess(tx, share)
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
    """
    share = _proved(tx, share_id, secret)
    key = link_key(secret, password_key, share.id)
    try:
        share_key = _unlock(tx, share, key)
    except Tampered:
        fault = Fault("/password", "The password does not fit.")
        raise Invalid("Nothing was opened.", errors=[fault], refusal=_refusal(share, "password")) from None
    opening = _returning(tx, share, cookie)
    event = "share.rejoined" if opening else "share.opened"
    if opening is None:
        _spend(tx, share)
        opening = Opening(id=uuid4(), share_id=share.id, opened_at=tx.now)
        opening.ends_at = min(tx.now + tx.settings.rejoin, share.expires_at)
        tx.session.add(opening)
    visit_secret = random_key()
    opening.auth_digest = session_auth(visit_secret, opening.id)
    opening.session_lock = session_lock(opening.id, share.id).close(
        visit_secret, _slot(tx, share), plaintext=key
    )
    opening.seen_at = tx.now
    tx.session.flush()
    if share.profile is not None:
        forget_tries(tx.session, _guess_key(share))
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
    if opening.ended_at is not None or tx.now >= opening.ends_at:
        raise _closed(share, "finished", "This visit has ended.")
    if tx.now >= opening.seen_at + tx.settings.visitor_idle:
        raise _closed(share, "idle", "You were away for a while. Open the link again; it costs no opening.")
    try:
        lock = session_lock(opening.id, share.id)
        key = lock.open(visit_secret, _slot(tx, share), blob=opening.session_lock)
        share_key = _unlock(tx, share, key)
    except Tampered:
        raise Gone from None
    if tx.now - opening.seen_at > timedelta(seconds=30):
        opening.seen_at = tx.now
    return Visit(share, opening, Secret(share_key))


def finish_visit(tx: Transaction, visit: Visit) -> None:
    """The recipient is done: this opening cannot be come back to. The last one ends the link."""
    visit.opening.ended_at = tx.now
    tx.record("share.visit_finished", visit.share, opening=visit.opening.id)
    tx.later("shares.end_expired", dedupe_key="shares.end_expired")


def give_back_guess(tx: Transaction, share_id: UUID) -> None:
    """The password was never tried, because the vault was busy."""
    give_back_try(tx.session, f"link:{share_id}")


def is_still_open(tx: Transaction, share_id: UUID, opening_id: UUID) -> bool:
    """Whether bytes may go on flowing to this opening; asked once a second while they do."""
    share, opening = tx.session.get(Share, share_id), tx.session.get(Opening, opening_id)
    if share is None or opening is None or opening.ended_at is not None or tx.now >= opening.ends_at:
        return False
    return share.is_live(tx.now) and _owner_may_share(tx, share)


def _proved(tx: Transaction, share_id: UUID, secret: bytes) -> Share:
    """The share whose secret this is, if it is live; `Gone` otherwise, with a reason only for the right secret."""
    share = tx.session.get(Share, share_id, with_for_update=True)
    if share is None:
        raise Gone
    if not compare(link_auth_stored(link_auth(secret, share_id)), share.auth_digest):
        raise Gone(refusal=_refusal(share, "secret"))
    _require_live(tx, share)
    return share


def _require_live(tx: Transaction, share: Share) -> None:
    if share.revoked_at is not None:
        raise _closed(share, "revoked", "The sender has withdrawn this link.")
    if tx.now >= share.expires_at:
        raise _closed(share, "expired", "This link has expired. Ask the sender for a new one.")
    if not share.is_live(tx.now) or not _owner_may_share(tx, share):
        raise _closed(share, "suspended", "This link does not work at present. Ask the sender.")


def _owner_may_share(tx: Transaction, share: Share) -> bool:
    """A link lives only while its owner is active and may still share from the bundle."""
    owner = tx.session.get_one(Person, share.owner_id)
    if owner.state != "active":
        return False
    acting = Actor("person", owner.id, owner.office_id, owner.roles)
    query = select(permits(Permission.SHARE_CREATE, Bundle, acting, tx.now)).where(
        Bundle.id == share.bundle_id
    )
    return bool(tx.session.scalar(query))


def _returning(tx: Transaction, share: Share, cookie: str | None) -> Opening | None:
    found = _opening_of(tx, share, cookie)
    if found is None or found[0].ended_at is not None or tx.now >= found[0].ends_at:
        return None
    return found[0]


def _opening_of(tx: Transaction, share: Share, cookie: str | None) -> tuple[Opening, bytes] | None:
    """The opening that a cookie proves, with the cookie's secret."""
    try:
        raw = unb64url(cookie or "")
    except (ValueError, Invalid, Tampered):
        return None
    if len(raw) != 48:
        return None
    opening = tx.session.get(Opening, UUID(bytes=raw[:16]))
    if opening is None or opening.share_id != share.id:
        return None
    proof = session_auth(raw[16:], opening.id)
    return (opening, raw[16:]) if compare(proof, opening.auth_digest) else None


def _spend(tx: Transaction, share: Share) -> None:
    taken = tx.session.execute(
        update(Share)
        .where(Share.id == share.id, Share.openings < Share.max_openings, Share.revoked_at.is_(None))
        .values(openings=Share.openings + 1)
        .execution_options(synchronize_session=False)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        raise _closed(share, "spent", "All openings of this link are used up. Ask the sender for a new one.")
    tx.session.refresh(share, ["openings"])


def _take_guess(tx: Transaction, share: Share) -> None:
    """Count a password guess; after fifty wrong ones the link sleeps until its owner resumes it."""
    if tries_of(tx.session, _guess_key(share)) >= (GUESSES.most or 0):
        share.suspended_at = tx.now
        forget_tries(tx.session, _guess_key(share))
        tx.record("share.suspended", share)
        return
    try:
        take_try(tx.session, _guess_key(share), GUESSES, tx.now)
    except TooMany as error:
        error.refusal = _refusal(share, "too-many")
        raise


def _guess_key(share: Share) -> str:
    return f"link:{share.id}"


def _slot(tx: Transaction, share: Share) -> bytes:
    return tx.keystore.open_slot(share.slot_id, SlotKind.LINK, share.id)


def _unlock(tx: Transaction, share: Share, key: bytes) -> bytes:
    lock = link_lock(share.id, int(share.absolute_end_at.timestamp()))
    return lock.open(key, _slot(tx, share), blob=share.link_lock)


def _refusal(share: Share, reason: str) -> Refusal:
    return Refusal("share.refused", "shares", share.id, {"reason": reason})


def _closed(share: Share, reason: str, message: str) -> Gone:
    return Gone(message, refusal=_refusal(share, reason))
