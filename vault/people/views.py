"""Signing in and out, enrolment, and one's own account. The administrator's pages are in administration_views."""

from __future__ import annotations

from uuid import UUID

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue

from vault.errors import Fault, Invalid, TooMany, Unauthenticated
from vault.people import factor_views
from vault.people.administration_views import bp, pages
from vault.people.enrolments import enrol_with_password, look_at_enrolment
from vault.people.forms import EnrolmentForm, PasswordChange, SignIn, SignInForm
from vault.people.pages import EnrolmentPage, SignedInPage, SignInPage, account_page, signed_in_page
from vault.people.password_rules import REPEATED
from vault.people.passwords import change_password
from vault.people.sessions import end_all_sessions, end_session
from vault.people.sign_in import sign_in as sign_in_with
from vault.web import signin
from vault.web.acting import actor, arrived, reading, runtime, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import half_signed_in, own_path, signed_in

__all__ = ["bp", "pages"]

factor_views.register(bp, pages)


@pages.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    wanted = own_path(request.values.get("next"))
    if arrived().kind == "person" and request.method != "POST":
        is_whole = actor().kind == "person"
        return redirect(wanted if is_whole else url_for(signin.FACTOR, next=wanted), 303)
    return respond("people/sign_in.html", SignInPage(next=wanted))


@bp.post("/session")
@documented(
    "Sign in; the answer sets the session cookie",
    body=SignIn,
    returns=SignedInPage,
    status=201,
    errors=["unauthenticated", "too-many"],
)
@shows_form(sign_in, Unauthenticated, TooMany)
def begin_session() -> ResponseReturnValue:
    wanted = parse(SignIn if speaks_json(request) else SignInForm)
    new = sign_in_with(runtime(), signin.attempt_of(wanted.username, wanted.password), wanted.code)
    signin.leave("replaced")
    with reading(new.actor) as tx:
        page = signed_in_page(tx, new.is_half)
    way_on = request.path if speaks_json(request) else _way_on(page, getattr(wanted, "next", None))
    return signin.begin(respond("people/sign_in.html", page, location=way_on), new)


@bp.delete("/session")
@documented("Sign out", status=204)
@half_signed_in
def end_own_session() -> ResponseReturnValue:
    signin.leave("signed-out")
    return signin.end(respond("people/sign_in.html", None))


@pages.post("/session/end")
def sign_out() -> ResponseReturnValue:
    signin.leave("signed-out")
    return signin.end(redirect(url_for(".sign_in", notice="signed-out"), 303))


@pages.get("/enrolment/<uuid:enrolment_id>")
def enrolment(enrolment_id: UUID) -> ResponseReturnValue:
    with reading() as tx:
        found, person = look_at_enrolment(tx, enrolment_id)
        page = EnrolmentPage(expires_at=found.expires_at, is_reset=person.principal.has_keys)
    return respond("people/enrolment.html", page)


@pages.post("/enrolment/<uuid:enrolment_id>")
@shows_form(enrolment)
def enrol(enrolment_id: UUID) -> ResponseReturnValue:
    wanted = parse(EnrolmentForm)
    _check_repeated(wanted.password, wanted.again)
    new = enrol_with_password(runtime(), enrolment_id, wanted.secret, wanted.password, signin.browser())
    signin.leave("replaced")
    return signin.begin(redirect(url_for(".account", notice="enrolled"), 303), new)


@pages.get("/account")
@signed_in
def account() -> ResponseReturnValue:
    with reading() as tx:
        page = account_page(tx)
    return respond("people/account.html", page)


@pages.post("/account/password")
@signed_in
@shows_form(account, TooMany)
def change_own_password() -> ResponseReturnValue:
    wanted = parse(PasswordChange)
    _check_repeated(wanted.new, wanted.again)
    acting = change_password(runtime(), actor(), wanted.old, wanted.new)
    return signin.renew(redirect(url_for(".account", notice="password-changed"), 303), acting)


@pages.post("/account/sessions/<uuid:session_id>/end")
@signed_in
def end_one_session(session_id: UUID) -> ResponseReturnValue:
    with transaction() as tx:
        end_session(tx, session_id)
    return redirect(url_for(".account", notice="ended"), 303)


@pages.post("/account/sessions/end")
@signed_in
def end_other_sessions() -> ResponseReturnValue:
    with transaction() as tx:
        end_all_sessions(tx)
    return redirect(url_for(".account", notice="ended"), 303)


def _way_on(page: SignedInPage, wanted: str | None) -> str:
    """Where a person goes on after the password: to the second factor, to what an administrator did to it, or onward."""
    if page.factor_due:
        return url_for(signin.FACTOR, next=own_path(wanted))
    return url_for("people_pages.factors") if page.factors_reset_at else own_path(wanted)


def _check_repeated(password: str, again: str) -> None:
    if password != again:
        raise Invalid("Check what was entered. Nothing was changed.", errors=[Fault("/again", REPEATED)])
