"""Recertifications by themselves: a round begins when the last one is long ago, and what is overdue is removed.

Never the last member of a bundle or team, nor the last administrator or controller: the list says so. Never while the
clock is not to be trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select

from vault.access.actor import STRANGER, SYSTEM
from vault.clock import ClockState, read_clock
from vault.db import for_change
from vault.jobs import ClaimedJob, handles, renew
from vault.matrix.models import REMOVE, Recertification
from vault.matrix.recertification import begin_for, close_if_done, open_lines, open_round, settle_line
from vault.people.models import Office

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

AT_ONCE = 20


@handles("matrix.recertify")
def recertify(runtime: Runtime, job: ClaimedJob) -> None:
    """Overdue lines are removed, then offices whose time has come begin anew."""
    with runtime.reading(STRANGER) as tx:
        overdue = Recertification.closed_at.is_(None), Recertification.due_at <= tx.now
        round_ids = tx.session.scalars(select(Recertification.id).where(*overdue)).all()
        office_ids = tx.session.scalars(select(Office.id).order_by(Office.id)).all()
    for round_id in round_ids:
        while _remove_some(runtime, job, round_id):
            continue
    for office_id in office_ids:
        with runtime.transaction(SYSTEM) as tx:
            renew(tx.session, job, tx.now)
            if _is_steady(runtime, tx) and _is_time(tx, office_id):
                begin_for(tx, office_id)


def _remove_some(runtime: Runtime, job: ClaimedJob, round_id: UUID) -> bool:
    """At most `AT_ONCE` lines; False when the round is closed, or nothing is removed by time now."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        found = tx.session.get_one(Recertification, round_id, with_for_update=for_change(Recertification))
        if found.closed_at is not None or tx.now < found.due_at or not _is_steady(runtime, tx):
            return False
        for line in open_lines(tx, round_id)[:AT_ONCE]:
            settle_line(tx, line, REMOVE)
        close_if_done(tx, found)
        return found.closed_at is None


def _is_time(tx: Transaction, office_id: UUID) -> bool:
    """Whether no round is open, and the last one, or the office itself, began long enough ago."""
    if open_round(tx, office_id) is not None:
        return False
    last = tx.session.scalar(
        select(func.max(Recertification.began_at)).where(Recertification.office_id == office_id)
    )
    return (last or tx.session.get_one(Office, office_id).created_at) + tx.settings.recertify_every <= tx.now


def _is_steady(runtime: Runtime, tx: Transaction) -> bool:
    return read_clock(tx.session, runtime.clock).state is ClockState.STEADY
