"""After a restore: what was destroyed for a list dies again, though keystore and ledger remember nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from vault.access.actor import SYSTEM
from vault.disposal.models import Disposal
from vault.disposal.steps import held_disposal
from vault.disposal.warrants import living_again

if TYPE_CHECKING:
    from vault.runtime import Runtime


def destroy_again(runtime: Runtime) -> int:
    """No slot lives that the database knows to have died for a list whose signatures hold; returns how many did.

    Where one does not hold in this keystore the slot stays, and `fsck` tells of it.
    """
    with runtime.session() as session:
        over = select(Disposal.id).where(Disposal.slots_ended_at.is_not(None))
        ids = session.scalars(over.order_by(Disposal.id)).all()
    count = 0
    for disposal_id in ids:
        with runtime.transaction(SYSTEM) as tx:
            living = living_again(tx, held_disposal(tx, disposal_id))
        for slot_id in living:
            runtime.keystore.destroy_slot(slot_id)
        count += len(living)
    return count
