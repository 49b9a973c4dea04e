"""Accounts that lapse over HTTP: the list, and extending one."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.errors import Conflict
from vault.people.expiry import extend_account
from vault.people.expiry import lapsing as accounts_that_lapse
from vault.people.forms import Expiry
from vault.people.models import Person
from vault.people.pages import PersonEntry, person_entry, person_page
from vault.web.acting import transaction
from vault.web.paging import Page
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(pages: Blueprint) -> None:
    """Put the pages on the blueprint of the room."""
    pages.get("/people/lapsing")(lapsing)
    pages.post("/people/<uuid:person_id>/expiry")(extend)


@signed_in
def lapsing() -> ResponseReturnValue:
    """Locked, expired, or soon to be."""
    with transaction() as tx:
        tx.require(Permission.PERSON_EXTEND)
        found = [person_entry(tx, person) for person in accounts_that_lapse(tx)]
    return respond("people/lapsing.html", Page[PersonEntry](items=found))


@signed_in
def _person(person_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        page = person_page(tx, tx.load(Person, person_id, Permission.PERSON_EXTEND))
    return respond("people/person.html", page)


@signed_in
@shows_form(_person, Conflict)
def extend(person_id: UUID) -> ResponseReturnValue:
    """Works until that day."""
    wanted = parse(Expiry)
    with transaction() as tx:
        extend_account(tx, person_id, wanted.until)
    return redirect(url_for("people_pages.show", person_id=person_id, notice="saved"), 303)
