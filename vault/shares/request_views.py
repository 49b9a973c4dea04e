"""Described shares over HTTP: several people in one act, a second person's approval, and the sheet of the links made."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.document_views import leads_to_password
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.bundles.queries import files_of
from vault.crypto.passwords import derive
from vault.crypto.secret import Secret
from vault.errors import Conflict, Fault, Invalid, Refused
from vault.runtime import Transaction
from vault.shares.letters import link_url
from vault.shares.models import Organisation, Recipient, Share
from vault.shares.organisation_forms import Ending
from vault.shares.pages import new_share_page
from vault.shares.queries import known_organisations
from vault.shares.request_forms import (
    NewLinks,
    NewShareRequest,
    NewShareRequestForm,
    PeopleForm,
    RequestedPerson,
    SeenRequest,
)
from vault.shares.request_models import ShareRequest
from vault.shares.request_pages import (
    ShareRequestList,
    ShareRequestPage,
    ShareSheet,
    request_form_page,
    request_page,
)
from vault.shares.requests import (
    approve_request,
    make_requested,
    open_requests,
    request_shares,
    withdraw_request,
)
from vault.web.acting import runtime, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in
from vault.web.steps import Steps


def _check() -> None:
    parse(NewShareRequestForm).check_people()


PEOPLE = ("persons", "others", "recipients", "recipient")
LIMITS = ("purpose", "expires_at", "max_openings", "has_password", "password", "mode")
STEPS = Steps(
    {"files": ("documents",), "recipients": PEOPLE, "limits": LIMITS},
    _check,
)
"""The pages that describe links on one bundle."""


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources and the page that describes on the blueprints of the room."""
    pages.route("/bundles/<uuid:bundle_id>/share-requests/new", methods=["GET", "POST"])(new_request)
    bp.post("/bundles/<uuid:bundle_id>/share-requests")(describe)
    bp.get("/share-requests")(list_requests)
    bp.get("/share-requests/<uuid:request_id>")(show_request)
    bp.post("/share-requests/<uuid:request_id>/approval", endpoint="approve_request")(approve)
    bp.post("/share-requests/<uuid:request_id>/withdrawal", endpoint="withdraw_request")(withdraw)
    bp.post("/share-requests/<uuid:request_id>/links", endpoint="make_requested")(make_links)


@signed_in
@leads_to_password
def new_request(bundle_id: UUID) -> ResponseReturnValue:
    """First the organisation, then files, recipients and limits, a page each."""
    status = STEPS.enter()
    with transaction() as tx:
        opened = open_bundle(tx, tx.load(Bundle, bundle_id, Permission.SHARE_CREATE))
        known = known_organisations(tx)
        files = files_of(tx, opened.bundle, Permission.SHARE_CREATE)
        offered = [found for found in files if found[0].withdrawn_at is None and found[1].is_available]
        page = request_form_page(tx, opened, offered, known, chosen_organisation(known))
    return respond("shares/new_request.html", page, status)


@documented(
    "Describe links for several people; where due, a second person approves them",
    body=NewShareRequest,
    returns=ShareRequestPage,
    status=201,
    errors=["invalid", "not-found", "bundle-locked"],
)
@signed_in
@shows_form(new_request)
def describe(bundle_id: UUID) -> ResponseReturnValue:
    """Nothing leaves yet: the answer is read, and approved where that is due."""
    with transaction() as tx:
        wanted = parse(NewShareRequest) if speaks_json(request) else _from_form(tx)
        page = request_page(tx, request_shares(tx, bundle_id, wanted.description))
    return respond("shares/request.html", page, location=_address(page.id))


@documented("Described links that wait or are ready", returns=ShareRequestList)
@signed_in
def list_requests() -> ResponseReturnValue:
    """One's own, and those of the office for whoever approves."""
    with transaction() as tx:
        tx.require(Permission.SHARE_SEE)
        page = ShareRequestList(items=[request_page(tx, row) for row in open_requests(tx)])
    return respond("shares/requests.html", page)


@documented("Described links", returns=ShareRequestPage, errors=["not-found"])
@signed_in
def show_request(request_id: UUID) -> ResponseReturnValue:
    """In one sentence, with its list."""
    with transaction() as tx:
        page = request_page(tx, tx.load(ShareRequest, request_id, Permission.SHARE_SEE))
    return respond("shares/request.html", page)


@documented(
    "Approve links that somebody else described",
    body=SeenRequest,
    returns=ShareRequestPage,
    status=201,
    errors=["conflict", "step-up-due"],
)
@signed_in
@shows_form(show_request, Conflict, Refused)
def approve(request_id: UUID) -> ResponseReturnValue:
    """The sender may make them."""
    wanted = parse(SeenRequest)
    with transaction() as tx:
        page = request_page(tx, approve_request(tx, request_id, wanted.seen))
    return respond("shares/request.html", page, location=_address(page.id))


@documented(
    "Take described links back, or decline them",
    body=Ending,
    returns=ShareRequestPage,
    status=201,
    errors=["conflict"],
)
@signed_in
@shows_form(show_request, Conflict, Refused)
def withdraw(request_id: UUID) -> ResponseReturnValue:
    """No link is made by it."""
    wanted = parse(Ending)
    with transaction() as tx:
        page = request_page(tx, withdraw_request(tx, request_id, wanted.reason))
    return respond("shares/request.html", page, location=_address(page.id))


@documented(
    "Make the links as they were described; their addresses are in the answer, once",
    body=NewLinks,
    returns=ShareSheet,
    status=201,
    errors=["invalid", "conflict", "step-up-due", "bundle-locked"],
)
@signed_in
@shows_form(show_request, Conflict, Refused)
def make_links(request_id: UUID) -> ResponseReturnValue:
    """One for each of the people, all in one act."""
    wanted = parse(NewLinks)
    profile = runtime().settings.new_profile() if wanted.password else None
    key = derive(wanted.password, profile) if wanted.password and profile else None
    with transaction() as tx:
        page = _sheet(tx, request_id, make_requested(tx, request_id, key, profile))
    response = respond("shares/sheet.html", page, status=201)
    response.headers["Location"] = _address(request_id)
    return response


def _sheet(tx: Transaction, request_id: UUID, made: list[tuple[Share, Secret]]) -> ShareSheet:
    described = request_page(tx, tx.session.get_one(ShareRequest, request_id))
    return ShareSheet(
        case_number=described.case_number,
        type_names=described.type_names,
        items=[new_share_page(tx, share, link_url(tx, share, secret)) for share, secret in made],
    )


def _from_form(tx: Transaction) -> NewShareRequest:
    """What the page sends, as the API would have sent it."""
    form = parse(NewShareRequestForm)
    return NewShareRequest.model_construct(
        documents=form.documents,
        organisation=form.organisation,
        recipients=people_of(tx, form),
        purpose=form.purpose,
        expires_at=form.expires_at,
        max_openings=form.max_openings,
        has_password=form.has_password,
        mode=form.mode,
    )


def people_of(tx: Transaction, form: PeopleForm) -> list[RequestedPerson]:
    """Whom a page names, of the office's list and others, as the API would have named them."""
    listed = [tx.load(Recipient, each, Permission.AGREEMENT_SEE) for each in form.persons]
    if any(each.organisation.name != form.organisation for each in listed):
        fault = Fault("/persons", "Choose people of this organisation.")
        raise Invalid("The links were not described.", errors=[fault])
    known = [RequestedPerson(name=each.name, email=each.email, language=each.language) for each in listed]
    return [*known, *form.typed]


def chosen_organisation(known: Sequence[Organisation]) -> Organisation | None:
    """The organisation that the address names by id, or the form by name."""
    named = request.form.get("organisation") or request.args.get("organisation")
    return next((each for each in known if named in (each.name, str(each.id))), None)


def _address(request_id: UUID) -> str:
    endpoint = "api_shares.show_request" if speaks_json(request) else "shares.show_request"
    return url_for(endpoint, request_id=request_id)
