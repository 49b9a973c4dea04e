"""A recipient at the door: the secret is proved, the password's slow hash is made, the link opens.

The hash is made between two transactions, never inside one. A try is counted before it is made, so that racers gain
nothing; a try that the vault was too busy to make is given back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.actor import STRANGER
from vault.crypto.passwords import Argon2Profile, derive
from vault.errors import Busy
from vault.shares.visits import WrongPassword, give_back_guess, knock, open_share, suspend_if_guessed

if TYPE_CHECKING:
    from vault.runtime import Runtime


def open_link(
    runtime: Runtime, share_id: UUID, secret: bytes, password: str | None = None, cookie: str | None = None
) -> str:
    """Open the link, or come back to the opening of `cookie`; the value of the visit's cookie.

    Errors: `Gone`, `Invalid` for a missing and `WrongPassword` for a wrong password, `TooMany`, `Busy`.
    """
    with runtime.transaction(STRANGER) as tx:
        profile = knock(tx, share_id, secret, password is not None, cookie)
    key = _derived(runtime, share_id, password, profile) if password and profile else None
    try:
        with runtime.transaction(STRANGER) as tx:
            _visit, value = open_share(tx, share_id, secret, key, cookie)
            return value
    except WrongPassword:
        with runtime.transaction(STRANGER) as tx:
            suspend_if_guessed(tx, share_id)
        raise


def _derived(runtime: Runtime, share_id: UUID, password: str, profile: Argon2Profile) -> bytes:
    try:
        return derive(password, profile)
    except Busy:
        with runtime.transaction(STRANGER) as tx:
            give_back_guess(tx, share_id)
        raise
