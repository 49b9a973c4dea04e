"""Dormant accounts: a sign-in that nobody used for long is locked, so that a forgotten account is no open door.

Nobody is made to leave by it: keys and memberships stay, and unlocking gives the account the full time again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from vault.access.actor import SYSTEM, Role
from vault.access.principals import Principal
from vault.clock import ClockState, read_clock
from vault.crypto.kinds import PrincipalKind
from vault.db import for_change, take_turn
from vault.jobs import ClaimedJob, handles, renew
from vault.people.models import Person, PersonRole
from vault.people.service import shut_sign_in

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

AT_ONCE = 100


@handles("people.lock_dormant")
def lock_dormant(runtime: Runtime, job: ClaimedJob) -> None:
    """Accounts that were not used for long are locked; none is while the clock is not to be trusted."""
    while _lock_some(runtime, job) == AT_ONCE:
        continue


def _lock_some(runtime: Runtime, job: ClaimedJob) -> int:
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        if read_clock(tx.session, runtime.clock).state is not ClockState.STEADY:
            return 0
        # As in `keep_an_administrator`: somebody must remain who can unlock the others.
        take_turn(tx.session, "administrators")
        used = func.coalesce(Person.signed_in_at, Principal.keyed_at, Person.created_at)
        before = tx.now - tx.settings.dormant_after
        query = (
            select(Person)
            .join(Principal, Principal.id == Person.id)
            .where(Person.is_in(tx.now), Principal.slot_id.is_not(None), used < before)
            .where(Principal.kind == PrincipalKind.PERSON)
            .where(func.coalesce(Person.unlocked_at, Person.created_at) < before)
            .where(Person.id.not_in(_last_administrator(tx)))
            .order_by(Person.id)
            .limit(AT_ONCE)
        )
        dormant = tx.session.scalars(query.with_for_update(**for_change(Person))).all()
        for person in dormant:
            shut_sign_in(tx, person, reason="dormant")
        return len(dormant)


def _last_administrator(tx: Transaction) -> list[object]:
    """The administrator who signed in last: this one stays."""
    query = (
        select(Person.id)
        .join(PersonRole, PersonRole.person_id == Person.id)
        .join(Principal, Principal.id == Person.id)
        .where(PersonRole.role == Role.ADMINISTRATOR, Person.is_in(tx.now), Principal.slot_id.is_not(None))
        .order_by(func.coalesce(Person.signed_in_at, Person.created_at).desc(), Person.id)
    )
    return list(tx.session.scalars(query.limit(1)))
