"""Whose a case is, over HTTP: the list, assigning it, taking somebody off it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.cases.assignments import assign_case, take_off_case
from vault.cases.forms import AssignmentChange
from vault.cases.models import Case
from vault.cases.pages import AssignmentsPage, assignments_page
from vault.errors import Conflict
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources on `bp`, and what forms post to beside them on `pages`."""
    bp.get("/cases/<uuid:case_id>/assignments")(assignments)
    bp.post("/cases/<uuid:case_id>/assignments")(assign)
    bp.delete("/cases/<uuid:case_id>/assignments")(delete_assignment)
    pages.post("/cases/<uuid:case_id>/assignments/removal")(take_off)


@documented("Whose a case is", returns=AssignmentsPage, errors=["not-found"])
@signed_in
def assignments(case_id: UUID) -> ResponseReturnValue:
    """Those who have it, and who could get it."""
    with transaction() as tx:
        page = assignments_page(tx, tx.load(Case, case_id, Permission.CASE_SEE))
    return respond("cases/assignments.html", page)


@documented(
    "Assign a case to a colleague of its office",
    body=AssignmentChange,
    returns=AssignmentsPage,
    status=201,
    errors=["invalid", "forbidden", "conflict"],
)
@signed_in
@shows_form(assignments, Conflict)
def assign(case_id: UUID) -> ResponseReturnValue:
    """One more has it."""
    wanted = parse(AssignmentChange)
    with transaction() as tx:
        page = assignments_page(tx, assign_case(tx, case_id, wanted.person))
    return respond("cases/assignments.html", page, location=_here(case_id))


@documented(
    "Take a colleague off a case", body=AssignmentChange, returns=AssignmentsPage, errors=["forbidden"]
)
@signed_in
def delete_assignment(case_id: UUID) -> ResponseReturnValue:
    """Who is left."""
    return respond("cases/assignments.html", _without(case_id))


@signed_in
@shows_form(assignments, Conflict)
def take_off(case_id: UUID) -> ResponseReturnValue:
    """The same, from the page."""
    return respond("", _without(case_id), location=_here(case_id))


def _without(case_id: UUID) -> AssignmentsPage:
    wanted = parse(AssignmentChange)
    with transaction() as tx:
        return assignments_page(tx, take_off_case(tx, case_id, wanted.person))


def _here(case_id: UUID) -> str:
    if speaks_json(request):
        return url_for("api_cases.assignments", case_id=case_id)
    return url_for("cases.assignments", case_id=case_id, notice="saved")
