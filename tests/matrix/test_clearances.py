"""Who is cleared for what is strictly confidential: two decide, one ends it."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from tests.matrix.conftest import REASON
from vault.access.actor import SYSTEM, Role
from vault.access.clearances import Clearance, is_cleared, open_clearance
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.matrix.clearing import approve_clearance, digest_shown, end_clearance, propose_clearance
from vault.people.models import Person
from vault.people.service import lock_sign_in


@pytest.fixture
def people(make):
    """A person without clearance, and two controllers."""
    return make.person(cleared=False), make.actor(None, Role.CONTROLLER), make.actor(None, Role.CONTROLLER)


def cleared(act, person) -> bool:
    with act(SYSTEM) as tx:
        return bool(tx.session.scalar(select(is_cleared(person.id))))


def test_two_clear_and_one_ends(make, people, act, trail):
    person, first, second = people
    with act(first) as tx:
        clearance = propose_clearance(tx, person.id, REASON)
    assert not cleared(act, person)
    make.confirmed(second, lambda tx: approve_clearance(tx, person.id, digest_shown(clearance)))
    assert cleared(act, person)
    with act(second) as tx:
        end_clearance(tx, person.id, REASON)
    assert not cleared(act, person)
    assert trail()[-4:] == ["clearance.proposed", "proof.given", "clearance.given", "clearance.ended"]


def test_one_person_in_two_sessions_is_not_two_people(people, make, act):
    person, first, _ = people
    with act(first) as tx:
        seen = digest_shown(propose_clearance(tx, person.id, REASON))
        same = tx.session.get_one(Person, first.id)
    with pytest.raises(Refused), act(make.actor(same)) as tx:
        approve_clearance(tx, person.id, seen)


def test_nobody_approves_their_own(make, people, act):
    _, first, _ = people
    own = make.person(Role.CONTROLLER, cleared=False)
    with act(first) as tx:
        seen = digest_shown(propose_clearance(tx, own.id, REASON))
    with pytest.raises(Refused), act(make.actor(own)) as tx:
        approve_clearance(tx, own.id, seen)


def test_a_supervisor_approves_where_there_is_one_controller(make, people, act):
    person, first, second = people
    supervisor = make.actor(None, Role.SUPERVISOR)
    with act(first) as tx:
        seen = digest_shown(propose_clearance(tx, person.id, REASON))
    with pytest.raises(Refused), act(supervisor) as tx:
        approve_clearance(tx, person.id, seen)
    with act(SYSTEM) as tx:
        lock_sign_in(tx, second.id)
    make.confirmed(supervisor, lambda tx: approve_clearance(tx, person.id, seen))
    assert cleared(act, person)


def test_it_lapses_is_not_approved_twice_and_not_for_another_request(make, people, act, clock):
    person, first, second = people
    with act(first) as tx:
        lapsed = digest_shown(propose_clearance(tx, person.id, REASON))
        with pytest.raises(Conflict):
            propose_clearance(tx, person.id, REASON)
    make.wait(hours=72)
    clock.move(hours=-71)
    with pytest.raises(Conflict, match="lapsed"), act(second) as tx:
        approve_clearance(tx, person.id, lapsed)
    with act(first) as tx:
        seen = digest_shown(propose_clearance(tx, person.id, REASON))
    with pytest.raises(Conflict), act(second) as tx:
        approve_clearance(tx, person.id, lapsed)
    make.confirmed(second, lambda tx: approve_clearance(tx, person.id, seen))
    with pytest.raises(Conflict), act(second) as tx:
        approve_clearance(tx, person.id, seen)


def test_reasons_are_given_and_nothing_is_ended_twice(people, act):
    person, first, _ = people
    with pytest.raises(Invalid), act(first) as tx:
        propose_clearance(tx, person.id, "  ")
    with pytest.raises(NotFound), act(first) as tx:
        end_clearance(tx, person.id, REASON)


def test_a_foreign_person_looks_missing(people, make, act):
    abroad = make.person(office=make.office())
    for verb, word in ((propose_clearance, REASON), (approve_clearance, "0" * 64), (end_clearance, REASON)):
        with pytest.raises(NotFound), act(people[1]) as tx:
            verb(tx, abroad.id, word)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CONTROLLER])
def test_nobody_but_a_controller_proposes_or_ends(role, people, make, act):
    for verb in (propose_clearance, end_clearance):
        with pytest.raises((Refused, NotFound)), act(make.actor(None, role)) as tx:
            verb(tx, people[0].id, REASON)


def test_the_database_knows_that_two_are_two(people, act, runtime):
    person, first, second = people
    with act(first) as tx:
        clearance = propose_clearance(tx, person.id, REASON)
    now = runtime.clock.now()
    wrong = [{"approved_by_id": first.id}, {"approved_by_id": person.id}, {"settled_at": now}]
    for values in wrong:
        with pytest.raises(IntegrityError), runtime.session() as session:
            session.execute(update(Clearance).where(Clearance.id == clearance.id).values(**values))
    with act(second) as tx:
        assert open_clearance(tx.session, person.id).settled_at is None
