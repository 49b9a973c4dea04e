"""What is shown of exceptions and of declarations, to pages and to the API alike."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.policy import Permission
from vault.bundles.models import Bundle, Document
from vault.bundles.opening import open_bundle
from vault.cases.models import Case
from vault.errors import Fault, Invalid
from vault.people.models import Person
from vault.shares.declarations import asks_declaration, current_version, declarations_for, declarations_of
from vault.shares.exceptions import LONGEST, exceptions_of, reason_of
from vault.shares.queries import known_organisations

if TYPE_CHECKING:
    from vault.runtime import Transaction


class ExceptionRow(BaseModel):
    """One exception. `kind` is what it stands in for: agreement, or destination. `is_valid` while it lets links pass."""

    id: UUID
    kind: str
    organisation: str
    country: str | None
    made_by: str
    made_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    is_valid: bool
    reason: str


class Choice(BaseModel):
    """An organisation that can be chosen."""

    id: UUID
    name: str


class ExceptionList(BaseModel):
    """The exceptions of a case, newest first, and what a controller chooses from."""

    case_id: UUID
    case_number: str
    items: list[ExceptionRow]
    organisations: list[Choice]
    longest_days: int
    may_make: bool


class DeclarationRow(BaseModel):
    """A declaration of the case in its current version; `title` is null where its bundle is not open."""

    document: UUID
    version: UUID
    number: int
    title: str | None
    deposited_at: datetime
    is_bound: bool


class DeclarationList(BaseModel):
    """A form in its current version, and the declarations that could be for it."""

    document: UUID
    title: str
    case_id: UUID
    case_number: str
    version: UUID
    number: int
    items: list[DeclarationRow]


def exception_list(tx: Transaction, case: Case) -> ExceptionList:
    """All of the case's. Load it with a permission first."""
    may_make = tx.allows(Permission.EXCEPTION_MAKE, case)
    return ExceptionList(
        case_id=case.id,
        case_number=case.number,
        items=[
            ExceptionRow(
                id=row.id,
                kind=row.kind,
                organisation=row.organisation.name,
                country=row.organisation.country,
                made_by=tx.session.get_one(Person, row.made_by_id).display_name,
                made_at=row.made_at,
                expires_at=row.expires_at,
                ended_at=row.ended_at,
                is_valid=row.is_valid(tx.now),
                reason=reason_of(tx, row),
            )
            for row in exceptions_of(tx, case)
        ],
        organisations=[Choice(id=each.id, name=each.name) for each in known_organisations(tx)],
        longest_days=LONGEST.days,
        may_make=may_make,
    )


def declaration_list(tx: Transaction, form: Document) -> DeclarationList:
    """The declarations of the form's case that the actor may change. `Invalid` for a document of another type."""
    if not asks_declaration(form):
        message = "Only a Resettlement Registration Form has a declaration."
        raise Invalid(message, errors=[Fault("", message)])
    opened = open_bundle(tx, tx.session.get_one(Bundle, form.bundle_id))
    version = current_version(tx, form)
    bound = {each.id for each in declarations_for(tx, form)}
    return DeclarationList(
        document=form.id,
        title=opened.title_of(form),
        case_id=form.case_id,
        case_number=tx.session.get_one(Case, form.case_id).number,
        version=version.id,
        number=version.number,
        items=[
            DeclarationRow(
                document=document.id,
                version=signed.id,
                number=signed.number,
                title=opened.title_of(document) if document.bundle_id == form.bundle_id else None,
                deposited_at=signed.deposited_at,
                is_bound=signed.id in bound,
            )
            for document, signed in declarations_of(tx, form)
            if tx.allows(Permission.DOCUMENT_CHANGE, document)
        ],
    )
