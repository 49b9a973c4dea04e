"""Proving again who asks, before what is dangerous: a proof for exactly the act that the page showed, good once.

A verb calls `require_step_up(tx, act)`. Without a proof that is for this act, of this session, not used and younger than
ten minutes it raises `StepUpDue`; the front then asks (`ask_step_up`), takes the answer (`proofs`), and the same request
is sent again. Whoever holds a second factor proves it; whoever holds none gives the password.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, delete, select, update

from vault.access.actor import SYSTEM
from vault.crypto.encoding import fields, u32
from vault.crypto.kdf import sha256
from vault.crypto.secret import random_key
from vault.errors import NotFound, StepUpDue, Unauthenticated
from vault.people.factor_models import FRESH, StepUp
from vault.people.holding import holds_factors
from vault.people.models import PersonSession

if TYPE_CHECKING:
    from datetime import datetime

    from vault.runtime import Transaction

LABEL = b"casevault-v1/act\x00"
DUE = "Prove that it is you, then it is done."
FRESH_DUE = "This is strictly confidential. Prove your second factor first."


@dataclass(frozen=True)
class Act:
    """One act as a page shows it before it is done: a code, a sentence, whom it is about, and its facts by label.

    `bound` is what the act is bound to as well, but is too long to be shown.
    """

    name: str
    sentence: str
    subject_id: UUID
    facts: tuple[tuple[str, str], ...] = ()
    bound: tuple[str, ...] = ()

    @property
    def digest(self) -> bytes:
        """SHA-256 over all of it: an act that differs in anything has another."""
        words = [self.name, self.sentence, *(word for fact in self.facts for word in fact), *self.bound]
        content = fields(self.subject_id.bytes, u32(len(self.facts)), *(word.encode() for word in words))
        return sha256(LABEL + content)


def session_act(session_id: UUID) -> Act:
    """Proving a factor for the session as a whole: after the password, or to see what is strictly confidential."""
    return Act("session.confirm", "Confirm that it is you", session_id)


def require_step_up(tx: Transaction, act: Act) -> None:
    """The proof for this act is used up; `StepUpDue` when there is none.

    The command line needs none. Nor does a token: whoever made it proved that, for the scopes that it acts within.
    """
    if tx.actor is SYSTEM or tx.actor.kind == "token":
        return
    ready = (
        _own(tx),
        StepUp.act_digest == act.digest,
        StepUp.proved_at > tx.now - FRESH,
        StepUp.used_at.is_(None),
    )
    chosen = select(StepUp.id).where(*ready).limit(1).scalar_subquery()
    used = update(StepUp).where(StepUp.id == chosen, StepUp.used_at.is_(None)).values(used_at=tx.now)
    if tx.session.scalar(used.returning(StepUp.id)) is None:
        raise StepUpDue(DUE, act)


def require_fresh_factor(tx: Transaction, used_at: datetime | None = None) -> None:
    """`StepUpDue` for somebody who holds a factor and has proved none here for ten minutes.

    `used_at` is when this session was last served the same content: what plays goes on playing. A token has no factor:
    its owner proved one to make it, and again to give it what is strictly confidential.
    """
    if tx.actor.kind == "token" or not holds_factors(tx.session, tx.actor.id):
        return
    row = tx.session.get(PersonSession, tx.actor.session.id) if tx.actor.session else None
    moments = (row.factor_at if row else None, used_at)
    if not any(moment is not None and moment > tx.now - FRESH for moment in moments):
        raise StepUpDue(FRESH_DUE)


def ask_step_up(tx: Transaction, act: Act) -> StepUp:
    """The question that the page puts; what nobody can answer or use any more is forgotten."""
    if tx.actor.id is None or tx.actor.session is None:
        raise Unauthenticated
    over = (StepUp.person_id == tx.actor.id, StepUp.asked_at < tx.now - 2 * FRESH)
    tx.session.execute(delete(StepUp).where(*over))
    row = StepUp(
        id=uuid4(),
        person_id=tx.actor.id,
        session_id=tx.actor.session.id,
        act=act.name,
        act_digest=act.digest,
        nonce=random_key(),
        asked_at=tx.now,
    )
    return tx.add(row)


def find_step_up(tx: Transaction, step_up_id: UUID) -> StepUp:
    """A question to this session, also one that is over; `NotFound` for any other."""
    row = tx.session.scalar(select(StepUp).where(StepUp.id == step_up_id, _own(tx)))
    if row is None:
        raise NotFound
    return row


def open_step_up(tx: Transaction, step_up_id: UUID | None) -> StepUp | None:
    """A question to this session that can still be answered."""
    asked = (StepUp.id == step_up_id, _own(tx), StepUp.proved_at.is_(None), StepUp.asked_at > tx.now - FRESH)
    return tx.session.scalar(select(StepUp).where(*asked)) if step_up_id else None


def close_step_up(tx: Transaction, row: StepUp, proof: str, is_used: bool = False) -> bool:
    """The question is answered, and with `is_used` its act is done; False when somebody was faster."""
    values = {"proved_at": tx.now, "proof": proof} | ({"used_at": tx.now} if is_used else {})
    answered = update(StepUp).where(StepUp.id == row.id, StepUp.proved_at.is_(None)).values(**values)
    return tx.session.scalar(answered.returning(StepUp.id)) is not None


def challenge_of(row: StepUp) -> bytes:
    """What a passkey signs: fresh bytes and the digest of the act that the page shows."""
    return row.nonce + row.act_digest


def _own(tx: Transaction) -> ColumnElement[bool]:
    session_id = tx.actor.session.id if tx.actor.session else None
    return (StepUp.person_id == tx.actor.id) & (StepUp.session_id == session_id)
