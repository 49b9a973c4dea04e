"""What was opened outside caseloads, over HTTP: the controller's list, and marking a reason as seen."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.matrix.explanation_pages import PersonChoice
from vault.matrix.queries import holders
from vault.matrix.reasons import ReasonRow, mark_reason_seen, reason_list, reason_rows
from vault.matrix.service import own_office
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.paging import Page, asked_page
from vault.web.respond import respond
from vault.web.signin import signed_in

QUERY: dict[str, dict[str, Any]] = {
    "person": {"type": "string", "format": "uuid"},
    "of": {"enum": ["new", "all"]},
}


class ReasonsPage(Page[ReasonRow]):
    """Some reasons, and by whose they can be narrowed."""

    person: UUID | None
    of: str
    people: list[PersonChoice]


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/office/reasons")(reasons)
    bp.post("/office/reasons/<uuid:reason_id>/seen")(see)


@documented(
    "Why bundles were opened outside caseloads, newest first; `?of=all` with those that were seen",
    query=QUERY,
    returns=ReasonsPage,
    errors=["forbidden"],
)
@signed_in
def reasons() -> ResponseReturnValue:
    """Who, which case, when, and why."""
    asked, person_id = asked_page(), request.args.get("person", type=UUID)
    of = "all" if request.args.get("of") == "all" else "new"
    with transaction() as tx:
        people = holders(tx, own_office(tx, Permission.REASON_SEE))
        found = reason_list(tx, person_id, of == "new", asked.after, asked.limit)
    choices = [PersonChoice(person=each.id, name=each.display_name) for each in people]
    page = ReasonsPage(items=found.items, next=found.next, person=person_id, of=of, people=choices)
    return respond("matrix/reasons.html", page)


@documented("Mark a reason as seen", returns=ReasonRow, status=201, errors=["not-found", "forbidden"])
@signed_in
def see(reason_id: UUID) -> ResponseReturnValue:
    """It is in the list of what is new no more."""
    with transaction() as tx:
        (row,) = reason_rows(tx, [mark_reason_seen(tx, reason_id)])
    endpoint = "api_matrix.reasons" if speaks_json(request) else "matrix.reasons"
    return respond("matrix/reasons.html", row, location=url_for(endpoint))
