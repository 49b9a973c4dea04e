"""Tokens over HTTP: one's own on the account's page, services on the administrator's. No token reaches any of these."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.errors import Conflict
from vault.people.forms import NewServiceForm, NewTokenForm
from vault.people.token_pages import made_page, own_tokens_page, services_page
from vault.people.tokens import create_service, create_token, revoke_token
from vault.web.acting import actor, transaction
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(pages: Blueprint) -> None:
    """Put the pages on the blueprint of the room."""
    pages.get("/account/tokens")(own_tokens)
    pages.post("/account/tokens")(make_own_token)
    pages.get("/tokens")(services)
    pages.post("/tokens")(make_service)
    pages.post("/tokens/<uuid:token_id>/revocation")(revoke)


@signed_in
def own_tokens() -> ResponseReturnValue:
    """One's own tokens, and a form for another."""
    with transaction() as tx:
        page = own_tokens_page(tx)
    return respond("people/tokens.html", page)


@signed_in
@shows_form(own_tokens, Conflict)
def make_own_token() -> ResponseReturnValue:
    """A token, shown once."""
    wanted = parse(NewTokenForm)
    with transaction() as tx:
        page = made_page(create_token(tx, wanted.wanted))
    return respond("people/made_token.html", page, status=201)


@signed_in
def services() -> ResponseReturnValue:
    """All tokens of services and people, and a form for another service."""
    with transaction() as tx:
        tx.require(Permission.TOKEN_MANAGE)
        page = services_page(tx)
    return respond("people/services.html", page)


@signed_in
@shows_form(services)
def make_service() -> ResponseReturnValue:
    """A service and its token, shown once."""
    wanted = parse(NewServiceForm)
    with transaction() as tx:
        page = made_page(create_service(tx, wanted.wanted, wanted.office, wanted.role))
    return respond("people/made_token.html", page, status=201)


@signed_in
def revoke(token_id: UUID) -> ResponseReturnValue:
    """It opens nothing from now on."""
    with transaction() as tx:
        token = revoke_token(tx, token_id)
    place = "own_tokens" if token.person_id == actor().id else "services"
    return redirect(url_for(f".{place}", notice="token-revoked"), 303)
