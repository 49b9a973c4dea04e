"""Organisations over HTTP, and what is added to one: agreements, named persons."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.errors import Conflict, Refused
from vault.runtime import Transaction
from vault.shares.models import Organisation
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
    end_organisation,
)
from vault.shares.revocations import revoke_of_organisation
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
    return respond("shares/organisation.html", page, location=address_of("organisation", page.id))


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
    return respond("shares/organisation.html", page, location=address_of("organisation", page.id))


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
    return respond("shares/organisation.html", page, location=address_of("organisation", page.id))


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
    return respond("shares/organisation.html", page, location=address_of("organisation", page.id))


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
    return respond("shares/agreement.html", page, location=address_of("agreement", page.id))


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
    return respond("shares/recipient.html", page, location=address_of("recipient", page.id))


def _organisation(tx: Transaction, organisation_id: UUID) -> OrganisationDetail:
    return organisation_detail(tx, tx.load(Organisation, organisation_id, Permission.ORGANISATION_SEE))


def address_of(kind: str, row_id: UUID) -> str:
    """Where the changed thing is: of the API for programs, of its page for people."""
    ids: dict[str, Any] = {f"{kind}_id": row_id}
    if speaks_json(request):
        return url_for(f"api_shares.{kind}", **ids)
    return url_for(f"shares.{kind}", **ids, notice="saved")
