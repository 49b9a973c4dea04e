"""Files on their way in, by form: new documents of a bundle, further versions of a document."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.models import Document
from vault.transfers.forms import NewDocuments, NewVersion
from vault.transfers.intake import MOST_FILES, Intake, Outcome
from vault.transfers.pages import Receipt, upload_form, version_form
from vault.transfers.receiving import open_for_adding
from vault.transfers.uploads import Wanted
from vault.web import csrf
from vault.web.acting import runtime, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.problems import meaning_of
from vault.web.respond import respond, shows_form
from vault.web.signin import signed_in

MIXED = 207
"""Multi-Status (RFC 4918): some files were stored, some refused; the body tells which."""


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources on `bp` and the pages with forms on `pages`."""
    pages.get("/bundles/<uuid:bundle_id>/documents/new")(new_documents)
    pages.get("/documents/<uuid:document_id>/versions/new")(new_version)
    bp.post("/bundles/<uuid:bundle_id>/documents")(deposit)
    bp.post("/documents/<uuid:document_id>/versions")(deposit_further)


@signed_in
def new_documents(bundle_id: UUID) -> ResponseReturnValue:
    """The page for adding files."""
    with transaction() as tx:
        page = upload_form(tx, open_for_adding(tx, bundle_id))
    return respond("transfers/new_documents.html", page)


@signed_in
def new_version(document_id: UUID) -> ResponseReturnValue:
    """The page for adding a version."""
    with transaction() as tx:
        document = tx.load(Document, document_id, Permission.DOCUMENT_ADD)
        page = version_form(tx, open_for_adding(tx, document.bundle_id), document)
    return respond("transfers/new_version.html", page)


@documented(
    "Store files, each at most 25 MB, in a multipart form: fields first, then `file` parts", returns=Receipt
)
@csrf.reads_multipart
@signed_in
@shows_form(new_documents)
def deposit(bundle_id: UUID) -> ResponseReturnValue:
    """New documents of a bundle."""
    with transaction() as tx:
        open_for_adding(tx, bundle_id)
    return _answer(bundle_id, _intake(bundle_id).take(NewDocuments, _wanted))


@documented(
    "Store a further version of a document, in a multipart form with one `file` part", returns=Receipt
)
@csrf.reads_multipart
@signed_in
@shows_form(new_version)
def deposit_further(document_id: UUID) -> ResponseReturnValue:
    """A further version of a document."""
    with transaction() as tx:
        bundle_id = tx.load(Document, document_id, Permission.DOCUMENT_ADD).bundle_id
        open_for_adding(tx, bundle_id)
    intake = _intake(bundle_id, most=1)
    return _answer(bundle_id, intake.take(NewVersion, lambda _, name: Wanted(name, document_id=document_id)))


def _intake(bundle_id: UUID, most: int = MOST_FILES) -> Intake:
    vault = runtime()
    return Intake(transaction, vault.store, bundle_id, vault.settings.form_limit, most)


def _wanted(asked: NewDocuments, file_name: str) -> Wanted:
    return Wanted(file_name, asked.document_type, asked.title or "", asked.language, tuple(asked.individuals))


def _answer(bundle_id: UUID, outcomes: Sequence[Outcome]) -> ResponseReturnValue:
    """All stored: on to the bundle. Otherwise a list of what became of each; to a program, one refused file is an error."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    receipt = Receipt(bundle=bundle_id, items=[outcome.result for outcome in outcomes])
    if errors and len(outcomes) == 1 and speaks_json(request):
        raise errors[0]
    if not errors:
        is_plain = all(item.same_as is None for item in receipt.items)
        onward = url_for("bundles.show", bundle_id=bundle_id, notice="stored")
        return respond("transfers/receipt.html", receipt, 201, onward if is_plain else None)
    status = meaning_of(errors[0]).status if len(errors) == len(outcomes) else MIXED
    return respond("transfers/receipt.html", receipt, status)
