"""Cases that move between offices, over HTTP: offering one, the list, accepting, taking back or declining."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.cases.models import Case
from vault.errors import Conflict
from vault.matrix.case_moves import drop_move, propose_move
from vault.matrix.forms import Approval, Offer
from vault.matrix.models import CaseMove
from vault.matrix.move_pages import MoveForm, MoveList, MovePage, move_form, move_list, move_page
from vault.matrix.receiving import accept_move
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/cases/<uuid:case_id>/move")(offer_form)
    bp.post("/cases/<uuid:case_id>/move")(offer)
    bp.get("/office/moves")(moves)
    bp.get("/office/moves/<uuid:move_id>")(move)
    bp.post("/office/moves/<uuid:move_id>/acceptance")(accept)
    bp.post("/office/moves/<uuid:move_id>/withdrawal")(drop)


@documented(
    "Whether a case is offered to another office, and how much would move",
    returns=MoveForm,
    errors=["not-found", "forbidden"],
)
@signed_in
def offer_form(case_id: UUID) -> ResponseReturnValue:
    """Before it is offered."""
    with transaction() as tx:
        page = move_form(tx, tx.load(Case, case_id, Permission.CASE_MOVE))
    return respond("matrix/offer.html", page)


@documented(
    "Offer a case to a supervisor or controller of another office",
    body=Offer,
    returns=MovePage,
    status=201,
    errors=["invalid", "forbidden", "conflict"],
)
@signed_in
@shows_form(offer_form, Conflict)
def offer(case_id: UUID) -> ResponseReturnValue:
    """It waits for the receiver."""
    wanted = parse(Offer)
    with transaction() as tx:
        page = move_page(tx, propose_move(tx, case_id, wanted.office_code, wanted.username, wanted.reason))
    return respond("matrix/move.html", page, location=_here(page.id))


@documented("Cases that your office offers, and those offered to you", returns=MoveList, errors=["forbidden"])
@signed_in
def moves() -> ResponseReturnValue:
    """All of them, newest first."""
    with transaction() as tx:
        tx.require(Permission.MOVE_SEE)
        page = move_list(tx)
    return respond("matrix/moves.html", page)


@documented("One offer of a case", returns=MovePage, errors=["not-found"])
@signed_in
def move(move_id: UUID) -> ResponseReturnValue:
    """As both offices see it."""
    with transaction() as tx:
        page = move_page(tx, tx.load(CaseMove, move_id, Permission.MOVE_SEE))
    return respond("matrix/move.html", page)


@documented(
    "Take over a case that is offered to you",
    body=Approval,
    returns=MovePage,
    status=201,
    errors=["forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(move, Conflict)
def accept(move_id: UUID) -> ResponseReturnValue:
    """It belongs to the other office now."""
    wanted = parse(Approval)
    with transaction() as tx:
        accept_move(tx, move_id, wanted.seen)
        page = move_page(tx, tx.session.get_one(CaseMove, move_id))
    return respond("matrix/move.html", page, location=_here(move_id))


@documented(
    "Take an offer back, or decline it",
    returns=MovePage,
    status=201,
    errors=["forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(move, Conflict)
def drop(move_id: UUID) -> ResponseReturnValue:
    """Nothing has changed."""
    with transaction() as tx:
        page = move_page(tx, drop_move(tx, move_id))
    return respond("matrix/move.html", page, location=_here(move_id))


def _here(move_id: UUID) -> str:
    if speaks_json(request):
        return url_for("api_matrix.move", move_id=move_id)
    return url_for("matrix.move", move_id=move_id, notice="saved")
