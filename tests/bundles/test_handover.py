"""Handing over what opens for one alone, so that a leaving need not wait."""

from __future__ import annotations

import pytest

from tests.browsing import Browser
from vault.access.actor import SYSTEM, Role
from vault.access.policy import Permission
from vault.bundles.handover import hand_over, held_alone
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.bundles.service import lock_bundle
from vault.errors import Invalid
from vault.people.leaving import lone_subjects, record_leaving, take_back_leaving
from vault.people.models import Person
from vault.people.teams import create_team

PASSWORD = "nine slow barges pass the lock"


@pytest.fixture
def leaver(make):
    return make.actor(None, Role.SUPERVISOR)


def test_a_successor_opens_all_that_was_open_and_what_was_locked_waits(make, act, leaver, runtime):
    plain, locked = make.bundle(leaver), make.bundle(leaver, password=PASSWORD)
    successor = make.actor()
    make.assign(plain, successor)
    with act(leaver) as tx:
        team = create_team(tx, "Night shift")
        lock_bundle(tx, locked.id)
    with act(leaver) as tx:
        assert {bundle.id for bundle in held_alone(tx).bundles} == {plain.id, locked.id}
        assert hand_over(tx, successor.id) == 2
    with act(leaver) as tx:
        assert lone_subjects(tx.session, leaver.id) == [locked.id]
    with act(successor) as tx:
        assert open_bundle(tx, tx.load(Bundle, plain.id, Permission.BUNDLE_OPEN)).title
        assert tx.allows(Permission.TEAM_ADD, tx.session.get_one(type(team), team.id))


def test_a_leaving_that_waited_is_finished_after_the_handover(make, act, leaver, runtime):
    bundle, successor = make.bundle(leaver), make.actor()
    make.assign(bundle, successor)
    with act(SYSTEM) as tx:
        record_leaving(tx, leaver.id)
    with act(SYSTEM) as tx:
        take_back_leaving(tx, leaver.id)
    with runtime.session() as session:
        person = session.get_one(Person, leaver.id)
        slot = person.principal.slot_id
    again = make.actor(person)
    with act(again) as tx:
        hand_over(tx, successor.id)
    with act(SYSTEM) as tx:
        record_leaving(tx, leaver.id)
    assert not runtime.keystore.is_live(slot)
    with act(successor) as tx:
        assert open_bundle(tx, tx.load(Bundle, bundle.id, Permission.BUNDLE_OPEN)).title


def test_only_a_colleague_who_works_with_bundles_succeeds(make, act, leaver):
    make.bundle(leaver)
    for person in (make.person(Role.INTERPRETER), make.person(office=make.office()), leaver):
        with pytest.raises(Invalid), act(leaver) as tx:
            hand_over(tx, person.id)


def test_the_page_lists_gives_and_is_empty_afterwards(app, make, leaver):
    make.bundle(leaver, title="Main file")
    successor = make.person(username="amal")
    browser = Browser(app, leaver)
    assert "/handover" in browser.get("/account").text
    page = browser.get("/handover").text
    assert "Main file" in page
    assert "Amal" in page
    done = browser.post("/handover", person=successor.id, follow=True)
    assert "Nothing opens for you alone." in done.text
    assert "/handover" not in browser.get("/account").text
    assert Browser(app, make.actor(None, Role.AUDITOR)).get("/handover").status_code == 403
