"""Which signed declaration is for which version of a Resettlement Registration Form.

The refugees sign for what the form says, so a new version of the form, or of the declaration, is not signed for. What
was such a form and got another type needs one as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select

from vault.access.policy import Permission
from vault.bundles.models import Document, Version
from vault.db import take_turn
from vault.errors import Conflict, Fault, Invalid, NotFound
from vault.shares.term_models import DeclarationBinding

if TYPE_CHECKING:
    from vault.runtime import Transaction

FORM, DECLARATION = "rrf", "declaration"


def bind_declaration(
    tx: Transaction, form_id: UUID, form_version_id: UUID, declaration_version_id: UUID
) -> DeclarationBinding:
    """This version of the declaration is for that version of the form; said twice it is the same.

    Errors: `NotFound`, `Refused` for whoever may not change both; `Invalid` for other types or another case;
    `Conflict` when one of them has a newer version by now, or is withdrawn.
    """
    form = tx.load(Document, form_id, Permission.DOCUMENT_CHANGE)
    signed = tx.session.get(Version, declaration_version_id)
    if signed is None:
        raise NotFound
    declaration = tx.load(Document, signed.document_id, Permission.DOCUMENT_CHANGE)
    if not asks_declaration(form) or declaration.document_type != DECLARATION:
        raise _unfit("declaration", "A declaration is for a Resettlement Registration Form.")
    if form.case_id != declaration.case_id:
        raise _unfit("declaration", "Choose a declaration of the same case.")
    if form.withdrawn_at or declaration.withdrawn_at or signed.number != declaration.current_number:
        raise Conflict("The declaration or the form was changed meanwhile. Load the page again.")
    if current_version(tx, form).id != form_version_id:
        raise Conflict("The form has another version by now. Read it before you say what was signed.")
    take_turn(tx.session, f"declarations of {form.id}")
    known = tx.session.scalar(
        select(DeclarationBinding).where(
            DeclarationBinding.declaration_version_id == signed.id,
            DeclarationBinding.form_version_id == form_version_id,
        )
    )
    return known or _bind(tx, form, form_version_id, signed)


def asks_declaration(document: Document) -> bool:
    """Whether it is a Resettlement Registration Form, or was one."""
    return document.document_type == FORM or document.form_left_at is not None


def is_declared(tx: Transaction, form: Document, version_id: UUID | None = None) -> bool:
    """Whether this version of the form (else its current one) has a declaration that is current and not withdrawn."""
    return bool(declarations_for(tx, form, version_id))


def declarations_for(tx: Transaction, form: Document, version_id: UUID | None = None) -> Sequence[Version]:
    """The declarations' versions that are bound to this version of the form (else its current one) and still hold."""
    signed_for = version_id or current_version(tx, form).id
    query = (
        select(Version)
        .join(DeclarationBinding, DeclarationBinding.declaration_version_id == Version.id)
        .join(Document, Document.id == Version.document_id)
        .where(DeclarationBinding.form_version_id == signed_for, _holds(form))
    )
    return tx.session.scalars(query.order_by(Version.deposited_at)).all()


def declarations_of(tx: Transaction, form: Document) -> list[tuple[Document, Version]]:
    """The case's current declarations, oldest first."""
    query = select(Document, Version).join(Version, Version.document_id == Document.id).where(_holds(form))
    return [
        (document, version) for document, version in tx.session.execute(query.order_by(Document.created_at))
    ]


def current_version(tx: Transaction, document: Document) -> Version:
    """The version that a link on the document would lend now."""
    query = select(Version).where(
        Version.document_id == document.id, Version.number == document.current_number
    )
    return tx.session.scalars(query).one()


def _holds(form: Document) -> ColumnElement[bool]:
    return and_(
        Document.case_id == form.case_id,
        Document.document_type == DECLARATION,
        Document.withdrawn_at.is_(None),
        Version.number == Document.current_number,
    )


def _bind(tx: Transaction, form: Document, form_version_id: UUID, signed: Version) -> DeclarationBinding:
    row = tx.add(
        DeclarationBinding(
            case_id=form.case_id,
            declaration_version_id=signed.id,
            form_version_id=form_version_id,
            bound_by_id=tx.actor.id,
            bound_at=tx.now,
        )
    )
    tx.record("declaration.bound", form, version=form_version_id, declaration=signed.id)
    return row


def _unfit(field: str, message: str) -> Invalid:
    return Invalid("Nothing was changed.", errors=[Fault(f"/{field}", message)])
