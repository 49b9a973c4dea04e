"""The page before a bundle gets a new key, and the act: an act on a bundle that ends the links on it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.bundles.document_views import leads_to_password
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.cases.models import Case
from vault.cases.numbers import read_number
from vault.drops.rekeying import rekey_with_requests
from vault.errors import Fault, Invalid
from vault.runtime import Transaction
from vault.shares.forms import Rekeying
from vault.shares.pages import RekeyingPage, rekeying_page
from vault.shares.rekeying import live_links_of
from vault.transfers.waiting import unfinished_into
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the page and the act on the blueprints of the room."""
    pages.get("/bundles/<uuid:bundle_id>/rekeying")(before_rekeying)
    bp.post("/bundles/<uuid:bundle_id>/rekeying")(rekey)


@signed_in
@leads_to_password
def before_rekeying(bundle_id: UUID) -> ResponseReturnValue:
    """What a new key does, and what ends by it."""
    with transaction() as tx:
        bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_MANAGE)
        page = _page(tx, bundle)
    return respond("shares/rekeying.html", page)


@documented(
    "Give a bundle a new key after a suspected compromise; its links and unfinished uploads end",
    body=Rekeying,
    returns=RekeyingPage,
    status=201,
    errors=["invalid", "not-found", "bundle-locked"],
)
@signed_in
@shows_form(before_rekeying)
def rekey(bundle_id: UUID) -> ResponseReturnValue:
    """All is locked anew, and nothing that was seen before opens what comes after."""
    wanted = parse(Rekeying)
    with transaction() as tx:
        bundle = tx.load(Bundle, bundle_id, Permission.BUNDLE_MANAGE)
        _check_number(tx, bundle, wanted.number)
        rekey_with_requests(tx, bundle_id, wanted.reason)
        page = _page(tx, bundle)
    return respond("shares/rekeying.html", page, location=_onward(bundle_id))


def _page(tx: Transaction, bundle: Bundle) -> RekeyingPage:
    opened = open_bundle(tx, bundle)
    return rekeying_page(tx, opened, live_links_of(tx, bundle.id), unfinished_into(tx, bundle.id))


def _check_number(tx: Transaction, bundle: Bundle, number: str) -> None:
    case = tx.session.get_one(Case, bundle.case_id)
    if read_number(number).key != read_number(case.number).key:
        message = "This is not the number of this bundle's case."
        raise Invalid("Nothing was changed.", errors=[Fault("/number", message)])


def _onward(bundle_id: UUID) -> str:
    if speaks_json(request):
        return url_for("api_bundles.show", bundle_id=bundle_id)
    return url_for("bundles.show", bundle_id=bundle_id, notice="rekeyed")
