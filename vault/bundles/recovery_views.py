"""Recovery over HTTP: what can be recovered, asking, releasing, ending, reviewing. Completing it stands with the loans."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.forms import NewRecovery, RecoveryEnd, RecoveryRelease, RecoveryReview
from vault.bundles.models import Bundle
from vault.bundles.recoveries import end_recovery, release_recovery, request_recovery, review_reading
from vault.bundles.recovery_models import Recovery
from vault.bundles.recovery_pages import (
    RecoveryOverview,
    RecoveryPage,
    new_recovery_page,
    recovery_overview,
    recovery_page,
)
from vault.errors import Conflict, Refused
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources on `bp`, and what only pages need on `pages`."""
    bp.get("/office/recovery", endpoint="recovery_overview")(show_overview)
    pages.get("/bundles/<uuid:bundle_id>/recoveries/new")(new_recovery)
    bp.post("/bundles/<uuid:bundle_id>/recoveries")(ask_for)
    bp.get("/recoveries/<uuid:recovery_id>")(show_recovery)
    bp.post("/recoveries/<uuid:recovery_id>/release")(release)
    bp.post("/recoveries/<uuid:recovery_id>/ending")(end)
    bp.post("/recoveries/<uuid:recovery_id>/review")(review)


@documented(
    "Recovery desks, and how many bundles they can open", returns=RecoveryOverview, errors=["forbidden"]
)
@signed_in
def show_overview() -> ResponseReturnValue:
    """The office's, or all offices' in counts."""
    with transaction() as tx:
        tx.require(Permission.DESK_SEE)
        page = recovery_overview(tx)
    return respond("bundles/recovery.html", page)


@signed_in
def new_recovery(bundle_id: UUID) -> ResponseReturnValue:
    """The form."""
    with transaction() as tx:
        page = new_recovery_page(tx, tx.load(Bundle, bundle_id, Permission.RECOVERY_REQUEST))
    return respond("bundles/new_recovery.html", page)


@documented(
    "Ask both recovery desks for a bundle: to recover it, or to have it read in an emergency",
    body=NewRecovery,
    returns=RecoveryPage,
    status=201,
    errors=["invalid", "not-found", "conflict"],
)
@signed_in
@shows_form(new_recovery, Conflict)
def ask_for(bundle_id: UUID) -> ResponseReturnValue:
    """Members see it at once."""
    asked = parse(NewRecovery)
    with transaction() as tx:
        made = request_recovery(tx, bundle_id, asked.receiver, asked.purpose, asked.urgency, asked.reason)
        page = recovery_page(tx, made)
    return respond("bundles/one_recovery.html", page, location=here(page.id, "recovery-requested"))


@documented("One recovery", returns=RecoveryPage, errors=["not-found"])
@signed_in
def show_recovery(recovery_id: UUID) -> ResponseReturnValue:
    """Its own page."""
    with transaction() as tx:
        page = recovery_page(tx, tx.load(Recovery, recovery_id, Permission.RECOVERY_SEE))
    return respond("bundles/one_recovery.html", page)


@documented(
    "Release desk 1's half of the bundle's key to one officer of desk 2",
    body=RecoveryRelease,
    returns=RecoveryPage,
    status=201,
    errors=["invalid", "not-found", "conflict", "step-up-due"],
)
@signed_in
@shows_form(show_recovery, Conflict)
def release(recovery_id: UUID) -> ResponseReturnValue:
    """The other desk goes on."""
    asked = parse(RecoveryRelease)
    with transaction() as tx:
        page = recovery_page(tx, release_recovery(tx, recovery_id, asked.officer, asked.compared))
    return respond("bundles/one_recovery.html", page, location=here(recovery_id, "recovery-released"))


@documented(
    "Withdraw, refuse or stop a recovery",
    body=RecoveryEnd,
    returns=RecoveryPage,
    status=201,
    errors=["invalid", "not-found", "conflict"],
)
@signed_in
@shows_form(show_recovery, Conflict)
def end(recovery_id: UUID) -> ResponseReturnValue:
    """Nobody releases or completes it any more."""
    asked = parse(RecoveryEnd)
    with transaction() as tx:
        page = recovery_page(tx, end_recovery(tx, recovery_id, asked.reason))
    return respond("bundles/one_recovery.html", page, location=here(recovery_id, "recovery-ended"))


@documented(
    "Record the review of a reading in an emergency",
    body=RecoveryReview,
    returns=RecoveryPage,
    status=201,
    errors=["invalid", "not-found", "conflict"],
)
@signed_in
@shows_form(show_recovery, Conflict, Refused)
def review(recovery_id: UUID) -> ResponseReturnValue:
    """Somebody else has looked."""
    asked = parse(RecoveryReview)
    with transaction() as tx:
        page = recovery_page(tx, review_reading(tx, recovery_id, asked.reason))
    return respond("bundles/one_recovery.html", page, location=here(recovery_id, "recovery-reviewed"))


def here(recovery_id: UUID, notice: str) -> str:
    """Where a recovery is shown, to pages and to programs."""
    if speaks_json(request):
        return url_for("api_bundles.show_recovery", recovery_id=recovery_id)
    return url_for("bundles.show_recovery", recovery_id=recovery_id, notice=notice)
