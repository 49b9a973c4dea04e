"""What may be put on a list: due recordings and temporary copies with nothing against them, and why others may not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from vault.access.holds import is_on_hold
from vault.access.policy import Permission, permits
from vault.bundles.document_types import PERMANENT, RECORDING, is_permanent
from vault.bundles.models import Document
from vault.cases.models import ACTIVE, Case
from vault.disposal.lists import Heading, Item, Said, going_of
from vault.disposal.models import DISPOSABLE, DisposalItem
from vault.errors import Conflict, Fault
from vault.retention.models import TRANSFER, DueDocument, RetentionClass, RetentionRule
from vault.retention.moments import IN_THE_ARCHIVE
from vault.retention.transcripts import Beside, beside_of

if TYPE_CHECKING:
    from vault.runtime import Transaction

WITHDRAWN = ("withdrawn",)
"""A document that was withdrawn is due, and destroyed, like any other."""
MOST = 500
"""Documents on one list."""
SETTLED = (ACTIVE, *IN_THE_ARCHIVE)
"""States of a case in which nothing is being packed."""
WHY_NOT = {
    "permanent": "Permanent records are never destroyed.",
    "not_due": "Its time is not over, or its class does not say that it is destroyed.",
    "held": "A hold stops this. It is released first, by somebody who may and who did not place it.",
    "transcript_missing": "No transcript of this recording lies beside it.",
    "transcript_unverified": "Nobody has compared the transcript with this recording yet.",
    "packing": "Its case is being closed or archived. Wait until its packages lie in the archive.",
    "listed": "It is on another list.",
}
"""What stands against a document, in words."""


class Candidate(NamedTuple):
    """A document that somebody wants on a list, what its item would say, and what stands against that."""

    document: Document
    case: Case
    due: DueDocument | None
    rule: RetentionRule | None
    transcript_id: UUID | None
    against: list[str]


def candidates(tx: Transaction, document_ids: Sequence[UUID]) -> list[Candidate]:
    """Those of the documents that the actor may propose, by case and time; others are not there."""
    query = (
        select(Document, Case, DueDocument, RetentionRule, is_on_hold(Document.id))
        .join(Case, Case.id == Document.case_id)
        .outerjoin(DueDocument, DueDocument.id == Document.id)
        .outerjoin(RetentionRule, RetentionRule.id == DueDocument.rule_id)
        .where(
            Document.id.in_(document_ids),
            permits(Permission.DISPOSAL_PROPOSE, Document, tx.actor, tx.now, but_for=WITHDRAWN),
        )
        .options(selectinload(Document.individuals))
        .order_by(Case.number_key, Document.created_at, Document.id)
    )
    found = tx.session.execute(query).all()
    live = DisposalItem.document_id.in_(document_ids), DisposalItem.ended_at.is_(None)
    listed = set(tx.session.scalars(select(DisposalItem.document_id).where(*live)))
    recordings = [row[0] for row in found if row[0].kind == RECORDING]
    beside = beside_of(tx, recordings)
    return [
        Candidate(
            document,
            case,
            due,
            rule,
            _compared(beside.get(document.id, ())),
            _against(document, case, rule, (held, document.id in listed), beside.get(document.id)),
        )
        for document, case, due, rule, held in found
    ]


def reviewed(tx: Transaction, document_id: UUID, permission: Permission) -> Document:
    """The document, also one that was withdrawn, for who may do this; errors as `tx.load` has them."""
    row = _reviewed(tx, document_id, permission)
    return row if row is not None else tx.load(Document, document_id, permission)


def may_decide(tx: Transaction, document: Document) -> bool:
    """Whether the actor may decide about it in a review."""
    is_record = is_permanent(document.document_type)
    return not is_record and _reviewed(tx, document.id, Permission.DISPOSAL_PROPOSE) is not None


def _reviewed(tx: Transaction, document_id: UUID, permission: Permission) -> Document | None:
    may = permits(permission, Document, tx.actor, tx.now, but_for=WITHDRAWN)
    return tx.session.scalar(select(Document).where(Document.id == document_id, may))


def drafted(tx: Transaction, heading: Heading, document_ids: Sequence[UUID]) -> Said:
    """The list of these documents. `Conflict` when one of them may not be on it: the faults say which and why."""
    found = candidates(tx, document_ids)
    if len(found) != len(set(document_ids)) or not found:
        raise Conflict("Some of these documents are not there, or not yours to propose. Choose them again.")
    if len(found) > MOST:
        raise Conflict(f"A list has at most {MOST} documents. Make several.")
    faults = [
        Fault(f"/documents/{at}", WHY_NOT[each.against[0]]) for at, each in enumerate(found) if each.against
    ]
    if faults:
        raise Conflict(" ".join(dict.fromkeys(each.message for each in faults)), errors=faults)
    items = tuple(_item(tx, number, each) for number, each in enumerate(found, 1))
    going = going_of(tx.session, [each.document_id for each in items], hold=True)
    if {each.document_id for each in going} != {each.document_id for each in items}:
        raise Conflict("Of one of these documents nothing lies here any more.")
    return Said(heading, items, going)


def _item(tx: Transaction, number: int, each: Candidate) -> Item:
    if each.due is None or each.rule is None:
        raise Conflict(WHY_NOT["not_due"])
    return Item(
        number=number,
        document_id=each.document.id,
        case_id=each.case.id,
        document_type=each.document.document_type,
        class_code=tx.session.get_one(RetentionClass, each.rule.class_id).code,
        rule_version=each.rule.version,
        citation=each.rule.citation,
        due_at=each.due.due_at,
        transcript_id=each.transcript_id,
    )


def _against(
    document: Document,
    case: Case,
    rule: RetentionRule | None,
    stops: tuple[bool, bool],
    beside: Sequence[Beside] | None,
) -> list[str]:
    held, listed = stops
    without = beside is not None and not beside
    reasons = {
        "permanent": document.document_type not in DISPOSABLE
        or (rule is not None and rule.disposal == PERMANENT),
        "not_due": rule is None or rule.action == TRANSFER,
        "held": held,
        "transcript_missing": without,
        "transcript_unverified": beside is not None and not without and _compared(beside) is None,
        "packing": case.state not in SETTLED,
        "listed": listed,
    }
    return [name for name, is_so in reasons.items() if is_so]


def _compared(beside: Sequence[Beside]) -> UUID | None:
    """The version of a transcript that was compared with the recording, the first such."""
    return next((each.version.id for each in beside if each.check is not None), None)
