"""Disposal over HTTP: lists, signing, taking back, what was disposed of, and what is decided of single documents."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from vault.access.policy import Permission, may_ever
from vault.archive.certificates import certificate_file
from vault.bundles.models import Document
from vault.disposal.deciding import extend_document, reclassify_document
from vault.disposal.draft_pages import DraftPage, ReviewPage, draft_page, review_page
from vault.disposal.drafting import reviewed
from vault.disposal.ending import cancel_disposal, reject_disposal
from vault.disposal.forms import (
    Extension,
    NewDisposal,
    Reclassification,
    Rejection,
    SignersForm,
    Signing,
)
from vault.disposal.models import Disposal
from vault.disposal.pages import (
    DisposalPage,
    DisposalRow,
    StubRow,
    disposal_page,
    list_disposals,
    list_stubs,
    newest_certificate,
)
from vault.disposal.signers import set_signers
from vault.disposal.signing import approve_disposal, propose_disposal
from vault.errors import Conflict, Fault, Invalid, Refused
from vault.people.models import Office
from vault.web.acting import actor, transaction
from vault.web.disposition import disposition
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.paging import Page, asked_page
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

bp = Blueprint("disposal", __name__, template_folder="templates")


class DisposalList(Page[DisposalRow]):
    """Some lists, newest first. `signers`: how many people sign a new one in your office; null without an office."""

    signers: int | None
    may_propose: bool
    may_set_signers: bool


class StubList(Page[StubRow]):
    """Some of what was disposed of, newest first."""


class SignersPage(BaseModel):
    """How many people sign a list in your office."""

    signers: int


@bp.app_template_global("may_see_disposals")
def may_see_disposals() -> bool:
    """Whether pages lead to the lists."""
    return may_ever(Permission.DISPOSAL_SEE, actor())


@bp.app_template_global("may_propose_disposals")
def may_propose_disposals() -> bool:
    """Whether what is due can be put on a list."""
    return may_ever(Permission.DISPOSAL_PROPOSE, actor()) and actor().kind == "person"


@bp.get("/disposals")
@documented("Lists of what is to be disposed of, newest first", returns=DisposalList, errors=["forbidden"])
@signed_in
def disposals() -> ResponseReturnValue:
    asked = asked_page()
    with transaction() as tx:
        tx.require(Permission.DISPOSAL_SEE)
        rows, following = list_disposals(tx, asked.after, asked.limit)
        office = tx.session.get(Office, tx.actor.office_id) if tx.actor.office_id else None
        page = DisposalList(
            items=rows,
            next=following,
            signers=office.disposal_signers if office else None,
            may_propose=may_propose_disposals(),
            may_set_signers=tx.allows(Permission.OFFICE_APPROVE),
        )
    return respond("disposal/disposals.html", page)


@bp.get("/disposals/draft")
@documented(
    "A list of these documents (`document`, repeated) before it is signed, and what stands against it",
    returns=DraftPage,
    errors=["forbidden", "invalid"],
)
@signed_in
def draft() -> ResponseReturnValue:
    with transaction() as tx:
        tx.require(Permission.DISPOSAL_PROPOSE)
        page = draft_page(tx, _asked_documents())
    return respond("disposal/draft.html", page)


@bp.get("/disposals/documents")
@documented(
    "What was disposed of, newest first; `case` asks for one case by its number",
    returns=StubList,
    errors=["forbidden"],
)
@signed_in
def stubs() -> ResponseReturnValue:
    asked = asked_page()
    with transaction() as tx:
        tx.require(Permission.DISPOSAL_SEE)
        rows, following = list_stubs(tx, asked.after, asked.limit, request.args.get("case"))
    return respond("disposal/stubs.html", StubList(items=rows, next=following))


@bp.post("/disposals")
@documented(
    "Sign, as an archivist, the list of documents that are to be disposed of",
    body=NewDisposal,
    returns=DisposalPage,
    status=201,
    errors=["invalid", "forbidden", "conflict"],
)
@signed_in
@shows_form(draft, Conflict, Refused)
def propose() -> ResponseReturnValue:
    wanted = parse(NewDisposal)
    with transaction() as tx:
        made = propose_disposal(tx, wanted.documents, wanted.reference, wanted.dated, wanted.seen)
        return _answer(disposal_page(tx, made))


@bp.get("/disposals/<uuid:disposal_id>")
@documented(
    "One list: what it says, who has signed it, and how far it is", returns=DisposalPage, errors=["not-found"]
)
@signed_in
def disposal(disposal_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = disposal_page(tx, tx.load(Disposal, disposal_id, Permission.DISPOSAL_SEE))
    return respond("disposal/disposal.html", page)


@bp.post("/disposals/<uuid:disposal_id>/approval")
@documented(
    "Sign a list that somebody of another unit has signed; with the last signature it cools off",
    body=Signing,
    returns=DisposalPage,
    status=201,
    errors=["forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(disposal, Conflict, Refused)
def approve(disposal_id: UUID) -> ResponseReturnValue:
    wanted = parse(Signing)
    with transaction() as tx:
        return _answer(disposal_page(tx, approve_disposal(tx, disposal_id, wanted.seen)))


@bp.post("/disposals/<uuid:disposal_id>/rejection")
@documented(
    "Reject a list that waits for a signature",
    body=Rejection,
    returns=DisposalPage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(disposal, Conflict)
def reject(disposal_id: UUID) -> ResponseReturnValue:
    wanted = parse(Rejection)
    with transaction() as tx:
        return _answer(disposal_page(tx, reject_disposal(tx, disposal_id, wanted.reason)))


@bp.post("/disposals/<uuid:disposal_id>/cancellation")
@documented(
    "Take a list back before it has begun; nothing is destroyed",
    returns=DisposalPage,
    status=201,
    errors=["forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(disposal, Conflict)
def cancel(disposal_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        return _answer(disposal_page(tx, cancel_disposal(tx, disposal_id)))


@bp.get("/disposals/<uuid:disposal_id>/certificate")
@documented(
    "The certificate of a disposal as a signed file: the final one, or the provisional one until then",
    sends_bytes=True,
    errors=["not-found"],
)
@signed_in
def certificate(disposal_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        row = newest_certificate(tx, tx.load(Disposal, disposal_id, Permission.DISPOSAL_SEE))
        content, name = certificate_file(tx.session, row), f"{row.name}.json"
    headers = {"Cache-Control": "no-store", "Content-Disposition": disposition("attachment", name)}
    return Response(content, mimetype="application/octet-stream", headers=headers)


@bp.get("/documents/<uuid:document_id>/review")
@documented(
    "What is due of a document, and what was decided of it",
    returns=ReviewPage,
    errors=["forbidden", "not-found"],
)
@signed_in
def review(document_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = review_page(tx, reviewed(tx, document_id, Permission.RETENTION_SEE))
    return respond("disposal/review.html", page)


@bp.post("/documents/<uuid:document_id>/extension")
@documented(
    "Keep a due document for longer; a list that names it is void",
    body=Extension,
    returns=ReviewPage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(review, Conflict, Refused)
def extend(document_id: UUID) -> ResponseReturnValue:
    wanted = parse(Extension)
    with transaction() as tx:
        extend_document(tx, document_id, wanted.until, wanted.reason)
        page = review_page(tx, tx.session.get_one(Document, document_id))
    return _decided(page)


@bp.post("/documents/<uuid:document_id>/reclassification")
@documented(
    "Put a document into another retention class; a list that names it is void",
    body=Reclassification,
    returns=ReviewPage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(review, Conflict, Refused)
def reclassify(document_id: UUID) -> ResponseReturnValue:
    wanted = parse(Reclassification)
    with transaction() as tx:
        reclassify_document(tx, document_id, wanted.class_id, wanted.reason)
        page = review_page(tx, tx.session.get_one(Document, document_id))
    return _decided(page)


@bp.post("/office/disposal-signers")
@documented(
    "Say how many people sign before anything is disposed of in your office",
    body=SignersForm,
    returns=SignersPage,
    status=201,
    errors=["forbidden"],
)
@signed_in
@shows_form(disposals)
def change_signers() -> ResponseReturnValue:
    wanted = parse(SignersForm)
    with transaction() as tx:
        page = SignersPage(signers=set_signers(tx, wanted.signers).disposal_signers)
    place = "api_disposal.disposals" if speaks_json(request) else "disposal.disposals"
    onward = url_for(place, notice=None if speaks_json(request) else "saved")
    return respond("disposal/disposals.html", page, location=onward)


def _answer(page: DisposalPage) -> ResponseReturnValue:
    if speaks_json(request):
        return respond(
            "disposal/disposal.html", page, location=url_for("api_disposal.disposal", disposal_id=page.id)
        )
    onward = url_for("disposal.disposal", disposal_id=page.id, notice="saved")
    return respond("disposal/disposal.html", page, location=onward)


def _decided(page: ReviewPage) -> ResponseReturnValue:
    place = "api_disposal.review" if speaks_json(request) else "disposal.review"
    notice = None if speaks_json(request) else "saved"
    onward = url_for(place, document_id=page.document_id, notice=notice)
    return respond("disposal/review.html", page, location=onward)


def _asked_documents() -> list[UUID]:
    """`?document=` of this request, or the `documents` of a form that is shown again."""
    given = request.args.getlist("document") or request.form.getlist("documents")
    try:
        return list(dict.fromkeys(UUID(each) for each in given[:500]))
    except ValueError:
        raise Invalid(
            "The list is unknown.", errors=[Fault("/document", "Give the id of a document.")]
        ) from None
