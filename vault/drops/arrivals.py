"""A sender at the door: the secret is proved, the password's slow hash is made between two transactions, the link opens."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.actor import STRANGER
from vault.crypto.passwords import Argon2Profile, derive
from vault.drops.visits import Key, give_back_guess, knock, open_request
from vault.errors import Busy

if TYPE_CHECKING:
    from vault.runtime import Runtime


def open_link(
    runtime: Runtime,
    request_id: UUID,
    secret: bytes,
    password: str | None = None,
    claim: str | None = None,
    cookie: str | None = None,
) -> str:
    """Open the link of a request; the value of the visit's cookie.

    Errors: `Gone`, `Invalid` for a missing and `WrongPassword` for a wrong password, `WrongClaim`, `TooMany`, `Busy`.
    """
    with runtime.transaction(STRANGER) as tx:
        profile = knock(tx, request_id, secret, password is not None, claim is not None)
    key = _derived(runtime, request_id, password, profile) if password and profile else None
    with runtime.transaction(STRANGER) as tx:
        _visit, value = open_request(tx, request_id, Key(secret, key, claim, cookie))
        return value


def _derived(runtime: Runtime, request_id: UUID, password: str, profile: Argon2Profile) -> bytes:
    try:
        return derive(password, profile)
    except Busy:
        with runtime.transaction(STRANGER) as tx:
            give_back_guess(tx, request_id)
        raise
