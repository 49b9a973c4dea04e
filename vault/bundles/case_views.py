"""The worklist and the page of a case, which shows its bundles: so they stand here and not with the cases."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission, may_ever
from vault.bundles.pages import CaseFile, case_file
from vault.bundles.queries import worked_on_by
from vault.cases.models import Case
from vault.cases.pages import CasePage, case_page
from vault.cases.queries import list_cases
from vault.web.acting import actor, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.paging import Page, asked_page
from vault.web.places import places
from vault.web.respond import respond
from vault.web.signin import signed_in


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources on `bp` and the first page on `pages`."""
    pages.get("/")(first)
    bp.get("/cases")(list_of_cases)
    bp.get("/cases/<uuid:case_id>")(show_case)
    bp.context_processor(offered)


def offered() -> dict[str, bool]:
    """What the lists offer besides their rows."""
    return {"may_create_case": may_ever(Permission.CASE_CREATE, actor())}


@signed_in
def first() -> ResponseReturnValue:
    """The first place that this person may go to."""
    return redirect(places()[0].url, 303)


@documented(
    "Cases that you may see, last changed first; `?of=mine` for those you work on", returns=Page[CasePage]
)
@signed_in
def list_of_cases() -> ResponseReturnValue:
    """The worklist (`?of=mine`, what people get) or all cases of the office."""
    asked = asked_page()
    mine = request.args.get("of", "office" if speaks_json(request) else "mine") == "mine"
    with transaction() as tx:
        tx.require(Permission.CASE_SEE)
        found = list_cases(tx, asked.after, asked.limit, worked_on_by(actor()) if mine else None)
        items = [case_page(tx, case) for case in found.cases]
    page = Page[CasePage](items=items, next=found.next)
    return respond("bundles/worklist.html" if mine else "bundles/office.html", page)


@documented("A case and its bundles", returns=CaseFile, errors=["not-found"])
@signed_in
def show_case(case_id: UUID) -> ResponseReturnValue:
    """One case."""
    with transaction() as tx:
        page = case_file(tx, tx.load(Case, case_id, Permission.CASE_SEE))
    response = respond("bundles/case.html", page)
    response.set_etag(str(page.revision))
    return response
