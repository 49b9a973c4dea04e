"""Changing the own password: a new slot and a new user lock for the same keys."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from vault.access.actor import Actor
from vault.access.principals import hold_principal, open_seed, set_keys
from vault.access.throttle import Limit, forget_tries, give_back_try, take_try
from vault.crypto.passwords import Argon2Profile, derive
from vault.crypto.secret import Secret, random_key
from vault.db import for_change
from vault.errors import Busy, Fault, Invalid, Tampered, Unauthenticated
from vault.people.enrolments import words_about
from vault.people.models import PersonSession
from vault.people.notices import tell_account
from vault.people.password_rules import check_password
from vault.people.queries import own_person
from vault.people.sessions import actor_of, end_sessions_of, lock_session
from vault.people.totp import relocking
from vault.runtime import refusal_about

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

GUESSES = Limit(free=5)
NOT_THE_OLD = "This is not your present password."
THE_SAME = "This is your present password. Choose another one."


def change_password(runtime: Runtime, actor: Actor, old: str, new: str) -> Actor:
    """The new password opens the same keys; all other sessions are dead, and this one has a new secret.

    Hashes outside every transaction. Errors: `Invalid` at /old or /new, `TooMany`, `Busy`.
    """
    key = f"password/{actor.id}"
    with runtime.reading(actor) as tx:
        person = own_person(tx)
        words, old_profile = words_about(person), person.principal.profile
    if unicodedata.normalize("NFKC", old) == unicodedata.normalize("NFKC", new):
        raise Invalid("Nothing was changed.", errors=[Fault("/new", THE_SAME)])
    check_password(new, words, field="new")
    with runtime.transaction(actor) as tx:
        take_try(tx.session, key, GUESSES, tx.now)
    new_profile = runtime.settings.new_profile()
    try:
        old_key = derive(old, old_profile) if old_profile else random_key()
        new_key = derive(new, new_profile)
    except Busy:
        with runtime.session() as session:
            give_back_try(session, key)
        raise
    with runtime.transaction(actor) as tx:
        forget_tries(tx.session, key)
        return replace_password(tx, old_key, new_key, new_profile)


def replace_password(tx: Transaction, old_key: bytes, new_key: bytes, profile: Argon2Profile) -> Actor:
    """The own user lock is made anew in a new slot; returns the actor with the session's new secret.

    Errors: `Invalid` at /old when the old key does not open the lock.
    """
    person, keys = own_person(tx), tx.actor.session
    hold_principal(tx, person.principal)
    row = tx.session.get(PersonSession, keys.id, with_for_update=for_change(PersonSession)) if keys else None
    if keys is None or row is None or row.ended_at is not None:
        raise Unauthenticated
    try:
        seed = open_seed(tx.keystore, person.principal, old_key)
    except Tampered:
        refusal = refusal_about(person, "access.refused", permission="password.change")
        fault = Fault("/old", NOT_THE_OLD)
        raise Invalid("Nothing was changed.", errors=[fault], refusal=refusal) from None
    relock, factors = relocking(tx, person, seed)
    set_keys(tx, person.principal, seed, new_key, profile, factors, relock)
    end_sessions_of(tx, person.id, "password-changed", but=keys.id)
    keys = replace(keys, secret=Secret(random_key()))
    lock_session(tx, row, person, keys)
    tx.record("password.changed", person)
    tell_account(tx, person, "password-changed")
    return actor_of(person, keys)
