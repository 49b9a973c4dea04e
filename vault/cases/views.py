"""Adding, changing and searching cases. The worklist and a case's page show bundles and stand in `bundles.case_views`."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.cases import assignment_views, outcome_views
from vault.cases.forms import CaseEdit, CaseSearch, NewCase
from vault.cases.models import Case
from vault.cases.pages import CasePage, FoundCases, case_page
from vault.cases.service import change_case, create_case, search_cases
from vault.errors import Conflict
from vault.runtime import Transaction
from vault.web.acting import transaction
from vault.web.etags import require_match
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

bp = Blueprint("cases", __name__, template_folder="templates")
pages = Blueprint("cases_pages", __name__)
assignment_views.register(bp, pages)
outcome_views.register(bp)


@pages.get("/cases/search")
@signed_in
def search_form() -> ResponseReturnValue:
    return respond("cases/search.html", FoundCases(items=[]))


@bp.post("/cases/search")
@documented("Cases known by this number", body=CaseSearch, returns=FoundCases, errors=["invalid"])
@signed_in
@shows_form(search_form)
def search() -> ResponseReturnValue:
    wanted = parse(CaseSearch)
    with transaction() as tx:
        tx.require(Permission.CASE_SEE)
        page = FoundCases(items=[case_page(tx, case) for case in search_cases(tx, wanted.number)])
    if len(page.items) == 1 and not speaks_json(request):
        return redirect(_address(page.items[0].id), 303)
    return respond("cases/search.html", page)


@pages.get("/cases/new")
@signed_in
def new() -> ResponseReturnValue:
    with transaction() as tx:
        tx.require(Permission.CASE_CREATE)
    return respond("cases/new.html", None)


@bp.post("/cases")
@documented(
    "Add a case to your office", body=NewCase, returns=CasePage, status=201, errors=["invalid", "conflict"]
)
@signed_in
@shows_form(new, Conflict)
def create() -> ResponseReturnValue:
    wanted = parse(NewCase)
    with transaction() as tx:
        page = case_page(tx, _created(tx, wanted))
    return respond("", page, location=_address(page.id))


@pages.get("/cases/<uuid:case_id>/edit")
@signed_in
def edit_form(case_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = case_page(tx, tx.load(Case, case_id, Permission.CASE_CHANGE))
    return respond("cases/edit.html", page)


@bp.patch("/cases/<uuid:case_id>")
@documented("Change a case", body=CaseEdit, returns=CasePage, errors=["conflict", "precondition-failed"])
@signed_in
def change(case_id: UUID) -> ResponseReturnValue:
    page = _changed(case_id)
    response = respond("cases/edit.html", page)
    response.set_etag(str(page.revision))
    return response


@pages.post("/cases/<uuid:case_id>/edit")
@signed_in
@shows_form(edit_form, Conflict)
def edit(case_id: UUID) -> ResponseReturnValue:
    return respond("", _changed(case_id), location=_address(case_id, "saved"))


def _changed(case_id: UUID) -> CasePage:
    wanted = parse(CaseEdit)
    with transaction() as tx:
        require_match(str(tx.load(Case, case_id, Permission.CASE_CHANGE, lock=True).revision))
        return case_page(tx, change_case(tx, case_id, wanted.change, wanted.revision))


def _address(case_id: UUID, notice: str | None = None) -> str:
    endpoint = "api_bundles.show_case" if speaks_json(request) else "bundles.show_case"
    return url_for(endpoint, case_id=case_id, notice=notice)


def _created(tx: Transaction, wanted: NewCase) -> Case:
    return create_case(
        tx,
        wanted.number,
        office_id=wanted.office,
        priority=wanted.priority,
        stage=wanted.stage,
        stage_on=wanted.stage_on,
        aliases=wanted.aliases,
        individuals=wanted.individuals,
        origin_countries=wanted.origin_countries,
        asylum_country=wanted.asylum_country,
    )
