"""The recipient's side: opening a link, coming back to an opening, finishing.

Strangers are never told why a link does not open; whoever proved the secret is. What a recipient does from the page on,
with the password's slow hash between two transactions, is `arrivals`; e-mailed codes are `codes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select, update

from vault.access.policy import Permission
from vault.crypto.encoding import b64url, unb64url
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import session_lock
from vault.crypto.marks import link_auth, link_auth_stored, link_key, session_auth
from vault.crypto.passwords import Argon2Profile
from vault.crypto.secret import Secret, compare, random_key
from vault.db import for_change
from vault.errors import Fault, Gone, Invalid, Tampered
from vault.people.notices import tell
from vault.shares.guesses import PASSWORDS, forget_guesses, share_refusal, take_guess
from vault.shares.lending import lock_of, owner_may
from vault.shares.models import Opening, OpeningDevice, Share, ShareCode, SharedDocument
from vault.shares.notices import OPENED

if TYPE_CHECKING:
    from vault.runtime import Transaction

SEEN_EVERY = timedelta(seconds=30)

SPENT = "All openings of this link are used up. Ask the sender for a new one."
WRONG_CODE = "The code does not fit, or is no longer good. Try again, or ask for a new one."


class WrongPassword(Invalid):
    """The secret is right and the link's password is not. Nothing was opened."""


class CodeDue(Invalid):
    """The secret is right, and the link asks for the code that is e-mailed to its recipient. Nothing was opened."""


class WrongCode(Invalid):
    """The secret is right and the e-mailed code is not, or not any more. Nothing was opened."""


@dataclass(frozen=True)
class ProvedCode:
    """An e-mailed code that fitted: the MAC of the row that it was checked against."""

    mac: bytes = field(repr=False)


@dataclass(frozen=True)
class Visit:
    """A recipient inside a share: the share, the opening, the device, and the key SHK of the link."""

    share: Share
    opening: Opening
    device: OpeningDevice
    key: Secret


def knock(
    tx: Transaction,
    share_id: UUID,
    secret: bytes,
    has_password: bool,
    cookie: str | None = None,
    code: ProvedCode | None = None,
) -> Argon2Profile | None:
    """Whether this secret may try to open the link; the password's profile when it has one. Spends no opening.

    Errors: `Gone`, `CodeDue`, `Invalid` when the password is missing, `TooMany` when guesses come too fast.
    """
    share = proved_share(tx, share_id, secret)
    opening = rejoinable(tx, share, cookie, code)
    if opening is None and share.openings >= share.max_openings:
        raise _closed(share, "spent", SPENT)
    if share.profile is None:
        return None
    if not has_password:
        fault = Fault("/password", "This link has a password. The sender gives it to you another way.")
        raise Invalid("Nothing was opened.", errors=[fault])
    take_guess(tx, share, PASSWORDS)
    return share.profile


def open_share(
    tx: Transaction,
    share_id: UUID,
    secret: bytes,
    password_key: bytes | None = None,
    cookie: str | None = None,
    code: ProvedCode | None = None,
) -> tuple[Visit, str]:
    """Open the link: the visit and its cookie value. A proved visitor with an unfinished opening comes back to it.

    One conditional UPDATE takes an opening, so a budget of N opens N times whoever races; another uses the code up.
    Errors: `Gone`, `WrongPassword`, `CodeDue`, `WrongCode`.
    """
    share = proved_share(tx, share_id, secret)
    opening = rejoinable(tx, share, cookie, code)
    slot = _slot(tx, share)
    key = link_key(secret, password_key, share.id)
    try:
        share_key = lock_of(share).open(key, slot, blob=share.link_lock)
    except Tampered:
        raise _misfit(share) from None
    if code is not None:
        _use_up(tx, share, code)
    event = "share.rejoined" if opening else "share.opened"
    opening = opening or tx.add(_spend(tx, share, code))
    opening.seen_at = tx.now
    visit_secret = random_key()
    device = _device(tx, share, opening, cookie)
    device.auth_digest = session_auth(visit_secret, opening.id)
    device.session_lock = session_lock(opening.id, share.id).close(visit_secret, slot, plaintext=key)
    device.seen_at = tx.now
    tx.add(device)
    forget_guesses(tx, share)
    tx.record(event, share, opening=opening.id, proof=opening.proof)
    if event == "share.opened":
        tell(tx, share, OPENED)
    return Visit(share, opening, device, Secret(share_key)), b64url(opening.id.bytes + visit_secret)


def enter(tx: Transaction, share_id: UUID, cookie: str | None) -> Visit:
    """The visit that a cookie proves, while it has not idled. Errors: `Gone`, to a stranger without a reason."""
    share = tx.session.get(Share, share_id)
    found = _device_of(tx, share, cookie) if share else None
    if share is None or found is None:
        raise Gone
    device, visit_secret = found
    opening = tx.session.get_one(Opening, device.opening_id)
    _require_live(tx, share)
    if not _is_unfinished(tx, opening):
        raise Gone("This visit has ended. To see the documents again, open the link again.")
    if tx.now >= device.seen_at + tx.settings.visitor_idle:
        raise Gone("You were away for a while. Open the link again: it costs no opening.")
    slot = _slot(tx, share)
    try:
        key = session_lock(opening.id, share.id).open(visit_secret, slot, blob=device.session_lock)
        share_key = lock_of(share).open(key, slot, blob=share.link_lock)
    except Tampered:
        raise Gone from None
    if tx.now - device.seen_at > SEEN_EVERY:
        device.seen_at = opening.seen_at = tx.now
    return Visit(share, opening, device, Secret(share_key))


def proof_of_cookie(tx: Transaction, share: Share, cookie: str | None) -> str | None:
    """By what the visit was opened that the cookie proves, also when it is over; None without one."""
    found = _device_of(tx, share, cookie)
    return tx.session.get_one(Opening, found[0].opening_id).proof if found else None


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


def keep_visit(tx: Transaction, device_id: UUID) -> None:
    """A running download counts as use: the visit does not idle meanwhile."""
    device = tx.session.get_one(OpeningDevice, device_id)
    opening = tx.session.get_one(Opening, device.opening_id)
    if opening.ended_at is None:
        device.seen_at = max(device.seen_at, tx.now)
        opening.seen_at = max(opening.seen_at, tx.now)


def addressed(
    tx: Transaction, share_id: UUID, secret: bytes | None = None, cookie: str | None = None
) -> str | None:
    """The recipient's language, for somebody who proves the secret or a visit; to a stranger nothing."""
    share = tx.session.get(Share, share_id)
    if share is None:
        return None
    is_proved = _proves(share, secret) if secret is not None else _device_of(tx, share, cookie) is not None
    return share.recipient.language if is_proved else None


def proved_share(tx: Transaction, share_id: UUID, secret: bytes) -> Share:
    """The share whose secret this is, if it is live; `Gone` otherwise, with a reason only for the right secret."""
    share = tx.session.get(Share, share_id, with_for_update=for_change(Share))
    if share is None:
        raise Gone
    if not _proves(share, secret):
        raise Gone(refusal=share_refusal(share, "secret"))
    _require_live(tx, share)
    return share


def _proves(share: Share, secret: bytes) -> bool:
    return compare(link_auth_stored(link_auth(secret, share.id)), share.auth_digest)


def rejoinable(
    tx: Transaction, share: Share, cookie: str | None, code: ProvedCode | None = None
) -> Opening | None:
    """The unfinished opening that whoever asks comes back to: that of the cookie, or with a code the newest.

    `CodeDue` when the link asks for a code and neither is there.
    """
    found = _device_of(tx, share, cookie)
    opening = tx.session.get_one(Opening, found[0].opening_id) if found else None
    if opening is not None and _is_unfinished(tx, opening):
        return opening
    if not share.asks_code:
        return None
    if code is None:
        fault = Fault("/code", "This link asks for a code. It is sent to the recipient's e-mail address.")
        raise CodeDue("Nothing was opened.", errors=[fault])
    unfinished = (Opening.share_id == share.id, Opening.ended_at.is_(None), Opening.ends_at > tx.now)
    query = select(Opening).where(*unfinished).order_by(Opening.opened_at.desc(), Opening.id).limit(1)
    return tx.session.scalar(query)


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


def _is_unfinished(tx: Transaction, opening: Opening) -> bool:
    return opening.ended_at is None and tx.now < opening.ends_at


def _device_of(tx: Transaction, share: Share, cookie: str | None) -> tuple[OpeningDevice, bytes] | None:
    """The device of a visit to this share that a cookie proves, with the cookie's secret."""
    named = read_cookie(cookie)
    if named is None:
        return None
    of_share = select(OpeningDevice).join(Opening, Opening.id == OpeningDevice.opening_id)
    of_share = of_share.where(Opening.id == named[0], Opening.share_id == share.id)
    device = tx.session.scalar(of_share.where(OpeningDevice.auth_digest == session_auth(named[1], named[0])))
    return (device, named[1]) if device else None


def _device(tx: Transaction, share: Share, opening: Opening, cookie: str | None) -> OpeningDevice:
    """The device that comes back to the opening, whose cookie dies with this, or a new one."""
    found = _device_of(tx, share, cookie)
    if found and found[0].opening_id == opening.id:
        return found[0]
    return OpeningDevice(id=uuid4(), opening_id=opening.id)


def read_cookie(cookie: str | None) -> tuple[UUID, bytes] | None:
    """The opening that a cookie names and its secret, not proved yet; None for anything of another form."""
    try:
        raw = unb64url(cookie or "")
    except Tampered:
        return None
    return (UUID(bytes=raw[:16]), raw[16:]) if len(raw) == 48 else None


def _spend(tx: Transaction, share: Share, code: ProvedCode | None) -> Opening:
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
    end = tx.now + tx.settings.rejoin
    proof = "code" if code else "password" if share.profile else "link"
    return Opening(id=uuid4(), share_id=share.id, opened_at=tx.now, seen_at=tx.now, ends_at=end, proof=proof)


def _use_up(tx: Transaction, share: Share, code: ProvedCode) -> None:
    """The code opens nothing any more; `WrongCode` when another request was faster or a newer one was asked for."""
    used = update(ShareCode).where(
        ShareCode.share_id == share.id, ShareCode.mac == code.mac, ShareCode.used_at.is_(None)
    )
    fresh = {"synchronize_session": False}
    if (
        tx.session.scalar(used.values(used_at=tx.now).returning(ShareCode.id), execution_options=fresh)
        is None
    ):
        raise wrong_code(share)


def wrong_code(share: Share) -> WrongCode:
    """Nothing was opened: the code is wrong, old, used or tried too often."""
    fault = Fault("/code", WRONG_CODE)
    return WrongCode("Nothing was opened.", errors=[fault], refusal=share_refusal(share, "code"))


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
    return WrongPassword("Nothing was opened.", errors=[fault], refusal=share_refusal(share, "password"))


def _closed(share: Share, reason: str, message: str) -> Gone:
    return Gone(message, refusal=share_refusal(share, reason))
