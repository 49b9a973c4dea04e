"""Whose a case is: given and taken by those who answer for the office, and shown to everybody who sees the case."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from tests.browsing import Browser
from vault.access.actor import Role
from vault.access.caseload import Assignment
from vault.cases.assignments import assign_case, assignees, possible_assignees, take_off_case
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.people.tokens import Wanted, create_service


@pytest.fixture
def boss(make):
    return make.actor(None, Role.SUPERVISOR)


def whose(act, actor, case) -> list[str]:
    with act(actor) as tx:
        return sorted(each.person.username for each in assignees(tx, case.id))


def test_who_adds_a_case_has_it_and_a_supervisor_gives_and_takes(make, act, boss, trail):
    owner, amal = make.person(username="owner"), make.person(username="amal")
    case = make.case(make.actor(owner))
    assert whose(act, boss, case) == ["owner"]
    with act(boss) as tx:
        assign_case(tx, case.id, amal.id)
    assert whose(act, boss, case) == ["amal", "owner"]
    with act(make.actor(None, Role.CONTROLLER)) as tx:
        take_off_case(tx, case.id, owner.id)
    assert whose(act, boss, case) == ["amal"]
    assert [each for each in trail() if each.startswith("case.")][-2:] == ["case.assigned", "case.unassigned"]


def test_nobody_of_elsewhere_no_program_and_nobody_twice(make, act, boss):
    case, owner = make.case(), make.person()
    admin = make.actor(None, Role.ADMINISTRATOR)
    wanted = Wanted("scanner", ["upload"])
    service = make.confirmed(admin, lambda tx: create_service(tx, wanted, make.home.id, Role.CASEWORKER))
    others = [make.person(office=make.office()), make.person(Role.AUDITOR)]
    with act(boss) as tx:
        offered = {each.id for each in possible_assignees(tx, case)}
    assert owner.id in offered
    for person_id in (service.token.id, *(each.id for each in others)):
        assert person_id not in offered
        with pytest.raises(Invalid), act(boss) as tx:
            assign_case(tx, case.id, person_id)
    with act(boss) as tx:
        assign_case(tx, case.id, owner.id)
    with pytest.raises(Conflict), act(boss) as tx:
        assign_case(tx, case.id, owner.id)
    with pytest.raises(IntegrityError), act(boss) as tx:
        tx.add(Assignment(case_id=case.id, person_id=owner.id, assigned_at=tx.now))


def test_a_caseworker_assigns_nobody_and_elsewhere_there_is_no_such_case(make, act):
    owner = make.actor()
    case, other = make.case(owner), make.person()
    for verb, person in ((assign_case, other), (take_off_case, owner)):
        with pytest.raises(Refused), act(owner) as tx:
            verb(tx, case.id, person.id)
    foreign = make.actor(make.person(Role.SUPERVISOR, office=make.office()))
    with pytest.raises(NotFound), act(foreign) as tx:
        assign_case(tx, case.id, other.id)


def test_by_page_and_by_program(app, make, boss):
    owner, amal = make.actor(), make.person(username="amal")
    case = make.case(owner)
    browser, path = Browser(app, boss), f"/cases/{case.id}/assignments"
    assert "Amal" in browser.get(path).text
    assert "Amal" in browser.post(path, person=amal.id, follow=True).text
    assert "Amal" in browser.get(f"/cases/{case.id}").text
    assert case.number in Browser(app, make.actor(amal)).get("/cases").text
    assert browser.post(f"{path}/removal", person=amal.id).status_code == 303
    assert browser.api("POST", path, {"person": str(amal.id)}).status_code == 201
    listed = browser.api("GET", f"/cases/{case.id}").json["assigned"]
    assert "Amal" in [each["name"] for each in listed]
    assert browser.api("DELETE", path, {"person": str(amal.id)}).status_code == 200
    seen = Browser(app, owner).get(path).text
    assert "Take off" not in seen
    assert case.number not in Browser(app, make.actor(amal)).get("/cases").text
