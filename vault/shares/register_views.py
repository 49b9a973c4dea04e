"""The disclosure register over HTTP: the list with its filters, a search by number, exports, and what left of one case."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.cases.forms import CaseSearch
from vault.cases.models import Case
from vault.errors import Fault, Invalid
from vault.runtime import Transaction
from vault.shares.register import (
    STATES,
    Filter,
    all_disclosures,
    cases_numbered,
    disclosures,
    record_export,
    shares_of,
)
from vault.shares.register_files import FORMS, written
from vault.shares.register_forms import Export
from vault.shares.register_pages import (
    CaseDisclosures,
    DisclosureRow,
    Option,
    case_disclosures,
    disclosure_rows,
    filters,
)
from vault.web.acting import transaction
from vault.web.disposition import disposition
from vault.web.openapi import documented
from vault.web.paging import Page, asked_page
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

IDS = ("case", "organisation", "recipient", "owner")
FILTERS: dict[str, dict[str, Any]] = {
    **{name: {"type": "string", "format": "uuid"} for name in IDS},
    "country": {"type": "string", "pattern": "^[A-Z]{2}$"},
    "document_type": {"enum": list(DOCUMENT_TYPES)},
    "state": {"enum": list(STATES)},
}


class Disclosures(Page[DisclosureRow]):
    """A page of the register, and what its filters offer. `case_number` is that of the case it is narrowed to."""

    case_number: str | None = None
    organisations: list[Option]
    countries: list[str]
    owners: list[Option]
    types: dict[str, str]
    states: list[str]
    may_revoke: bool


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/disclosures")(list_disclosures)
    bp.post("/disclosures/search")(search_disclosures)
    bp.post("/disclosures/export")(export_disclosures)
    bp.get("/cases/<uuid:case_id>/disclosures")(of_case)


@documented(
    "The disclosure register: every link that was ever made, newest first",
    query=FILTERS,
    returns=Disclosures,
)
@signed_in
def list_disclosures() -> ResponseReturnValue:
    """Live and past."""
    asked, wanted = asked_page(), _asked_filter()
    with transaction() as tx:
        tx.require(Permission.REGISTER_SEE)
        page = _page(tx, wanted, asked.limit, asked.after)
        if asked.after is None:
            tx.record("register.viewed", None, entries=len(page.items))
    return respond("shares/register.html", page)


@documented(
    "The links of the cases that have this number", body=CaseSearch, returns=Disclosures, errors=["invalid"]
)
@signed_in
@shows_form(list_disclosures)
def search_disclosures() -> ResponseReturnValue:
    """The number stands in the body alone."""
    wanted = parse(CaseSearch)
    with transaction() as tx:
        tx.require(Permission.REGISTER_SEE)
        found = cases_numbered(tx, wanted.number)
        rows = [row for case in found for row in disclosure_rows(tx, shares_of(tx, case))]
        page = Disclosures(items=rows, case_number=wanted.number, **filters(tx))
        tx.record("register.viewed", None, entries=len(rows))
    return respond("shares/register.html", page)


@documented(
    "The register as a file, with a reason", body=Export, sends_bytes=True, errors=["invalid", "forbidden"]
)
@signed_in
@shows_form(list_disclosures)
def export_disclosures() -> ResponseReturnValue:
    """JSON Lines, or CSV with safe cells."""
    wanted = parse(Export)
    with transaction() as tx:
        rows = disclosure_rows(tx, list(all_disclosures(tx, wanted.filter)))
        record_export(tx, wanted.form, len(rows), wanted.reason)
        name = f"disclosures-{tx.now.date().isoformat()}.{wanted.form}"
    answer = Response(written(wanted.form, rows), mimetype=FORMS[wanted.form])
    answer.headers["Content-Disposition"] = disposition("attachment", name)
    return answer


@documented("Everything that ever left of a case", returns=CaseDisclosures, errors=["not-found"])
@signed_in
def of_case(case_id: UUID) -> ResponseReturnValue:
    """Links, exports, and what recipients were served."""
    with transaction() as tx:
        case = tx.load(Case, case_id, Permission.REGISTER_SEE)
        page = case_disclosures(tx, case)
        tx.record("register.viewed", case, entries=len(page.links))
    return respond("shares/case_disclosures.html", page)


def _page(tx: Transaction, wanted: Filter, limit: int, after: str | None) -> Disclosures:
    found = disclosures(tx, wanted, limit, _id("after", after))
    rows = disclosure_rows(tx, found[:limit])
    case = tx.session.get(Case, wanted.case) if wanted.case and rows else None
    following = str(rows[-1].id) if len(found) > limit else None
    return Disclosures(items=rows, next=following, case_number=case.number if case else None, **filters(tx))


def _asked_filter() -> Filter:
    """The filters of the address; what stands in it is never a number of a case."""
    asked = {name: request.args.get(name, "")[:40] for name in FILTERS}
    if request.method == "POST":
        return Filter()
    return Filter(
        case=_id("case", asked["case"]),
        organisation=_id("organisation", asked["organisation"]),
        recipient=_id("recipient", asked["recipient"]),
        owner=_id("owner", asked["owner"]),
        country=asked["country"],
        document_type=asked["document_type"],
        state=asked["state"],
    )


def _id(name: str, text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        fault = Fault(f"/{name}", "This filter is not understood.")
        raise Invalid("The register was not searched.", errors=[fault]) from None
