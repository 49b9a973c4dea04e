"""Who has what, kept or removed by somebody else; overdue removes, but never the last one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

import vault.matrix.overdue  # noqa: F401 - registers the handler
from tests.browsing import Browser
from vault.access.actor import SYSTEM, Role
from vault.access.grants import Grant
from vault.bundles.members import add_member
from vault.bundles.models import Bundle
from vault.errors import Conflict, Invalid, NotFound, Refused, StepUpDue
from vault.jobs import enqueue, run_job
from vault.matrix.models import Recertification, RecertificationLine
from vault.matrix.recertification import begin_round, decide_lines, lines_of, open_round
from vault.people.models import Office, Person
from vault.people.teams import add_to_team, create_team, members_of


class Desk:
    """An office with two controllers, a supervisor, and a caseworker who has something of every kind."""

    def __init__(self, make, act):
        self.make, self.act = make, act
        self.admin = make.person(Role.ADMINISTRATOR, username="root", cleared=False)
        self.controller = make.actor(make.person(Role.CONTROLLER, username="ctrl", cleared=False))
        self.boss = make.actor(make.person(Role.SUPERVISOR, Role.REVIEWER, username="boss"))
        self.owner = make.actor(make.person(username="owner"))
        self.amal = make.person(Role.CASEWORKER, Role.ARCHIVIST, username="amal")
        self.shared, self.alone = make.bundle(self.owner), make.bundle(self.owner)
        with act(self.owner) as tx:
            add_member(tx, self.shared.id, self.amal.id)
        with act(self.boss) as tx:
            self.team = create_team(tx, "Night shift")
            add_to_team(tx, self.team.id, self.amal.id)

    def begin(self) -> Recertification:
        with self.act(self.controller) as tx:
            return begin_round(tx)

    def lines(self, begun, person=None) -> dict[str, RecertificationLine]:
        with self.act(SYSTEM) as tx:
            found = [x for x in lines_of(tx, begun.id) if x.person_id == (person or self.amal).id]
        return {line.role or line.kind: line for line in found}

    def decide(self, actor, begun, keep=(), remove=()):
        chosen = [line.id for line in keep], [line.id for line in remove]
        return self.make.confirmed(actor, lambda tx: decide_lines(tx, begun.id, *chosen))

    def now(self, person) -> Person:
        with self.act(SYSTEM) as tx:
            return tx.session.get_one(Person, person.id)


@pytest.fixture
def desk(make, act):
    return Desk(make, act)


@pytest.fixture
def run(runtime):
    """The job, now."""

    def once() -> None:
        with runtime.session() as session:
            job_id = enqueue(session, "matrix.recertify", None, runtime.clock.now()).id
        assert run_job(runtime, job_id)

    return once


def holds(act, subject, person) -> bool:
    query = select(Grant.id).where(Grant.subject_id == subject.id, Grant.principal_id == person.id)
    with act(SYSTEM) as tx:
        return tx.session.scalar(query.where(Grant.ended_at.is_(None))) is not None


def test_the_list_names_all_that_somebody_has(desk):
    begun = desk.begin()
    lines = desk.lines(begun)
    assert set(lines) == {"caseworker", "archivist", "clearance", "team", "bundles"}
    assert (lines["bundles"].bundles, lines["team"].team_id) == (1, desk.team.id)
    assert begun.due_at - begun.began_at == timedelta(days=14)
    with pytest.raises(Conflict):
        desk.begin()


def test_what_is_kept_stays_and_what_is_removed_ends_at_once(desk, act, trail):
    begun = desk.begin()
    lines = desk.lines(begun)
    desk.decide(desk.boss, begun, keep=[lines["caseworker"], lines["team"]])
    removed = [lines["archivist"], lines["bundles"], lines["clearance"]]
    with pytest.raises(StepUpDue), act(desk.controller) as tx:
        decide_lines(tx, begun.id, [], [line.id for line in removed])
    desk.decide(desk.controller, begun, remove=removed)
    assert desk.now(desk.amal).roles == {Role.CASEWORKER}
    assert not holds(act, desk.shared, desk.amal)
    assert holds(act, desk.team, desk.amal)
    with act(SYSTEM) as tx:
        assert tx.session.get_one(Bundle, desk.shared.id).rekey_pending_at
    assert {"clearance.ended", "bundle.member_removed", "person.roles_changed"} <= set(trail())
    assert {each.held_back for each in desk.lines(begun).values()} == {None}
    with pytest.raises(Conflict):
        desk.decide(desk.boss, begun, keep=[lines["caseworker"]])


def test_nobody_decides_about_themselves_in_whatever_session(desk, make, act):
    begun = desk.begin()
    own = desk.lines(begun, desk.boss)
    again = make.actor(desk.now(desk.boss))
    for actor in (desk.boss, again):
        with pytest.raises(Refused):
            desk.decide(actor, begun, keep=[own["supervisor"]])
    with pytest.raises(IntegrityError), act(SYSTEM) as tx:
        kept = {"decision": "keep", "decided_at": tx.now, "decided_by_id": desk.boss.id}
        tx.session.execute(
            update(RecertificationLine).where(RecertificationLine.id == own["supervisor"].id).values(**kept)
        )


def test_others_and_other_offices_decide_nothing(desk, make, act):
    begun = desk.begin()
    line = desk.lines(begun)["caseworker"]
    with pytest.raises(NotFound), act(desk.owner) as tx:
        decide_lines(tx, begun.id, [line.id], [])
    with pytest.raises(Refused), act(desk.boss) as tx:
        begin_round(tx)
    foreign = make.actor(make.person(Role.CONTROLLER, office=make.office()))
    with pytest.raises(NotFound), act(foreign) as tx:
        decide_lines(tx, begun.id, [line.id], [])
    with act(foreign) as tx:
        other = begin_round(tx)
    with pytest.raises(NotFound), act(foreign) as tx:
        decide_lines(tx, other.id, [line.id], [])
    for chosen in (([], []), ([line.id], [line.id])):
        with pytest.raises(Invalid), act(desk.controller) as tx:
            decide_lines(tx, begun.id, *chosen)


def test_the_last_ones_stay_and_the_list_says_so(desk, act, make):
    begun = desk.begin()
    owner, boss = desk.lines(begun, desk.owner), desk.lines(begun, desk.boss)
    desk.decide(desk.controller, begun, remove=[owner["bundles"]])
    assert desk.lines(begun, desk.owner)["bundles"].held_back == "last_member"
    assert holds(act, desk.alone, desk.owner)
    assert not holds(act, desk.shared, desk.owner)
    desk.decide(desk.boss, begun, remove=list(desk.lines(begun, desk.controller).values()))
    assert desk.lines(begun, desk.controller)["controller"].held_back == "last_controller"
    desk.decide(desk.boss, begun, remove=list(desk.lines(begun, desk.admin).values()))
    assert desk.lines(begun, desk.admin)["administrator"].held_back == "last_administrator"
    with act(SYSTEM) as tx:
        assert len(members_of(tx, desk.team.id)) == 2
    desk.decide(desk.controller, begun, remove=[desk.lines(begun)["team"], boss["team"]])
    with act(SYSTEM) as tx:
        assert len(members_of(tx, desk.team.id)) == 1


def test_with_the_last_role_goes_the_sign_in(desk):
    begun = desk.begin()
    desk.decide(desk.controller, begun, remove=[desk.lines(begun, desk.owner)["caseworker"]])
    found = desk.now(desk.owner)
    assert found.sign_in_locked_at is not None
    assert found.roles == {Role.CASEWORKER}


def test_overdue_removes_and_closes_but_not_by_a_wrong_clock(desk, act, run, clock, make, runtime, trail):
    begun = desk.begin()
    for person in (desk.boss, desk.owner, desk.controller, desk.admin):
        decider = desk.controller if person is not desk.controller else desk.boss
        desk.decide(decider, begun, keep=list(desk.lines(begun, person).values()))
    clock.move(days=14)
    run()
    assert holds(act, desk.shared, desk.amal), "the clock jumped: nothing is removed"
    clock.move(days=-14)
    with runtime.session() as session:
        session.execute(update(Recertification).values(due_at=clock.now() + timedelta(hours=2)))
    run()
    assert holds(act, desk.shared, desk.amal)
    make.wait(hours=3)
    run()
    assert not holds(act, desk.shared, desk.amal)
    assert not holds(act, desk.team, desk.amal)
    assert desk.now(desk.amal).sign_in_locked_at is not None
    assert {line.decided_by_id for line in desk.lines(begun).values()} == {None}
    with act(SYSTEM) as tx:
        assert open_round(tx, begun.office_id) is None
    assert trail()[-1] == "recertification.closed"
    assert desk.now(desk.owner).sign_in_locked_at is None


def test_an_office_begins_by_itself_when_its_time_has_come(desk, act, run, runtime, clock):
    run()
    with act(SYSTEM) as tx:
        assert open_round(tx, desk.controller.office_id) is None
    with runtime.session() as session:
        session.execute(update(Office).values(created_at=clock.now() - timedelta(days=30)))
    run()
    with act(SYSTEM) as tx:
        begun = open_round(tx, desk.controller.office_id)
        assert begun.begun_by_id is None
    run()
    with pytest.raises(IntegrityError), act(SYSTEM) as tx:
        tx.add(Recertification(office_id=begun.office_id, began_at=tx.now, due_at=tx.now + timedelta(1)))


def test_by_page_and_by_program(desk, app):
    browser = Browser(app, desk.controller)
    assert browser.post("/office/recertifications", follow=True).status_code == 200
    row = browser.api("GET", "/office/recertifications").json["items"][0]
    path = f"/office/recertifications/{row['id']}"
    assert "Night shift" in browser.get(path).text
    listed = [each for each in browser.api("GET", path).json["items"] if each["name"] == "Amal"]
    lines = {each["role"] or each["what"]: each["id"] for each in listed}
    chosen = [f"keep:{lines['caseworker']}", f"remove:{lines['archivist']}"]
    asked = browser.post(f"{path}/decisions", decisions=chosen)
    assert browser.confirm(asked).status_code == 303
    assert desk.now(desk.amal).roles == {Role.CASEWORKER}
    kept = browser.api("POST", f"{path}/decisions", {"keep": [lines["team"]]})
    assert (kept.status_code, kept.json["decided"]) == (201, 3)
    assert Browser(app, desk.owner).get("/office/recertifications").status_code == 403
    assert browser.post(f"{path}/decisions", decisions=["keep:" + "-" * 36]).status_code == 400
