"""Giving a bundle to one's own token, and taking it back, over HTTP."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.forms import TokenChange
from vault.bundles.models import Bundle
from vault.bundles.pages import BundleTokens, bundle_tokens
from vault.bundles.token_grants import give_to_token, take_from_token
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/bundles/<uuid:bundle_id>/tokens")(tokens)
    bp.post("/bundles/<uuid:bundle_id>/tokens")(give)
    bp.post("/bundles/<uuid:bundle_id>/tokens/removal")(take)


@documented(
    "Your own tokens, and whether each may open the bundle", returns=BundleTokens, errors=["not-found"]
)
@signed_in
def tokens(bundle_id: UUID) -> ResponseReturnValue:
    """One's own tokens in this bundle."""
    with transaction() as tx:
        page = bundle_tokens(tx, tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN))
    return respond("bundles/tokens.html", page)


@documented(
    "Let one of your tokens open the bundle",
    body=TokenChange,
    returns=BundleTokens,
    status=201,
    errors=["not-found", "conflict", "bundle-locked"],
)
@signed_in
def give(bundle_id: UUID) -> ResponseReturnValue:
    """The token opens the bundle from now on."""
    wanted = parse(TokenChange)
    with transaction() as tx:
        give_to_token(tx, bundle_id, wanted.token)
        page = bundle_tokens(tx, tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN))
    return respond("bundles/tokens.html", page, location=_here(bundle_id))


@documented(
    "Take the bundle from one of your tokens",
    body=TokenChange,
    returns=BundleTokens,
    status=201,
    errors=["not-found"],
)
@signed_in
def take(bundle_id: UUID) -> ResponseReturnValue:
    """The token opens the bundle no more."""
    wanted = parse(TokenChange)
    with transaction() as tx:
        take_from_token(tx, bundle_id, wanted.token)
        page = bundle_tokens(tx, tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN))
    return respond("bundles/tokens.html", page, location=_here(bundle_id))


def _here(bundle_id: UUID) -> str:
    if speaks_json(request):
        return url_for("api_bundles.tokens", bundle_id=bundle_id)
    return url_for("bundles.tokens", bundle_id=bundle_id, notice="saved")
