"""Files on their way in, by form: new documents of a bundle, further versions of a document (`vault/web/intake.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from vault.access.policy import Permission
from vault.bundles.document_views import leads_to_password
from vault.bundles.models import Bundle, Document
from vault.transfers.forms import NewDocuments, NewVersion
from vault.transfers.pages import FileResult, Receipt, upload_form, version_form
from vault.transfers.receiving import Arrived, abandon, open_for_adding, receive_file, settle
from vault.transfers.resumable import own_upload, stop_upload
from vault.transfers.uploads import Wanted
from vault.transfers.waiting import Waiting, waiting_uploads
from vault.web import csrf
from vault.web.acting import reading, runtime, transaction
from vault.web.intake import MIXED, STORED, Intake, Outcome, fields_of, status_of
from vault.web.multipart import Field
from vault.web.openapi import documented
from vault.web.respond import respond, shows_form
from vault.web.signin import signed_in

REFUSALS = ("bundle-locked", "conflict", "storage-full")
Asked = TypeVar("Asked", bound=BaseModel)


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources on `bp` and the pages with forms on `pages`."""
    pages.get("/bundles/<uuid:bundle_id>/documents/new")(new_documents)
    pages.get("/documents/<uuid:document_id>/versions/new")(new_version)
    pages.post("/uploads/<uuid:upload_id>/stopping")(stop_by_form)
    pages.app_template_global("uploads_waiting")(uploads_waiting)
    bp.post("/bundles/<uuid:bundle_id>/documents")(deposit)
    bp.post("/documents/<uuid:document_id>/versions")(deposit_further)


@signed_in
@leads_to_password
def new_documents(bundle_id: UUID) -> ResponseReturnValue:
    """The page for adding files."""
    with transaction() as tx:
        page = upload_form(tx, open_for_adding(tx, bundle_id))
    return respond("transfers/new_documents.html", page)


@signed_in
@leads_to_password
def new_version(document_id: UUID) -> ResponseReturnValue:
    """The page for adding a version."""
    with transaction() as tx:
        document = tx.load(Document, document_id, Permission.DOCUMENT_ADD)
        page = version_form(tx, open_for_adding(tx, document.bundle_id), document)
    return respond("transfers/new_version.html", page)


@signed_in
def stop_by_form(upload_id: UUID) -> ResponseReturnValue:
    """The same as DELETE does, for a browser without script."""
    with transaction() as tx:
        bundle_id = own_upload(tx, upload_id).bundle_id
        stop_upload(tx, upload_id)
    return redirect(url_for(".new_documents", bundle_id=bundle_id, notice="upload-stopped"), 303)


def uploads_waiting(bundle_id: UUID | None = None) -> list[Waiting]:
    """For pages of bundles and of work: one's own unfinished uploads, into this bundle or by bundle."""
    with reading() as tx:
        return waiting_uploads(tx, bundle_id)


@documented(
    "Store files, each at most 25 MB, in a multipart form: fields first, then `file` parts",
    form=NewDocuments,
    returns=Receipt,
    status=201,
    answers=[MIXED],
    errors=REFUSALS,
)
@csrf.reads_multipart
@signed_in
@shows_form(new_documents)
def deposit(bundle_id: UUID) -> ResponseReturnValue:
    """New documents of a bundle."""
    with transaction() as tx:
        open_for_adding(tx, bundle_id)
    return _answer(bundle_id, Intake(Deposits(bundle_id, NewDocuments, _wanted)).take())


@documented(
    "Store a further version of a document, in a multipart form with one `file` part",
    form=NewVersion,
    returns=Receipt,
    status=201,
    answers=[MIXED],
    errors=REFUSALS,
)
@csrf.reads_multipart
@signed_in
@shows_form(new_version)
def deposit_further(document_id: UUID) -> ResponseReturnValue:
    """A further version of a document."""
    with transaction() as tx:
        bundle_id = tx.load(Document, document_id, Permission.DOCUMENT_ADD).bundle_id
        open_for_adding(tx, bundle_id)
    versions = Deposits(bundle_id, NewVersion, lambda _, name: Wanted(name, document_id=document_id))
    return _answer(bundle_id, Intake(versions, most=1).take())


def _wanted(asked: NewDocuments, file_name: str) -> Wanted:
    return Wanted(file_name, asked.document_type, asked.title or "", asked.language, tuple(asked.individuals))


def _answer(bundle_id: UUID, outcomes: Sequence[Outcome[FileResult]]) -> ResponseReturnValue:
    """All stored: on to the bundle. Otherwise a list of what became of each."""
    status = status_of(outcomes)
    receipt = Receipt(bundle=bundle_id, items=[outcome.told for outcome in outcomes])
    is_plain = status == STORED and all(item.same_as is None for item in receipt.items)
    onward = url_for("bundles.show", bundle_id=bundle_id, notice="stored")
    return respond("transfers/receipt.html", receipt, status, onward if is_plain else None)


class Deposits(Generic[Asked]):
    """Takes files into one bundle, as what the form's fields want of them."""

    def __init__(
        self, bundle_id: UUID, model: type[Asked], wanted_of: Callable[[Asked, str], Wanted]
    ) -> None:
        vault = runtime()
        self.store, self.file_limit = vault.store, vault.settings.form_limit
        self.bundle_id, self.model, self.wanted_of = bundle_id, model, wanted_of

    def asked(self, fields: list[Field]) -> Asked:
        return fields_of(self.model, fields)

    def receive(self, asked: Asked, name: str, content: Iterator[bytes]) -> Arrived:
        return receive_file(transaction, self.store, self.bundle_id, self.wanted_of(asked, name), content)

    def keep(self, whole: Arrived, name: str) -> FileResult:
        return FileResult.of(name, settle(transaction, self.store, whole))

    def give_up(self, whole: Arrived, reason: str) -> None:
        abandon(transaction, self.store, whole.upload, reason)

    def refuse(self, name: str, code: str, reason: str) -> FileResult:
        with transaction() as tx:
            tx.record("upload.refused", tx.session.get(Bundle, self.bundle_id), reason=code)
        return FileResult(file=name, state="refused", code=code, reason=reason)
