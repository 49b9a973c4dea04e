"""Whether an office stores what the virus scanner has not seen; its Personal Data Controller decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.people.approvals import own_office

if TYPE_CHECKING:
    from vault.people.models import Office
    from vault.runtime import Transaction


def require_scan(tx: Transaction, wanted: bool) -> Office:
    """From now on the actor's office stores nothing unscanned, or what could not be scanned as well.

    Nothing is recorded when that was so.
    """
    office = own_office(tx)
    if wanted != (office.scan_required_at is not None):
        office.scan_required_at = tx.now if wanted else None
        tx.record("office.scanning_changed", office, required=wanted)
    return office
