"""The epoch key replaced, monthly by itself or by `casevault keys rotate`, while everybody goes on working.

A rotation begins with a new epoch, whose key locks whatever is made from then on. Then each living slot is locked anew,
a hundred in one transaction, and an epoch that no slot names any more goes. At every moment a slot lies under exactly
one epoch key, and that one is there. Killed anywhere, a rotation goes on with the slots that are left: how far it has
come is what the slots themselves say.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from vault.access.actor import SYSTEM
from vault.jobs import ClaimedJob, handles, renew

if TYPE_CHECKING:
    from vault.keystore.epochs import Relocked
    from vault.runtime import Runtime

KEEP = "keystore.keep_epoch"
SLICE = timedelta(minutes=4)


def begin_rotation(runtime: Runtime, after: int | None = None) -> int:
    """A new epoch is current; returns its number. With `after`, only if that is the newest number so far."""
    number = runtime.keystore.epochs.start(after)
    with runtime.transaction(SYSTEM) as tx:
        tx.record("keystore.epoch_rotated", epoch=number)
    return number


def continue_rotation(runtime: Runtime, seconds: float | None = None) -> Relocked:
    """Every living slot lies under the newest epoch, or `seconds` are over: then `is_done` is false.

    Raises `Tampered` when all others are done and the lock of some slot does not open.
    """
    done = runtime.keystore.relock(seconds)
    if done.ended:
        with runtime.transaction(SYSTEM) as tx:
            tx.record("keystore.epochs_ended", epochs=list(done.ended), epoch=done.number)
    return done


@handles(KEEP)
def keep_epoch(runtime: Runtime, job: ClaimedJob) -> None:
    """A new epoch begins when its time has come; a rotation that is not finished goes on, four minutes at a time.

    Where the worker's role may not, nothing is done: `casevault keys rotate` does it for a role that may, and
    `casevault check` says when it was forgotten.
    """
    if not runtime.keystore.epochs.may_begin():
        return
    number, began_at = runtime.keystore.epochs.newest()
    if runtime.clock.now() >= began_at + runtime.settings.epoch_length:
        begin_rotation(runtime, after=number)
    done = continue_rotation(runtime, SLICE.total_seconds())
    if not done.is_done:
        with runtime.transaction(SYSTEM) as tx:
            renew(tx.session, job, tx.now)
            tx.later(KEEP, dedupe_key=f"{KEEP}:next")
