"""The steps of a disposal as jobs: which is next from each state, who holds the row, and what is noted when one fails.

Each step looks at the state, may be repeated, and commits with its job's fence.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select, update

from vault.access.actor import SYSTEM
from vault.archive.packaging import HOPELESS, code_of
from vault.db import for_change
from vault.disposal.approvals import FRESH, HOLDS
from vault.disposal.models import (
    APPROVED,
    COOLING,
    ERASED,
    ERASING,
    REJECTED,
    VOIDED,
    Disposal,
    DisposalItem,
    DisposalSignature,
    DisposedVersion,
)
from vault.errors import VaultError
from vault.jobs import ClaimedJob, LeaseLost, hasten, renew

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from vault.runtime import Runtime, Transaction

BEGIN, INVENTORY = "disposal.begin_due", "disposal.take_inventory"
ERASE, REMOVE, CERTIFY = "disposal.destroy_slots", "disposal.remove_objects", "disposal.certify"
AT_ONCE = 100


def go_on_disposing(tx: Transaction, disposal: Disposal) -> None:
    """The next step waits, once."""
    steps = {APPROVED: INVENTORY, COOLING: ERASE, ERASED: CERTIFY}
    name = steps.get(disposal.state)
    if disposal.state == ERASING:
        name = ERASE if disposal.slots_ended_at is None else REMOVE
    if name is None or (disposal.state == COOLING and not is_cold(disposal, tx.now)):
        return
    key = f"{name}:{disposal.id}"
    hasten(tx.session, key, tx.now)
    tx.later(name, disposal.id, dedupe_key=key)


def is_cold(disposal: Disposal, now: datetime) -> bool:
    """Whether its cool-off is over."""
    return disposal.cools_until is not None and now >= disposal.cools_until


def holds_until(disposal: Disposal) -> datetime:
    """When approvals lapse that were not carried out."""
    if disposal.approved_at is None or disposal.cools_until is None:
        return disposal.proposed_at
    return max(disposal.approved_at + HOLDS, disposal.cools_until + FRESH)


def state_of(runtime: Runtime, disposal_id: UUID) -> str | None:
    """How far a disposal is."""
    with runtime.session() as session:
        return session.scalar(select(Disposal.state).where(Disposal.id == disposal_id))


def held_disposal(tx: Transaction, disposal_id: UUID) -> Disposal:
    """The disposal, which nobody else changes until the transaction ends."""
    query = select(Disposal).where(Disposal.id == disposal_id).with_for_update(**for_change(Disposal))
    return tx.session.scalars(query, execution_options={"populate_existing": True}).one()


@contextmanager
def disposal_step(runtime: Runtime, job: ClaimedJob, state: str) -> Iterator[tuple[Transaction, Disposal]]:
    """The one commit of a step, by the worker that holds the job, from this state; then the next waits, or `LeaseLost`."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        disposal = held_disposal(tx, job.subject_id or UUID(int=0))
        if disposal.state != state:
            raise LeaseLost("Another run was faster.")
        disposal.error_code = None
        yield tx, disposal
        tx.session.flush()
        go_on_disposing(tx, disposal)


def mark_disposed(tx: Transaction, ids: Sequence[UUID], **values: datetime) -> None:
    """These rows say how far each version is."""
    mine = update(DisposedVersion).where(DisposedVersion.id.in_(ids)).values(**values)
    tx.session.execute(mine, execution_options={"synchronize_session": False})


@contextmanager
def stopping_disposal(runtime: Runtime, job: ClaimedJob, disposal_id: UUID) -> Iterator[None]:
    """What goes wrong in the block stands in the disposal's row, and in the log when it is news."""
    try:
        yield
    except LeaseLost:
        raise
    except VaultError as fault:
        _note_failure(runtime, job, disposal_id, code_of(fault))
        if not isinstance(fault, HOPELESS):
            raise


def _note_failure(runtime: Runtime, job: ClaimedJob, disposal_id: UUID, code: str) -> None:
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        disposal = held_disposal(tx, disposal_id)
        if disposal.error_code != code:
            disposal.error_code = code
            tx.record("disposal.stopped", disposal, code=code, step=disposal.state)


def end_disposal(tx: Transaction, disposal: Disposal, reason: str, **details: str) -> None:
    """It never happens, for this reason; its documents can be listed anew."""
    disposal.state = REJECTED if reason == "rejected" else VOIDED
    disposal.ended_at, disposal.end_reason, disposal.ended_by_id = tx.now, reason, tx.actor.id
    disposal.error_code = None
    mine = update(DisposalItem).where(DisposalItem.disposal_id == disposal.id)
    tx.session.execute(mine.values(ended_at=tx.now), execution_options={"synchronize_session": False})
    tx.session.flush()
    tx.record(f"disposal.{disposal.state}", disposal, reason=reason, **details)


def lapses_at(tx: Transaction, disposal: Disposal) -> datetime:
    """When a list in review lapses if nobody signs next."""
    given = select(func.max(DisposalSignature.signed_at)).where(DisposalSignature.disposal_id == disposal.id)
    return (tx.session.scalar(given) or disposal.proposed_at) + tx.settings.approval
