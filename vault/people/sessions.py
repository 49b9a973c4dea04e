"""Sessions: begun by a password, proved at each request by a cookie that opens a lock, ended by time or by word.

The cookie is session id ‖ SSK; the row keeps a digest of SSK, and USEED in a session lock under SSK and the person's
slot. So a row written by hand opens nothing, and an old row with an old cookie is dead with the slot (docs/format.md,
"People").
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session, joinedload

from vault.access.actor import Actor, SessionKeys
from vault.access.principals import open_seed
from vault.crypto.encoding import b64url
from vault.crypto.identity import public_key
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import session_lock
from vault.crypto.marks import session_auth
from vault.crypto.secret import Secret, check, compare, random_key
from vault.db import for_change
from vault.errors import NotFound, Tampered, Unauthenticated
from vault.people.devices import remember_device, split_cookie
from vault.people.holding import holds, holds_factors, owes_factor
from vault.people.models import Person, PersonSession
from vault.settings import Settings

if TYPE_CHECKING:
    from vault.keystore.service import Keystore
    from vault.runtime import Transaction

WRONG = "The user name or the password is not right."
LOCKED = "Sign-in is locked for this account. Ask your administrator."
EXPIRED = "This account has expired. Ask your supervisor or administrator to extend it."
SEEN_EVERY = timedelta(minutes=1)
_SESSION = (
    select(PersonSession, Person, holds(Person.id).label("holds_factor"))
    .join(Person, Person.id == PersonSession.person_id)
    .where(PersonSession.id == bindparam("session_id"))
    .options(joinedload(Person.held_roles))
)
"""With its person, their roles, and whether they hold a second factor, in one query: every request asks it."""


@dataclass(frozen=True)
class SignedIn:
    """A person with a live session, and the value of the browser's long-lived cookie.

    A half session owes a second factor; its browser is not known before that, so its cookie may be empty.
    """

    actor: Actor
    device_cookie: str = field(repr=False)
    is_half: bool = False

    @property
    def cookie(self) -> str:
        """The value of the session cookie."""
        return cookie_of(self.actor)


def actor_of(person: Person, keys: SessionKeys | None = None) -> Actor:
    """The person as one who acts."""
    return Actor("person", person.id, person.office_id, person.roles, keys)


def cookie_of(actor: Actor) -> str:
    """The session cookie's value: base64url(session id ‖ SSK), 64 characters."""
    if actor.session is None:
        raise Unauthenticated
    return b64url(actor.session.id.bytes + actor.session.secret.reveal())


def start_session(
    tx: Transaction, person_id: UUID, password_key: bytes, device: str = "", device_cookie: str | None = None
) -> SignedIn:
    """A new session with a new id, if the password key opens the user lock: that is the whole login check.

    Errors: `Unauthenticated`, with the same words for a wrong password and somebody who has left.
    """
    person = tx.session.get(Person, person_id, with_for_update=for_change(Person))
    if person is None or person.left_at is not None:
        raise Unauthenticated(WRONG)
    try:
        seed = open_seed(tx.keystore, person.principal, password_key)
    except Tampered:
        raise Unauthenticated(WRONG) from None
    if person.sign_in_locked_at is not None:
        raise Unauthenticated(LOCKED)
    if person.is_shut_out(tx.now):
        raise Unauthenticated(EXPIRED)
    keys = SessionKeys(uuid4(), Secret(random_key()), Secret(seed))
    row = PersonSession(
        id=keys.id, person_id=person.id, device=device[:80], started_at=tx.now, seen_at=tx.now
    )
    lock_session(tx, row, person, keys)
    tx.add(row)
    person.signed_in_at = tx.now
    tx.record("session.started", row)
    if owes_factor(row, holds_factors(tx.session, person.id), person.roles, tx.settings):
        return SignedIn(actor_of(person, keys), device_cookie or "", is_half=True)
    return SignedIn(actor_of(person, keys), remember_device(tx, person.id, device_cookie))


def complete_session(tx: Transaction, device_cookie: str | None = None) -> SignedIn:
    """A second factor was proved in the actor's session. A half session is whole from now on, with a new secret."""
    keys, person_id = tx.actor.session, tx.actor.id
    row = tx.session.get(PersonSession, keys.id, with_for_update=for_change(PersonSession)) if keys else None
    if keys is None or row is None or row.ended_at is not None:
        raise Unauthenticated
    person = tx.session.get_one(Person, person_id)
    if row.factor_at is None:
        keys = replace(keys, secret=Secret(random_key()))
        lock_session(tx, row, person, keys)
    row.factor_at = tx.now
    return SignedIn(actor_of(person, keys), remember_device(tx, person.id, device_cookie))


def lock_session(tx: Transaction, row: PersonSession, person: Person, keys: SessionKeys) -> None:
    """Keep the seed for this session, under its secret and the slot that the person has now."""
    slot = _slot_of(tx.keystore, person)
    secret = keys.secret.reveal()
    row.auth_digest = session_auth(secret, row.id)
    row.session_lock = session_lock(row.id, person.id).close(secret, slot, plaintext=keys.seed.reveal())


@dataclass(frozen=True)
class Proved:
    """Who a cookie proved to be acting, and whether `touch_session` would write: writers wait for each other.

    While `is_half` the actor may do nothing but prove or add a second factor, or sign out.
    """

    actor: Actor
    is_touch_due: bool
    is_half: bool = False


def authenticate(
    session: Session, keystore: Keystore, cookie: str | None, now: datetime, settings: Settings
) -> Proved | None:
    """Whose live session this cookie proves, or None. Reads only; see `touch_session`."""
    named = split_cookie(cookie)
    if named is None:
        return None
    found = session.execute(_SESSION, {"session_id": named[0]}).unique().one_or_none()
    if found is None:
        return None
    row, person, holds_one = found
    if not is_live(row, person, now, settings):
        return None
    try:
        check(row.auth_digest, session_auth(named[1], row.id))
        lock = session_lock(row.id, person.id)
        seed = lock.open(named[1], _slot_of(keystore, person), blob=row.session_lock)
        if not compare(public_key(seed), person.principal.public_key or b""):
            return None
    except Tampered:
        return None
    acting = actor_of(person, SessionKeys(row.id, Secret(named[1]), Secret(seed)))
    is_half = owes_factor(row, holds_one, person.roles, settings)
    return Proved(acting, row.seen_at <= now - SEEN_EVERY, is_half)


def is_live(row: PersonSession, person: Person, now: datetime, settings: Settings) -> bool:
    """Whether neither time nor word has ended the session; says nothing about who holds its cookie."""
    if row.ended_at is not None or person.is_shut_out(now):
        return False
    idle = idle_time(actor_of(person), settings)
    return now < row.seen_at + idle and now < row.started_at + settings.session_absolute


def idle_time(actor: Actor, settings: Settings) -> timedelta:
    """How long a session of this person may go unused."""
    return settings.privileged_idle if actor.is_privileged else settings.session_idle


def touch_session(session: Session, session_id: UUID, now: datetime) -> None:
    """The session was used now. A running stream calls it too. Written at most once a minute."""
    session.execute(
        update(PersonSession)
        .where(PersonSession.id == session_id, PersonSession.ended_at.is_(None))
        .where(PersonSession.seen_at <= now - SEEN_EVERY)
        .values(seen_at=now)
        .execution_options(synchronize_session=False)
    )


def end_session(tx: Transaction, session_id: UUID, reason: str = "signed-out") -> PersonSession:
    """One of the actor's own sessions has ended; `NotFound` for anybody else's. Ending it again changes nothing."""
    row = tx.session.get(PersonSession, session_id)
    if row is None or row.person_id != tx.actor.id:
        raise NotFound
    if row.ended_at is None:
        _end(tx, row, reason)
    return row


def end_all_sessions(tx: Transaction, keep_current: bool = True) -> int:
    """The actor's sessions have ended, all or all but the current one; returns how many."""
    if tx.actor.id is None:
        raise Unauthenticated
    current = tx.actor.session.id if keep_current and tx.actor.session else None
    return end_sessions_of(tx, tx.actor.id, "signed-out", but=current)


def end_sessions_of(tx: Transaction, person_id: UUID, reason: str, but: UUID | None = None) -> int:
    """The person's sessions have ended, except `but`; returns how many. Whoever calls has checked that it may."""
    query = select(PersonSession).where(
        PersonSession.person_id == person_id, PersonSession.ended_at.is_(None)
    )
    rows = [row for row in tx.session.scalars(query) if row.id != but]
    for row in rows:
        _end(tx, row, reason)
    return len(rows)


def _end(tx: Transaction, row: PersonSession, reason: str) -> None:
    """The lock goes with the session: what is left of the row opens nothing."""
    row.ended_at, row.end_reason, row.session_lock = tx.now, reason, b""
    tx.record("session.ended", row, reason=reason, person=row.person_id)


def _slot_of(keystore: Keystore, person: Person) -> bytes:
    if person.principal.slot_id is None:
        raise Tampered
    return keystore.open_slot(person.principal.slot_id, SlotKind.PRINCIPAL, person.id)
