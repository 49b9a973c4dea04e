"""What was decided of single documents in a review: that they are due later, or in another class than their type's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import insert, select

from vault.access.holds import HeldDocument, Hold
from vault.retention.models import RECLASSIFIED, RetentionDecision, RetentionRule
from vault.retention.schedule import Scheduled

if TYPE_CHECKING:
    from vault.bundles.models import Document
    from vault.runtime import Transaction


class Decided(NamedTuple):
    """Until when a document is not due, and which class it is in; None where nobody has decided that."""

    until: datetime | None = None
    class_id: UUID | None = None


def decided_of(tx: Transaction, document_ids: Collection[UUID]) -> dict[UUID, Decided]:
    """By document; only those that somebody decided about are named. A new class ends what was said of time before."""
    mine = select(RetentionDecision).where(RetentionDecision.document_id.in_(document_ids))
    found: dict[UUID, Decided] = {}
    for each in tx.session.scalars(mine.order_by(RetentionDecision.decided_at, RetentionDecision.id)):
        before = found.get(each.document_id, Decided())
        is_class = each.kind == RECLASSIFIED
        found[each.document_id] = Decided(
            None if is_class else each.until, each.class_id if is_class else before.class_id
        )
    return found


def rules_for(
    documents: Sequence[Document], schedule: Sequence[Scheduled], decided: dict[UUID, Decided]
) -> dict[UUID, RetentionRule]:
    """The rule in force for each document: of the class that it was put into, else of its type's. None says nothing yet."""
    by_type = {code: each.rule for each in schedule for code in each.document_types}
    by_class = {each.kept.id: each.rule for each in schedule}
    found = {}
    for document in documents:
        class_id = decided.get(document.id, Decided()).class_id
        rule = by_class.get(class_id) if class_id else by_type.get(document.document_type)
        if rule is not None:
            found[document.id] = rule
    return found


def hold_in_class(tx: Transaction, hold: Hold) -> None:
    """A hold on a class reaches the documents that were put into it one by one, too."""
    mine = select(RetentionDecision.document_id).where(RetentionDecision.class_id == hold.class_id)
    _reach(tx, [hold.id], tx.session.scalars(mine.distinct()).all())


def hold_by_class(tx: Transaction, document_id: UUID, class_id: UUID) -> None:
    """A document that is put into a class is held by what holds that class."""
    live = select(Hold.id).where(Hold.class_id == class_id, Hold.released_at.is_(None))
    _reach(tx, tx.session.scalars(live).all(), [document_id])


def _reach(tx: Transaction, holds: Sequence[UUID], documents: Sequence[UUID]) -> None:
    tx.session.flush()
    of_holds = select(HeldDocument.hold_id, HeldDocument.document_id).where(HeldDocument.hold_id.in_(holds))
    known = {(hold, document) for hold, document in tx.session.execute(of_holds)}
    wanted = [(hold, document) for hold in holds for document in documents if (hold, document) not in known]
    if wanted:
        rows = [{"hold_id": hold, "document_id": document} for hold, document in wanted]
        tx.session.execute(insert(HeldDocument), rows)
