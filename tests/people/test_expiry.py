"""Accounts end by themselves: expired is as locked, dormant ones are locked, and nobody is made to leave by time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.browsing import Browser
from vault.access.actor import STRANGER, SYSTEM, Role
from vault.access.policy import Permission, permits
from vault.errors import Conflict, Gone, Invalid, NotFound, Refused, Unauthenticated
from vault.jobs import run_job, sweep
from vault.people.accounts import keep_an_administrator
from vault.people.commands import user
from vault.people.enrolments import issue_enrolment, look_at_enrolment
from vault.people.expiry import extend_account, lapsing
from vault.people.models import Enrolment, Person
from vault.people.service import lock_sign_in, unlock_sign_in
from vault.people.sessions import EXPIRED
from vault.shares.visits import open_share


@pytest.fixture
def row(runtime):
    def read(person) -> Person:
        with runtime.session() as session:
            return session.get_one(Person, person.id)

    return read


@pytest.fixture
def expire(runtime, clock):
    """The account's end is this moment."""

    def at_once(person) -> None:
        with runtime.session() as session:
            session.get_one(Person, person.id).expires_at = clock.now()

    return at_once


@pytest.fixture
def lock_dormant(runtime):
    """The job, with three days instead of thirty."""
    import vault.people.dormancy  # noqa: F401 - registers the handler

    runtime.settings = replace(runtime.settings, dormant_after=timedelta(days=3))

    def run() -> None:
        for job_id in sweep(runtime, {"people.lock_dormant": timedelta(minutes=1)}):
            assert run_job(runtime, job_id)

    return run


def test_an_account_works_for_a_year_to_the_last_second(make, row, clock, enter, runtime):
    amal = make.person(username="amal")
    assert row(amal).expires_at == amal.created_at + timedelta(days=365)
    with runtime.session() as session:
        session.get_one(Person, amal.id).expires_at = clock.now() + timedelta(seconds=10)
    clock.move(seconds=9)
    assert enter("amal")
    clock.move(seconds=1)
    with pytest.raises(Unauthenticated) as refused:
        enter("amal")
    assert refused.value.message == EXPIRED


def test_an_expired_account_is_out_at_once_and_a_wrong_password_learns_nothing(
    make, enter, expire, recognise, act
):
    amal = make.person(username="amal")
    cookie = enter("amal").cookie
    owner = make.actor(amal)
    lent = make.share(owner)
    expire(amal)
    assert recognise(cookie) is None
    with pytest.raises(Gone), act(STRANGER) as tx:
        open_share(tx, lent.share.id, lent.secret)
    with pytest.raises(Unauthenticated) as refused:
        enter("amal", "some other words for a change")
    assert refused.value.message != EXPIRED


def test_supervisor_and_administrator_extend_others_and_not_themselves(
    make, act, expire, enter, trail, clock
):
    amal = make.person(username="amal")
    boss, admin = make.actor(None, Role.SUPERVISOR), make.actor(None, Role.ADMINISTRATOR)
    abroad = make.actor(make.person(Role.SUPERVISOR, office=make.office()))
    expire(amal)
    day = clock.now().date()
    for actor, error in (
        (make.actor(), Refused),
        (make.actor(None, Role.CONTROLLER), Refused),
        (abroad, NotFound),
    ):
        with pytest.raises(error), act(actor) as tx:
            extend_account(tx, amal.id, day)
    for actor in (boss, admin):
        with pytest.raises(Conflict), act(actor) as tx:
            extend_account(tx, actor.id, day)
    for wrong in (day - timedelta(days=1), day + timedelta(days=366)):
        with pytest.raises(Invalid), act(boss) as tx:
            extend_account(tx, amal.id, wrong)
    with act(boss) as tx:
        assert extend_account(tx, amal.id, day).expires_at.date() == day + timedelta(days=1)
    assert trail()[-1] == "person.extended"
    assert enter("amal")


def test_an_expired_account_gets_no_new_link_and_uses_no_old_one(make, act, expire, runtime):
    invited, _ = make.invited()
    expire(invited)
    with pytest.raises(Conflict), act(SYSTEM) as tx:
        issue_enrolment(tx, invited.id)
    with runtime.session() as session:
        enrolment = session.scalars(select(Enrolment).where(Enrolment.person_id == invited.id)).one()
    with pytest.raises(Gone), act(STRANGER) as tx:
        look_at_enrolment(tx, enrolment.id)


def test_an_administrator_who_has_expired_is_not_the_one_who_remains(make, act, expire):
    first, second = make.actor(None, Role.ADMINISTRATOR), make.person(Role.ADMINISTRATOR)
    with act(first) as tx:
        keep_an_administrator(tx, tx.session.get_one(Person, first.id))
    expire(second)
    with pytest.raises(Conflict), act(first) as tx:
        keep_an_administrator(tx, tx.session.get_one(Person, first.id))


def test_dormant_accounts_are_locked_once_and_unlocking_gives_them_the_full_time(
    make, lock_dormant, row, act, trail, enter
):
    make.actor(None, Role.ADMINISTRATOR)
    silent, busy = make.person(username="silent"), make.person(username="busy")
    invited, _ = make.invited()
    make.wait(days=2)
    enter("busy")
    lock_dormant()
    assert row(silent).sign_in_locked_at is None
    make.wait(days=1, seconds=1)
    lock_dormant()
    assert row(silent).sign_in_locked_at is not None
    assert (row(busy).sign_in_locked_at, row(invited).sign_in_locked_at) == (None, None)
    assert row(silent).left_at is None
    assert trail().count("person.locked") == 1
    with act(SYSTEM) as tx:
        unlock_sign_in(tx, silent.id)
    make.wait(days=1)
    lock_dormant()
    assert row(silent).sign_in_locked_at is None
    make.wait(days=2, seconds=1)
    lock_dormant()
    assert row(silent).sign_in_locked_at is not None


def test_the_administrator_who_signed_in_last_is_never_locked_by_time(make, lock_dormant, row):
    older, newer = make.person(Role.ADMINISTRATOR), make.person(Role.ADMINISTRATOR)
    make.actor(older)
    make.wait(minutes=1)
    make.actor(newer)
    make.wait(days=4)
    lock_dormant()
    assert row(older).sign_in_locked_at is not None
    assert row(newer).sign_in_locked_at is None


def test_nobody_is_locked_while_the_clock_has_jumped(make, lock_dormant, row, clock):
    make.actor(None, Role.ADMINISTRATOR)
    silent = make.person()
    clock.move(days=60)
    lock_dormant()
    assert row(silent).sign_in_locked_at is None


def test_the_list_of_accounts_that_lapse_agrees_with_the_rule(make, act, expire, runtime, clock):
    boss = make.actor(None, Role.SUPERVISOR)
    expired, locked, fine = make.person(), make.person(), make.person()
    abroad = make.person(office=make.office())
    expire(expired)
    expire(abroad)
    with act(SYSTEM) as tx:
        lock_sign_in(tx, locked.id)
    with act(boss) as tx:
        found = {person.id for person in lapsing(tx)}
        rule = permits(Permission.PERSON_EXTEND, Person, tx.actor, tx.now)
        allowed = set(tx.session.scalars(select(Person.id).where(rule)))
    assert found == {expired.id, locked.id}
    assert fine.id in allowed
    assert abroad.id not in allowed


def test_pages_list_extend_and_warn(app, make, expire, clock):
    boss, amal = make.actor(None, Role.SUPERVISOR), make.actor()
    browser = Browser(app, boss)
    assert "Accounts that lapse" in browser.get("/people").text
    expire(amal)
    assert f"/people/{amal.id}" in browser.get("/people/lapsing").text
    assert "expired" in browser.get(f"/people/{amal.id}").text
    wrong = browser.post(f"/people/{amal.id}/expiry", until="2020-01-01")
    assert (wrong.status_code, "Choose a day from today" in wrong.text) == (400, True)
    day = (clock.now() + timedelta(days=10)).date().isoformat()
    assert browser.post(f"/people/{amal.id}/expiry", until=day).status_code == 303
    assert "Your account expires soon." in Browser(app, amal).get("/account").text
    assert Browser(app, amal).get("/people/lapsing").status_code == 403
    assert Browser(app, amal).post(f"/people/{boss.id}/expiry", until=day).status_code == 403


def test_the_command_line_extends(make, runtime, row, clock):
    amal = make.person(username="amal")

    class Context:
        pass

    context = Context()
    context.runtime = runtime
    day = (clock.now() + timedelta(days=3)).date()
    done = CliRunner().invoke(user, ["extend", "amal", "--until", day.isoformat(), "--json"], obj=context)
    assert done.exit_code == 0, done.output
    assert row(amal).expires_at.date() == day + timedelta(days=1)
