"""An office's access matrix over HTTP: the table, one cell, one change. Clearances and explanations are beside it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.actor import Role
from vault.access.cells import TIERS, Cell
from vault.access.policy import Permission, may_ever
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.errors import Conflict, Fault, Invalid, Refused
from vault.matrix import clearance_views, explanation_views, move_views, reason_views, recertification_views
from vault.matrix.forms import Approval, NewCell, WithReason
from vault.matrix.pages import (
    CellPage,
    ChangePage,
    HistoryPage,
    MatrixPage,
    cell_page,
    change_page,
    history_page,
    matrix_page,
)
from vault.matrix.procedures import ProceduresPage, procedures_page
from vault.matrix.service import Spot, approve_cell, own_office, propose_cell, withdraw_cell
from vault.web.acting import actor, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

SPOT = {
    "role": {"enum": [role.value for role in Role]},
    "document_type": {"enum": list(DOCUMENT_TYPES)},
    "tier": {"enum": list(TIERS)},
}
"""A place of the matrix, in the address: for the description of the API."""

bp = Blueprint("matrix", __name__, template_folder="templates")
pages = Blueprint("matrix_pages", __name__)
clearance_views.register(bp)
explanation_views.register(bp, pages)
move_views.register(bp)
reason_views.register(bp)
recertification_views.register(bp)


@bp.context_processor
@pages.context_processor
def offered() -> dict[str, bool]:
    """Which further pages about access the actor may go to."""
    return {
        "may_decide": may_ever(Permission.ACCESS_APPROVE, actor()),
        "may_see_desks": may_ever(Permission.DESK_SEE, actor()),
        "may_explain": may_ever(Permission.ACCESS_EXPLAIN, actor()),
    }


@bp.get("/office/matrix")
@documented("Your office's access matrix as it holds now", returns=MatrixPage, errors=["forbidden"])
@signed_in
def matrix() -> ResponseReturnValue:
    with transaction() as tx:
        page = matrix_page(tx, own_office(tx, Permission.MATRIX_SEE))
    return respond("matrix/matrix.html", page)


@bp.get("/office/matrix/history")
@documented("The changes of your office's access matrix", returns=HistoryPage, errors=["forbidden"])
@signed_in
def changes() -> ResponseReturnValue:
    with transaction() as tx:
        page = history_page(tx, own_office(tx, Permission.MATRIX_SEE))
    return respond("matrix/history.html", page)


@bp.get("/office/procedures")
@documented(
    "Who may do what in your office, and is accountable", returns=ProceduresPage, errors=["forbidden"]
)
@signed_in
def procedures() -> ResponseReturnValue:
    with transaction() as tx:
        page = procedures_page(tx, own_office(tx, Permission.MATRIX_SEE))
    return respond("matrix/procedures.html", page)


@bp.get("/office/matrix/cell")
@documented(
    "One cell, and whom a change would touch",
    query=SPOT,
    returns=CellPage,
    errors=["forbidden", "invalid"],
)
@signed_in
def cell() -> ResponseReturnValue:
    with transaction() as tx:
        page = cell_page(tx, own_office(tx, Permission.MATRIX_SEE), _asked_spot())
    return respond("matrix/cell.html", page)


@bp.post("/office/matrix/changes")
@documented(
    "Change a cell; what is strictly confidential then waits for a second person",
    body=NewCell,
    returns=ChangePage,
    status=201,
    errors=["forbidden", "conflict"],
)
@signed_in
@shows_form(cell, Conflict)
def propose() -> ResponseReturnValue:
    wanted = parse(NewCell)
    with transaction() as tx:
        page = change_page(
            tx, propose_cell(tx, wanted.spot, wanted.level, wanted.reason, wanted.takes_effect_at)
        )
    return respond("matrix/change.html", page, location=_address(page.id, "saved"))


@bp.get("/office/matrix/changes/<uuid:cell_id>")
@documented("One change of a cell", returns=ChangePage, errors=["not-found"])
@signed_in
def change(cell_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = change_page(tx, tx.load(Cell, cell_id, Permission.MATRIX_SEE))
    return respond("matrix/change.html", page)


@bp.post("/office/matrix/changes/<uuid:cell_id>/approval")
@documented(
    "Approve a change that somebody else proposed",
    body=Approval,
    returns=ChangePage,
    status=201,
    errors=["forbidden", "conflict"],
)
@signed_in
@shows_form(change, Conflict, Refused)
def approve(cell_id: UUID) -> ResponseReturnValue:
    wanted = parse(Approval)
    with transaction() as tx:
        page = change_page(tx, approve_cell(tx, cell_id, wanted.seen))
    return respond("matrix/change.html", page, location=_address(cell_id, "saved"))


@bp.post("/office/matrix/changes/<uuid:cell_id>/withdrawal")
@documented(
    "Take a change back before it takes effect",
    body=WithReason,
    returns=ChangePage,
    status=201,
    errors=["forbidden", "conflict"],
)
@signed_in
@shows_form(change, Conflict)
def withdraw(cell_id: UUID) -> ResponseReturnValue:
    wanted = parse(WithReason)
    with transaction() as tx:
        page = change_page(tx, withdraw_cell(tx, cell_id, wanted.reason))
    return respond("matrix/change.html", page, location=_address(cell_id, "saved"))


def _asked_spot() -> Spot:
    """The place that the query names; after a refused form, the one that the form named."""
    named = request.form if request.method == "POST" else request.args
    try:
        role = Role(named.get("role", ""))
    except ValueError:
        message = "Choose a cell of the matrix."
        raise Invalid(message, errors=[Fault("/role", message)]) from None
    return Spot(role, named.get("document_type", ""), named.get("tier", ""))


def _address(cell_id: UUID, notice: str) -> str:
    if speaks_json(request):
        return url_for("api_matrix.change", cell_id=cell_id)
    return url_for("matrix.change", cell_id=cell_id, notice=notice)
