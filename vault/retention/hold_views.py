"""Holds over HTTP: the list, those of a case or document, placing one, releasing it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.holds import Hold
from vault.access.policy import Permission, may_ever
from vault.bundles.models import Document
from vault.cases.models import Case
from vault.errors import Conflict, Refused
from vault.retention.forms import NewHold, WithReason
from vault.retention.hold_pages import (
    CaseHolds,
    DocumentHolds,
    HoldPage,
    HoldRow,
    case_holds,
    count_live_holds,
    document_holds,
    hold_page,
    list_holds,
)
from vault.retention.holds import place_hold, release_hold
from vault.web.acting import actor, reading, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.paging import Page, asked_page
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


class HoldList(Page[HoldRow]):
    """Some holds, newest first."""


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/holds")(holds)
    bp.post("/holds")(place)
    bp.get("/holds/<uuid:hold_id>")(hold)
    bp.post("/holds/<uuid:hold_id>/release")(release)
    bp.get("/cases/<uuid:case_id>/holds")(of_case)
    bp.get("/documents/<uuid:document_id>/holds")(of_document)
    bp.app_template_global("live_holds_on")(live_holds_on)


def live_holds_on(case_id: UUID) -> int | None:
    """How many holds on the case, its bundles and documents are live; None for those who may not know."""
    if not may_ever(Permission.HOLD_SEE, actor()):
        return None
    with reading() as tx:
        return count_live_holds(tx, tx.load(Case, case_id, Permission.HOLD_SEE))


@documented("The holds that you may see, newest first", returns=HoldList, errors=["forbidden"])
@signed_in
def holds() -> ResponseReturnValue:
    """Released ones too."""
    asked = asked_page()
    with transaction() as tx:
        tx.require(Permission.HOLD_SEE)
        rows, following = list_holds(tx, asked.after, asked.limit)
    return respond("retention/holds.html", HoldList(items=rows, next=following))


@documented(
    "Place a hold on a document, a bundle, a case or a retention class",
    body=NewHold,
    returns=HoldPage,
    status=201,
    errors=["not-found", "forbidden"],
)
@signed_in
@shows_form(holds)
def place() -> ResponseReturnValue:
    """Nothing that cannot be undone happens to what it reaches."""
    wanted = parse(NewHold)
    with transaction() as tx:
        page = hold_page(tx, place_hold(tx, *wanted.subject, wanted.reason))
    return respond("retention/hold.html", page, location=_here(page.id))


@documented("One hold and its reasons", returns=HoldPage, errors=["not-found"])
@signed_in
def hold(hold_id: UUID) -> ResponseReturnValue:
    """As it stands."""
    with transaction() as tx:
        page = hold_page(tx, tx.load(Hold, hold_id, Permission.HOLD_SEE))
    return respond("retention/hold.html", page)


@documented(
    "Release a hold that somebody else placed",
    body=WithReason,
    returns=HoldPage,
    status=201,
    errors=["not-found", "forbidden", "conflict"],
)
@signed_in
@shows_form(hold, Conflict, Refused)
def release(hold_id: UUID) -> ResponseReturnValue:
    """It stops nothing any more."""
    wanted = parse(WithReason)
    with transaction() as tx:
        page = hold_page(tx, release_hold(tx, hold_id, wanted.reason))
    return respond("retention/hold.html", page, location=_here(hold_id))


@documented("The holds on a case, its bundles and its documents", returns=CaseHolds, errors=["not-found"])
@signed_in
def of_case(case_id: UUID) -> ResponseReturnValue:
    """And what of it can be held."""
    with transaction() as tx:
        page = case_holds(tx, tx.load(Case, case_id, Permission.HOLD_SEE))
    return respond("retention/case_holds.html", page)


@documented("The holds on one document itself", returns=DocumentHolds, errors=["not-found"])
@signed_in
def of_document(document_id: UUID) -> ResponseReturnValue:
    """Those on its bundle, case and class are shown there."""
    with transaction() as tx:
        page = document_holds(tx, tx.load(Document, document_id, Permission.HOLD_SEE))
    return respond("retention/document_holds.html", page)


def _here(hold_id: UUID) -> str:
    if speaks_json(request):
        return url_for("api_retention.hold", hold_id=hold_id)
    return url_for("retention.hold", hold_id=hold_id, notice="saved")
