"""Organisations, agreements and named persons over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.errors import Conflict, Refused
from vault.runtime import Transaction
from vault.shares.models import Agreement, Organisation, Recipient
from vault.shares.organisation_forms import (
    Ending,
    NewAgreement,
    NewOrganisation,
    NewPerson,
    OrganisationCountry,
)
from vault.shares.organisation_pages import (
    AgreementPage,
    OrganisationDetail,
    OrganisationList,
    PersonPage,
    agreement_page,
    organisation_detail,
    organisation_list,
    person_page,
)
from vault.shares.organisations import (
    Agreed,
    add_agreement,
    add_organisation,
    add_recipient,
    change_organisation,
    end_agreement,
    end_organisation,
    end_recipient,
)
from vault.shares.revocations import revoke_of_agreement, revoke_of_organisation, revoke_of_recipient
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint) -> None:
    """Put the resources on `bp`."""
    bp.get("/organisations")(organisations)
    bp.post("/organisations", endpoint="add_organisation")(add)
    one = "/organisations/<uuid:organisation_id>"
    bp.get(one)(organisation)
    bp.post(f"{one}/country", endpoint="change_organisation")(change)
    bp.post(f"{one}/ending", endpoint="end_organisation")(end)
    bp.post(f"{one}/revocation", endpoint="revoke_of_organisation")(revoke)
    bp.post(f"{one}/agreements", endpoint="add_agreement")(agree)
    bp.post(f"{one}/recipients", endpoint="add_recipient")(add_person)
    bp.get("/agreements/<uuid:agreement_id>")(agreement)
    bp.post("/agreements/<uuid:agreement_id>/ending", endpoint="end_agreement")(end_agreed)
    bp.post("/agreements/<uuid:agreement_id>/revocation", endpoint="revoke_of_agreement")(revoke_agreed)
    bp.get("/recipients/<uuid:recipient_id>")(recipient)
    bp.post("/recipients/<uuid:recipient_id>/ending", endpoint="end_recipient")(end_person)
    bp.post("/recipients/<uuid:recipient_id>/revocation", endpoint="revoke_of_recipient")(revoke_person)


@documented("The organisations that links can go to", returns=OrganisationList, errors=["forbidden"])
@signed_in
def organisations() -> ResponseReturnValue:
    """All of them."""
    with transaction() as tx:
        tx.require(Permission.ORGANISATION_SEE)
        page = organisation_list(tx)
    return respond("shares/organisations.html", page)


@documented(
    "Add an organisation", body=NewOrganisation, returns=OrganisationDetail, status=201, errors=["conflict"]
)
@signed_in
@shows_form(organisations, Conflict)
def add() -> ResponseReturnValue:
    """All offices know it."""
    wanted = parse(NewOrganisation)
    with transaction() as tx:
        page = organisation_detail(tx, add_organisation(tx, wanted.name, wanted.country))
    return respond("shares/organisation.html", page, location=_address("organisation", page.id))


@documented("One organisation", returns=OrganisationDetail, errors=["not-found"])
@signed_in
def organisation(organisation_id: UUID) -> ResponseReturnValue:
    """With the office's agreements and persons there."""
    with transaction() as tx:
        page = _organisation(tx, organisation_id)
    return respond("shares/organisation.html", page)


@documented(
    "Record the country of an organisation",
    body=OrganisationCountry,
    returns=OrganisationDetail,
    status=201,
)
@signed_in
@shows_form(organisation, Conflict, Refused)
def change(organisation_id: UUID) -> ResponseReturnValue:
    """It is of this country."""
    wanted = parse(OrganisationCountry)
    with transaction() as tx:
        page = organisation_detail(tx, change_organisation(tx, organisation_id, wanted.country))
    return respond("shares/organisation.html", page, location=_address("organisation", page.id))


@documented(
    "End an organisation: nobody makes new links to it",
    body=Ending,
    returns=OrganisationDetail,
    status=201,
    errors=["conflict"],
)
@signed_in
@shows_form(organisation, Conflict, Refused)
def end(organisation_id: UUID) -> ResponseReturnValue:
    """Its live links are listed, and can be revoked."""
    wanted = parse(Ending)
    with transaction() as tx:
        page = organisation_detail(tx, end_organisation(tx, organisation_id, wanted.reason))
    return respond("shares/organisation.html", page, location=_address("organisation", page.id))


@documented(
    "Revoke all live links of your office to an organisation",
    body=Ending,
    returns=OrganisationDetail,
    status=201,
    errors=["step-up-due"],
)
@signed_in
@shows_form(organisation, Refused)
def revoke(organisation_id: UUID) -> ResponseReturnValue:
    """None lives on."""
    wanted = parse(Ending)
    with transaction() as tx:
        revoke_of_organisation(tx, organisation_id, wanted.reason)
        page = _organisation(tx, organisation_id)
    return respond("shares/organisation.html", page, location=_address("organisation", page.id))


@documented(
    "Record an agreement of your office with an organisation",
    body=NewAgreement,
    returns=AgreementPage,
    status=201,
    errors=["conflict"],
)
@signed_in
@shows_form(organisation, Conflict, Refused)
def agree(organisation_id: UUID) -> ResponseReturnValue:
    """It permits links while it holds."""
    wanted = parse(NewAgreement)
    with transaction() as tx:
        page = agreement_page(tx, add_agreement(tx, organisation_id, Agreed(**dict(wanted))))
    return respond("shares/agreement.html", page, location=_address("agreement", page.id))


@documented(
    "Add a named person of an organisation to your office's list",
    body=NewPerson,
    returns=PersonPage,
    status=201,
    errors=["conflict"],
)
@signed_in
@shows_form(organisation, Conflict, Refused)
def add_person(organisation_id: UUID) -> ResponseReturnValue:
    """Links can be made for the person."""
    wanted = parse(NewPerson)
    with transaction() as tx:
        row = add_recipient(tx, organisation_id, wanted.name, wanted.email, wanted.language)
        page = person_page(tx, row)
    return respond("shares/recipient.html", page, location=_address("recipient", page.id))


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
    return respond("shares/agreement.html", page, location=_address("agreement", page.id))


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
    return respond("shares/agreement.html", page, location=_address("agreement", page.id))


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
    return respond("shares/recipient.html", page, location=_address("recipient", page.id))


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
    return respond("shares/recipient.html", page, location=_address("recipient", page.id))


def _organisation(tx: Transaction, organisation_id: UUID) -> OrganisationDetail:
    return organisation_detail(tx, tx.load(Organisation, organisation_id, Permission.ORGANISATION_SEE))


def _address(kind: str, row_id: UUID) -> str:
    """Where the changed thing is: of the API for programs, of its page for people."""
    ids: dict[str, Any] = {f"{kind}_id": row_id}
    if speaks_json(request):
        return url_for(f"api_shares.{kind}", **ids)
    return url_for(f"shares.{kind}", **ids, notice="saved")
