"""A recipient at the door: the secret is proved, then the e-mailed code, then the password; the link opens.

The slow hash is made between two transactions, never inside one, and no mail is sent inside one. A try is counted before
it is made, so that racers gain nothing; a try that the vault was too busy to make is given back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.actor import STRANGER
from vault.crypto.passwords import Argon2Profile, derive
from vault.errors import Busy, Fault
from vault.mail import NoSuchMailbox
from vault.shares.codes import CodeTry, issue_code, try_code
from vault.shares.guesses import CODES, PASSWORDS, give_back_guess, suspend_if_guessed
from vault.shares.models import Share
from vault.shares.visits import WRONG_CODE, ProvedCode, WrongCode, WrongPassword, knock, open_share

if TYPE_CHECKING:
    from vault.runtime import Runtime


def request_code(runtime: Runtime, share_id: UUID, secret: bytes, email: str) -> None:
    """A code is on its way if this is the recipient's address. Nothing here tells whether it is.

    Errors: `Gone`, `Conflict`, `TooMany`, and `NotSent`, for any address, when no mail can be sent.
    """
    with runtime.transaction(STRANGER) as tx:
        letter, now = issue_code(tx, share_id, secret, email), tx.now
    if letter is None:
        runtime.post.rehearse()
        return
    try:
        runtime.post.send(letter, now)
    except NoSuchMailbox:
        with runtime.transaction(STRANGER) as tx:
            tx.record("share.mail_failed", tx.session.get_one(Share, share_id), reason="no-mailbox")


def open_link(
    runtime: Runtime,
    share_id: UUID,
    secret: bytes,
    password: str | None = None,
    cookie: str | None = None,
    code: str | None = None,
) -> str:
    """Open the link, or come back to the opening of `cookie` or of a fresh code; the value of the visit's cookie.

    Errors: `Gone`, `CodeDue`, `WrongCode`, `Invalid` for a missing and `WrongPassword` for a wrong password, `TooMany`,
    `Busy`.
    """
    with runtime.transaction(STRANGER) as tx:
        tried = try_code(tx, share_id, secret, code)
        profile = knock(tx, share_id, secret, password is not None, cookie) if tried is None else None
    proved = None
    if tried is not None:
        proved = _proved(runtime, tried, share_id, secret, code or "")
        with runtime.transaction(STRANGER) as tx:
            profile = knock(tx, share_id, secret, password is not None, cookie, proved)
    key = _derived(runtime, share_id, password, profile) if password and profile else None
    try:
        with runtime.transaction(STRANGER) as tx:
            _visit, value = open_share(tx, share_id, secret, key, cookie, proved)
            return value
    except WrongPassword:
        with runtime.transaction(STRANGER) as tx:
            suspend_if_guessed(tx, share_id, PASSWORDS)
        raise


def _proved(runtime: Runtime, tried: CodeTry, share_id: UUID, secret: bytes, code: str) -> ProvedCode:
    """The proof; `WrongCode` otherwise, and after many the link is suspended."""
    proved = tried.prove(share_id, secret, code)
    if proved is not None:
        return proved
    with runtime.transaction(STRANGER) as tx:
        suspend_if_guessed(tx, share_id, CODES)
        tx.record("share.refused", tx.session.get_one(Share, share_id), reason="code")
    raise WrongCode("Nothing was opened.", errors=[Fault("/code", WRONG_CODE)])


def _derived(runtime: Runtime, share_id: UUID, password: str, profile: Argon2Profile) -> bytes:
    try:
        return derive(password, profile)
    except Busy:
        with runtime.transaction(STRANGER) as tx:
            give_back_guess(tx, share_id)
        raise
