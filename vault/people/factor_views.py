"""Second factors over HTTP: proving one after the password, adding, removing, recovery codes, a proof for one act."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from vault.errors import Conflict, NotFound, TooMany
from vault.people.factor_forms import FactorProof, FactorProofForm, FirstProof, NewFactor, StepUpAnswer
from vault.people.factor_pages import (
    ChallengePage,
    RecoveryCodesPage,
    challenge_page,
    factors_page,
    new_factor_page,
    prove_page,
    waiting_page,
)
from vault.people.factors import (
    acknowledge_reset,
    begin_factor,
    confirm_factor,
    may_add_freely,
    remove_factor,
    renew_codes,
    reset_factors,
    waiting_factor,
)
from vault.people.holding import holds_factors
from vault.people.pages import SignedInPage, signed_in_page
from vault.people.proofs import Answer, prove_session, prove_step_up
from vault.people.recovery_codes import make_codes
from vault.people.step_up import ask_step_up, session_act
from vault.web import signin
from vault.web.acting import actor, arrived, reading, runtime, transaction
from vault.web.media import speaks_json
from vault.web.openapi import documented
from vault.web.respond import parse, respond, shows_form
from vault.web.signin import device_cookie, half_signed_in, own_path, signed_in

if TYPE_CHECKING:
    from vault.people.step_up import Act

ADD = "people_pages.new_factor"


def register(bp: Blueprint, pages: Blueprint) -> None:
    """Put the resources on `bp` and the pages on `pages`."""
    pages.get("/session/factor", endpoint="prove_page")(prove)
    bp.post("/session/factor")(prove_factor)
    bp.post("/session/challenge")(challenge)
    bp.post("/step-ups/<uuid:step_up_id>")(answer_step_up)
    pages.get("/account/factors")(factors)
    pages.post("/account/factors")(add_factor)
    pages.get("/account/factors/new")(new_factor)
    pages.get("/account/factors/<uuid:factor_id>")(waiting)
    pages.post("/account/factors/<uuid:factor_id>")(confirm)
    pages.post("/account/factors/<uuid:factor_id>/removal")(remove)
    pages.post("/account/factors/reset-read")(reset_read)
    pages.post("/account/recovery-codes")(recovery_codes)
    pages.post("/people/<uuid:person_id>/factors/reset")(reset_of_person)


@half_signed_in
def prove() -> ResponseReturnValue:
    """Where the factor is asked for; who holds none adds the first one."""
    following = own_path(request.values.get("next"))
    with reading(arrived()) as tx:
        if not holds_factors(tx.session, tx.actor.id):
            return redirect(url_for(ADD), 303)
        page = prove_page(tx, following)
    return respond("people/prove.html", page)


@documented(
    "Prove a second factor in this session: after the password, and again before what is strictly confidential",
    body=FactorProof,
    returns=SignedInPage,
    status=201,
    errors=["too-many", "conflict"],
)
@half_signed_in
@shows_form(prove, TooMany, Conflict)
def prove_factor() -> ResponseReturnValue:
    """A half session is whole, under a new cookie."""
    wanted = parse(FactorProof if speaks_json(request) else FactorProofForm)
    answer = Answer(wanted.code, wanted.passkey, device_cookie=device_cookie())
    new = prove_session(runtime(), arrived(), answer, wanted.question)
    with reading(new.actor) as tx:
        page = signed_in_page(tx)
    way_on = request.path if speaks_json(request) else own_path(getattr(wanted, "next", None))
    return signin.begin(respond("people/prove.html", page, location=way_on), new)


@documented(
    "What a browser needs to use a passkey; the answer goes to /session/factor",
    returns=ChallengePage,
    status=201,
    errors=["not-found"],
)
@half_signed_in
def challenge() -> ResponseReturnValue:
    """A fresh question to this session, for its passkeys."""
    with transaction(arrived()) as tx:
        page = challenge_page(tx, ask_step_up(tx, _of_session()))
        if page is None:
            raise NotFound
    return respond("", page, status=201) if speaks_json(request) else redirect(url_for(signin.FACTOR), 303)


@documented(
    "Prove who you are for one act, then repeat it",
    body=StepUpAnswer,
    status=204,
    errors=["conflict", "too-many"],
)
@signed_in
def answer_step_up(step_up_id: UUID) -> ResponseReturnValue:
    """The act may be done once, within ten minutes."""
    wanted = parse(StepUpAnswer)
    answer = Answer(wanted.code, wanted.passkey, wanted.password, device_cookie())
    prove_step_up(runtime(), actor(), step_up_id, answer)
    return respond("", None, status=204) if speaks_json(request) else redirect("/", 303)


@signed_in
def factors() -> ResponseReturnValue:
    """One's own factors."""
    with reading() as tx:
        page = factors_page(tx)
    return respond("people/factors.html", page)


@half_signed_in
def new_factor() -> ResponseReturnValue:
    """Which kinds can be added."""
    with reading(arrived()) as tx:
        may_add_freely(tx)
        page = new_factor_page(tx)
    return respond("people/new_factor.html", page)


@half_signed_in
@shows_form(new_factor, Conflict)
def add_factor() -> ResponseReturnValue:
    """A factor waits for its first proof."""
    wanted = parse(NewFactor)
    with transaction(arrived()) as tx:
        factor = begin_factor(tx, wanted.kind, wanted.name)
    return redirect(url_for("people_pages.waiting", factor_id=factor.id), 303)


@half_signed_in
def waiting(factor_id: UUID) -> ResponseReturnValue:
    """The QR code and the secret, or the button that makes a passkey."""
    with reading(arrived()) as tx:
        page = waiting_page(tx, waiting_factor(tx, factor_id))
    return respond("people/waiting_factor.html", page)


@half_signed_in
@shows_form(waiting)
def confirm(factor_id: UUID) -> ResponseReturnValue:
    """The factor counts, and the session is whole."""
    wanted = parse(FirstProof)
    given = wanted.code or wanted.passkey or ""
    added = confirm_factor(runtime(), arrived(), factor_id, given, device_cookie())
    if added.codes is None:
        return signin.begin(_back("factor-added"), added.signed_in)
    page = RecoveryCodesPage(codes=list(added.codes))
    return signin.begin(respond("people/recovery_codes.html", page, status=201), added.signed_in)


def _factors_again(factor_id: UUID) -> ResponseReturnValue:  # noqa: ARG001 - the address of the form names it
    """One's own factors, when one of them was not removed."""
    return factors()


@signed_in
@shows_form(_factors_again, Conflict)
def remove(factor_id: UUID) -> ResponseReturnValue:
    """The factor is dead."""
    with transaction() as tx:
        remove_factor(tx, factor_id)
    return _back("factor-removed")


@half_signed_in
def reset_read() -> ResponseReturnValue:
    """What was told is not told again."""
    with transaction(arrived()) as tx:
        acknowledge_reset(tx)
    return redirect(url_for("people_pages.factors"), 303)


@signed_in
@shows_form(factors, Conflict)
def recovery_codes() -> ResponseReturnValue:
    """Ten new codes, shown once."""
    made = make_codes()
    with transaction() as tx:
        page = RecoveryCodesPage(codes=list(renew_codes(tx, made)))
    return respond("people/recovery_codes.html", page, status=201)


@signed_in
def reset_of_person(person_id: UUID) -> ResponseReturnValue:
    """By an administrator, who never sees a factor."""
    with transaction() as tx:
        reset_factors(tx, person_id)
    return redirect(url_for("people_pages.show", person_id=person_id, notice="factors-reset"), 303)


def _of_session() -> Act:
    session = arrived().session
    if session is None:
        raise NotFound
    return session_act(session.id)


def _back(notice: str) -> Response:
    return redirect(url_for("people_pages.factors", notice=notice), 303)
