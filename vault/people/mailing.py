"""What an office's mails may carry: case numbers, unless its Personal Data Controller keeps them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.people.approvals import own_office

if TYPE_CHECKING:
    from vault.people.models import Office
    from vault.runtime import Transaction


def set_numbers_in_mail(tx: Transaction, wanted: bool) -> Office:
    """From now on the mails of the actor's office carry case numbers, or none. Nothing is recorded when that was so."""
    office = own_office(tx)
    if wanted != (office.numbers_unmailed_at is None):
        office.numbers_unmailed_at = None if wanted else tx.now
        tx.record("office.mail_changed", office, case_numbers=wanted)
    return office
