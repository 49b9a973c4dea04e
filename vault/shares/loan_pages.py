"""What is shown of loans, to pages and to the API alike."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.policy import Permission, permits
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.models import Document, Version
from vault.bundles.opening import OpenBundle
from vault.cases.models import Case
from vault.errors import Gone, Tampered
from vault.inspection.findings import Findings, findings_of
from vault.people.models import Person
from vault.shares.loans import Borrowed, lent_to_me, open_loan, possible_borrowers
from vault.shares.models import Loan

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST = 200


class LoanRow(BaseModel):
    """A loan as its lender sees it; no title is in it. `state` is live, expired, revoked or ended."""

    id: UUID
    document: UUID
    bundle_id: UUID
    case_id: UUID
    case_number: str
    document_type: str
    type_name: str
    lender: str
    borrower: str
    purpose: str
    state: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    may_revoke: bool


class LoanList(BaseModel):
    """The newest loans that the actor may see, at most 200."""

    items: list[LoanRow]


class LentRow(BaseModel):
    """A document that was lent to the actor; `title` is null while the loan does not work. `length` is in bytes."""

    id: UUID
    title: str | None
    case_number: str
    document_type: str
    type_name: str
    media_type: str
    length: int
    is_playable: bool
    lender: str
    expires_at: datetime
    inspection: Findings


class LentList(BaseModel):
    """What is lent to the actor now."""

    items: list[LentRow]


class Candidate(BaseModel):
    """A colleague to whom a document could be lent."""

    person: UUID
    name: str


class LoanFormPage(BaseModel):
    """What the page for a new loan needs."""

    document: UUID
    title: str
    case_id: UUID
    case_number: str
    people: list[Candidate]
    expires_at: str
    longest_days: int


def loan_row(tx: Transaction, loan: Loan) -> LoanRow:
    """The loan for a list or its page."""
    code = tx.session.get_one(Document, loan.document_id).document_type
    return LoanRow(
        id=loan.id,
        document=loan.document_id,
        bundle_id=loan.bundle_id,
        case_id=loan.case_id,
        case_number=tx.session.get_one(Case, loan.case_id).number,
        document_type=code,
        type_name=DOCUMENT_TYPES[code].name,
        lender=tx.session.get_one(Person, loan.owner_id).display_name,
        borrower=tx.session.get_one(Person, loan.borrower_id).display_name,
        purpose=loan.purpose,
        state=state_of(loan, tx.now),
        created_at=loan.created_at,
        expires_at=loan.expires_at,
        ended_at=loan.ended_at,
        may_revoke=not loan.is_over(tx.now) and tx.allows(Permission.LOAN_REVOKE, loan),
    )


def state_of(loan: Loan, now: datetime) -> str:
    """One word: revoked, ended, expired or live."""
    if loan.revoked_at is not None:
        return "revoked"
    if now >= min(loan.expires_at, loan.absolute_end_at):
        return "expired"
    return "live" if loan.ended_at is None else "ended"


def loan_list(tx: Transaction) -> LoanList:
    """Loans by the actor, or of the office, newest first."""
    query = select(Loan).where(permits(Permission.LOAN_SEE, Loan, tx.actor, tx.now))
    found = tx.session.scalars(query.order_by(Loan.created_at.desc(), Loan.id).limit(MOST))
    return LoanList(items=[loan_row(tx, loan) for loan in found])


def lent_list(tx: Transaction, playable: Container[str]) -> LentList:
    """What the actor can read now, the first to end first."""
    return LentList(items=[_lent_row(tx, loan, playable) for loan in lent_to_me(tx)])


def lent_page(tx: Transaction, borrowed: Borrowed, playable: Container[str]) -> LentRow:
    """One of them, open."""
    return _row(tx, borrowed.loan, borrowed.title, playable)


def loan_form(tx: Transaction, opened: OpenBundle, document: Document) -> LoanFormPage:
    """The page for lending a document of an open bundle."""
    people = tx.session.scalars(possible_borrowers(tx, opened.bundle).order_by(Person.display_name))
    return LoanFormPage(
        document=document.id,
        title=opened.title_of(document),
        case_id=document.case_id,
        case_number=tx.session.get_one(Case, document.case_id).number,
        people=[
            Candidate(person=person.id, name=person.display_name)
            for person in people
            if person.principal.has_keys
        ],
        expires_at=(tx.now + tx.settings.loan_default).strftime("%Y-%m-%dT%H:%M"),
        longest_days=tx.settings.loan_longest.days,
    )


def _lent_row(tx: Transaction, loan: Loan, playable: Container[str]) -> LentRow:
    """A loan that does not work keeps the others readable."""
    try:
        title = open_loan(tx, loan).title
    except (Gone, Tampered):
        title = None
    return _row(tx, loan, title, playable)


def _row(tx: Transaction, loan: Loan, title: str | None, playable: Container[str]) -> LentRow:
    document = tx.session.get_one(Document, loan.document_id)
    version = tx.session.get_one(Version, loan.version_id)
    return LentRow(
        id=loan.id,
        title=title,
        case_number=tx.session.get_one(Case, loan.case_id).number,
        document_type=document.document_type,
        type_name=DOCUMENT_TYPES[document.document_type].name,
        media_type=version.media_type,
        length=version.length,
        is_playable=document.kind == "recording" and version.media_type in playable,
        lender=tx.session.get_one(Person, loan.owner_id).display_name,
        expires_at=loan.expires_at,
        inspection=findings_of(tx.session, [version.id])[version.id],
    )
