"""Teams of one's own office over HTTP: making one, taking colleagues in and off."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.errors import Conflict
from vault.people.forms import NewTeam, TeamChange
from vault.people.models import Team
from vault.people.team_pages import TeamList, TeamPage, team_list, team_page
from vault.people.teams import add_to_team, create_team, take_off_team
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources on `bp`, and what only pages need on `pages`."""
    bp.get("/teams")(team_index)
    pages.get("/teams/new")(new_team)
    bp.post("/teams")(make)
    bp.get("/teams/<uuid:team_id>")(team)
    bp.post("/teams/<uuid:team_id>/members")(take_in)
    bp.delete("/teams/<uuid:team_id>/members")(delete_from_team)
    pages.post("/teams/<uuid:team_id>/members/removal")(take_from_team)


@documented("The teams of your office", returns=TeamList, errors=["forbidden"])
@signed_in
def team_index() -> ResponseReturnValue:
    """By name."""
    with transaction() as tx:
        tx.require(Permission.TEAM_SEE)
        page = team_list(tx)
    return respond("people/teams.html", page)


@signed_in
def new_team() -> ResponseReturnValue:
    """The form."""
    with transaction() as tx:
        tx.require(Permission.TEAM_MANAGE)
    return respond("people/new_team.html", None)


@documented(
    "Make a team; you are its first member",
    body=NewTeam,
    returns=TeamPage,
    status=201,
    errors=["invalid", "forbidden"],
)
@signed_in
@shows_form(new_team)
def make() -> ResponseReturnValue:
    """The new team."""
    wanted = parse(NewTeam)
    with transaction() as tx:
        page = team_page(tx, create_team(tx, wanted.name))
    return respond("people/team.html", page, location=_here(page.id, "saved"))


@documented("A team and who is in it", returns=TeamPage, errors=["not-found"])
@signed_in
def team(team_id: UUID) -> ResponseReturnValue:
    """Its own page."""
    with transaction() as tx:
        page = team_page(tx, tx.load(Team, team_id, Permission.TEAM_SEE))
    return respond("people/team.html", page)


@documented(
    "Take a colleague into a team that you are in",
    body=TeamChange,
    returns=TeamPage,
    status=201,
    errors=["invalid", "not-found", "conflict"],
)
@signed_in
@shows_form(team, Conflict)
def take_in(team_id: UUID) -> ResponseReturnValue:
    """One more opens what the team opens."""
    wanted = parse(TeamChange)
    with transaction() as tx:
        page = team_page(tx, add_to_team(tx, team_id, wanted.person, wanted.compared))
    return respond("people/team.html", page, location=_here(team_id, "member-added"))


@documented("Take a colleague off a team at once", body=TeamChange, returns=TeamPage, errors=["conflict"])
@signed_in
def delete_from_team(team_id: UUID) -> ResponseReturnValue:
    """Who is left."""
    return respond("people/team.html", _without(team_id))


@signed_in
@shows_form(team, Conflict)
def take_from_team(team_id: UUID) -> ResponseReturnValue:
    """The same, from the page."""
    return respond("people/team.html", _without(team_id), location=_here(team_id, "member-removed"))


def _without(team_id: UUID) -> TeamPage:
    wanted = parse(TeamChange)
    with transaction() as tx:
        return team_page(tx, take_off_team(tx, team_id, wanted.person))


def _here(team_id: UUID, notice: str) -> str:
    if speaks_json(request):
        return url_for("api_people.team", team_id=team_id)
    return url_for("people.team", team_id=team_id, notice=notice)
