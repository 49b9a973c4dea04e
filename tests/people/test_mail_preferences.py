"""Where mails to people go: said by the person or an administrator, seen by nobody else, and never in the log."""

from __future__ import annotations

import json
from types import SimpleNamespace
from uuid import UUID

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.browsing import Browser
from vault.access.actor import SYSTEM, Role
from vault.audit.models import AuditEntry
from vault.errors import Invalid, StepUpDue
from vault.jobs import Job
from vault.people.commands import user
from vault.people.enrolments import issue_enrolment
from vault.people.factors import reset_factors
from vault.people.leaving import record_leaving
from vault.people.mailing import address_person, choose_own_mail
from vault.people.models import Person
from vault.people.notice_models import Notice
from vault.people.notices import MAIL

HERS = "amal@office.example"


@pytest.fixture
def kept(runtime):
    """`kept(person)` is where mails go, how often, and in which language."""

    def read(person):
        with runtime.session() as session:
            row = session.get_one(Person, person.id)
            return row.email, row.mail_preference, row.language

    return read


def test_somebody_gives_the_own_address_after_a_proof(app, make, kept, trail, runtime):
    person = make.person()
    browser = Browser(app, make.actor(person))
    assert kept(person) == (None, "daily", "en")
    assert "Mails to you" in browser.get("/account").text

    asked = browser.post("/account/mail", email=f" {HERS} ", preference="at_once", language="fr")
    assert HERS in asked.text
    assert browser.confirm(asked).location == "/account/mail?notice=saved"
    assert kept(person) == (HERS, "at_once", "fr")
    assert HERS in browser.get("/account/mail").text
    assert browser.api("POST", "/account/mail", {"email": HERS, "preference": "off"}).status_code == 201
    assert browser.api("GET", "/account/mail").json["preference"] == "off"
    assert trail().count("person.mail_changed") == 3
    with runtime.session() as session:
        assert not [leaf for leaf in session.scalars(select(AuditEntry.leaf)) if b"office.example" in leaf]


def test_an_administrator_gives_and_takes_an_address_and_colleagues_do_not_see_it(app, make, kept):
    person, boss = make.person(), make.actor(None, Role.ADMINISTRATOR)
    browser, path = Browser(app, boss), f"/people/{person.id}"
    browser.confirm(browser.post(f"{path}/address", email=HERS))

    assert kept(person)[0] == HERS
    assert HERS in browser.get(path).text
    for role in (Role.SUPERVISOR, Role.CONTROLLER, Role.CASEWORKER, Role.AUDITOR):
        colleague = Browser(app, make.actor(None, role))
        assert HERS not in colleague.get(path).text
        assert HERS not in colleague.api("GET", "/people").text
    assert Browser(app, make.actor()).post(f"{path}/address", email=HERS).status_code == 403
    browser.confirm(browser.post(f"{path}/address", email=""))
    assert kept(person)[0] is None


@pytest.mark.parametrize(
    "email", ["amal", "a@b", "a b@c.example", "a@b@c.example", "x@y.example\r\nBcc: z@y.example"]
)
def test_what_is_no_address_is_not_kept(app, make, kept, email):
    person = make.person()
    browser = Browser(app, make.actor(person))
    answer = browser.api("POST", "/account/mail", {"email": email, "preference": "daily"})

    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.json["errors"]] == ["/email"]
    assert kept(person)[0] is None


def test_only_these_choices_are_there_and_only_another_address_asks_for_a_proof(make, act):
    actor = make.actor()
    for preference, language in (("weekly", "en"), ("daily", "tlh")):
        with pytest.raises(Invalid), act(actor) as tx:
            choose_own_mail(tx, None, preference, language)
    with act(actor) as tx:
        choose_own_mail(tx, None, "off", "ar")
    with pytest.raises(StepUpDue), act(actor) as tx:
        choose_own_mail(tx, HERS, "off", "ar")


def test_a_token_neither_sees_nor_changes_the_address(app, make):
    actor = make.actor()
    text = make.token(actor, "read", "share").text.reveal().decode()
    guest = app.test_client()
    headers = {"Authorization": f"Bearer {text}"}
    assert guest.get("/api/v1/account/mail", headers=headers).status_code == 403
    sent = {"email": HERS, "preference": "off"}
    assert guest.post("/api/v1/account/mail", headers=headers, json=sent).status_code == 403


def test_the_address_is_forgotten_when_somebody_leaves(make, kept):
    person, boss = make.person(), make.actor(None, Role.ADMINISTRATOR)
    make.confirmed(boss, lambda tx: address_person(tx, person.id, HERS))
    make.confirmed(boss, lambda tx: record_leaving(tx, person.id))
    assert kept(person)[0] is None


def test_the_command_line_gives_and_takes_addresses(make, runtime, kept):
    def run(*words):
        done = CliRunner().invoke(user, [*words, "--json"], obj=SimpleNamespace(runtime=runtime))
        if done.exception is not None:
            raise done.exception
        return json.loads(done.stdout)

    added = ("add", "amal", "--name", "Amal", "--office", "NBO", "--role", "auditor")
    with pytest.raises(Invalid):
        run(*added, "--email", "amal")
    person = SimpleNamespace(id=UUID(run(*added, "--email", HERS)["id"]))
    assert kept(person)[0] == HERS
    assert run("email", "amal") == {"username": "amal", "has_address": False}
    assert run("email", "amal", HERS, "--dry-run")["dry_run"]
    assert kept(person)[0] is None


def test_what_is_done_to_an_account_is_told_its_owner_and_mailed_whatever_was_chosen(app, make, act, trail):
    boss, actor = make.actor(None, Role.ADMINISTRATOR), make.actor()
    with act(actor) as tx:
        choose_own_mail(tx, None, "off", "en")
    make.confirmed(actor, lambda tx: choose_own_mail(tx, HERS, "off", "en"))
    added = make.app(actor)
    make.confirmed(boss, lambda tx: reset_factors(tx, actor.id))
    make.confirmed(boss, lambda tx: issue_enrolment(tx, actor.id))
    told = ["address-changed", "factor-added", "factors-reset", "sign-in-reset"]
    with act(SYSTEM) as tx:
        rows = tx.session.scalars(select(Notice).where(Notice.person_id == actor.id)).all()
        assert sorted(row.kind for row in rows) == told
        assert all(row.mail_at == row.told_at for row in rows)
        jobs = tx.session.scalars(select(Job).where(Job.name == MAIL)).all()
        assert [job.subject_id for job in jobs] == [actor.id], "one job for whatever waits"
    assert added.actor.id == actor.id
    page = Browser(app, make.actor(tx_person(act, actor))).get("/notices")
    assert "An administrator reset your second factors." in page.text
    assert 'href="/account"' in page.text


def test_an_interpreter_and_an_administrator_find_their_own_notices_and_no_others(app, make, act):
    for role in (Role.INTERPRETER, Role.ADMINISTRATOR):
        actor = make.actor(None, role)
        make.confirmed(actor, lambda tx: choose_own_mail(tx, HERS, "off", "en"))
        browser = Browser(app, actor)
        items = browser.api("GET", "/notices").json["items"]
        assert [(item["kind"], item["about"], item["case_number"]) for item in items] == [
            ("address-changed", "account", None)
        ]
        assert "The address that your mails go to was changed." in browser.get("/notices").text


def tx_person(act, actor):
    """The row of who acts."""
    with act(SYSTEM) as tx:
        return tx.session.get_one(Person, actor.id)
