"""The ceremony of the recovery desks: making one, its printed identity, its tests, who sits there. Pages only."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from vault.access.policy import Permission
from vault.errors import Conflict, NotFound, Refused
from vault.people.desk_models import NUMBERS, Desk
from vault.people.desk_pages import desk_page, made_desk_page, new_desk_page
from vault.people.desks import (
    MAKES,
    check_print,
    check_session,
    end_desk,
    make_desk,
    seat_member,
    unseat_member,
)
from vault.people.forms import DeskSitter, NewDesk, PrintedIdentity
from vault.web.acting import transaction
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import signed_in


def register(pages: Blueprint) -> None:
    """Put the pages on the blueprint of the room."""
    pages.get("/office/desks/new")(new_desk)
    pages.post("/office/desks")(make_one_desk)
    pages.get("/office/desks/<uuid:desk_id>")(desk)
    pages.post("/office/desks/<uuid:desk_id>/print-test")(type_identity)
    pages.post("/office/desks/<uuid:desk_id>/session-test")(try_session)
    pages.post("/office/desks/<uuid:desk_id>/members")(seat)
    pages.post("/office/desks/<uuid:desk_id>/members/removal")(unseat)
    pages.post("/office/desks/<uuid:desk_id>/ending")(end_one_desk)


@signed_in
def new_desk() -> ResponseReturnValue:
    """The form."""
    number = _asked_number()
    with transaction() as tx:
        tx.require(MAKES[number])
        page = new_desk_page(tx, number)
    return respond("people/new_desk.html", page)


@signed_in
@shows_form(new_desk, Conflict)
def make_one_desk() -> ResponseReturnValue:
    """The printed identity, shown once."""
    wanted = parse(NewDesk)
    with transaction() as tx:
        page = made_desk_page(tx, *make_desk(tx, wanted.number, wanted.people))
    return respond("people/made_desk.html", page, status=201)


@signed_in
def desk(desk_id: UUID) -> ResponseReturnValue:
    """Its own page."""
    with transaction() as tx:
        page = desk_page(tx, tx.load(Desk, desk_id, Permission.DESK_SEE))
    return respond("people/desk.html", page)


@signed_in
@shows_form(desk, Conflict, Refused)
def type_identity(desk_id: UUID) -> ResponseReturnValue:
    """The paper from the safe is what it should be."""
    wanted = parse(PrintedIdentity)
    with transaction() as tx:
        check_print(tx, desk_id, wanted.identity)
    return _back_to(desk_id, "desk-tested")


@signed_in
@shows_form(desk, Conflict)
def try_session(desk_id: UUID) -> ResponseReturnValue:
    """The members' own keys are what they should be."""
    with transaction() as tx:
        check_session(tx, desk_id)
    return _back_to(desk_id, "desk-tested")


@signed_in
@shows_form(desk, Conflict)
def seat(desk_id: UUID) -> ResponseReturnValue:
    """One more sits there."""
    wanted = parse(DeskSitter)
    with transaction() as tx:
        seat_member(tx, desk_id, wanted.person, wanted.compared)
    return _back_to(desk_id, "desk-seated")


@signed_in
@shows_form(desk, Conflict)
def unseat(desk_id: UUID) -> ResponseReturnValue:
    """One sits there no more."""
    wanted = parse(DeskSitter)
    with transaction() as tx:
        unseat_member(tx, desk_id, wanted.person)
    return _back_to(desk_id, "desk-unseated")


@signed_in
@shows_form(desk, Conflict)
def end_one_desk(desk_id: UUID) -> ResponseReturnValue:
    """Another can be made."""
    with transaction() as tx:
        end_desk(tx, desk_id)
    return _back_to(desk_id, "desk-ended")


def _asked_number() -> int:
    """Which of the two desks is meant, by the address or by the form that is shown again."""
    asked = request.values.get("number")
    for number in NUMBERS:
        if asked == str(number):
            return number
    raise NotFound


def _back_to(desk_id: UUID, notice: str) -> ResponseReturnValue:
    return redirect(url_for("people_pages.desk", desk_id=desk_id, notice=notice), 303)
