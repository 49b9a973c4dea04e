"""Files on their way in, by form: new documents of a bundle, further versions of a document.

Each file is stored or refused by itself, while the request is still being read. Fields come before the first file. A
file is a version only when what follows it has arrived too: the next file, or the end of a whole body. So a request that
breaks off, or that puts a field behind a file, leaves nothing of its last file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeVar
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from vault.access.policy import Permission
from vault.bundles.document_views import leads_to_password
from vault.bundles.models import Bundle, Document
from vault.errors import Fault, Invalid, TooLarge, VaultError
from vault.store.base import Store
from vault.transfers.forms import NewDocuments, NewVersion
from vault.transfers.names import display_name
from vault.transfers.pages import FileResult, Receipt, upload_form, version_form
from vault.transfers.receiving import Arrived, Transact, abandon, open_for_adding, receive_file, settle
from vault.transfers.resumable import own_upload, stop_upload
from vault.transfers.uploads import Wanted
from vault.transfers.waiting import Waiting, waiting_uploads
from vault.web import csrf
from vault.web.acting import reading, runtime, transaction
from vault.web.locale import gettext
from vault.web.media import PROGRAM_PATHS, speaks_json
from vault.web.multipart import BODY_ERRORS, Body, Field, FilePart, parse_fields
from vault.web.openapi import documented
from vault.web.problems import meaning_of
from vault.web.respond import respond, shows_form
from vault.web.signin import signed_in

MIXED = 207
"""Multi-Status (RFC 4918): some files were stored, some refused; the body tells which."""
MOST_FILES = 20
FILE_FIELD = "file"
REFUSALS = ("bundle-locked", "conflict", "storage-full")
FIELDS_ROOM = 1024 * 1024
"""Bytes of a form besides its files."""

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
    return _answer(bundle_id, _intake(bundle_id).take(NewDocuments, _wanted))


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
    intake = _intake(bundle_id, most=1)
    return _answer(bundle_id, intake.take(NewVersion, lambda _, name: Wanted(name, document_id=document_id)))


def _intake(bundle_id: UUID, most: int = MOST_FILES) -> Intake:
    vault = runtime()
    return Intake(transaction, vault.store, bundle_id, vault.settings.form_limit, most)


def _wanted(asked: NewDocuments, file_name: str) -> Wanted:
    return Wanted(file_name, asked.document_type, asked.title or "", asked.language, tuple(asked.individuals))


def _answer(bundle_id: UUID, outcomes: Sequence[Outcome]) -> ResponseReturnValue:
    """All stored: on to the bundle. Otherwise a list of what became of each; to a program, one refused file alone is an
    error, and several are 207 whatever became of them."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    receipt = Receipt(bundle=bundle_id, items=[outcome.result for outcome in outcomes])
    if errors and len(outcomes) == 1 and speaks_json(request):
        raise errors[0]
    if not errors:
        is_plain = all(item.same_as is None for item in receipt.items)
        onward = url_for("bundles.show", bundle_id=bundle_id, notice="stored")
        return respond("transfers/receipt.html", receipt, 201, onward if is_plain else None)
    is_mixed = speaks_json(request) or len(errors) < len(outcomes)
    return respond("transfers/receipt.html", receipt, MIXED if is_mixed else meaning_of(errors[0]).status)


@dataclass
class Outcome:
    """What became of one file, and the error when it was refused."""

    result: FileResult
    error: VaultError | None = None


@dataclass
class Intake:
    """Takes the files of this request into one bundle. `transact` begins a transaction of the request's actor."""

    transact: Transact
    store: Store
    bundle_id: UUID
    file_limit: int
    most: int = MOST_FILES
    outcomes: list[Outcome] = field(default_factory=list)
    _name: str = ""
    _waiting: Arrived | None = None

    def take(self, model: type[Asked], wanted_of: Callable[[Asked, str], Wanted]) -> list[Outcome]:
        """Read the whole request. What is wrong with the form is raised; what is wrong with a file is its outcome.

        When the body breaks behind files that were stored or refused, that is the outcome of the file it broke in.
        """
        try:
            self._read(model, wanted_of)
        except VaultError as error:
            had_outcomes = bool(self.outcomes)
            self._give_up(error)
            if not had_outcomes:
                raise
        except BaseException:
            self._abandon("broken")
            raise
        if not self.outcomes:
            message = "Choose a file."
            raise Invalid(message, errors=[Fault(f"/{FILE_FIELD}", message)])
        return self.outcomes

    def _read(self, model: type[Asked], wanted_of: Callable[[Asked, str], Wanted]) -> None:
        fields: list[Field] = []
        asked: Asked | None = None
        for part in Body(self.most * self.file_limit + FIELDS_ROOM):
            if isinstance(part, Field):
                if asked is not None:
                    raise Invalid("Send the fields of a form before its files.")
                fields.append(part)
                continue
            asked = asked or _asked(model, fields)
            self._settle()
            self._receive(part, wanted_of, asked)
        self._settle()

    def _receive(self, part: FilePart, wanted_of: Callable[[Asked, str], Wanted], asked: Asked) -> None:
        if part.name != FILE_FIELD:
            raise Invalid(f"Files are sent in the field {FILE_FIELD}.")
        first = next(part.content, b"")
        if not part.file_name and not first:
            return
        self._name = display_name(part.file_name)
        if len(self.outcomes) >= self.most:
            raise TooLarge(f"At most {self.most} files at once. Send the others after these.")
        wanted, content = wanted_of(asked, self._name), chain([first], part.content)
        try:
            self._waiting = receive_file(self.transact, self.store, self.bundle_id, wanted, content)
        except BODY_ERRORS:
            raise
        except VaultError as error:
            self._refuse(error)

    def _settle(self) -> None:
        """The file before is whole, and the request went on behind it."""
        if self._waiting is None:
            return
        arrived, self._waiting = self._waiting, None
        try:
            stored = settle(self.transact, self.store, arrived)
        except VaultError as error:
            self._refuse(error)
        else:
            self.outcomes.append(Outcome(FileResult.of(self._name, stored)))
            self._name = ""

    def _give_up(self, error: VaultError) -> None:
        self._abandon(error.code)
        if self._name:
            self._refuse(error)

    def _abandon(self, reason: str) -> None:
        if self._waiting is not None:
            arrived, self._waiting = self._waiting, None
            abandon(self.transact, self.store, arrived.upload, reason)

    def _refuse(self, error: VaultError) -> None:
        reason = gettext(error.message or meaning_of(error).sentence)
        result = FileResult(file=self._name, state="refused", code=error.code, reason=reason)
        self.outcomes.append(Outcome(result, error))
        self._name = ""
        with self.transact() as tx:
            tx.record("upload.refused", tx.session.get(Bundle, self.bundle_id), reason=error.code)


def _asked(model: type[Asked], fields: list[Field]) -> Asked:
    """What the fields say, once the form has proved to be ours. A program proves itself another way."""
    tokens = [each.text for each in fields if each.name == csrf.FIELD]
    if not request.path.startswith(PROGRAM_PATHS):
        csrf.check_token(tokens[0] if tokens else None)
    return parse_fields(model, [each for each in fields if each.name != csrf.FIELD])
