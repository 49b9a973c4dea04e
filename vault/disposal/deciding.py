"""What else is decided of a due document: it stays for longer, or it is of another class. Neither destroys anything.

A list that names it, and has not begun, is void then.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import delete

from vault.access.holds import keep_on_hold, wait_for_holds
from vault.access.policy import Permission
from vault.access.remarks import checked_reason
from vault.bundles.document_types import DOCUMENT_TYPES, PERMANENT
from vault.disposal.drafting import reviewed
from vault.disposal.ending import end_lists_with
from vault.errors import Conflict, Fault, Invalid
from vault.retention.decisions import hold_by_class
from vault.retention.models import EXTENDED, RECLASSIFIED, DueDocument, RetentionClass, RetentionDecision

if TYPE_CHECKING:
    from vault.bundles.models import Document
    from vault.runtime import Transaction

LONGEST = timedelta(days=36_500)


def extend_document(tx: Transaction, document_id: UUID, until: date, reason: str) -> RetentionDecision:
    """It is not due before that day is over. `Invalid` for a day that is, `Conflict` for what is not due."""
    document = reviewed(tx, document_id, Permission.DISPOSAL_PROPOSE)
    ends = datetime.combine(until, time(), UTC) + timedelta(days=1)
    if not tx.now < ends <= tx.now + LONGEST:
        message = "Choose a day to come, within a hundred years."
        raise Invalid(message, errors=[Fault("/until", message)])
    if tx.session.get(DueDocument, document.id) is None:
        raise Conflict("This is not due, so nothing is to be extended.")
    return _decide(tx, document, reason, kind=EXTENDED, until=ends)


def reclassify_document(tx: Transaction, document_id: UUID, class_id: UUID, reason: str) -> RetentionDecision:
    """It is in this class from now on, of its own kind or of permanent records. `Invalid` for any other class."""
    document = reviewed(tx, document_id, Permission.DISPOSAL_PROPOSE)
    kept = tx.load(RetentionClass, class_id, Permission.RETENTION_SEE)
    own = DOCUMENT_TYPES[document.document_type].disposal
    if own == PERMANENT or kept.office_id != document.office_id or kept.disposal not in (own, PERMANENT):
        message = "Choose a class for documents of this kind, or one for permanent records."
        raise Invalid(message, errors=[Fault("/class_id", message)])
    wait_for_holds(tx.session, document.office_id)
    keep_on_hold(tx.session, [document.id])
    hold_by_class(tx, document.id, kept.id)
    return _decide(tx, document, reason, kind=RECLASSIFIED, class_id=kept.id, disposal=kept.disposal)


def _decide(
    tx: Transaction, document: Document, reason: str, kind: str, **said: datetime | UUID | str
) -> RetentionDecision:
    remark = tx.remark(checked_reason(reason))
    end_lists_with(tx, document.id, "changed")
    row = tx.add(
        RetentionDecision(
            document_id=document.id,
            office_id=document.office_id,
            kind=kind,
            remark_id=UUID(remark["remark"]),
            decided_by_id=tx.actor.id,
            decided_at=tx.now,
            **said,
        )
    )
    tx.session.execute(delete(DueDocument).where(DueDocument.id == document.id))
    named = {name: value for name, value in said.items() if name != "disposal"}
    tx.record(f"document.{kind}", document, **named, **remark)
    return row
