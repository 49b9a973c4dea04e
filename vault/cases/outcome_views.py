"""What became of the individuals of a case, over HTTP: the list, and setting one outcome."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.cases.forms import OutcomeChange
from vault.cases.models import Case
from vault.cases.outcomes import set_outcome
from vault.cases.pages import OutcomesPage, outcomes_page
from vault.errors import Conflict
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/cases/<uuid:case_id>/outcomes")(outcomes)
    bp.post("/cases/<uuid:case_id>/outcomes")(change_outcome)


@documented("What became of a case's individuals", returns=OutcomesPage, errors=["not-found"])
@signed_in
def outcomes(case_id: UUID) -> ResponseReturnValue:
    """One line for each."""
    with transaction() as tx:
        page = outcomes_page(tx, tx.load(Case, case_id, Permission.CASE_SEE))
    return respond("cases/outcomes.html", page)


@documented(
    "Record what became of an individual; without an outcome it is open again",
    body=OutcomeChange,
    returns=OutcomesPage,
    status=201,
    errors=["invalid", "forbidden", "conflict"],
)
@signed_in
@shows_form(outcomes, Conflict)
def change_outcome(case_id: UUID) -> ResponseReturnValue:
    """It is recorded."""
    wanted = parse(OutcomeChange)
    with transaction() as tx:
        case = set_outcome(tx, case_id, wanted.individual, wanted.outcome, wanted.outcome_on)
        page = outcomes_page(tx, case)
    if speaks_json(request):
        return respond("", page, location=url_for("api_cases.outcomes", case_id=case_id))
    return respond("", page, location=url_for("cases.outcomes", case_id=case_id, notice="saved"))
