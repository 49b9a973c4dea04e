"""Signing in with a password: a try is counted, the password hashed, the user lock opened.

Each step stands alone, because a hash must not hold a transaction. A name that does not exist costs the same and gets
the same answer: some other lock is tried with a random key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.actor import STRANGER, Actor
from vault.access.principals import Principal
from vault.access.throttle import forget_tries, give_back_try
from vault.crypto.kinds import PrincipalKind
from vault.crypto.passwords import Argon2Profile, derive
from vault.crypto.secret import random_key
from vault.errors import Busy, Invalid, Unauthenticated, VaultError
from vault.people.accounts import find_person
from vault.people.devices import known_device
from vault.people.models import Person
from vault.people.proofs import Answer, prove_session
from vault.people.sessions import WRONG, SignedIn, actor_of, end_session, start_session
from vault.people.throttling import take_sign_in_try

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction


WRONG_CODE = "This code does not fit, or it was used already."


@dataclass(frozen=True)
class Attempt:
    """What somebody sent to sign in, and from where: peer address, the browser's long-lived cookie, its name."""

    username: str
    password: str = field(repr=False)
    address: str | None = None
    device_cookie: str | None = field(default=None, repr=False)
    device: str = ""


@dataclass(frozen=True)
class Try:
    """One counted try: the keys it counts under, the profile to hash with, who it claims to be, whose lock is tried."""

    keys: tuple[str, ...]
    profile: Argon2Profile
    claimed: Actor
    person: Person | None
    lock_of: UUID | None


def sign_in(runtime: Runtime, attempt: Attempt, code: str | None = None) -> SignedIn:
    """The person has a new session, a half one while a second factor is due and no code of it came with the password.

    Errors: `Unauthenticated`, also for a wrong code; `TooMany`, `Busy`.
    """
    new = _sign_in(runtime, attempt)
    if not new.is_half or code is None:
        return new
    try:
        return prove_session(runtime, new.actor, Answer(code, device_cookie=attempt.device_cookie))
    except VaultError as error:
        with runtime.transaction(new.actor) as tx:
            end_session(tx, new.actor.session.id if new.actor.session else UUID(int=0), "code-refused")
        raise Unauthenticated(WRONG_CODE) if isinstance(error, Invalid) else error from None


def _sign_in(runtime: Runtime, attempt: Attempt) -> SignedIn:
    with runtime.transaction(STRANGER) as tx:
        tried = take_attempt(tx, attempt)
    try:
        password_key = derive(attempt.password, tried.profile)
    except Busy:
        with runtime.session() as session:
            for key in tried.keys:
                give_back_try(session, key)
        raise
    return finish_attempt(runtime, attempt, tried, password_key)


def take_attempt(tx: Transaction, attempt: Attempt) -> Try:
    """Count the try; commit it before the password is looked at. `TooMany` when none is left now."""
    person = find_person(tx, attempt.username)
    if person is not None and (person.left_at is not None or not person.principal.has_keys):
        person = None
    device = known_device(tx.session, person.id if person else None, attempt.device_cookie)
    keys = take_sign_in_try(
        tx.session, attempt.username, attempt.address, device.id if device else None, tx.now
    )
    profile = person.principal.profile if person else None
    return Try(
        keys,
        profile or tx.settings.new_profile(),
        actor_of(person) if person else STRANGER,
        person,
        person.id if person else _anybody(tx),
    )


def finish_attempt(runtime: Runtime, attempt: Attempt, tried: Try, password_key: bytes) -> SignedIn:
    """Try the lock: a session and a forgotten count, or `Unauthenticated` and a recorded refusal."""
    if tried.person is None:
        password_key = random_key()
    try:
        with runtime.transaction(tried.claimed) as tx:
            signed_in = _open(tx, attempt, tried, password_key)
            for key in tried.keys:
                forget_tries(tx.session, key)
            return signed_in
    except Unauthenticated:
        with runtime.transaction(STRANGER) as tx:
            tx.record("session.refused", tried.person)
        raise


def _open(tx: Transaction, attempt: Attempt, tried: Try, password_key: bytes) -> SignedIn:
    if tried.lock_of is None:
        raise Unauthenticated(WRONG)
    return start_session(tx, tried.lock_of, password_key, attempt.device, attempt.device_cookie)


def _anybody(tx: Transaction) -> UUID | None:
    """A person with keys, to try a lock that a random key cannot open."""
    query = select(Principal.id).where(Principal.kind == PrincipalKind.PERSON, Principal.slot_id.is_not(None))
    return tx.session.scalar(query.limit(1))
