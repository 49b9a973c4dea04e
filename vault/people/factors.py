"""Adding, removing and resetting second factors.

They gate; they do not enter keys. Whoever holds none adds the first with the password, which a half session has just
given; every later change asks for a proof (`step_up`) and ends the person's other sessions. An administrator can end
them all, never see them; the person is told at the next sign-in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select

from vault.access.actor import Actor
from vault.access.principals import hold_principal
from vault.crypto.secret import random_key
from vault.db import for_change
from vault.errors import Conflict, FactorDue, Fault, Invalid, NotFound
from vault.people.accounts import load_managed, not_oneself
from vault.people.devices import forget_devices
from vault.people.ending import end_factor, end_factors
from vault.people.factor_models import ADDING, PASSKEY, TOTP, Factor
from vault.people.holding import holds_factors, is_factor_required, is_half, live_factors
from vault.people.models import Person
from vault.people.notices import tell_account
from vault.people.passkeys import has_passkeys, keep_passkey
from vault.people.queries import own_person
from vault.people.recovery_codes import NewCodes, codes_left, forget_codes, keep_codes, make_codes
from vault.people.sessions import SignedIn, complete_session, end_sessions_of
from vault.people.step_up import Act, require_step_up
from vault.people.totp import fitting_step, keep_new_seed

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

MOST_FACTORS = 10
NOT_THIS_CODE = "This code does not fit. Check the clock of your telephone, and type the newest code."
NOT_THIS_PASSKEY = "This passkey was not taken. Start again."


@dataclass(frozen=True)
class Added:
    """A session that is whole, and the recovery codes to show once; None while older ones are left."""

    signed_in: SignedIn
    codes: tuple[str, ...] | None = field(repr=False)


def begin_factor(tx: Transaction, kind: str, name: str) -> Factor:
    """A factor that waits, in this session and for half an hour, for its first proof; others that waited have ended.

    Errors: `FactorDue` in a half session of somebody who holds one, `StepUpDue`, `Conflict` for too many, `Invalid`.
    """
    person, act = _held(tx), Act("factor.add", "Add a second factor", tx.actor.id or uuid4())
    if not may_add_freely(tx):
        require_step_up(tx, act)
    if kind == PASSKEY and not has_passkeys(tx.settings):
        message = "Passkeys need a host name and TLS."
        raise Invalid(message, errors=[Fault("/kind", message)])
    if len(live_factors(tx.session, person.id)) >= MOST_FACTORS:
        raise Conflict("You have enough second factors. Remove one first.")
    waiting = select(Factor).where(Factor.person_id == person.id, Factor.confirmed_at.is_(None))
    for row in tx.session.scalars(waiting.where(Factor.ended_at.is_(None))):
        end_factor(tx, row)
    factor = Factor(id=uuid4(), person_id=person.id, kind=kind, name=name, added_at=tx.now)
    factor.session_id = tx.actor.session.id if tx.actor.session else uuid4()
    if kind == TOTP:
        keep_new_seed(tx, person, factor)
    else:
        factor.nonce = random_key()
    return tx.add(factor)


def may_add_freely(tx: Transaction) -> bool:
    """Whether this is a half session of somebody who holds no factor: the password was given just now.

    `FactorDue` in a half session of somebody who holds one: that one is proved first.
    """
    if not is_half(tx):
        return False
    if holds_factors(tx.session, tx.actor.id):
        raise FactorDue
    return True


def waiting_factor(tx: Transaction, factor_id: UUID, lock: bool = False) -> Factor:
    """The actor's factor that this session is adding; `NotFound` for any other, and when it took too long."""
    query = select(Factor).where(Factor.id == factor_id, Factor.person_id == tx.actor.id)
    if lock:
        query = query.with_for_update(**for_change(Factor)).execution_options(populate_existing=True)
    row, session = tx.session.scalar(query), tx.actor.session
    if row is None or session is None or row.session_id != session.id:
        raise NotFound
    if row.confirmed_at is not None or row.ended_at is not None or tx.now >= row.added_at + ADDING:
        raise NotFound
    return row


def confirm_factor(
    runtime: Runtime, actor: Actor, factor_id: UUID, answer: str, device_cookie: str | None
) -> Added:
    """The factor counts from now on, proved by its first code or by the passkey that was made; the session is whole.

    Hashes outside every transaction. Errors: `NotFound`, `Invalid` at /code or /passkey, `FactorDue`, `Busy`.
    """
    with runtime.reading(actor) as tx:
        waiting_factor(tx, factor_id)
        needs_codes = codes_left(tx.session, actor.id) == 0
    codes = make_codes() if needs_codes else None
    with runtime.transaction(actor) as tx:
        _held(tx)
        return _confirm(tx, waiting_factor(tx, factor_id, lock=True), answer, codes, device_cookie)


def _confirm(
    tx: Transaction, factor: Factor, answer: str, codes: NewCodes | None, device_cookie: str | None
) -> Added:
    if is_half(tx):
        may_add_freely(tx)
    person = own_person(tx)
    if factor.kind == TOTP:
        factor.last_step = fitting_step(tx, person, factor, answer)
        fault = None if factor.last_step is not None else Fault("/code", NOT_THIS_CODE)
    else:
        is_made = keep_passkey(tx.settings, factor, answer)
        fault = None if is_made else Fault("/passkey", NOT_THIS_PASSKEY)
    if fault is not None:
        raise Invalid("Nothing was changed.", errors=[fault])
    if not live_factors(tx.session, person.id):
        forget_devices(tx, person.id)
    factor.confirmed_at = tx.now
    if codes is not None:
        keep_codes(tx, person.id, codes)
    _end_other_sessions(tx, person)
    tx.record("factor.added", factor, kind=factor.kind)
    tell_account(tx, person, "factor-added", str(factor.id))
    return Added(complete_session(tx, device_cookie), codes.codes if codes else None)


def remove_factor(tx: Transaction, factor_id: UUID) -> None:
    """One of the actor's factors is dead. `Conflict` for the last one where everybody must have one."""
    person = _held(tx)
    factor = tx.session.get(Factor, factor_id, with_for_update=for_change(Factor))
    if factor is None or factor.person_id != person.id or factor.confirmed_at is None or factor.ended_at:
        raise NotFound
    is_last = len(live_factors(tx.session, person.id)) == 1
    if is_last and is_factor_required(tx.settings, tx.actor.roles):
        raise Conflict("Everybody needs a second factor here. Add another one first.")
    facts = (("Name", factor.name),)
    require_step_up(tx, Act("factor.remove", "Remove a second factor", factor.id, facts))
    end_factor(tx, factor)
    if is_last:
        forget_codes(tx, person.id)
    _end_other_sessions(tx, person)
    tx.record("factor.removed", factor, kind=factor.kind)
    tell_account(tx, person, "factor-removed", str(factor.id))


def renew_codes(tx: Transaction, codes: NewCodes) -> tuple[str, ...]:
    """Ten new recovery codes, to be shown once; the old ones are dead. `Conflict` without a factor."""
    person = own_person(tx)
    if not live_factors(tx.session, person.id):
        raise Conflict("Recovery codes stand for a second factor. Add one first.")
    require_step_up(tx, Act("recovery_codes.renew", "Make new recovery codes", person.id))
    keep_codes(tx, person.id, codes)
    tx.record("factor.codes_made", person)
    tell_account(tx, person, "codes-made")
    return codes.codes


def reset_factors(tx: Transaction, person_id: UUID) -> Person:
    """The person holds no factor any more, all sessions have ended, and the next sign-in says so."""
    person = load_managed(tx, person_id)
    not_oneself(tx, person)
    facts = (("User name", person.username),)
    require_step_up(tx, Act("factors.reset", "Reset the second factors of this person", person.id, facts))
    ended = end_factors(tx, person.id)
    forget_codes(tx, person.id)
    forget_devices(tx, person.id)
    end_sessions_of(tx, person.id, "factors-reset")
    person.factors_reset_at = tx.now
    tx.record("factors.reset", person, ended=ended)
    tell_account(tx, person, "factors-reset")
    return person


def acknowledge_reset(tx: Transaction) -> None:
    """The person has read that the factors were reset."""
    own_person(tx).factors_reset_at = None


def _held(tx: Transaction) -> Person:
    """The actor's row; until this transaction ends nobody else changes this person's factors or keys."""
    person = own_person(tx)
    hold_principal(tx, person.principal)
    return person


def _end_other_sessions(tx: Transaction, person: Person) -> None:
    current = tx.actor.session.id if tx.actor.session else None
    end_sessions_of(tx, person.id, "factors-changed", but=current)
