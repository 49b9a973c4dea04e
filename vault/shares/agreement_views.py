"""One agreement over HTTP: seen, ended, its links revoked. It is recorded at its organisation."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.errors import Conflict, Refused
from vault.shares.models import Agreement
from vault.shares.organisation_forms import Ending
from vault.shares.organisation_pages import AgreementPage, agreement_page
from vault.shares.organisation_views import address_of
from vault.shares.organisations import end_agreement
from vault.shares.revocations import revoke_of_agreement
from vault.web.acting import transaction
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/agreements/<uuid:agreement_id>")(agreement)
    bp.post("/agreements/<uuid:agreement_id>/ending", endpoint="end_agreement")(end_agreed)
    bp.post("/agreements/<uuid:agreement_id>/revocation", endpoint="revoke_of_agreement")(revoke_agreed)


@documented("One agreement", returns=AgreementPage, errors=["not-found"])
@signed_in
def agreement(agreement_id: UUID) -> ResponseReturnValue:
    """With the live links under it."""
    with transaction() as tx:
        page = agreement_page(tx, tx.load(Agreement, agreement_id, Permission.AGREEMENT_SEE))
    return respond("shares/agreement.html", page)


@documented(
    "End an agreement before its time", body=Ending, returns=AgreementPage, status=201, errors=["conflict"]
)
@signed_in
@shows_form(agreement, Conflict, Refused)
def end_agreed(agreement_id: UUID) -> ResponseReturnValue:
    """Its live links are listed, and can be revoked."""
    wanted = parse(Ending)
    with transaction() as tx:
        page = agreement_page(tx, end_agreement(tx, agreement_id, wanted.reason))
    return respond("shares/agreement.html", page, location=address_of("agreement", page.id))


@documented(
    "Revoke all live links made under an agreement",
    body=Ending,
    returns=AgreementPage,
    status=201,
    errors=["step-up-due"],
)
@signed_in
@shows_form(agreement, Refused)
def revoke_agreed(agreement_id: UUID) -> ResponseReturnValue:
    """None lives on."""
    wanted = parse(Ending)
    with transaction() as tx:
        revoke_of_agreement(tx, agreement_id, wanted.reason)
        page = agreement_page(tx, tx.load(Agreement, agreement_id, Permission.AGREEMENT_SEE))
    return respond("shares/agreement.html", page, location=address_of("agreement", page.id))
