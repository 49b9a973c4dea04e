"""Saying why a bundle outside one's caseload is opened, over HTTP."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.forms import ReasonForm, ReasonGiven
from vault.bundles.models import Bundle
from vault.bundles.pages import ReasonPage, reason_page
from vault.bundles.reasons import give_reason
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import own_path, signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/bundles/<uuid:bundle_id>/reason")(reason_form)
    bp.post("/bundles/<uuid:bundle_id>/reason")(post_reason)


@documented("Whether a reason is due for a bundle in this session", returns=ReasonPage, errors=["not-found"])
@signed_in
def reason_form(bundle_id: UUID) -> ResponseReturnValue:
    """The question."""
    following = request.values.get("next", "")
    with transaction() as tx:
        page = reason_page(tx, tx.load(Bundle, bundle_id, Permission.REASON_GIVE), following)
    return respond("bundles/reason.html", page)


@documented(
    "Say why you open a bundle of a case that is not assigned to you: once in a session",
    body=ReasonGiven,
    returns=ReasonPage,
    status=201,
    errors=["invalid", "not-found", "forbidden"],
)
@signed_in
@shows_form(reason_form)
def post_reason(bundle_id: UUID) -> ResponseReturnValue:
    """The bundle opens."""
    wanted = parse(ReasonGiven if speaks_json(request) else ReasonForm)
    with transaction() as tx:
        give_reason(tx, bundle_id, wanted.reason)
        page = reason_page(tx, tx.session.get_one(Bundle, bundle_id))
    return respond("bundles/reason.html", page, location=_way_on(bundle_id, getattr(wanted, "next", None)))


def _way_on(bundle_id: UUID, following: str | None) -> str:
    """Back to what was wanted, else to the bundle."""
    if speaks_json(request):
        return url_for("api_bundles.reason_form", bundle_id=bundle_id)
    return own_path(following) if following else url_for("bundles.show", bundle_id=bundle_id)
