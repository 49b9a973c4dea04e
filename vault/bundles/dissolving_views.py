"""Dissolving a team over HTTP: what it opens, then the end of it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.dissolving import dissolve_team
from vault.bundles.pages import DissolutionPage, dissolution_page
from vault.errors import Conflict
from vault.people.models import Team
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/teams/<uuid:team_id>/dissolution")(dissolution)
    bp.post("/teams/<uuid:team_id>/dissolution")(dissolve)


@documented(
    "What is opened to a team, and which of it only the team opens",
    returns=DissolutionPage,
    errors=["not-found", "forbidden"],
)
@signed_in
def dissolution(team_id: UUID) -> ResponseReturnValue:
    """Before it is dissolved."""
    with transaction() as tx:
        page = dissolution_page(tx, tx.load(Team, team_id, Permission.TEAM_MANAGE))
    return respond("bundles/dissolution.html", page)


@documented(
    "Dissolve a team: what is opened to it opens through it no more",
    returns=DissolutionPage,
    status=201,
    errors=["not-found", "forbidden", "conflict"],
)
@signed_in
@shows_form(dissolution, Conflict)
def dissolve(team_id: UUID) -> ResponseReturnValue:
    """For good."""
    with transaction() as tx:
        page = dissolution_page(tx, dissolve_team(tx, team_id))
    if speaks_json(request):
        return respond("", page, location=url_for("api_bundles.dissolution", team_id=team_id))
    return respond("", page, location=url_for("people.team_index", notice="saved"))
