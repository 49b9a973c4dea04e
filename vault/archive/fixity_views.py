"""Fixity over HTTP: the board, and one incident, which a person closes."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission, may_ever
from vault.archive.alarms import Alarms
from vault.archive.fixity_pages import CopyState, IncidentPage, IncidentRow, fixity_board, incident_page
from vault.archive.forms import WithReason
from vault.archive.incidents import close_incident
from vault.archive.models import Incident
from vault.errors import Conflict
from vault.web.acting import actor, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.paging import Page, asked_page
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


class FixityBoard(Page[CopyState]):
    """Copies of packages, what is wrong first; before them the counts, and the incidents that are not closed."""

    alarms: Alarms
    incidents: list[IncidentRow]


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/archive/fixity")(board)
    bp.get("/incidents/<uuid:incident_id>")(incident)
    bp.post("/incidents/<uuid:incident_id>/closure")(settle)
    bp.app_template_global("may_see_fixity")(may_see_fixity)


def may_see_fixity() -> bool:
    """Whether pages lead to the board."""
    return may_ever(Permission.FIXITY_SEE, actor())


@documented(
    "Copies of packages and when each was checked, failures first, then what is overdue",
    returns=FixityBoard,
    errors=["forbidden"],
)
@signed_in
def board() -> ResponseReturnValue:
    """One page of it."""
    asked = asked_page()
    with transaction() as tx:
        found = fixity_board(tx, asked.after, asked.limit)
    page = FixityBoard(items=found.copies, next=found.after, alarms=found.alarms, incidents=found.incidents)
    return respond("archive/fixity.html", page)


@documented("What was wrong with a copy of a package", returns=IncidentPage, errors=["not-found"])
@signed_in
def incident(incident_id: UUID) -> ResponseReturnValue:
    """As it stands."""
    with transaction() as tx:
        page = incident_page(tx, tx.load(Incident, incident_id, Permission.FIXITY_SEE))
    return respond("archive/incident.html", page)


@documented(
    "Close an incident that is repaired, and say what was the matter",
    body=WithReason,
    returns=IncidentPage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(incident, Conflict)
def settle(incident_id: UUID) -> ResponseReturnValue:
    """It is."""
    wanted = parse(WithReason)
    with transaction() as tx:
        page = incident_page(tx, close_incident(tx, incident_id, wanted.reason))
    if speaks_json(request):
        place = url_for("api_archive.incident", incident_id=incident_id)
    else:
        place = url_for("archive.incident", incident_id=incident_id, notice="saved")
    return respond("archive/incident.html", page, location=place)
