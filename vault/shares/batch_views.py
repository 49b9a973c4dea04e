"""Mission batches over HTTP: many cases in one act, checked case by case, approved where due, and one sheet of links."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.crypto.passwords import derive
from vault.errors import Conflict, Refused
from vault.runtime import Transaction
from vault.shares.batch_pages import (
    BatchSheet,
    ShareBatchList,
    ShareBatchPage,
    batch_form_page,
    batch_page,
    batch_sheet,
    unfit_page,
)
from vault.shares.batches import (
    approve_batch,
    make_batch,
    open_batches,
    request_batch,
    require_fit,
    withdraw_batch,
)
from vault.shares.organisation_forms import Ending
from vault.shares.queries import known_organisations
from vault.shares.request_forms import NewLinks, NewShareBatch, NewShareBatchForm, SeenRequest
from vault.shares.request_models import ShareBatch
from vault.shares.request_views import LIMITS, PEOPLE, chosen_organisation, people_of
from vault.shares.selections import Found, look_for
from vault.web.acting import runtime, transaction
from vault.web.csrf import FIELD
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in
from vault.web.steps import Steps


def _check() -> None:
    parse(NewShareBatchForm).check_people()


STEPS = Steps(
    {"cases": ("cases", "document_types"), "recipients": PEOPLE, "limits": LIMITS},
    _check,
)
"""The pages that describe a batch."""


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources and the page that describes on the blueprints of the room."""
    pages.route("/share-batches/new", methods=["GET", "POST"])(new_batch)
    bp.post("/share-batches", endpoint="describe_batch")(describe)
    bp.get("/share-batches")(list_batches)
    bp.get("/share-batches/<uuid:batch_id>")(show_batch)
    bp.post("/share-batches/<uuid:batch_id>/approval", endpoint="approve_batch")(approve)
    bp.post("/share-batches/<uuid:batch_id>/withdrawal", endpoint="withdraw_batch")(withdraw)
    bp.post("/share-batches/<uuid:batch_id>/links", endpoint="make_batch")(make_links)


@signed_in
def new_batch() -> ResponseReturnValue:
    """First the organisation, then cases, recipients and limits, a page each."""
    status = STEPS.enter()
    with transaction() as tx:
        tx.require(Permission.SHARE_CREATE)
        if tx.actor.office_id is None:
            raise Refused("You have no office.")
        known = known_organisations(tx)
        page = batch_form_page(tx, tx.actor.office_id, known, chosen_organisation(known))
    return respond("shares/new_batch.html", page, status)


@documented(
    "Describe links on documents of many cases; where due, a second person approves them",
    body=NewShareBatch,
    returns=ShareBatchPage,
    status=201,
    errors=["invalid"],
)
@signed_in
@shows_form(new_batch)
def describe() -> ResponseReturnValue:
    """Nothing leaves yet. Cases that cannot leave are named with the reason, and nothing is described."""
    with transaction() as tx:
        wanted = parse(NewShareBatch) if speaks_json(request) else _from_form(tx)
        found = look_for(tx, wanted.description)
        page = None if found.unfit else batch_page(tx, request_batch(tx, wanted.description, found))
    if page is None:
        return _unfit(found, wanted)
    return respond("shares/batch.html", page, location=_address(page.id))


@documented("Mission batches that wait or are ready", returns=ShareBatchList)
@signed_in
def list_batches() -> ResponseReturnValue:
    """One's own, and those of the office for whoever approves."""
    with transaction() as tx:
        tx.require(Permission.SHARE_SEE)
        page = ShareBatchList(items=[batch_page(tx, row) for row in open_batches(tx)])
    return respond("shares/batches.html", page)


@documented("A mission batch", returns=ShareBatchPage, errors=["not-found"])
@signed_in
def show_batch(batch_id: UUID) -> ResponseReturnValue:
    """In one sentence, with its cases."""
    with transaction() as tx:
        page = batch_page(tx, tx.load(ShareBatch, batch_id, Permission.SHARE_SEE))
    return respond("shares/batch.html", page)


@documented(
    "Approve a mission batch that somebody else described",
    body=SeenRequest,
    returns=ShareBatchPage,
    status=201,
    errors=["conflict", "step-up-due"],
)
@signed_in
@shows_form(show_batch, Conflict, Refused)
def approve(batch_id: UUID) -> ResponseReturnValue:
    """The sender may make its links."""
    wanted = parse(SeenRequest)
    with transaction() as tx:
        page = batch_page(tx, approve_batch(tx, batch_id, wanted.seen))
    return respond("shares/batch.html", page, location=_address(page.id))


@documented(
    "Take a mission batch back, or decline it",
    body=Ending,
    returns=ShareBatchPage,
    status=201,
    errors=["conflict"],
)
@signed_in
@shows_form(show_batch, Conflict, Refused)
def withdraw(batch_id: UUID) -> ResponseReturnValue:
    """No link is made by it."""
    wanted = parse(Ending)
    with transaction() as tx:
        page = batch_page(tx, withdraw_batch(tx, batch_id, wanted.reason))
    return respond("shares/batch.html", page, location=_address(page.id))


@documented(
    "Make all links of a mission batch, or none; their addresses are in the answer, once",
    body=NewLinks,
    returns=BatchSheet,
    status=201,
    errors=["invalid", "conflict", "step-up-due"],
)
@signed_in
@shows_form(show_batch, Conflict, Refused)
def make_links(batch_id: UUID) -> ResponseReturnValue:
    """One for each bundle and person, all in one act."""
    wanted = parse(NewLinks)
    profile = runtime().settings.new_profile() if wanted.password else None
    key = derive(wanted.password, profile) if wanted.password and profile else None
    with transaction() as tx:
        made = make_batch(tx, batch_id, key, profile)
        page = batch_sheet(tx, tx.session.get_one(ShareBatch, batch_id), made)
    response = respond("shares/batch_sheet.html", page, status=201)
    response.headers["Location"] = _address(batch_id)
    return response


def _unfit(found: Found, wanted: NewShareBatch) -> ResponseReturnValue:
    """Which cases cannot leave: a problem to programs; to people a page to go on from."""
    if speaks_json(request):
        require_fit(found)
    numbers = [each.strip() for each in wanted.cases]
    typed = [(name, value) for name, value in request.form.items(multi=True) if name not in (FIELD, "cases")]
    return respond("shares/batch_unfit.html", unfit_page(found, typed, numbers), status=400)


def _from_form(tx: Transaction) -> NewShareBatch:
    """What the page sends, as the API would have sent it."""
    form = parse(NewShareBatchForm)
    said = form.model_dump(exclude={"persons", "others", "step"})
    return NewShareBatch.model_construct(**said, recipients=people_of(tx, form))


def _address(batch_id: UUID) -> str:
    endpoint = "api_shares.show_batch" if speaks_json(request) else "shares.show_batch"
    return url_for(endpoint, batch_id=batch_id)
