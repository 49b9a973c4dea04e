"""What two people approved, kept in the keystore, and compared with what the database says before each further step.

The rows of a removal can be written by whoever writes to the database. So the keys worker checks both approvals once, before
anything dies, and gives a warrant; slots die by that alone, and a certificate says what it says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.access.holds import any_on_hold, wait_for_holds
from vault.archive.canonical import canonical
from vault.archive.package import written_time
from vault.archive.removal_approvals import Said, both_hold, documents_of, said_of_rows
from vault.archive.removal_models import DESTROYING, Removal
from vault.crypto.kdf import sha256
from vault.errors import Tampered, Unwarranted

if TYPE_CHECKING:
    from vault.runtime import Transaction


def give_warrant(tx: Transaction, removal: Removal, said: Said) -> None:
    """The slots of what goes may die, and no others. Whoever calls has just checked both approvals."""
    slots = {each.slot_id: each.id for each in said.going if each.slot_id is not None}
    tx.keystore.warrants.give(removal.id, _digest(removal, said), slots)


def require_warrant(tx: Transaction, removal: Removal) -> None:
    """The rows say what two people approved. `Tampered` if they say anything else.

    Where the keystore has no warrant (it was rebuilt), both approvals are checked once more; `Unwarranted` if one does not
    hold, or if something is on hold.
    """
    said = said_of_rows(tx.session, removal)
    known = tx.keystore.warrants.digest_of(removal.id)
    if known is None and removal.state == DESTROYING:
        wait_for_holds(tx.session, removal.office_id)
        held = any_on_hold(tx.session, documents_of(tx.session, said))
        if held or not both_hold(tx.keystore, removal, said):
            raise Unwarranted
        give_warrant(tx, removal, said)
    elif known != _digest(removal, said):
        raise Tampered("What is to be removed is not what two people approved.")


def require_all_dead(tx: Transaction, removal: Removal) -> None:
    """The rows say what two people approved, and just the slots that they name have died for it; else `Tampered`."""
    require_warrant(tx, removal)
    said = said_of_rows(tx.session, removal)
    named = {each.slot_id for each in said.going}
    if named != tx.keystore.warrants.ended_by(removal.id):
        raise Tampered("Not all that was to be removed has died, or more than that.")


def _digest(removal: Removal, said: Said) -> bytes:
    signed = (
        (removal.proposed_by_id, removal.proposed_at),
        (removal.approved_by_id, removal.approved_at),
    )
    approvals = [[str(person_id), written_time(at) if at else None] for person_id, at in signed]
    return sha256(canonical({"said": said.digest.hex(), "approvals": approvals}))
