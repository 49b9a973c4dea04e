"""Clearances over HTTP: who of the office is cleared, and one colleague's clearance."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.errors import Conflict, Refused
from vault.matrix.clearance_pages import ClearanceList, ClearancePage, clearance_list, clearance_page
from vault.matrix.clearing import approve_clearance, end_clearance, propose_clearance
from vault.matrix.forms import Approval, WithReason
from vault.matrix.service import own_office
from vault.people.models import Person
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/office/clearances")(clearances)
    bp.get("/people/<uuid:person_id>/clearance")(clearance)
    bp.post("/people/<uuid:person_id>/clearance", endpoint="propose_clearance")(propose)
    bp.post("/people/<uuid:person_id>/clearance/approval", endpoint="approve_clearance")(approve)
    bp.post("/people/<uuid:person_id>/clearance/ending", endpoint="end_clearance")(end)


@documented("Who of your office is cleared for what", returns=ClearanceList, errors=["forbidden"])
@signed_in
def clearances() -> ResponseReturnValue:
    """Everybody of the office."""
    with transaction() as tx:
        page = clearance_list(tx, own_office(tx, Permission.ACCESS_APPROVE))
    return respond("matrix/clearances.html", page)


@documented("A colleague's clearance", returns=ClearancePage, errors=["not-found", "forbidden"])
@signed_in
def clearance(person_id: UUID) -> ResponseReturnValue:
    """One of them."""
    with transaction() as tx:
        page = clearance_page(tx, tx.load(Person, person_id, Permission.ACCESS_APPROVE))
    return respond("matrix/clearance.html", page)


@documented(
    "Propose to clear a colleague for what is strictly confidential",
    body=WithReason,
    returns=ClearancePage,
    status=201,
    errors=["forbidden", "conflict"],
)
@signed_in
@shows_form(clearance, Conflict)
def propose(person_id: UUID) -> ResponseReturnValue:
    """It waits for a second person."""
    wanted = parse(WithReason)
    with transaction() as tx:
        propose_clearance(tx, person_id, wanted.reason)
        page = clearance_page(tx, tx.session.get_one(Person, person_id))
    return respond("matrix/clearance.html", page, location=_address(person_id))


@documented(
    "Approve a clearance that somebody else proposed",
    body=Approval,
    returns=ClearancePage,
    status=201,
    errors=["forbidden", "conflict"],
)
@signed_in
@shows_form(clearance, Conflict, Refused)
def approve(person_id: UUID) -> ResponseReturnValue:
    """The colleague is cleared."""
    wanted = parse(Approval)
    with transaction() as tx:
        approve_clearance(tx, person_id, wanted.seen)
        page = clearance_page(tx, tx.session.get_one(Person, person_id))
    return respond("matrix/clearance.html", page, location=_address(person_id))


@documented(
    "End a clearance, or take its proposal back, at once",
    body=WithReason,
    returns=ClearancePage,
    status=201,
    errors=["forbidden", "not-found"],
)
@signed_in
@shows_form(clearance, Conflict)
def end(person_id: UUID) -> ResponseReturnValue:
    """The colleague is not cleared any more."""
    wanted = parse(WithReason)
    with transaction() as tx:
        end_clearance(tx, person_id, wanted.reason)
        page = clearance_page(tx, tx.session.get_one(Person, person_id))
    return respond("matrix/clearance.html", page, location=_address(person_id))


def _address(person_id: UUID) -> str:
    if speaks_json(request):
        return url_for("api_matrix.clearance", person_id=person_id)
    return url_for("matrix.clearance", person_id=person_id, notice="saved")
