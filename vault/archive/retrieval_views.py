"""Retrievals over HTTP: asking, approving, the order and its answer, an identity in a session, the program for offline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from vault.access.policy import Permission
from vault.archive.forms import AnswerForm, Approval, IdentityForOnce, OrderInto, RetrievalAsked
from vault.archive.ordering import LONGEST_ANSWER, order_files, take_order
from vault.archive.retrieval import approve_retrieval, drop_retrieval, propose_retrieval
from vault.archive.retrieval_models import Retrieval
from vault.archive.retrieval_pages import RetrievalPage, retrieval_page
from vault.archive.rewrapping import resume_retrieval, rewrap_here, take_answer
from vault.cases.models import Case
from vault.errors import Conflict, Fault, Invalid, Refused, TooLarge
from vault.runtime import Transaction
from vault.web import csrf
from vault.web.acting import transaction
from vault.web.disposition import disposition
from vault.web.intake import FIELDS_ROOM, fields_of
from vault.web.media import JSON, speaks_json
from vault.web.multipart import Body, Field, FilePart
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

PROGRAM = Path(__file__).parent / "documentation" / "rewrap_headers.py"
ERRORS = ["invalid", "forbidden", "not-found", "conflict"]
View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/cases/<uuid:case_id>/retrieval")(retrieval)
    bp.post("/cases/<uuid:case_id>/retrieval")(ask_for)
    bp.post("/retrievals/<uuid:retrieval_id>/approval")(approve_asked)
    bp.post("/retrievals/<uuid:retrieval_id>/withdrawal")(drop_asked)
    bp.post("/retrievals/<uuid:retrieval_id>/order")(make_order)
    bp.get("/retrievals/<uuid:retrieval_id>/order")(order)
    bp.post("/retrievals/<uuid:retrieval_id>/answer")(answer)
    bp.post("/retrievals/<uuid:retrieval_id>/rewrapping")(rewrap)
    bp.post("/retrievals/<uuid:retrieval_id>/copying")(resume)
    bp.get("/archive/rewrap_headers.py")(program)


@documented(
    "What comes back, or could, out of the packages of a case",
    returns=RetrievalPage,
    errors=["not-found", "forbidden"],
)
@signed_in
def retrieval(case_id: UUID) -> ResponseReturnValue:
    """The page of a case."""
    with transaction() as tx:
        page = retrieval_page(tx, tx.load(Case, case_id, Permission.CASE_RETRIEVE))
    return respond("archive/retrieval.html", page)


def again(retrieval_id: UUID) -> ResponseReturnValue:
    """The page of the retrieval's case once more, with what is wrong."""
    with transaction() as tx:
        case_id = tx.load(Retrieval, retrieval_id, Permission.CASE_RETRIEVE).case_id
    return retrieval(case_id)


def _posted(summary: str, body: type[BaseModel] | None = None) -> Callable[[View], View]:
    return documented(summary, body=body, returns=RetrievalPage, status=201, errors=ERRORS)


@_posted(
    "Ask for files of an archived case: some versions, or all; it waits for a second person", RetrievalAsked
)
@signed_in
@shows_form(retrieval, Conflict)
def ask_for(case_id: UUID) -> ResponseReturnValue:
    """They wait for a second person."""
    wanted = parse(RetrievalAsked)
    with transaction() as tx:
        return _answered(tx, propose_retrieval(tx, case_id, wanted.reason, wanted.versions))


@_posted("Approve that files come back, as somebody else asked", Approval)
@signed_in
@shows_form(again, Conflict, Refused)
def approve_asked(retrieval_id: UUID) -> ResponseReturnValue:
    """An order may be made."""
    wanted = parse(Approval)
    with transaction() as tx:
        return _answered(tx, approve_retrieval(tx, retrieval_id, wanted.seen))


@_posted("Take a retrieval back, or decline it")
@signed_in
@shows_form(again, Conflict)
def drop_asked(retrieval_id: UUID) -> ResponseReturnValue:
    """It has ended."""
    with transaction() as tx:
        return _answered(tx, drop_retrieval(tx, retrieval_id))


@_posted("Make the order, for a bundle of the case that is open to you", OrderInto)
@signed_in
@shows_form(again, Conflict)
def make_order(retrieval_id: UUID) -> ResponseReturnValue:
    """It can be downloaded."""
    wanted = parse(OrderInto)
    with transaction() as tx:
        return _answered(tx, order_files(tx, retrieval_id, wanted.bundle))


@documented(
    "The order as a file, for whoever holds an archive identity",
    sends_bytes=True,
    errors=["forbidden", "not-found", "conflict"],
)
@signed_in
def order(retrieval_id: UUID) -> ResponseReturnValue:
    """Headers and a public key."""
    with transaction() as tx:
        content = take_order(tx, retrieval_id)
    return _file(content, f"order-{retrieval_id}.json", JSON)


@documented(
    "Bring the answer to an order, in a multipart form with one `file` part; its bundle is open to you",
    form=AnswerForm,
    returns=RetrievalPage,
    status=201,
    errors=[*ERRORS, "too-large", "bundle-locked"],
)
@csrf.reads_multipart
@signed_in
@shows_form(again, Conflict, TooLarge)
def answer(retrieval_id: UUID) -> ResponseReturnValue:
    """The files are on their way."""
    with transaction() as tx:
        tx.load(Retrieval, retrieval_id, Permission.CASE_RETRIEVE)
    content = _sent()
    with transaction() as tx:
        return _answered(tx, take_answer(tx, retrieval_id, content))


@_posted(
    "Open the keys of an order with an archive identity, for this request alone; offline is better",
    IdentityForOnce,
)
@signed_in
@shows_form(again, Conflict)
def rewrap(retrieval_id: UUID) -> ResponseReturnValue:
    """The files are on their way."""
    wanted = parse(IdentityForOnce)
    with transaction() as tx:
        return _answered(tx, rewrap_here(tx, retrieval_id, wanted.secret))


@_posted("Let copying that has stopped go on")
@signed_in
@shows_form(again, Conflict)
def resume(retrieval_id: UUID) -> ResponseReturnValue:
    """The worker tries again."""
    with transaction() as tx:
        return _answered(tx, resume_retrieval(tx, retrieval_id))


@documented("The program that answers an order on a computer without a network", sends_bytes=True)
@signed_in
def program() -> ResponseReturnValue:
    """One file; it holds no secret."""
    return _file(PROGRAM.read_bytes(), PROGRAM.name, "text/x-python")


def _answered(tx: Transaction, row: Retrieval) -> ResponseReturnValue:
    page = retrieval_page(tx, tx.session.get_one(Case, row.case_id))
    place = "api_archive.retrieval" if speaks_json(request) else "archive.retrieval"
    notice = None if speaks_json(request) else "saved"
    return respond(
        "archive/retrieval.html", page, location=url_for(place, case_id=row.case_id, notice=notice)
    )


def _sent() -> bytes:
    """The one file of this form. Errors: `Invalid` without one, `TooLarge`."""
    fields: list[Field] = []
    content: bytes | None = None
    for part in Body(LONGEST_ANSWER + FIELDS_ROOM):
        if isinstance(part, FilePart):
            fields_of(AnswerForm, fields)
            content = _whole(part)
        else:
            fields.append(part)
    if not content:
        message = "Choose the answer, a file that the program has written."
        raise Invalid(message, errors=[Fault("/file", message)])
    return content


def _whole(part: FilePart) -> bytes:
    content = bytearray()
    for piece in part.content:
        content += piece
        if len(content) > LONGEST_ANSWER:
            raise TooLarge("An answer to an order is a small file. This is something else.")
    return bytes(content)


def _file(content: bytes, name: str, media_type: str) -> Response:
    response = Response(content, mimetype=media_type)
    response.headers["Content-Disposition"] = disposition("attachment", name)
    response.headers["Cache-Control"] = "no-store"
    return response
