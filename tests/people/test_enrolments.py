"""One-time links: setting the first password, and a reset that makes new keys."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import inspect

from tests.factory import PASSWORD
from vault.access.actor import STRANGER, SYSTEM, Role
from vault.access.grants import give_grant, live_grants
from vault.access.principals import Principal, open_seed, vouched_key
from vault.crypto.encoding import unb64url
from vault.crypto.passwords import derive
from vault.crypto.secret import random_key
from vault.errors import Conflict, Gone, Invalid, NotFound, Refused, Tampered
from vault.people.enrolments import enrol, enrol_with_password, issue_enrolment, look_at_enrolment
from vault.people.models import Enrolment
from vault.people.service import lock_sign_in


def parts_of(link: str) -> tuple[UUID, str]:
    path, _, code = link.partition("#")
    return UUID(path.rpartition("/")[2]), code


def test_an_invited_person_sets_a_password_and_is_signed_in(make, runtime, recognise, trail):
    person, link = make.invited(username="amal")
    assert person.state_at(person.created_at) == "invited"

    signed_in = enrol_with_password(runtime, *parts_of(link), PASSWORD)

    assert recognise(signed_in.cookie).id == person.id
    assert trail()[-4:] == ["person.created", "person.enrolment_issued", "person.enrolled", "session.started"]


def test_the_whole_link_may_be_pasted_for_the_code(make, runtime):
    _, link = make.invited()
    assert enrol_with_password(runtime, parts_of(link)[0], f"  {link}  ", PASSWORD)


def test_nothing_can_be_granted_before_enrolment(make, runtime):
    person, _ = make.invited()
    with runtime.transaction(SYSTEM) as tx, pytest.raises(Conflict):
        vouched_key(tx.keystore, tx.session.get_one(Principal, person.id))


def test_a_link_works_once(make, runtime, enter):
    _, link = make.invited(username="amal")
    enrol_with_password(runtime, *parts_of(link), PASSWORD)
    with pytest.raises(Gone):
        enrol_with_password(runtime, *parts_of(link), "another long and winding password")
    assert enter("amal")


def test_of_two_who_race_for_a_link_one_enrols(make, runtime):
    _, link = make.invited()
    enrolment_id, code = parts_of(link)
    profile = runtime.settings.new_profile()
    with runtime.transaction(STRANGER) as tx:
        enrol(tx, enrolment_id, code, random_key(), profile)
    with pytest.raises(Gone), runtime.transaction(STRANGER) as tx:
        enrol(tx, enrolment_id, code, random_key(), profile)


def test_looking_at_a_link_a_hundred_times_spends_nothing(make, runtime):
    _, link = make.invited()
    for _ in range(100):
        with runtime.reading(STRANGER) as tx:
            look_at_enrolment(tx, parts_of(link)[0])
    assert enrol_with_password(runtime, *parts_of(link), PASSWORD)


def test_a_link_expires_after_three_days(make, runtime, clock):
    _, link = make.invited()
    clock.move(hours=72, seconds=-1)
    with runtime.reading(STRANGER) as tx:
        look_at_enrolment(tx, parts_of(link)[0])
    clock.move(seconds=1)
    with pytest.raises(Gone):
        enrol_with_password(runtime, *parts_of(link), PASSWORD)


@pytest.mark.parametrize("code", ["", "A" * 43, "not base64 at all", "é"])
def test_a_wrong_code_looks_like_a_dead_link(make, runtime, code):
    _, link = make.invited()
    with pytest.raises(Gone) as wrong:
        enrol_with_password(runtime, parts_of(link)[0], code, PASSWORD)
    with pytest.raises(Gone) as unknown:
        enrol_with_password(runtime, uuid4(), code, PASSWORD)
    assert str(wrong.value) == str(unknown.value)


def test_a_new_link_withdraws_the_one_before(make, runtime):
    person, first = make.invited()
    with runtime.transaction(SYSTEM) as tx:
        second = issue_enrolment(tx, person.id).url("http://vault")
    with pytest.raises(Gone):
        enrol_with_password(runtime, *parts_of(first), PASSWORD)
    assert enrol_with_password(runtime, *parts_of(second), PASSWORD)


def test_a_weak_password_spends_no_link(make, runtime):
    _, link = make.invited()
    with pytest.raises(Invalid):
        enrol_with_password(runtime, *parts_of(link), "too short")
    assert enrol_with_password(runtime, *parts_of(link), PASSWORD)


def test_a_locked_person_cannot_enrol(make, runtime):
    person, link = make.invited()
    with runtime.transaction(SYSTEM) as tx:
        lock_sign_in(tx, person.id)
    with pytest.raises(Gone):
        enrol_with_password(runtime, *parts_of(link), PASSWORD)
    with pytest.raises(Conflict), runtime.transaction(SYSTEM) as tx:
        issue_enrolment(tx, person.id)


def test_only_administrators_issue_links(make, act):
    person, colleague = make.person(), make.actor()
    other_office = make.actor(make.person(office=make.office()))
    with pytest.raises(Refused), act(colleague) as tx:
        issue_enrolment(tx, person.id)
    with pytest.raises(NotFound), act(other_office) as tx:
        issue_enrolment(tx, person.id)
    with act(make.actor(None, Role.ADMINISTRATOR)) as tx:
        assert issue_enrolment(tx, person.id)


def test_a_link_keeps_no_secret_in_the_database(make, runtime):
    _, link = make.invited()
    enrolment_id, code = parts_of(link)
    with runtime.session() as session:
        row = session.get_one(Enrolment, enrolment_id)
        kept = [getattr(row, column.key) for column in inspect(Enrolment).columns]
    assert unb64url(code) not in kept
    assert code not in repr(kept)


def test_a_reset_makes_new_keys_and_ends_what_was_granted(make, act, enter, recognise, runtime, trail):
    amal, badr, bundle_id, secret = make.person(username="amal"), make.actor(), uuid4(), random_key()
    signed_in = enter("amal")
    with act(badr) as tx:
        give_grant(tx, tx.session.get_one(Principal, amal.id), bundle_id, 1, secret)
    with act(make.actor(None, Role.ADMINISTRATOR)) as tx:
        link = issue_enrolment(tx, amal.id).url("http://vault")
    assert recognise(signed_in.cookie), "nothing ends until the link is used"

    after = enrol_with_password(runtime, *parts_of(link), "nine brass lanterns hum in rain")

    assert recognise(signed_in.cookie) is None
    assert after.actor.session.seed != signed_in.actor.session.seed
    assert "person.sign_in_reset" in trail()
    with runtime.session() as session:
        principal = session.get_one(Principal, amal.id)
        old_slot, now_slot = amal.principal.slot_id, principal.slot_id
    assert [runtime.keystore.is_live(slot) for slot in (old_slot, now_slot)] == [False, True]
    assert {entry.slot_id: entry.successor_id for entry in runtime.keystore.ledger()} == {old_slot: now_slot}
    with runtime.reading(STRANGER) as tx:
        assert live_grants(tx, bundle_id) == []
    with pytest.raises(Tampered):
        open_seed(runtime.keystore, principal, derive(PASSWORD, amal.principal.profile))
