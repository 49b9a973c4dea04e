"""The sender's pages: no account, no trace before the link is opened, every step without script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.actor import STRANGER, Actor, visitor
from vault.crypto.encoding import b64url, unb64url
from vault.drops.arrivals import open_link
from vault.drops.closures import refused
from vault.drops.dropping import Offer
from vault.drops.forms import NewDrop, NewVisit
from vault.drops.models import FileRequest
from vault.drops.receipts import make_receipt, newest_receipt
from vault.drops.receiving import Come, Door, arrive, give_up, receive_drop
from vault.drops.resuming import stop_drop
from vault.drops.sender_pages import DropResult, DropResults, receipt_page, sender_page
from vault.drops.visits import Visit, addressed, enter, leave_request
from vault.errors import Conflict, Fault, Gone, Invalid, NotFound, Tampered, TooMany
from vault.runtime import Transaction
from vault.shares.visits import read_cookie
from vault.web import csrf
from vault.web.acting import reading, runtime, transaction
from vault.web.intake import STORED, Intake, fields_of, status_of
from vault.web.locale import speak_to
from vault.web.multipart import Field
from vault.web.respond import parse, respond, shows_form


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
    outcomes = Intake(Drops(door, asked_for)).take()
    status = status_of(outcomes)
    page = DropResults(items=[outcome.told for outcome in outcomes])
    onward = url_for(".files", link=link) if status == STORED else None
    return respond("drops/results.html", page, status, onward)


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


class Drops:
    """Takes files of a sender into one request."""

    def __init__(self, door: Door, asked_for: FileRequest) -> None:
        vault = runtime()
        self.door, self.store, self.asked_for = door, vault.store, asked_for
        self.file_limit = min(asked_for.file_limit, vault.settings.form_limit)

    def asked(self, fields: list[Field]) -> NewDrop:
        """With a single type asked for, nothing need be said."""
        asked, types = fields_of(NewDrop, fields), self.asked_for.document_types
        if asked.document_type is None and len(types) > 1:
            raise Invalid("Choose what it is.", errors=[Fault("/document_type", "Choose what it is.")])
        return NewDrop(document_type=asked.document_type or types[0])

    def receive(self, asked: NewDrop, name: str, content: Iterator[bytes]) -> Come:
        return receive_drop(self.door, self.store, Offer(name, asked.document_type or ""), content)

    def keep(self, whole: Come, name: str) -> DropResult:  # noqa: ARG002 - the file's own row says it
        file, kept = arrive(self.door, self.store, whole)
        return DropResult(file=kept, state="arrived", id=file.id, length=whole.written.length)

    def give_up(self, whole: Come, reason: str) -> None:
        give_up(self.door, self.store, whole.upload, reason)

    def refuse(self, name: str, code: str, reason: str) -> DropResult:
        asked_for = self.asked_for
        runtime().note_refusal(_visitor_of(_cookie(asked_for.id)), refused(asked_for, code))
        return DropResult(file=name, state="refused", code=code, reason=reason)


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
