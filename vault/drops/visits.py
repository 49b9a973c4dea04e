"""The sender's side of a file request: opening its link, coming back, going on with another device, leaving.

Strangers are never told why a link does not open; whoever proved the secret is. The cookie of a visit is worth what the
secret and the password are, on one device, until it idles; a claim code leads another device that proves the same to the
same sender's files.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import func, select

from vault.access.throttle import Limit, forget_tries, give_back_try, take_try
from vault.crypto.encoding import b64url
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import link_lock, lock_text, session_lock, unlock_text
from vault.crypto.marks import code_mac, link_auth, link_auth_stored, link_key, session_auth
from vault.crypto.one_time_code import new_recovery_code
from vault.crypto.passwords import Argon2Profile
from vault.crypto.secret import Secret, compare, random_key
from vault.db import for_change
from vault.drops.closures import closed, refused, require_open
from vault.drops.models import DropSender, DropVisit, FileRequest
from vault.errors import Fault, Gone, Invalid, Tampered, TooMany
from vault.shares.visits import WrongPassword, read_cookie

if TYPE_CHECKING:
    from vault.runtime import Transaction

GUESSES = Limit(free=10, first=timedelta(minutes=1), longest=timedelta(hours=1))
CLAIMS = Limit(free=5, first=timedelta(minutes=1), longest=timedelta(hours=1))
SEEN_EVERY = timedelta(seconds=30)
MOST_SENDERS = 200
MOST_DEVICES = 20
"""Of one sender; the one that was not seen the longest makes room."""
CLAIM_CODE = "drop.claim_code"
CLAIM_LETTERS = 8


class WrongClaim(Invalid):
    """Secret and password are right, and no sender has this claim code."""


@dataclass(frozen=True)
class Visit:
    """A sender inside a request, on one device, with the key SHK of its link."""

    request: FileRequest
    visit: DropVisit
    key: Secret

    @property
    def sender_id(self) -> UUID:
        """Whose files these are."""
        return self.visit.sender_id

    def lock_text(self, label: str, row_id: UUID, text: str) -> bytes:
        """A field lock under the link's key."""
        return lock_text(self.key.reveal(), self.request.id, label, row_id, text)

    def read_text(self, label: str, row_id: UUID, blob: bytes) -> str:
        """The text of a field lock under the link's key."""
        return unlock_text(self.key.reveal(), self.request.id, label, row_id, blob)

    def claim_code(self) -> str:
        """What goes on with this sender's files on another device."""
        sender = self.visit.sender
        return self.read_text(CLAIM_CODE, sender.id, sender.claim_lock)


@dataclass(frozen=True)
class Key:
    """What somebody shows at the door: the secret, the password's hash, a claim code, the cookie of an earlier visit."""

    secret: bytes
    password_key: bytes | None = None
    claim: str | None = None
    cookie: str | None = None


def knock(
    tx: Transaction, request_id: UUID, secret: bytes, has_password: bool, has_claim: bool
) -> Argon2Profile | None:
    """Whether this secret may try to open the link; the password's profile when it has one. Tries are counted first.

    Errors: `Gone`, `Invalid` when the password is missing, `TooMany` when guesses come too fast.
    """
    request = _proved(tx, request_id, secret)
    if request.profile is not None and not has_password:
        fault = Fault("/password", "This link has a password. Whoever asked you gives it to you another way.")
        raise Invalid("Nothing was opened.", errors=[fault])
    try:
        if request.profile is not None:
            take_try(tx.session, _password_guesses(request_id), GUESSES, tx.now)
        if has_claim:
            take_try(tx.session, _claim_guesses(request_id), CLAIMS, tx.now)
    except TooMany as error:
        error.refusal = refused(request, "too-many")
        raise
    return request.profile


def open_request(tx: Transaction, request_id: UUID, key: Key) -> tuple[Visit, str]:
    """Open the link: the visit and its cookie value. By a claim code, or with the cookie of an earlier visit, it is the
    same sender's; that cookie is worth nothing any more. Errors: `Gone`, `WrongPassword`, `WrongClaim`.
    """
    request = _proved(tx, request_id, key.secret)
    slot, link = _slot(tx, request), link_key(key.secret, key.password_key, request.id)
    try:
        share_key = _share_key(request, link, slot)
    except Tampered:
        raise _misfit(request) from None
    found = _visit_of(tx, request, key.cookie)
    earlier = found[0] if found else None
    if key.claim:
        sender = _claimed(tx, request, key.secret, key.claim)
    else:
        sender = earlier.sender if earlier else _new_sender(tx, request, key.secret, share_key)
    visit, visit_secret = _device(tx, sender, earlier), random_key()
    visit.auth_digest = session_auth(visit_secret, visit.id)
    lock = session_lock(visit.id, request.id)
    visit.session_lock = lock.close(visit_secret, slot, plaintext=link)
    visit.opened_at = visit.seen_at = tx.now
    visit.ended_at = None
    tx.add(visit)
    _forget_guesses(tx, request, key)
    is_back = key.claim or earlier
    tx.record("request.rejoined" if is_back else "request.opened", request, sender=sender.id, visit=visit.id)
    return Visit(request, visit, Secret(share_key)), b64url(visit.id.bytes + visit_secret)


def enter(tx: Transaction, request_id: UUID, cookie: str | None) -> Visit:
    """The visit that a cookie proves, while it has not idled. Errors: `Gone`, to a stranger without a reason."""
    request = tx.session.get(FileRequest, request_id)
    found = _visit_of(tx, request, cookie) if request else None
    if request is None or found is None:
        raise Gone
    visit, visit_secret = found
    require_open(tx, request)
    if visit.ended_at is not None:
        raise Gone("This visit has ended. To go on, open the link again.")
    if tx.now >= visit.seen_at + tx.settings.visitor_idle:
        raise Gone("You were away for a while. Open the link again: what has come is safe.")
    slot = _slot(tx, request)
    try:
        link = session_lock(visit.id, request.id).open(visit_secret, slot, blob=visit.session_lock)
        share_key = _share_key(request, link, slot)
    except Tampered:
        raise Gone from None
    if tx.now - visit.seen_at > SEEN_EVERY:
        visit.seen_at = tx.now
    return Visit(request, visit, Secret(share_key))


def leave_request(tx: Transaction, visit: Visit) -> None:
    """Nobody goes on from this browser without the link and its password; the files stay what they are."""
    visit.visit.ended_at = tx.now
    tx.record("request.left", visit.request, visit=visit.visit.id)


def give_back_guess(tx: Transaction, request_id: UUID) -> None:
    """A password that the vault was too busy to try does not count."""
    give_back_try(tx.session, _password_guesses(request_id))


def addressed(
    tx: Transaction, request_id: UUID, secret: bytes | None = None, cookie: str | None = None
) -> str | None:
    """The language of whoever is asked, for somebody who proves the secret or a visit; to a stranger nothing."""
    request = tx.session.get(FileRequest, request_id)
    if request is None:
        return None
    is_proved = proves(request, secret) if secret is not None else _visit_of(tx, request, cookie) is not None
    return request.language if is_proved else None


def spelled(claim: str) -> str:
    """A claim code as it is kept, however it was typed."""
    letters = "".join(character for character in claim.upper() if character.isalnum())
    return f"{letters[:4]}-{letters[4:]}"


def _proved(tx: Transaction, request_id: UUID, secret: bytes) -> FileRequest:
    request = tx.session.get(FileRequest, request_id, with_for_update=for_change(FileRequest))
    if request is None or request.auth_digest is None:
        raise Gone
    if not proves(request, secret):
        raise Gone(refusal=refused(request, "secret"))
    require_open(tx, request)
    return request


def proves(request: FileRequest, secret: bytes) -> bool:
    """Whether this is the secret of the request's link; a program's has none."""
    return request.auth_digest is not None and compare(
        link_auth_stored(link_auth(secret, request.id)), request.auth_digest
    )


def _claimed(tx: Transaction, request: FileRequest, secret: bytes, claim: str) -> DropSender:
    mac = _claim_mac(request, secret, spelled(claim))
    sender = tx.session.scalar(
        select(DropSender).where(DropSender.request_id == request.id, DropSender.claim_mac == mac)
    )
    if sender is None:
        fault = Fault("/claim", "No sender has this code. Look at it again on the first device.")
        raise WrongClaim("Nothing was opened.", errors=[fault], refusal=refused(request, "claim"))
    return sender


def _new_sender(tx: Transaction, request: FileRequest, secret: bytes, share_key: bytes) -> DropSender:
    count = select(func.count()).select_from(DropSender).where(DropSender.request_id == request.id)
    if (tx.session.scalar(count) or 0) >= MOST_SENDERS:
        raise closed(request, "senders", "This link was opened too often. Ask whoever sent it for a new one.")
    sender_id, code = uuid4(), new_recovery_code()[: CLAIM_LETTERS + 1]
    return tx.add(
        DropSender(
            id=sender_id,
            request_id=request.id,
            claim_mac=_claim_mac(request, secret, code),
            claim_lock=lock_text(share_key, request.id, CLAIM_CODE, sender_id, code),
            begun_at=tx.now,
        )
    )


def _device(tx: Transaction, sender: DropSender, earlier: DropVisit | None) -> DropVisit:
    """The row of this device: the one that it has, else a new one, of which a sender has so many and no more."""
    if earlier is not None and earlier.sender_id == sender.id:
        return earlier
    query = select(DropVisit).where(DropVisit.sender_id == sender.id)
    devices = tx.session.scalars(query.order_by(DropVisit.seen_at, DropVisit.id).limit(MOST_DEVICES)).all()
    if len(devices) == MOST_DEVICES:
        return devices[0]
    return DropVisit(id=uuid4(), request_id=sender.request_id, sender_id=sender.id, sender=sender)


def _claim_mac(request: FileRequest, secret: bytes, code: str) -> bytes:
    return code_mac(link_auth(secret, request.id), code, int(request.expires_at.timestamp()))


def _visit_of(tx: Transaction, request: FileRequest, cookie: str | None) -> tuple[DropVisit, bytes] | None:
    """The visit that a cookie proves, with the cookie's secret."""
    named = read_cookie(cookie)
    visit = tx.session.get(DropVisit, named[0]) if named else None
    if named is None or visit is None or visit.request_id != request.id:
        return None
    return (visit, named[1]) if compare(session_auth(named[1], visit.id), visit.auth_digest) else None


def _slot(tx: Transaction, request: FileRequest) -> bytes:
    """SLK(link); `Gone` once it is destroyed, whatever the database says."""
    over = closed(request, "slot", "This link has ended. Ask whoever sent it for a new one.")
    if request.slot_id is None:
        raise over
    try:
        return tx.keystore.open_slot(request.slot_id, SlotKind.LINK, request.id)
    except Tampered:
        raise over from None


def _share_key(request: FileRequest, link: bytes, slot: bytes) -> bytes:
    """SHK, if LK is right; `Tampered` otherwise."""
    if request.link_lock is None:
        raise Tampered
    lock = link_lock(request.id, int(request.expires_at.timestamp()))
    return lock.open(link, slot, blob=request.link_lock)


def _misfit(request: FileRequest) -> Gone | WrongPassword:
    """The link lock did not open: the password is wrong; without one, somebody has changed the row."""
    if request.profile is None:
        return closed(request, "lock", "")
    fault = Fault("/password", "The password does not fit.")
    return WrongPassword("Nothing was opened.", errors=[fault], refusal=refused(request, "password"))


def _forget_guesses(tx: Transaction, request: FileRequest, key: Key) -> None:
    """A right claim code takes back its own try alone: every sender has one, and could guess on for ever with it."""
    if request.profile is not None:
        forget_tries(tx.session, _password_guesses(request.id))
    if key.claim:
        give_back_try(tx.session, _claim_guesses(request.id))


def _password_guesses(request_id: UUID) -> str:
    return f"request:{request_id}"


def _claim_guesses(request_id: UUID) -> str:
    return f"claim:{request_id}"
