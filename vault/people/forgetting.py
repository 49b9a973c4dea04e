"""What is no record and is forgotten: sessions and counts of guesses that nobody needs any more; refusals are summed up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, delete, exists, select

from vault.access.actor import SYSTEM
from vault.access.throttle import Throttle
from vault.clock import ClockState, read_clock
from vault.db import Base
from vault.jobs import ClaimedJob, handles, renew
from vault.people.factor_models import StepUp
from vault.people.models import PersonSession

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

AT_ONCE = 1000
SESSIONS_KEPT = timedelta(days=30)
GUESSES_KEPT = timedelta(days=90)


@handles("people.forget")
def forget(runtime: Runtime, job: ClaimedJob) -> None:
    """The log is told of repeated refusals; then so many rows of each kind are forgotten in one run, none while the clock is
    not to be trusted.
    """
    runtime.tell_refusals(AT_ONCE)
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        if read_clock(tx.session, runtime.clock).state is not ClockState.STEADY:
            return
        _forget_guesses(tx)
        _forget_sessions(tx)


def _forget_guesses(tx: Transaction) -> None:
    """Counts that nothing was added to for long, and that keep nobody waiting."""
    old = (Throttle.touched_at < tx.now - GUESSES_KEPT, Throttle.waits_until <= tx.now)
    some = select(Throttle.key_digest).where(*old).order_by(Throttle.touched_at).limit(AT_ONCE)
    tx.session.execute(delete(Throttle).where(Throttle.key_digest.in_(some), *old))


def _forget_sessions(tx: Transaction) -> None:
    """Sessions that have been over for long, with what was asked there, unless a record names them, as a reason does."""
    kept = max(SESSIONS_KEPT, tx.settings.session_absolute)
    old = PersonSession.started_at < tx.now - tx.settings.session_absolute
    asked = StepUp.asked_at < tx.now - kept
    over = select(StepUp.id).where(asked).order_by(StepUp.asked_at).limit(AT_ONCE)
    tx.session.execute(delete(StepUp).where(StepUp.id.in_(over), asked))
    unused = (PersonSession.seen_at < tx.now - kept, old, *_named_nowhere())
    some = select(PersonSession.id).where(*unused).order_by(PersonSession.seen_at).limit(AT_ONCE)
    found = list(tx.session.scalars(some))
    tx.session.execute(
        delete(PersonSession).where(PersonSession.id.in_(found)),
        execution_options={"synchronize_session": False},
    )


def _named_nowhere() -> list[ColumnElement[bool]]:
    """True for sessions to which no row of any table refers."""
    own = PersonSession.__table__.c.id
    keys = [key for table in Base.metadata.tables.values() for key in table.foreign_keys if key.column is own]
    return [~exists().where(key.parent == PersonSession.id) for key in keys]
