"""What people approved, kept in the keystore, and compared with what the rows say before each further step.

As for active copies (`vault.archive.warrants`): whoever writes to the database can write every row of a disposal, so slots
die by the warrant alone, and a certificate says what the warrant says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.holds import any_on_hold, wait_for_holds
from vault.archive.canonical import canonical
from vault.archive.package import written_time
from vault.crypto.kdf import sha256
from vault.disposal.approvals import all_hold, are_cold, signatures_of
from vault.disposal.lists import Said, said_of_rows
from vault.disposal.models import Disposal, DisposalSignature
from vault.errors import Tampered, Unwarranted

if TYPE_CHECKING:
    from vault.runtime import Transaction


def give_warrant(
    tx: Transaction, disposal: Disposal, signatures: Sequence[DisposalSignature], said: Said
) -> None:
    """The slots of what goes may die, and no others. Whoever calls has just checked all approvals."""
    slots = {each.slot_id: each.id for each in said.going if each.slot_id is not None}
    tx.keystore.warrants.give(disposal.id, _digest(said, signatures), slots)


def require_warrant(tx: Transaction, disposal: Disposal) -> Said:
    """The rows say what people approved, which is returned. `Tampered` if they say anything else.

    Where the keystore has no warrant (it was rebuilt), all approvals are checked once more; `Unwarranted` if one does not
    hold or has not cooled off, or if something is on hold.
    """
    said, signatures = said_of_rows(tx.session, disposal), signatures_of(tx.session, disposal.id)
    known = tx.keystore.warrants.digest_of(disposal.id)
    if known is None and disposal.slots_ended_at is None:
        wait_for_holds(tx.session, disposal.office_id)
        held = any_on_hold(tx.session, said.document_ids)
        if held or not are_cold(tx, signatures) or not all_hold(tx.keystore, disposal, signatures, said):
            raise Unwarranted
        give_warrant(tx, disposal, signatures, said)
    elif known != _digest(said, signatures):
        raise Tampered("What is to be destroyed is not what was approved.")
    return said


def others_living(tx: Transaction, disposal: Disposal) -> list[UUID]:
    """The slots of what goes that live, and may die now. A crash while one was replaced leaves such; no row names them."""
    said, signatures = require_warrant(tx, disposal), signatures_of(tx.session, disposal.id)
    living = tx.keystore.warrants.living_of([each.id for each in said.going])
    tx.keystore.warrants.give(disposal.id, _digest(said, signatures), living)
    return list(living)


def living_again(tx: Transaction, disposal: Disposal) -> list[UUID]:
    """The slots of what died for this that live in a keystore that was put back, and may die again; none if the rows or
    a signature do not hold.
    """
    try:
        said = said_of_rows(tx.session, disposal)
    except Tampered:
        return []
    signatures = signatures_of(tx.session, disposal.id)
    living = tx.keystore.warrants.living_of([each.id for each in said.going])
    known = tx.keystore.warrants.digest_of(disposal.id)
    if not living or (known is not None and known != _digest(said, signatures)):
        return []
    if not are_cold(tx, signatures) or not all_hold(tx.keystore, disposal, signatures, said):
        return []
    tx.keystore.warrants.give(disposal.id, _digest(said, signatures), living)
    return list(living)


def require_all_dead(tx: Transaction, disposal: Disposal) -> Said:
    """The rows say what people approved, what they name has died for it, and no slot of it lives; else `Tampered`."""
    said = require_warrant(tx, disposal)
    named = {each.slot_id for each in said.going}
    living = tx.keystore.warrants.living_of([each.id for each in said.going])
    if living or not named <= tx.keystore.warrants.ended_by(disposal.id):
        raise Tampered("Not all that was to be destroyed has died.")
    return said


def _digest(said: Said, signatures: Sequence[DisposalSignature]) -> bytes:
    approvals = [
        [str(each.person_id), each.unit, each.role, written_time(each.signed_at)] for each in signatures
    ]
    return sha256(canonical({"said": said.digest.hex(), "approvals": approvals}))
