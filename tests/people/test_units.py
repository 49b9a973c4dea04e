"""The unit that a person signs for: an administrator enters it, with a proof, and nobody else."""

from __future__ import annotations

import pytest

from tests.browsing import Browser
from vault.access.actor import SYSTEM, Role
from vault.errors import Conflict, Invalid, NotFound, Refused, StepUpDue
from vault.people.leaving import record_leaving
from vault.people.models import Person
from vault.people.units import set_unit


@pytest.fixture
def boss(make):
    return make.actor(make.person(Role.ADMINISTRATOR))


@pytest.fixture
def person(make):
    return make.person(Role.ARCHIVIST)


def unit_of(act, person):
    with act(SYSTEM) as tx:
        return tx.session.get_one(Person, person.id).unit


def test_an_administrator_enters_and_takes_away_a_unit(make, act, boss, person, trail):
    with pytest.raises(StepUpDue), act(boss) as tx:
        set_unit(tx, person.id, "Records")
    make.confirmed(boss, lambda tx: set_unit(tx, person.id, "  Records   unit "))
    assert unit_of(act, person) == "Records unit"
    with act(boss) as tx:
        set_unit(tx, person.id, "Records unit")  # that is no news, so nobody is asked for a proof
    make.confirmed(boss, lambda tx: set_unit(tx, person.id, " "))
    assert unit_of(act, person) is None
    assert trail().count("person.unit") == 2


def test_nobody_else_does_and_no_nonsense_is_entered(make, act, boss, person):
    for other in (make.actor(person), make.actor(make.person(Role.CONTROLLER))):
        with pytest.raises((Refused, NotFound)), act(other) as tx:
            set_unit(tx, person.id, "Records")
    for wrong in ("x" * 61, "a\u202eb"):
        with pytest.raises(Invalid), act(boss) as tx:
            set_unit(tx, person.id, wrong)
    with act(SYSTEM) as tx:
        record_leaving(tx, person.id)
    with pytest.raises(Conflict), act(boss) as tx:
        set_unit(tx, person.id, "Records")


def test_the_page_of_a_person_takes_it(app, boss, person):
    browser, path = Browser(app, boss), f"/people/{person.id}"
    assert "Two people of one unit" in browser.get(path).text
    page = browser.confirm(browser.post(f"{path}/unit", unit="Records"), follow=True)
    assert 'value="Records"' in page.text
