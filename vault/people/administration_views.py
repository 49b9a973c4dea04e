"""The administrator's pages: people and offices. They show no case number, and no key can be had here."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from vault.access.actor import Role
from vault.access.policy import Permission, may_ever
from vault.errors import Conflict, Fault, Invalid
from vault.people import desk_views, expiry_views, mail_views, office_views, team_views, token_views
from vault.people.accounts import load_managed
from vault.people.enrolments import Invitation, issue_enrolment
from vault.people.forms import Leaving, NewOffice, NewPerson, Roles
from vault.people.leaving import record_leaving, take_back_leaving
from vault.people.models import Person
from vault.people.pages import (
    NewPersonPage,
    OfficeEntry,
    PersonEntry,
    invitation_page,
    office_entry,
    person_entry,
    person_page,
)
from vault.people.queries import offices, people
from vault.people.service import change_roles, create_office, create_person, lock_sign_in, unlock_sign_in
from vault.people.throttling import canonical
from vault.runtime import Transaction
from vault.web.acting import actor, transaction
from vault.web.openapi import documented
from vault.web.paging import Page, asked_page
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in

bp = Blueprint("people", __name__, template_folder="templates")
pages = Blueprint("people_pages", __name__, template_folder="templates")
office_views.register(bp)
team_views.register(bp, pages)
expiry_views.register(pages)
mail_views.register(bp, pages)
token_views.register(pages)
desk_views.register(pages)


@bp.context_processor
@pages.context_processor
def offered() -> dict[str, object]:
    """What pages offer besides their rows."""
    return {
        "may_manage_people": may_ever(Permission.PERSON_MANAGE, actor()),
        "may_extend_people": may_ever(Permission.PERSON_EXTEND, actor()),
        "all_roles": list(Role),
    }


@bp.get("/people")
@documented("People that you may see, by user name", returns=Page[PersonEntry])
@signed_in
def index() -> ResponseReturnValue:
    asked = asked_page()
    with transaction() as tx:
        tx.require(Permission.PERSON_SEE)
        found = [person_entry(tx, person) for person in people(tx, asked.after, asked.limit + 1)]
    following = found[asked.limit - 1].username if len(found) > asked.limit else None
    return respond("people/list.html", Page[PersonEntry](items=found[: asked.limit], next=following))


@pages.get("/people/new")
@signed_in
def new_person() -> ResponseReturnValue:
    with transaction() as tx:
        tx.require(Permission.PERSON_MANAGE)
        page = NewPersonPage(offices=[office_entry(office) for office in offices(tx)], roles=list(Role))
    return respond("people/new.html", page)


@pages.post("/people")
@signed_in
@shows_form(new_person)
def create() -> ResponseReturnValue:
    wanted = parse(NewPerson)
    with transaction() as tx:
        person, invitation = create_person(
            tx, wanted.username, wanted.display_name, wanted.office, wanted.roles, wanted.email
        )
        return _shown_once(tx, person, invitation)


@pages.get("/people/<uuid:person_id>")
@signed_in
def show(person_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = person_page(tx, tx.load(Person, person_id, Permission.PERSON_SEE))
    return respond("people/person.html", page)


@pages.post("/people/<uuid:person_id>/roles")
@signed_in
@shows_form(show, Conflict)
def set_roles(person_id: UUID) -> ResponseReturnValue:
    wanted = parse(Roles)
    with transaction() as tx:
        change_roles(tx, person_id, wanted.roles)
    return _back_to(person_id, "roles-changed")


@pages.post("/people/<uuid:person_id>/enrolment")
@signed_in
@shows_form(show, Conflict)
def reset(person_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        invitation = issue_enrolment(tx, person_id)
        return _shown_once(tx, tx.session.get_one(Person, person_id), invitation)


@pages.post("/people/<uuid:person_id>/lock")
@signed_in
@shows_form(show, Conflict)
def lock(person_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        lock_sign_in(tx, person_id)
    return _back_to(person_id, "sign-in-locked")


@pages.post("/people/<uuid:person_id>/unlock")
@signed_in
@shows_form(show, Conflict)
def unlock(person_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        unlock_sign_in(tx, person_id)
    return _back_to(person_id, "sign-in-unlocked")


@pages.get("/people/<uuid:person_id>/leaving")
@signed_in
def leaving(person_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = person_page(tx, tx.load(Person, person_id, Permission.PERSON_MANAGE))
    return respond("people/leaving.html", page)


@pages.post("/people/<uuid:person_id>/leaving")
@signed_in
@shows_form(leaving, Conflict)
def leave(person_id: UUID) -> ResponseReturnValue:
    wanted = parse(Leaving)
    with transaction() as tx:
        person = load_managed(tx, person_id)
        if canonical(wanted.username) != person.username:
            fault = Fault("/username", "This is not the user name of this person.")
            raise Invalid("Nothing was changed.", errors=[fault])
        record_leaving(tx, person_id)
    return _back_to(person_id, "left")


@pages.post("/people/<uuid:person_id>/return")
@signed_in
@shows_form(show, Conflict)
def take_back(person_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        take_back_leaving(tx, person_id)
    return _back_to(person_id, "sign-in-unlocked")


@pages.get("/offices")
@signed_in
def office_list() -> ResponseReturnValue:
    with transaction() as tx:
        tx.require(Permission.OFFICE_MANAGE)
        found = [office_entry(office) for office in offices(tx)]
    return respond("people/offices.html", Page[OfficeEntry](items=found))


@pages.get("/offices/new")
@signed_in
def new_office() -> ResponseReturnValue:
    with transaction() as tx:
        tx.require(Permission.OFFICE_MANAGE)
    return respond("people/new_office.html", None)


@pages.post("/offices")
@signed_in
@shows_form(new_office)
def create_one_office() -> ResponseReturnValue:
    wanted = parse(NewOffice)
    with transaction() as tx:
        page = office_entry(create_office(tx, wanted.code, wanted.name, wanted.patterns))
    return respond("people/offices.html", page, location=url_for(".office_list", notice="saved"))


def _shown_once(tx: Transaction, person: Person, invitation: Invitation) -> ResponseReturnValue:
    url = invitation.url(tx.settings.base_url)
    page = invitation_page(tx, person, url, invitation.enrolment.expires_at)
    return respond("people/invitation.html", page, status=201)


def _back_to(person_id: UUID, notice: str) -> ResponseReturnValue:
    return redirect(url_for("people_pages.show", person_id=person_id, notice=notice), 303)
