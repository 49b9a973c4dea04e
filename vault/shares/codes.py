"""E-mailed codes: a gate before the password, for links that ask for one.

A code has 8 digits and is good for ten minutes, five tries and one opening. The row of the link keeps its MAC under a key
that only the link's secret gives, so a stolen database has nothing to try codes against. A try is counted before it is
made. Whoever asks for a code learns nothing about the recipient's address: the answer is one, and so is the work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select, update

from vault.addresses import email_key
from vault.crypto.marks import code_mac, link_auth
from vault.crypto.one_time_code import new_mailed_code
from vault.crypto.secret import compare
from vault.errors import Conflict, Fault, TooMany
from vault.shares.guesses import CODES, share_refusal, take_guess
from vault.shares.letters import code_letter
from vault.shares.models import MOST_CODE_TRIES, Share, ShareCode
from vault.shares.visits import ProvedCode, proved_share, wrong_code

if TYPE_CHECKING:
    from vault.mail import Letter
    from vault.runtime import Transaction

AGAIN_AFTER = timedelta(seconds=60)


@dataclass(frozen=True)
class CodeTry:
    """One counted try at a code that was good when it was counted."""

    mac: bytes = field(repr=False)
    expires: int

    def prove(self, share_id: UUID, secret: bytes, code: str) -> ProvedCode | None:
        """What opens the link, if this is the code."""
        given = code_mac(link_auth(secret, share_id), code, self.expires)
        return ProvedCode(self.mac) if compare(given, self.mac) else None


def issue_code(tx: Transaction, share_id: UUID, secret: bytes, email: str) -> Letter | None:
    """A new code for the link, which ends the one before, and the letter that carries it; None for a wrong address.

    Errors: `Gone`, `Conflict` when the link asks for none, `TooMany` within a minute of the last time, whoever asked.
    """
    share = proved_share(tx, share_id, secret)
    if not share.asks_code:
        raise Conflict("This link asks for no code.")
    row = _row(tx, share)
    code, expires_at = new_mailed_code(), (tx.now + tx.settings.code_life).replace(microsecond=0)
    mac = code_mac(link_auth(secret, share_id), code, int(expires_at.timestamp()))
    letter = code_letter(tx, share, code)
    if not compare(email_key(email).encode(), share.recipient.email_key.encode()):
        tx.record("share.code_refused", share)
        return None
    row.mac, row.expires_at, row.tries, row.used_at = mac, expires_at, 0, None
    tx.record("share.code_sent", share)
    return letter


def try_code(tx: Transaction, share_id: UUID, secret: bytes, code: str | None) -> CodeTry | None:
    """Count one try at the link's code; None without a code, or when the link asks for none.

    Call it in a transaction that commits before the try. Errors: `Gone`, `WrongCode` when no code is good, `TooMany`.
    """
    share = proved_share(tx, share_id, secret)
    if code is None or not share.asks_code:
        return None
    take_guess(tx, share, CODES)
    good = (ShareCode.share_id == share.id, ShareCode.used_at.is_(None), ShareCode.expires_at > tx.now)
    counted = (
        update(ShareCode)
        .where(*good, ShareCode.tries < MOST_CODE_TRIES)
        .values(tries=ShareCode.tries + 1)
        .returning(ShareCode.mac, ShareCode.expires_at)
    )
    found = tx.session.execute(counted, execution_options={"synchronize_session": False}).one_or_none()
    mac, expires_at = found or (None, None)
    if mac is None or expires_at is None:
        raise wrong_code(share)
    return CodeTry(mac, int(expires_at.timestamp()))


def _row(tx: Transaction, share: Share) -> ShareCode:
    """The link's row, noted as asked for now; `TooMany` within a minute. The share is held, so nobody else makes one."""
    row = tx.session.scalar(select(ShareCode).where(ShareCode.share_id == share.id))
    if row is None:
        return tx.add(ShareCode(share_id=share.id, asked_at=tx.now, tries=0))
    if tx.now < row.asked_at + AGAIN_AFTER:
        wait = int((row.asked_at + AGAIN_AFTER - tx.now).total_seconds()) + 1
        message = "A code was asked for just now. Look into the mailbox, or ask again in a minute."
        again = [Fault("/code", message)]
        raise TooMany(message, errors=again, retry_after=wait, refusal=share_refusal(share, "too-many"))
    row.asked_at = tx.now
    return row
