"""Answers to "prove that it is you": a code, a passkey, a password; counted before they are tried, taken once.

A code is that of an authenticator app, or a recovery code. Hashes are made outside every transaction, as at sign-in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.actor import Actor
from vault.access.principals import open_seed
from vault.access.throttle import forget_tries, give_back_try, take_try
from vault.crypto.passwords import derive
from vault.crypto.secret import random_key
from vault.errors import Busy, Conflict, Fault, Invalid, Tampered
from vault.people.devices import known_device
from vault.people.factor_models import PASSKEY, PASSWORD, RECOVERY_CODE, TOTP, StepUp
from vault.people.holding import holds_factors
from vault.people.models import Person, PersonSession
from vault.people.passkeys import take_passkey
from vault.people.passwords import GUESSES
from vault.people.queries import own_person
from vault.people.recovery_codes import canonical, is_recovery_code, profile_of_codes, take_code
from vault.people.sessions import SignedIn, complete_session
from vault.people.step_up import challenge_of, close_step_up, find_step_up, open_step_up, session_act
from vault.people.throttling import take_factor_try
from vault.people.totp import take_totp
from vault.runtime import refusal_about

if TYPE_CHECKING:
    from vault.crypto.passwords import Argon2Profile
    from vault.runtime import Runtime, Transaction

WRONG = {
    "code": "This code does not fit, or it was used already.",
    "passkey": "This passkey was not taken.",
    "password": "This is not your password.",
}
OVER = "This question was answered, or it is too old. Do it again."


@dataclass(frozen=True)
class Answer:
    """What somebody gave, one of three, and the browser's long-lived cookie."""

    code: str | None = field(default=None, repr=False)
    passkey: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    device_cookie: str | None = field(default=None, repr=False)

    @property
    def kind(self) -> str:
        """The one that was given, by the name of its field; `Invalid` for none, or more than one."""
        given = [name for name in WRONG if getattr(self, name)]
        if len(given) != 1:
            raise Invalid("Nothing was changed.", errors=[Fault("/code", "Give one proof.")])
        return given[0]


@dataclass(frozen=True)
class Weighed:
    """An answer that was counted and hashed, and not yet looked at."""

    answer: Answer
    key: str | None = None
    hashed: bytes | None = field(default=None, repr=False)


def weigh_answer(runtime: Runtime, actor: Actor, answer: Answer) -> Weighed:
    """Count the try, then hash. A passkey is neither: nobody guesses a signature. Errors: `TooMany`, `Busy`."""
    if answer.kind == "passkey":
        return Weighed(answer)
    with runtime.transaction(actor) as tx:
        key, text, profile = _counted(tx, answer)
    try:
        hashed = derive(text, profile) if profile else None
    except Busy:
        with runtime.session() as session:
            give_back_try(session, key)
        raise
    return Weighed(answer, key, hashed)


def prove_session(runtime: Runtime, actor: Actor, answer: Answer, step_up_id: UUID | None = None) -> SignedIn:
    """The actor's session has seen a second factor now; a half one is whole. A passkey answers `step_up_id`.

    Errors: `Invalid` at /code or /passkey, `TooMany`, `Busy`, `Conflict` for a question that is over.
    """
    weighed = weigh_answer(runtime, actor, answer)
    with runtime.transaction(actor) as tx:
        row = open_step_up(tx, step_up_id)
        if row is not None and row.act_digest != session_act(row.session_id).digest:
            row = None
        proof = take_answer(tx, weighed, row)
        if row is not None and not close_step_up(tx, row, proof, is_used=True):
            raise Conflict(OVER)
        tx.record("factor.proved", own_person(tx), proof=proof)
        return complete_session(tx, answer.device_cookie)


def prove_step_up(runtime: Runtime, actor: Actor, step_up_id: UUID, answer: Answer) -> None:
    """The question is answered: its act may be done once, in this session, within ten minutes.

    Errors: `NotFound` for a question to another session, `Invalid` at the field, `TooMany`, `Busy`, `Conflict` for one that
    is over.
    """
    with runtime.reading(actor) as tx:
        find_step_up(tx, step_up_id)
    weighed = weigh_answer(runtime, actor, answer)
    with runtime.transaction(actor) as tx:
        row = open_step_up(tx, step_up_id)
        if row is None:
            raise Conflict(OVER)
        proof = take_answer(tx, weighed, row)
        if not close_step_up(tx, row, proof):
            raise Conflict(OVER)
        if proof != PASSWORD:
            tx.session.get_one(PersonSession, row.session_id).factor_at = tx.now
        tx.record("proof.given", row, act=row.act, proof=proof)


def take_answer(tx: Transaction, weighed: Weighed, row: StepUp | None) -> str:
    """Which kind of proof it was, used up and its tries forgotten; `Invalid`, recorded, for one that does not fit."""
    person, kind = own_person(tx), weighed.answer.kind
    proof = _TAKERS[kind](tx, person, weighed, row)
    if proof is None:
        refusal = refusal_about(person, "factor.refused", proof=kind)
        raise Invalid("Nothing was changed.", errors=[Fault(f"/{kind}", WRONG[kind])], refusal=refusal)
    if weighed.key is not None:
        forget_tries(tx.session, weighed.key)
    return proof


def _take_code(tx: Transaction, person: Person, weighed: Weighed, _row: StepUp | None) -> str | None:
    text = weighed.answer.code or ""
    if is_recovery_code(text):
        is_taken = weighed.hashed is not None and take_code(tx, person.id, weighed.hashed)
        return RECOVERY_CODE if is_taken else None
    return TOTP if take_totp(tx, person, "".join(text.split())) is not None else None


def _take_passkey(tx: Transaction, person: Person, weighed: Weighed, row: StepUp | None) -> str | None:
    if row is None:
        return None
    factor = take_passkey(tx, person.id, weighed.answer.passkey or "", challenge_of(row))
    return PASSKEY if factor is not None else None


def _take_password(tx: Transaction, person: Person, weighed: Weighed, _row: StepUp | None) -> str | None:
    """Good for those alone who hold no second factor."""
    if holds_factors(tx.session, person.id):
        return None
    try:
        open_seed(tx.keystore, person.principal, weighed.hashed or random_key())
    except Tampered:
        return None
    return PASSWORD


_TAKERS = {"code": _take_code, "passkey": _take_passkey, "password": _take_password}


def _counted(tx: Transaction, answer: Answer) -> tuple[str, str, Argon2Profile | None]:
    """The key that the try counts under, and what is hashed how, if anything."""
    person = own_person(tx)
    if answer.kind == "password":
        key = f"password/{person.id}"
        take_try(tx.session, key, GUESSES, tx.now)
        return key, answer.password or "", person.principal.profile
    device = known_device(tx.session, person.id, answer.device_cookie)
    key = take_factor_try(tx.session, person.id, device.id if device else None, tx.now)
    profile = profile_of_codes(tx.session, person.id) if is_recovery_code(answer.code or "") else None
    return key, canonical(answer.code or ""), profile
