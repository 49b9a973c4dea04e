"""Passwords of bundles: guesses are counted per person and bundle before they are tried, and never inside a transaction.

Three steps: count the try and read the profile (one short transaction), derive the key (a tenth of a second of
Argon2id, with nothing locked), then the verb that uses it (a transaction of its own), which forgets the tries.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.policy import Permission
from vault.access.throttle import Limit, give_back_try, take_try
from vault.bundles.models import Bundle
from vault.crypto.passwords import derive
from vault.errors import Busy, TooMany
from vault.people.models import Office
from vault.people.password_rules import check_password
from vault.runtime import refusal_about

if TYPE_CHECKING:
    from vault.access.actor import Actor
    from vault.crypto.passwords import Argon2Profile
    from vault.runtime import Runtime, Transaction

LIMIT = Limit(free=5, first=timedelta(seconds=30), longest=timedelta(minutes=15))


def derive_guess(runtime: Runtime, actor: Actor, bundle_id: UUID, password: str) -> bytes | None:
    """The password key (32 bytes) of one counted guess; None when the bundle has no password.

    Errors: `NotFound`, `Refused`, `TooMany` when no try is left now, `Busy` (which costs no try).
    """
    with runtime.transaction(actor) as tx:
        profile = take_guess(tx, bundle_id)
    if profile is None:
        return None
    try:
        return derive(password, profile)
    except Busy:
        with runtime.session() as session:
            give_back_try(session, guess_name(actor.id, bundle_id))
        raise


def derive_new(
    runtime: Runtime, actor: Actor, password: str | None, field: str
) -> tuple[bytes | None, Argon2Profile | None]:
    """The key of a new bundle password and its profile, None without one; `Invalid` at `field` for an easy one."""
    if password is None:
        return None, None
    with runtime.reading(actor) as tx:
        office = tx.session.get(Office, tx.actor.office_id)
    check_password(password, [office.name, office.code] if office else [], field)
    profile = runtime.settings.new_profile()
    return derive(password, profile), profile


def take_guess(tx: Transaction, bundle_id: UUID) -> Argon2Profile | None:
    """Count one try of this person at this bundle, and say what it costs; None without a password."""
    bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN)
    if bundle.profile is None:
        return None
    try:
        take_try(tx.session, guess_name(tx.actor.id, bundle.id), LIMIT, tx.now)
    except TooMany as error:
        error.refusal = refusal_about(bundle, "bundle.unlock_refused", reason="too_many")
        raise
    return bundle.profile


def guess_name(person_id: UUID | None, bundle_id: UUID) -> str:
    """Under which name the tries are counted."""
    return f"bundle:{bundle_id}:{person_id}"
