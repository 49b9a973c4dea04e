"""Recovery desks: made by two at least, tested from paper and from a session, never one person at both."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tests.desks import Desks
from vault.access.actor import Role
from vault.access.teams import open_team_seed
from vault.crypto.agefile import encrypt_file
from vault.crypto.identity import age_identity, age_recipient, new_seed, parse_identity, public_key
from vault.errors import Conflict, Invalid, NotFound, Refused, StepUpDue
from vault.people.desk_models import FIRST, SECOND, DeskPair, DeskSeat
from vault.people.desks import check_print, check_session, end_desk, make_desk, seat_member, unseat_member
from vault.people.enrolments import issue_enrolment
from vault.people.seating import live_pair, officers_of, pair_keys, seats_of


@pytest.fixture
def desks(make) -> Desks:
    return Desks(make)


@pytest.fixture
def untested(make) -> Desks:
    return Desks(make, counts=False)


def pair_of(desks) -> DeskPair | None:
    with desks.make.runtime.session() as session:
        return session.scalar(select(DeskPair).where(DeskPair.ended_at.is_(None)))


def test_the_pair_counts_when_both_desks_have_passed_both_tests(untested, act, trail):
    for test, reader, desk in (
        (lambda tx: check_print(tx, untested.first.id, untested.identities[FIRST]), untested.clerk, FIRST),
        (lambda tx: check_session(tx, untested.first.id), untested.controller, FIRST),
        (lambda tx: check_session(tx, untested.second.id), untested.auditor, SECOND),
    ):
        with act(reader) as tx:
            assert test(tx).number == desk
        assert pair_of(untested) is None
    with act(untested.auditor) as tx:
        check_print(
            tx,
            untested.second.id,
            f" {untested.identities[SECOND].lower()[:40]}\n{untested.identities[SECOND][40:]}",
        )
    pair = pair_of(untested)
    assert (pair.first_id, pair.second_id) == (untested.first.id, untested.second.id)
    assert trail().count("desk.made") == 2
    assert trail()[-2:] == ["desk.tested", "desk.counted"]


def test_the_printed_identity_is_that_of_the_desk_and_stands_in_no_row(desks):
    for desk, number in ((desks.first, FIRST), (desks.second, SECOND)):
        assert desks.identities[number].startswith("AGE-SECRET-KEY-PQ-1")
        seed = parse_identity(desks.identities[number]).key.reveal()
        assert public_key(seed) == desk.principal.public_key
        assert seed not in desk.principal.user_lock + desk.test_file


def test_the_maker_does_not_type_it_back_and_another_identity_is_none(untested, act):
    with pytest.raises(Refused), act(untested.controller) as tx:
        check_print(tx, untested.first.id, untested.identities[FIRST])
    for wrong in ("", "AGE-SECRET-KEY-PQ-1", untested.identities[SECOND], age_identity(new_seed())):
        with pytest.raises(Invalid) as caught, act(untested.clerk) as tx:
            check_print(tx, untested.first.id, wrong)
        assert caught.value.errors[0].pointer == "/identity"
    with pytest.raises(Refused), act(untested.supervisor) as tx:
        check_session(tx, untested.first.id)


def test_a_test_file_that_says_something_else_is_no_test(untested, act, runtime):
    with runtime.session() as session:
        key = untested.first.principal.public_key
        row = session.merge(untested.first)
        row.test_file = encrypt_file([age_recipient(key)], b"something else, of any length you like")
    with pytest.raises(Invalid), act(untested.clerk) as tx:
        check_print(tx, untested.first.id, untested.identities[FIRST])


def test_who_may_make_which_desk(make, act):
    clerk, boss, auditor = make.actor(), make.actor(None, Role.SUPERVISOR), make.actor(None, Role.AUDITOR)
    controller, admin = make.actor(None, Role.CONTROLLER), make.actor(None, Role.ADMINISTRATOR)
    for actor, number in (
        (clerk, FIRST),
        (boss, FIRST),
        (admin, FIRST),
        (controller, SECOND),
        (admin, SECOND),
    ):
        with pytest.raises(Refused), act(actor) as tx:
            make_desk(tx, number, [clerk.id])
    for actor, number, others in (
        (controller, FIRST, [admin.id]),
        (controller, FIRST, []),
        (controller, FIRST, [controller.id]),
        (controller, FIRST, [make.actor(make.person(office=make.office())).id]),
        (auditor, SECOND, [clerk.id]),
        (auditor, SECOND, [make.invited(Role.SUPERVISOR)[0].id]),
    ):
        with pytest.raises((Invalid, Conflict)), act(actor) as tx:
            make_desk(tx, number, others)
    with pytest.raises(StepUpDue), act(controller) as tx:
        make_desk(tx, FIRST, [clerk.id])


def test_one_person_never_sits_at_both_desks(desks, make, act, runtime):
    both = make.actor(None, Role.SUPERVISOR, Role.CONTROLLER)
    desks.confirmed(desks.clerk, seat_member, desks.first.id, both.id)
    with pytest.raises(Conflict, match="both"):
        desks.confirmed(desks.auditor, seat_member, desks.second.id, both.id)
    desks.confirmed(desks.controller, unseat_member, desks.first.id, both.id)
    desks.confirmed(desks.auditor, seat_member, desks.second.id, both.id)
    with pytest.raises(Conflict, match="both"):
        desks.confirmed(desks.clerk, seat_member, desks.first.id, both.id)
    with pytest.raises(IntegrityError), runtime.session() as session:
        seat = DeskSeat(desk_id=desks.first.id, office_id=desks.first.office_id, person_id=both.id)
        seat.seated_at, seat.seated_by_id = runtime.clock.now(), both.id
        session.add(seat)


def test_who_sits_there_opens_it_and_who_is_taken_off_does_not(desks, make, act, trail):
    later = make.actor()
    desks.confirmed(desks.clerk, seat_member, desks.first.id, later.id)
    with act(later) as tx:
        assert public_key(open_team_seed(tx, desks.first.id)) == desks.first.principal.public_key
    with act(desks.controller) as tx:
        unseat_member(tx, desks.first.id, later.id)
    assert trail()[-2:] == ["team.rekeyed", "desk.member_removed"]
    with pytest.raises(NotFound), act(later) as tx:
        open_team_seed(tx, desks.first.id)
    with act(desks.clerk) as tx:
        check_session(tx, desks.first.id)
        assert pair_keys(tx, desks.first.office_id).first == desks.first.principal.public_key


def test_a_desk_keeps_two_people_who_can_sign_in(desks, make, act):
    with pytest.raises(Conflict, match="two people"), act(desks.controller) as tx:
        unseat_member(tx, desks.first.id, desks.clerk.id)
    with pytest.raises(NotFound), act(desks.controller) as tx:
        unseat_member(tx, desks.first.id, desks.auditor.id)
    with pytest.raises(Refused), act(make.actor()) as tx:
        unseat_member(tx, desks.first.id, desks.clerk.id)


def test_who_was_reset_is_no_officer_until_seated_again_with_the_words_compared(desks, make, act):
    admin = make.actor(None, Role.ADMINISTRATOR)
    link = desks.confirmed(admin, issue_enrolment, desks.clerk.id)
    make.enrol(link.url("http://localhost"))
    with act(desks.controller) as tx:
        assert [person.id for person in officers_of(tx, desks.first)] == [desks.controller.id]
        assert [seat.holds_key for seat in seats_of(tx, desks.first)].count(False) == 1
    with pytest.raises(Invalid) as caught:
        desks.confirmed(desks.controller, seat_member, desks.first.id, desks.clerk.id)
    assert caught.value.errors[0].pointer == "/compared"
    desks.confirmed(desks.controller, seat_member, desks.first.id, desks.clerk.id, compared=True)
    with act(desks.controller) as tx:
        assert {person.id for person in officers_of(tx, desks.first)} == {desks.controller.id, desks.clerk.id}


def test_an_ended_desk_opens_nothing_and_another_pair_can_be_made(desks, act, runtime, trail):
    slot = desks.first.principal.slot_id
    with pytest.raises(Refused), act(desks.supervisor) as tx:
        end_desk(tx, desks.first.id)
    desks.confirmed(desks.controller, end_desk, desks.first.id)
    assert trail()[-1] == "desk.ended"
    assert pair_of(desks) is None
    assert not runtime.keystore.is_live(slot)
    with pytest.raises(NotFound), act(desks.clerk) as tx:
        open_team_seed(tx, desks.first.id)
    again = desks.made(FIRST, desks.controller, desks.clerk)
    desks.check(again, desks.clerk)
    with act(desks.clerk) as tx:
        assert live_pair(tx, again.office_id).first_id == again.id


def test_a_pair_whose_key_nobody_vouches_for_seals_nothing(desks, act, runtime):
    with runtime.session() as session:
        session.merge(desks.second.principal).public_key = public_key(new_seed())
    with act(desks.clerk) as tx:
        assert pair_keys(tx, desks.first.office_id) is None


def test_two_who_make_the_same_desk_make_one(make, act, runtime):
    clerk = make.actor()
    people = [make.actor(None, Role.CONTROLLER) for _ in range(2)]
    desks = Desks.__new__(Desks)
    desks.make = make
    desks.confirmed(people[0], make_desk, FIRST, [clerk.id])
    with pytest.raises(Conflict, match="already"):
        desks.confirmed(people[1], make_desk, FIRST, [clerk.id])
