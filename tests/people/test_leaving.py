"""Leaving for good: sign-in ends at once, the slot when nobody else loses anything."""

from datetime import timedelta
from uuid import uuid4

import pytest

from vault.access.actor import STRANGER, SYSTEM, Role
from vault.access.grants import end_grant, give_grant, live_grant
from vault.access.principals import Principal, vouched_key
from vault.crypto.secret import random_key
from vault.errors import Conflict, Refused, Unauthenticated
from vault.jobs import run_job, sweep
from vault.people.leaving import lone_subjects, record_leaving, take_back_leaving
from vault.people.models import Person
from vault.people.service import unlock_sign_in
from vault.people.sessions import cookie_of


@pytest.fixture
def grant(act):
    """`grant(subject, *people)`: each person can open the subject."""

    def go(subject_id, *people):
        with act(SYSTEM) as tx:
            for person in people:
                give_grant(tx, tx.session.get_one(Principal, person.id), subject_id, 1, random_key())

    return go


@pytest.fixture
def leave(act):
    def go(person):
        with act(SYSTEM) as tx:
            record_leaving(tx, person.id)

    return go


@pytest.fixture
def slot_lives(runtime):
    def go(person):
        return runtime.keystore.is_live(person.principal.slot_id)

    return go


def test_a_leaver_is_out_at_once_and_the_keys_are_destroyed(make, leave, enter, recognise, slot_lives, trail):
    amal = make.person(username="amal")
    signed_in = enter("amal")

    leave(amal)

    assert recognise(signed_in.cookie) is None
    assert not slot_lives(amal)
    assert trail()[-2:] == ["session.ended", "person.left"]
    with pytest.raises(Unauthenticated):
        enter("amal")


def test_nothing_is_granted_to_a_leaver(make, leave, runtime):
    amal = make.person()
    leave(amal)
    with runtime.transaction(SYSTEM) as tx, pytest.raises(Conflict):
        vouched_key(tx.keystore, tx.session.get_one(Principal, amal.id))


def test_what_somebody_else_holds_too_does_not_hold_a_leaver_back(make, leave, grant, slot_lives, runtime):
    amal, badr, bundle_id = make.person(), make.person(), uuid4()
    grant(bundle_id, amal, badr)

    leave(amal)

    assert not slot_lives(amal)
    with runtime.reading(STRANGER) as tx:
        assert live_grant(tx, amal.id, bundle_id) is None
        assert live_grant(tx, badr.id, bundle_id)


def test_the_slot_of_an_only_holder_waits_for_a_handover(
    make, leave, grant, enter, recognise, slot_lives, runtime
):
    amal, bundle_id = make.person(username="amal"), uuid4()
    grant(bundle_id, amal)
    signed_in = enter("amal")

    leave(amal)

    assert recognise(signed_in.cookie) is None
    with pytest.raises(Unauthenticated):
        enter("amal")
    assert slot_lives(amal)
    with runtime.reading(STRANGER) as tx:
        assert lone_subjects(tx.session, amal.id) == [bundle_id]


def test_the_sweep_destroys_the_slot_once_it_need_not_wait(make, leave, grant, slot_lives, runtime, trail):
    amal, badr, bundle_id = make.person(), make.person(), uuid4()
    grant(bundle_id, amal)
    leave(amal)
    finish(runtime)
    assert slot_lives(amal)

    grant(bundle_id, badr)
    finish(runtime)

    assert not slot_lives(amal)
    assert trail()[-1] == "person.left"


def test_two_who_left_do_not_count_for_each_other(make, leave, grant, slot_lives):
    amal, badr, shared = make.person(), make.person(), uuid4()
    grant(shared, amal, badr)
    grant(uuid4(), amal)

    leave(amal)
    leave(badr)

    assert slot_lives(amal)
    assert slot_lives(badr)


def test_a_leaving_that_waits_can_be_taken_back(make, act, leave, grant, enter):
    amal = make.person(username="amal")
    grant(uuid4(), amal)
    leave(amal)

    with act(SYSTEM) as tx:
        take_back_leaving(tx, amal.id)

    assert enter("amal")


def test_a_leaving_is_for_good_once_the_slot_is_destroyed(make, act, leave, enter):
    amal = make.person(username="amal")
    leave(amal)
    with pytest.raises(Conflict), act(SYSTEM) as tx:
        take_back_leaving(tx, amal.id)
    with pytest.raises(Conflict), act(SYSTEM) as tx:
        unlock_sign_in(tx, amal.id)


def test_an_old_row_put_back_after_a_leaving_opens_nothing(make, leave, enter, recognise, runtime):
    amal = make.person(username="amal")
    cookie = cookie_of(enter("amal").actor)
    leave(amal)
    with runtime.session() as session:
        person = session.get_one(Person, amal.id)
        person.left_at = None
        for name in ("slot_id", "user_lock", "directory_mac"):
            setattr(person.principal, name, getattr(amal.principal, name))
    assert recognise(cookie) is None
    with pytest.raises(Unauthenticated):
        enter("amal")


def test_a_grant_that_ended_holds_nobody_back(make, act, leave, grant, slot_lives):
    amal, bundle_id = make.person(), uuid4()
    grant(bundle_id, amal)
    with act(SYSTEM) as tx:
        end_grant(tx, live_grant(tx, amal.id, bundle_id))
    leave(amal)
    assert not slot_lives(amal)


def test_only_an_administrator_records_a_leaving_and_not_the_own(make, act):
    amal, admin = make.person(), make.actor(None, Role.ADMINISTRATOR)
    make.person(Role.ADMINISTRATOR)
    with pytest.raises(Refused), act(make.actor(None, Role.CONTROLLER)) as tx:
        record_leaving(tx, amal.id)
    with pytest.raises(Conflict), act(admin) as tx:
        record_leaving(tx, admin.id)


def finish(runtime) -> None:
    runtime.clock.move(minutes=50)
    for job_id in sweep(runtime, {"people.finish_leavings": timedelta(minutes=10)}):
        assert run_job(runtime, job_id)
