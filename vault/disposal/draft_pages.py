"""What is shown before somebody proposes a list, and of one document that is decided about in a review."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.policy import Permission
from vault.bundles.document_types import DOCUMENT_TYPES, PERMANENT
from vault.bundles.models import Document
from vault.cases.models import Case
from vault.disposal.drafting import WHY_NOT, Candidate, candidates, drafted, may_decide
from vault.disposal.lists import Heading
from vault.disposal.pages import titles_of
from vault.people.models import Office
from vault.retention.decisions import Decided, decided_of
from vault.retention.models import DueDocument, RetentionClass

if TYPE_CHECKING:
    from vault.runtime import Transaction


class DraftRow(BaseModel):
    """A document that may come on a list, or what stands against that, in words."""

    document_id: UUID
    case_number: str
    type_name: str
    title: str | None
    class_code: str | None
    citation: str | None
    due_at: datetime | None
    against: list[str]


class DraftPage(BaseModel):
    """A list before it is signed. `digest` of its documents and files is what proposing sends back; null while something
    stands against one of them. `length` is in bytes.
    """

    items: list[DraftRow]
    files: int
    length: int
    digest: str | None
    signers: int


class ReviewPage(BaseModel):
    """One document: since when it is due, what was decided of it, and into which classes it can be put."""

    document_id: UUID
    case_id: UUID
    case_number: str
    type_name: str
    due_at: datetime | None
    until: datetime | None
    class_id: UUID | None
    classes: list[ClassChoice]
    today: date
    may_decide: bool


class ClassChoice(BaseModel):
    """A class that the document can be put into."""

    id: UUID
    code: str
    disposal: str


ReviewPage.model_rebuild()


def draft_page(tx: Transaction, document_ids: Sequence[UUID]) -> DraftPage:
    """For those who may propose."""
    tx.require(Permission.DISPOSAL_PROPOSE)
    office = tx.session.get_one(Office, tx.actor.office_id)
    found = candidates(tx, document_ids)
    said = None
    if found and not any(each.against for each in found):
        heading = Heading(office.id, "", tx.now.date(), office.disposal_signers)
        said = drafted(tx, heading, [each.document.id for each in found])
    titles = titles_of(tx, [each.document for each in found])
    return DraftPage(
        items=[_row(tx, each, titles.get(each.document.id)) for each in found],
        files=len(said.going) if said else 0,
        length=said.length if said else 0,
        digest=said.documents_digest.hex() if said else None,
        signers=office.disposal_signers,
    )


def review_page(tx: Transaction, document: Document) -> ReviewPage:
    """Loaded with the permission to see what is due."""
    due, decided = (
        tx.session.get(DueDocument, document.id),
        decided_of(tx, [document.id]).get(document.id, Decided()),
    )
    case = tx.session.get_one(Case, document.case_id)
    own = DOCUMENT_TYPES[document.document_type].disposal
    fits = RetentionClass.office_id == document.office_id, RetentionClass.disposal.in_((own, PERMANENT))
    classes = tx.session.scalars(select(RetentionClass).where(*fits).order_by(RetentionClass.code)).all()
    return ReviewPage(
        document_id=document.id,
        case_id=case.id,
        case_number=case.number,
        type_name=DOCUMENT_TYPES[document.document_type].name,
        due_at=due.due_at if due else None,
        until=decided.until,
        class_id=decided.class_id,
        classes=[ClassChoice(id=each.id, code=each.code, disposal=each.disposal) for each in classes],
        today=tx.now.date(),
        may_decide=may_decide(tx, document),
    )


def _row(tx: Transaction, each: Candidate, title: str | None) -> DraftRow:
    rule = each.rule
    return DraftRow(
        document_id=each.document.id,
        case_number=each.case.number,
        type_name=DOCUMENT_TYPES[each.document.document_type].name,
        title=title,
        class_code=tx.session.get_one(RetentionClass, rule.class_id).code if rule else None,
        citation=rule.citation if rule else None,
        due_at=each.due.due_at if each.due else None,
        against=[WHY_NOT[code] for code in each.against],
    )
