"""How many people sign in an office, as its Personal Data Controller says: two, or three."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.people.approvals import own_office
from vault.people.step_up import Act, require_step_up

if TYPE_CHECKING:
    from vault.people.models import Office
    from vault.runtime import Transaction


def set_signers(tx: Transaction, signers: int) -> Office:
    """So many people sign every list that is proposed from now on. Nothing is recorded when that was so. `StepUpDue`."""
    office = own_office(tx)
    if office.disposal_signers != signers:
        facts = (("Office", office.name), ("People who sign", str(signers)))
        require_step_up(tx, Act("office.signers", "Change how many sign a disposal", office.id, facts))
        office.disposal_signers = signers
        tx.record("office.disposal_signers", office, signers=signers)
    return office
