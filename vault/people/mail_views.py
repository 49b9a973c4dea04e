"""Where mails to people go, over HTTP: one's own on the account's page, a colleague's on the administrator's.
The unit of a colleague stands there, too.
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.errors import Conflict
from vault.people.forms import OwnMail, PersonAddress, PersonUnit
from vault.people.mailing import address_person, choose_own_mail, mailed_person
from vault.people.models import Person
from vault.people.pages import OwnMailPage, own_mail_page, person_page
from vault.people.units import set_unit
from vault.web.acting import transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources on `bp`, the administrator's form on `pages`."""
    bp.get("/account/mail")(own_mail)
    bp.post("/account/mail")(change_own_mail)
    pages.post("/people/<uuid:person_id>/address")(address)
    pages.post("/people/<uuid:person_id>/unit")(unit)


@documented("Where mails to you go, and how often", returns=OwnMailPage, errors=["forbidden"])
@signed_in
def own_mail() -> ResponseReturnValue:
    """The address, the choice, the language."""
    with transaction() as tx:
        page = own_mail_page(tx, mailed_person(tx))
    return respond("people/own_mail.html", page)


@documented(
    "Choose where mails to you go, how often, and in which language",
    body=OwnMail,
    returns=OwnMailPage,
    status=201,
    errors=["forbidden", "step-up-due"],
)
@signed_in
@shows_form(own_mail)
def change_own_mail() -> ResponseReturnValue:
    """Chosen, for every mail from now on."""
    wanted = parse(OwnMail)
    with transaction() as tx:
        page = own_mail_page(tx, choose_own_mail(tx, wanted.email, wanted.preference, wanted.language))
    onward = (
        url_for("api_people.own_mail") if speaks_json(request) else url_for("people.own_mail", notice="saved")
    )
    return respond("people/own_mail.html", page, location=onward)


@signed_in
def _person(person_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = person_page(tx, tx.load(Person, person_id, Permission.PERSON_MANAGE))
    return respond("people/person.html", page)


@signed_in
@shows_form(_person, Conflict)
def address(person_id: UUID) -> ResponseReturnValue:
    """Mails to the person go there."""
    wanted = parse(PersonAddress)
    with transaction() as tx:
        address_person(tx, person_id, wanted.email)
    return redirect(url_for("people_pages.show", person_id=person_id, notice="saved"), 303)


@signed_in
@shows_form(_person, Conflict)
def unit(person_id: UUID) -> ResponseReturnValue:
    """The person signs for it."""
    wanted = parse(PersonUnit)
    with transaction() as tx:
        set_unit(tx, person_id, wanted.unit)
    return redirect(url_for("people_pages.show", person_id=person_id, notice="saved"), 303)
