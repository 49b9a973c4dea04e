"""One named person over HTTP: seen, taken off the list, their links revoked. They are added at their organisation."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.errors import Conflict, Refused
from vault.shares.models import Recipient
from vault.shares.organisation_forms import Ending
from vault.shares.organisation_pages import PersonPage, person_page
from vault.shares.organisation_views import address_of
from vault.shares.organisations import end_recipient
from vault.shares.revocations import revoke_of_recipient
from vault.web.acting import transaction
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/recipients/<uuid:recipient_id>")(recipient)
    bp.post("/recipients/<uuid:recipient_id>/ending", endpoint="end_recipient")(end_person)
    bp.post("/recipients/<uuid:recipient_id>/revocation", endpoint="revoke_of_recipient")(revoke_person)


@documented("One named person of an organisation", returns=PersonPage, errors=["not-found"])
@signed_in
def recipient(recipient_id: UUID) -> ResponseReturnValue:
    """With the live links to them."""
    with transaction() as tx:
        page = person_page(tx, tx.load(Recipient, recipient_id, Permission.AGREEMENT_SEE))
    return respond("shares/recipient.html", page)


@documented(
    "Take a named person off your office's list",
    body=Ending,
    returns=PersonPage,
    status=201,
    errors=["conflict"],
)
@signed_in
@shows_form(recipient, Conflict, Refused)
def end_person(recipient_id: UUID) -> ResponseReturnValue:
    """No new link is made for them."""
    wanted = parse(Ending)
    with transaction() as tx:
        page = person_page(tx, end_recipient(tx, recipient_id, wanted.reason))
    return respond("shares/recipient.html", page, location=address_of("recipient", page.id))


@documented(
    "Revoke all live links to a person",
    body=Ending,
    returns=PersonPage,
    status=201,
    errors=["step-up-due"],
)
@signed_in
@shows_form(recipient, Refused)
def revoke_person(recipient_id: UUID) -> ResponseReturnValue:
    """None lives on."""
    wanted = parse(Ending)
    with transaction() as tx:
        revoke_of_recipient(tx, recipient_id, wanted.reason)
        page = person_page(tx, tx.load(Recipient, recipient_id, Permission.AGREEMENT_SEE))
    return respond("shares/recipient.html", page, location=address_of("recipient", page.id))
