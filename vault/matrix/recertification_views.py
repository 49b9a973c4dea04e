"""Recertification over HTTP: the rounds of an office, one round, deciding its lines, beginning one."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.errors import Conflict
from vault.matrix.forms import Decisions, DecisionsForm
from vault.matrix.models import Recertification
from vault.matrix.recertification import begin_round, decide_lines
from vault.matrix.recertification_pages import RoundList, RoundPage, round_list, round_page
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/office/recertifications")(recertifications)
    bp.post("/office/recertifications")(begin)
    bp.get("/office/recertifications/<uuid:round_id>")(recertification)
    bp.post("/office/recertifications/<uuid:round_id>/decisions")(decide)


@documented("The recertifications of your office, newest first", returns=RoundList, errors=["forbidden"])
@signed_in
def recertifications() -> ResponseReturnValue:
    """All rounds."""
    with transaction() as tx:
        tx.require(Permission.ACCESS_RECERTIFY)
        page = round_list(tx)
    return respond("matrix/recertifications.html", page)


@documented(
    "Begin to go through who has what in your office",
    returns=RoundPage,
    status=201,
    errors=["forbidden", "conflict"],
)
@signed_in
@shows_form(recertifications, Conflict)
def begin() -> ResponseReturnValue:
    """A round, with its lines."""
    with transaction() as tx:
        page = round_page(tx, begin_round(tx))
    return respond("matrix/recertification.html", page, location=_here(page.id))


@documented(
    "One recertification: who has what, and what was decided", returns=RoundPage, errors=["not-found"]
)
@signed_in
def recertification(round_id: UUID) -> ResponseReturnValue:
    """The list, also to print."""
    with transaction() as tx:
        page = round_page(tx, tx.load(Recertification, round_id, Permission.ACCESS_RECERTIFY))
    return respond("matrix/recertification.html", page)


@documented(
    "Keep or remove what these lines name",
    body=Decisions,
    returns=RoundPage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(recertification, Conflict)
def decide(round_id: UUID) -> ResponseReturnValue:
    """Removed is removed at once."""
    wanted = parse(Decisions) if speaks_json(request) else parse(DecisionsForm).chosen
    with transaction() as tx:
        page = round_page(tx, decide_lines(tx, round_id, wanted.keep, wanted.remove))
    return respond("matrix/recertification.html", page, location=_here(round_id))


def _here(round_id: UUID) -> str:
    if speaks_json(request):
        return url_for("api_matrix.recertification", round_id=round_id)
    return url_for("matrix.recertification", round_id=round_id, notice="saved")
