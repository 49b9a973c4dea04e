"""Removal of active copies over HTTP: the list and who signed it, signing and taking back."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.archive.forms import RemovalSigning
from vault.archive.removal import approve_removal, cancel_removal, propose_removal
from vault.archive.removal_pages import RemovalPage, removal_page
from vault.cases.models import Case
from vault.errors import Conflict, Refused
from vault.runtime import Transaction
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/cases/<uuid:case_id>/removal")(removal)
    bp.post("/cases/<uuid:case_id>/removal")(propose_its_removal)
    bp.post("/cases/<uuid:case_id>/removal/approval")(approve_its_removal)
    bp.post("/cases/<uuid:case_id>/removal/cancellation")(cancel_its_removal)


@documented(
    "What of an archived case would be removed here, who signed that, and how far it is",
    returns=RemovalPage,
    errors=["not-found", "forbidden"],
)
@signed_in
def removal(case_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = removal_page(tx, tx.load(Case, case_id, Permission.CASE_ARCHIVE))
    return respond("archive/removal.html", page)


@documented(
    "Sign, as the first, that the active copies of permanent records are removed; or let one that stopped go on",
    body=RemovalSigning,
    returns=RemovalPage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(removal, Conflict, Refused)
def propose_its_removal(case_id: UUID) -> ResponseReturnValue:
    wanted = parse(RemovalSigning)
    with transaction() as tx:
        propose_removal(tx, case_id, wanted.seen, wanted.number)
        return _answer(tx, case_id)


@documented(
    "Sign the same list as the second; it cools off then",
    body=RemovalSigning,
    returns=RemovalPage,
    status=201,
    errors=["invalid", "forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(removal, Conflict, Refused)
def approve_its_removal(case_id: UUID) -> ResponseReturnValue:
    wanted = parse(RemovalSigning)
    with transaction() as tx:
        approve_removal(tx, case_id, wanted.seen, wanted.number)
        return _answer(tx, case_id)


@documented(
    "Take a removal back before it has begun",
    returns=RemovalPage,
    status=201,
    errors=["forbidden", "not-found", "conflict"],
)
@signed_in
@shows_form(removal, Conflict)
def cancel_its_removal(case_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        cancel_removal(tx, case_id)
        return _answer(tx, case_id)


def _answer(tx: Transaction, case_id: UUID) -> ResponseReturnValue:
    page = removal_page(tx, tx.session.get_one(Case, case_id))
    place = "api_archive.removal" if speaks_json(request) else "archive.removal"
    notice = None if speaks_json(request) else "saved"
    return respond("archive/removal.html", page, location=url_for(place, case_id=case_id, notice=notice))
