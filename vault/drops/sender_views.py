"""The sender's pages: no account, no trace before the link is opened, every step without script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.actor import STRANGER, Actor, visitor
from vault.crypto.encoding import b64url, unb64url
from vault.drops.arrivals import open_link
from vault.drops.dropping import Offer
from vault.drops.forms import NewDrop, NewVisit
from vault.drops.models import FileRequest
from vault.drops.receipts import make_receipt, newest_receipt
from vault.drops.receiving import Come, Door, arrive, give_up, receive_drop
from vault.drops.resuming import stop_drop
from vault.drops.sender_pages import DropResult, DropResults, receipt_page, sender_page
from vault.drops.visits import Visit, addressed, enter, leave_request
from vault.errors import Conflict, Fault, Gone, Invalid, NotFound, Tampered, TooLarge, TooMany, VaultError
from vault.runtime import Transaction
from vault.sentences import said
from vault.shares.visits import read_cookie
from vault.store.base import Store
from vault.transfers.names import display_name
from vault.web import csrf
from vault.web.acting import reading, runtime, transaction
from vault.web.locale import gettext, speak_to
from vault.web.media import speaks_json
from vault.web.multipart import BODY_ERRORS, Body, Field, FilePart, parse_fields
from vault.web.problems import meaning_of
from vault.web.respond import parse, respond, shows_form

MIXED = 207
MOST_FILES = 20
FIELDS_ROOM = 1024 * 1024


def register(pages: Blueprint) -> None:
    """Put the sender's pages on a blueprint; links live at /r/, outside the API's prefix."""
    pages.get("/r/<link>")(landing)
    pages.post("/r/<link>", endpoint="opening_here")(opening)
    pages.post("/r/<link>/opening")(opening)
    pages.get("/r/<link>/files")(files)
    pages.post("/r/<link>/files")(send_files)
    pages.post("/r/<link>/files/<uuid:upload_id>/stopping")(stop_file)
    pages.get("/r/<link>/receipt")(receipt)
    pages.post("/r/<link>/receipt")(get_receipt)
    pages.post("/r/<link>/leaving")(leave)


def landing(link: str) -> ResponseReturnValue:  # noqa: ARG001 - the page must not depend on it
    """The same page for every link, real or not: it spends nothing, tells nothing and sets no cookie."""
    return respond("drops/landing.html", None)


@csrf.exempt("the link's secret is in the body, and no cookie is set before the link is opened")
@shows_form(landing, Gone, TooMany)
def opening(link: str) -> ResponseReturnValue:
    """The link is open for this browser; programs get what is asked for at once."""
    wanted, request_id = parse(NewVisit), request_id_of(link)
    secret, earlier = wanted.secret_bytes(), _cookie(request_id)
    with reading(STRANGER) as tx:
        speak_to(addressed(tx, request_id, secret))
    value = open_link(runtime(), request_id, secret, wanted.password, wanted.claim, earlier)
    with transaction(_visitor_of(value)) as tx:
        page = sender_page(tx, _entered(tx, request_id, value))
    response = respond("drops/files.html", page, location=url_for(".files", link=link))
    secure = runtime().settings.is_https
    name = _cookie_name(request_id)
    response.set_cookie(name, value, httponly=True, samesite="Lax", secure=secure, path="/")
    return response


@shows_form(landing, Gone)
def files(link: str) -> ResponseReturnValue:
    """What is asked for and what has come; to somebody who was away for long, the first page again."""
    with inside(link) as (tx, visit):
        page = sender_page(tx, visit)
    return respond("drops/files.html", page)


@csrf.reads_multipart
@shows_form(files)
def send_files(link: str) -> ResponseReturnValue:
    """Files by a plain form: each arrives or is refused by itself."""
    door = door_of(link)
    with door.open() as (_tx, entry):
        asked_for = entry.request
    limit = min(asked_for.file_limit, runtime().settings.form_limit)
    outcomes = Intake(door, runtime().store, asked_for, limit).take()
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if errors and len(outcomes) == 1 and speaks_json(request):
        raise errors[0]
    page = DropResults(items=[outcome.result for outcome in outcomes])
    if not errors:
        return respond("drops/results.html", page, 201, url_for(".files", link=link))
    is_mixed = speaks_json(request) or len(errors) < len(outcomes)
    return respond("drops/results.html", page, MIXED if is_mixed else meaning_of(errors[0]).status)


def stop_file(link: str, upload_id: UUID) -> ResponseReturnValue:
    """A file that is not complete is wanted no more: what DELETE does, for a browser without script."""
    with inside(link) as (tx, visit):
        stop_drop(tx, visit, upload_id)
    return redirect(url_for(".files", link=link, notice="upload-stopped"), 303)


@shows_form(landing, Gone)
def receipt(link: str) -> ResponseReturnValue:
    """The newest receipt, to be read, printed or checked."""
    with inside(link) as (tx, visit):
        found = newest_receipt(tx, visit)
        if found is None:
            raise NotFound
        page = receipt_page(tx, visit, found)
    return respond("drops/receipt.html", page)


@shows_form(files, Conflict)
def get_receipt(link: str) -> ResponseReturnValue:
    """A receipt for all that has arrived until now."""
    with inside(link) as (tx, visit):
        make_receipt(tx, visit)
        found = newest_receipt(tx, visit)
        page = receipt_page(tx, visit, found) if found else None
    return respond("drops/receipt.html", page, location=url_for(".receipt", link=link))


@csrf.exempt("the visit's own cookie is not sent from other sites, and leaving harms nobody")
def leave(link: str) -> ResponseReturnValue:
    """The visit is over, and this browser forgets it."""
    with inside(link) as (tx, visit):
        leave_request(tx, visit)
    response = respond("drops/left.html", None)
    name, secure = _cookie_name(request_id_of(link)), runtime().settings.is_https
    response.delete_cookie(name, httponly=True, samesite="Lax", secure=secure, path="/")
    return response


@dataclass
class Outcome:
    """What became of one file, and the error when it was refused."""

    result: DropResult
    error: VaultError | None = None


@dataclass
class Intake:
    """Takes the files of this form into one request, one after the other, while the body is read."""

    door: Door
    store: Store
    asked_for: FileRequest
    limit: int
    outcomes: list[Outcome] = field(default_factory=list)
    _name: str = ""
    _waiting: Come | None = None

    def take(self) -> list[Outcome]:
        """Read the whole form. What is wrong with it is raised; what is wrong with a file is its outcome."""
        try:
            self._read()
        except VaultError as error:
            had_outcomes = bool(self.outcomes)
            self._give_up(error)
            if not had_outcomes:
                raise
        except BaseException:
            self._abandon("broken")
            raise
        if not self.outcomes:
            raise Invalid("Choose a file.", errors=[Fault("/file", "Choose a file.")])
        return self.outcomes

    def _read(self) -> None:
        fields: list[Field] = []
        code: str | None = None
        for part in Body(MOST_FILES * self.limit + FIELDS_ROOM):
            if isinstance(part, Field):
                if code is not None:
                    raise Invalid("Send the fields of a form before its files.")
                fields.append(part)
                continue
            code = code or self._asked(fields)
            self._settle()
            self._receive(part, code)
        self._settle()

    def _asked(self, fields: list[Field]) -> str:
        """The type of the files, once the form has proved to be ours."""
        tokens = [each.text for each in fields if each.name == csrf.FIELD]
        csrf.check_token(tokens[0] if tokens else None)
        asked = parse_fields(NewDrop, [each for each in fields if each.name != csrf.FIELD])
        types = self.asked_for.document_types
        if asked.document_type is None and len(types) > 1:
            raise Invalid("Choose what it is.", errors=[Fault("/document_type", "Choose what it is.")])
        return asked.document_type or types[0]

    def _receive(self, part: FilePart, code: str) -> None:
        if part.name != "file":
            raise Invalid("Files are sent in the field file.")
        first = next(part.content, b"")
        if not part.file_name and not first:
            return
        self._name = display_name(part.file_name)
        if len(self.outcomes) >= MOST_FILES:
            raise TooLarge(
                said("At most %(num)s files at once. Send the others after these.", num=MOST_FILES)
            )
        offer = Offer(self._name, code)
        try:
            self._waiting = receive_drop(self.door, self.store, offer, chain([first], part.content))
        except (Gone, *BODY_ERRORS):
            raise
        except VaultError as error:
            self._refuse(error)

    def _settle(self) -> None:
        """The file before is whole, and the request went on behind it."""
        if self._waiting is None:
            return
        come, self._waiting = self._waiting, None
        try:
            file, name = arrive(self.door, self.store, come)
        except VaultError as error:
            self._refuse(error)
        else:
            result = DropResult(file=name, state="arrived", id=file.id, length=come.written.length)
            self.outcomes.append(Outcome(result))
            self._name = ""

    def _give_up(self, error: VaultError) -> None:
        self._abandon(error.code)
        if self._name:
            self._refuse(error)

    def _abandon(self, reason: str) -> None:
        if self._waiting is not None:
            come, self._waiting = self._waiting, None
            give_up(self.door, self.store, come.upload, reason)

    def _refuse(self, error: VaultError) -> None:
        reason = gettext(error.message or meaning_of(error).sentence)
        result = DropResult(file=self._name, state="refused", code=error.code, reason=reason)
        self.outcomes.append(Outcome(result, error))
        self._name = ""
        with self.door.transact() as tx:
            tx.record("request.refused", tx.session.get(FileRequest, self.asked_for.id), reason=error.code)


def request_id_of(link: str) -> UUID:
    """The request that a link's path names; `Gone` for anything that is not 16 bytes of base64url."""
    try:
        raw = unb64url(link)
    except Tampered:
        raise Gone from None
    if len(raw) != 16:
        raise Gone
    return UUID(bytes=raw)


def door_of(link: str) -> Door:
    """The way in of this request's cookie; `enter` checks that it proves a visit, before anything else is done."""
    request_id = request_id_of(link)
    cookie, vault = _cookie(request_id), runtime()
    acting = _visitor_of(cookie)
    return Door(lambda: vault.transaction(acting), lambda tx: _entered(tx, request_id, cookie))


@contextmanager
def inside(link: str) -> Iterator[tuple[Transaction, Visit]]:
    """One transaction of the visit that this request's cookie proves."""
    request_id = request_id_of(link)
    cookie = _cookie(request_id)
    with transaction(_visitor_of(cookie)) as tx:
        yield tx, _entered(tx, request_id, cookie)


def _entered(tx: Transaction, request_id: UUID, cookie: str | None) -> Visit:
    """The visit that a cookie proves; from here on the page is in the language of whoever was asked."""
    speak_to(addressed(tx, request_id, cookie=cookie))
    return enter(tx, request_id, cookie)


def _cookie_name(request_id: UUID) -> str:
    """Each link has its own cookie, so that two links open side by side."""
    prefix = "__Host-" if runtime().settings.is_https else ""
    return f"{prefix}drop-{b64url(request_id.bytes)}"


def _cookie(request_id: UUID) -> str | None:
    return request.cookies.get(_cookie_name(request_id))


def _visitor_of(cookie: str | None) -> Actor:
    named = read_cookie(cookie)
    return visitor(named[0]) if named else STRANGER
