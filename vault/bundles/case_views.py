"""The worklist and the page of a case, which shows its bundles: so they stand here and not with the cases."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import ColumnElement

from vault.access.actor import Actor
from vault.access.policy import Permission, may_ever
from vault.bundles.pages import CaseFile, case_file
from vault.bundles.queries import is_own_case, worked_on_by
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

LISTS: dict[str, tuple[str, Callable[[Actor], ColumnElement[bool]] | None]] = {
    "mine": ("bundles/worklist.html", is_own_case),
    "open": ("bundles/open.html", worked_on_by),
    "office": ("bundles/office.html", None),
}
"""Each list of cases: its page, and which of those that the actor may see stand in it."""


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources on `bp` and the first page on `pages`."""
    pages.get("/")(first)
    bp.get("/cases")(list_of_cases)
    bp.get("/cases/<uuid:case_id>")(show_case)
    bp.context_processor(offered)


def offered() -> dict[str, bool]:
    """What the lists offer besides their rows."""
    who = actor()
    return {
        "may_create_case": may_ever(Permission.CASE_CREATE, who),
        "may_borrow": may_ever(Permission.LOAN_READ, who),
    }


@signed_in
def first() -> ResponseReturnValue:
    """The first place that this person may go to."""
    return redirect(places()[0].url, 303)


@documented(
    "Cases that you may see, last changed first; `?of=mine` for your caseload, `?of=open` for others that you work on",
    returns=Page[CasePage],
)
@signed_in
def list_of_cases() -> ResponseReturnValue:
    """The caseload (`?of=mine`, what people get first), what else is open to one (`?of=open`), or all of the office."""
    asked, of = asked_page(), request.args.get("of", "office" if speaks_json(request) else "mine")
    template, among = LISTS.get(of, LISTS["office"])
    with transaction() as tx:
        tx.require(Permission.CASE_SEE)
        found = list_cases(tx, asked.after, asked.limit, among(actor()) if among else None)
        items = [case_page(tx, case) for case in found.cases]
    return respond(template, Page[CasePage](items=items, next=found.next))


@documented("A case and its bundles", returns=CaseFile, errors=["not-found"])
@signed_in
def show_case(case_id: UUID) -> ResponseReturnValue:
    """One case."""
    with transaction() as tx:
        page = case_file(tx, tx.load(Case, case_id, Permission.CASE_SEE))
    response = respond("bundles/case.html", page)
    response.set_etag(str(page.revision))
    return response
