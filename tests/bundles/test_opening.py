"""Opening bundles: who can, with what, for how long; and what is dead afterwards."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from vault.access.actor import Role
from vault.access.grants import Grant, live_grant
from vault.access.policy import Permission
from vault.access.principals import Principal
from vault.access.throttle import tries_of
from vault.bundles.guesses import LIMIT, derive_guess, guess_name
from vault.bundles.members import add_member, list_members, possible_members, remove_member
from vault.bundles.models import Bundle, Unlocking
from vault.bundles.opening import open_bundle, open_until
from vault.bundles.pages import bundle_page
from vault.bundles.service import change_password, create_bundle, lock_bundle, unlock_bundle
from vault.crypto.passwords import derive
from vault.errors import BundleLocked, Conflict, Invalid, NotFound, Refused, Tampered, TooMany
from vault.people.leaving import record_leaving

PASSWORD = "nine brass lanterns over the harbour"
OTHER = "some gravel between the two old mills"


@pytest.fixture
def unlock(runtime, act):
    def attempt(actor, bundle, password=PASSWORD):
        key = derive_guess(runtime, actor, bundle.id, password)
        with act(actor) as tx:
            return unlock_bundle(tx, bundle.id, key)

    return attempt


@pytest.fixture
def opens(act):
    """Opens the bundle for the actor and says its title."""

    def attempt(actor, bundle, permission=Permission.BUNDLE_OPEN):
        with act(actor) as tx:
            return open_bundle(tx, tx.load(Bundle, bundle.id, permission)).title

    return attempt


def columns_of(row):
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def put_back(runtime, row, columns):
    """What an attacker who can write to the database does with an older copy of a row."""
    table = row.__table__
    with runtime.session() as session:
        session.execute(update(table).where(table.c.id == columns["id"]).values(columns))


def test_a_bundle_is_open_for_its_maker_and_says_so(act, make, opens, trail):
    actor = make.actor()
    bundle = make.bundle(actor, title="Main file", password=PASSWORD)

    assert opens(actor, bundle) == "Main file"
    with act(actor) as tx:
        assert open_until(tx, bundle) == tx.now + tx.settings.unlock_idle
    assert "bundle.created" in trail()


def test_a_foreign_bundle_answers_like_a_missing_one(act, make):
    bundle = make.bundle(make.actor())
    stranger = make.actor(make.person(office=make.office("KLA", "Kampala")))
    missing = Bundle(id=stranger.id)

    for asked in (bundle, missing):
        for permission in (Permission.BUNDLE_SEE, Permission.BUNDLE_OPEN):
            with pytest.raises(NotFound) as refused, act(stranger) as tx:
                tx.load(Bundle, asked.id, permission)
            assert refused.value.message == ""


def test_a_colleague_who_is_no_member_sees_that_it_is_there_and_no_title(act, make, opens):
    bundle = make.bundle(make.actor(), title="Medical")
    colleague = make.actor()
    with act(colleague) as tx:
        page = bundle_page(tx, tx.load(Bundle, bundle.id, Permission.BUNDLE_SEE))

    assert (page.state, page.title, page.files, page.is_member) == ("locked", None, None, False)
    with pytest.raises(Refused):
        opens(colleague, bundle)


def test_a_grant_row_without_the_right_key_opens_nothing(act, make, opens, runtime):
    owner, colleague = make.actor(), make.actor()
    bundle = make.bundle(owner)
    make.assign(bundle, colleague)
    with act(owner) as tx:
        stolen = live_grant(tx, owner.id, bundle.id)
        tx.add(Grant(**columns_of(stolen) | {"id": colleague.id, "principal_id": colleague.id}))

    with pytest.raises(Tampered):
        opens(colleague, bundle)


def test_a_password_locks_the_bundle_in_every_session_that_has_not_given_it(make, opens, unlock):
    person = make.person()
    bundle = make.bundle(make.actor(person), password=PASSWORD)
    second = make.actor(person)

    with pytest.raises(BundleLocked):
        opens(second, bundle)
    unlock(second, bundle)
    assert opens(second, bundle) == "Main file"


def test_it_locks_itself_when_it_idles_and_stays_open_while_it_is_used(make, opens, clock):
    actor = make.actor()
    bundle = make.bundle(actor, password=PASSWORD)
    for _ in range(3):
        clock.move(minutes=14)
        opens(actor, bundle)

    clock.move(minutes=15)
    with pytest.raises(BundleLocked):
        opens(actor, bundle)


def test_lock_now_seals_it_in_this_session_alone(act, make, opens, unlock, trail):
    person = make.person()
    first, second = make.actor(person), make.actor(person)
    bundle = make.bundle(first, password=PASSWORD)
    unlock(second, bundle)
    with act(first) as tx:
        lock_bundle(tx, bundle.id)

    with pytest.raises(BundleLocked):
        opens(first, bundle)
    assert opens(second, bundle)
    assert trail()[-2:] == ["bundle.unlocked", "bundle.locked"]


def test_a_wrong_password_counts_and_is_recorded_and_a_right_one_clears_the_count(
    make, unlock, runtime, trail
):
    actor = make.actor()
    bundle = make.bundle(actor, password=PASSWORD)
    for _ in range(2):
        with pytest.raises(BundleLocked) as refused:
            unlock(actor, bundle, OTHER)
        assert refused.value.errors[0].pointer == "/password"

    with runtime.session() as session:
        assert tries_of(session, guess_name(actor.id, bundle.id)) == 2
    assert trail()[-1] == "bundle.unlock_refused"
    unlock(actor, bundle)
    with runtime.session() as session:
        assert tries_of(session, guess_name(actor.id, bundle.id)) == 0


def test_guesses_are_limited_for_each_person_and_bundle_and_racers_gain_nothing(make, act, unlock, runtime):
    owner, colleague = make.actor(), make.actor()
    bundle, other = make.bundle(owner, password=PASSWORD), make.bundle(owner, password=PASSWORD)
    make.assign(bundle, colleague)
    with act(owner) as tx:
        add_member(tx, bundle.id, colleague.id)

    def guess(number):
        try:
            derive_guess(runtime, owner, bundle.id, f"{OTHER} {number}")
        except TooMany as refused:
            return refused.retry_after
        return None

    with ThreadPoolExecutor(8) as racers:
        answers = list(racers.map(guess, range(40)))

    assert answers.count(None) == LIMIT.free
    assert all(0 < answer <= 31 for answer in answers if answer is not None)
    with pytest.raises(TooMany):
        unlock(owner, bundle)
    unlock(owner, other)
    unlock(colleague, bundle)


def test_the_count_waits_and_then_lets_try_again(make, unlock, clock):
    actor = make.actor()
    bundle = make.bundle(actor, password=PASSWORD)
    for _ in range(LIMIT.free):
        with pytest.raises(BundleLocked):
            unlock(actor, bundle, OTHER)

    with pytest.raises(TooMany):
        unlock(actor, bundle)
    clock.move(seconds=31)
    unlock(actor, bundle)


def test_a_guess_at_a_bundle_one_cannot_open_is_refused_and_not_counted(make, runtime):
    bundle = make.bundle(make.actor(), password=PASSWORD)
    colleague = make.actor()

    with pytest.raises(Refused):
        derive_guess(runtime, colleague, bundle.id, PASSWORD)
    with runtime.session() as session:
        assert tries_of(session, guess_name(colleague.id, bundle.id)) == 0


def test_a_bundle_without_a_password_is_not_unlocked(make, unlock):
    actor = make.actor()

    with pytest.raises(Conflict):
        unlock(actor, make.bundle(actor))


def test_a_colleague_becomes_a_member_and_opens_it_with_the_password(act, make, opens, unlock, trail):
    owner, colleague = make.actor(), make.actor()
    bundle = make.bundle(owner, password=PASSWORD)
    make.assign(bundle, colleague)
    with act(owner) as tx:
        add_member(tx, bundle.id, colleague.id)

    with pytest.raises(BundleLocked):
        opens(colleague, bundle)
    unlock(colleague, bundle)
    assert opens(colleague, bundle) == "Main file"
    assert "bundle.member_added" in trail()


def test_only_enrolled_staff_of_the_office_can_be_members(act, make):
    owner = make.actor()
    bundle = make.bundle(owner)
    strangers = [
        make.person(office=make.office("KLA", "Kampala")),
        make.person(Role.AUDITOR),
        make.person(Role.ADMINISTRATOR),
    ]
    leaver = make.person()
    administrator = make.actor(None, Role.ADMINISTRATOR)
    make.confirmed(administrator, lambda tx: record_leaving(tx, leaver.id))
    invited, _link = make.invited()
    for person in (*strangers, leaver):
        with pytest.raises(Invalid), act(owner) as tx:
            add_member(tx, bundle.id, person.id)
    with pytest.raises(Conflict), act(owner) as tx:
        add_member(tx, bundle.id, invited.id)
    with pytest.raises(Conflict), act(owner) as tx:
        add_member(tx, bundle.id, owner.id)

    colleague = make.person()
    with act(owner) as tx:
        assert [person.id for person in possible_members(tx, bundle)] == [colleague.id]


def test_nothing_is_granted_to_a_public_key_that_was_replaced(act, make, runtime):
    owner, colleague, thief = make.actor(), make.person(), make.person()
    bundle = make.bundle(owner)
    put_back(
        runtime,
        colleague.principal,
        columns_of(colleague.principal) | {"public_key": thief.principal.public_key},
    )

    with pytest.raises(Tampered), act(owner) as tx:
        add_member(tx, bundle.id, colleague.id)


def test_a_member_who_was_taken_off_cannot_open_it_even_with_every_old_row_put_back(
    act, make, opens, unlock, runtime
):
    owner, leaver = make.actor(), make.actor()
    bundle = make.bundle(owner, password=PASSWORD)
    make.assign(bundle, leaver)
    with act(owner) as tx:
        add_member(tx, bundle.id, leaver.id)
    unlock(leaver, bundle)
    with runtime.session() as session:
        old_bundle = columns_of(session.get_one(Bundle, bundle.id))
        grant = session.scalars(select(Grant).where(Grant.principal_id == leaver.id)).one()
        old_grant = columns_of(grant)
        unlocking = session.get_one(Unlocking, (leaver.session.id, bundle.id))
        old_unlocking = columns_of(unlocking)

    with act(owner) as tx:
        remove_member(tx, bundle.id, leaver.id)
    with pytest.raises(Refused):
        opens(leaver, bundle)
    assert opens(owner, bundle) == "Main file"

    put_back(runtime, grant, old_grant)
    with runtime.session() as session:
        session.add(Unlocking(**old_unlocking))
    with pytest.raises(Tampered):
        opens(leaver, bundle)
    put_back(runtime, bundle, old_bundle)
    with pytest.raises((Tampered, BundleLocked)):
        opens(leaver, bundle)


def test_taking_somebody_off_ends_their_unlocking_at_once_and_the_next_opening_makes_new_keys(
    act, make, opens, unlock, runtime, trail
):
    owner, leaver, third = make.actor(), make.actor(), make.actor()
    bundle = make.bundle(owner, password=PASSWORD)
    make.assign(bundle, leaver, third)
    with act(owner) as tx:
        add_member(tx, bundle.id, leaver.id)
        add_member(tx, bundle.id, third.id)
    unlock(leaver, bundle)
    unlock(third, bundle)
    with act(owner) as tx:
        changed = remove_member(tx, bundle.id, leaver.id)
        assert changed.rekey_pending_at == tx.now
    with runtime.session() as session:
        assert session.get(Unlocking, (leaver.session.id, bundle.id)) is None
        old_slot = session.get_one(Bundle, bundle.id).slot_id

    opens(owner, bundle)

    with runtime.session() as session:
        fresh = session.get_one(Bundle, bundle.id)
    assert (fresh.generation, fresh.rekey_pending_at) == (2, None)
    assert fresh.slot_id != old_slot
    assert not runtime.keystore.is_live(old_slot)
    assert trail()[-1] == "bundle.rekeyed"
    with pytest.raises(BundleLocked):
        opens(third, bundle)
    unlock(third, bundle)
    assert opens(third, bundle) == "Main file"


def test_the_last_member_stays(act, make):
    owner = make.actor()
    bundle = make.bundle(owner)

    with pytest.raises(Conflict), act(owner) as tx:
        remove_member(tx, bundle.id, owner.id)


def test_a_controller_takes_a_member_off_without_being_one(act, make):
    owner, member = make.actor(), make.actor()
    bundle = make.bundle(owner)
    with act(owner) as tx:
        add_member(tx, bundle.id, member.id)
    with act(make.actor(None, Role.CONTROLLER)) as tx:
        remove_member(tx, bundle.id, member.id)
        assert [left.person.id for left in list_members(tx, bundle)] == [owner.id]

    with pytest.raises(Refused), act(make.actor()) as tx:
        remove_member(tx, bundle.id, owner.id)


def test_a_member_whose_keys_no_longer_verify_does_not_keep_the_others_out(act, make, opens, runtime):
    owner, leaver, broken = make.actor(), make.actor(), make.person()
    bundle = make.bundle(owner)
    with act(owner) as tx:
        add_member(tx, bundle.id, leaver.id)
        add_member(tx, bundle.id, broken.id)
        remove_member(tx, bundle.id, leaver.id)
    with runtime.session() as session:
        session.get_one(Principal, broken.id).directory_mac = bytes(32)

    assert opens(owner, bundle) == "Main file"
    with act(owner) as tx:
        assert [member.person.id for member in list_members(tx, bundle)] == [owner.id]


def test_a_grant_of_another_generation_opens_nothing(make, opens, runtime):
    owner = make.actor()
    bundle = make.bundle(owner)
    with runtime.session() as session:
        session.get_one(Bundle, bundle.id).generation = 2

    with pytest.raises(Tampered):
        opens(owner, bundle)


def test_a_new_password_leaves_old_row_old_session_and_old_password_dead(
    act, make, opens, unlock, runtime, trail
):
    person = make.person()
    owner, elsewhere = make.actor(person), make.actor(person)
    bundle = make.bundle(owner, password=PASSWORD)
    unlock(elsewhere, bundle)
    with runtime.session() as session:
        old_bundle = columns_of(session.get_one(Bundle, bundle.id))
        old_unlocking = columns_of(session.get_one(Unlocking, (elsewhere.session.id, bundle.id)))
    old_key = derive_guess(runtime, owner, bundle.id, PASSWORD)
    profile = runtime.settings.new_profile()
    with act(owner) as tx:
        change_password(tx, bundle.id, old_key, derive(OTHER, profile), profile)

    assert opens(owner, bundle) == "Main file"
    with pytest.raises(BundleLocked):
        opens(elsewhere, bundle)
    with pytest.raises(BundleLocked):
        unlock(elsewhere, bundle, PASSWORD)
    unlock(elsewhere, bundle, OTHER)
    with runtime.session() as session:
        session.delete(session.get_one(Unlocking, (elsewhere.session.id, bundle.id)))
        session.flush()
        session.add(Unlocking(**old_unlocking))
    with pytest.raises(BundleLocked):
        opens(elsewhere, bundle)
    put_back(runtime, bundle, old_bundle)
    with pytest.raises(Tampered):
        unlock(elsewhere, bundle, PASSWORD)
    assert "bundle.password_changed" in trail()


def test_a_password_is_set_and_removed_without_touching_grants(act, make, opens, unlock, runtime):
    owner, member = make.actor(), make.actor()
    bundle = make.bundle(owner)
    make.assign(bundle, member)
    with act(owner) as tx:
        add_member(tx, bundle.id, member.id)
    profile = runtime.settings.new_profile()
    key = derive(PASSWORD, profile)
    with act(owner) as tx:
        change_password(tx, bundle.id, None, key, profile)
    with pytest.raises(BundleLocked):
        opens(member, bundle)
    unlock(member, bundle)

    with act(member) as tx:
        opened = change_password(tx, bundle.id, key, None)
        assert opened.bundle.generation == 1
    assert opens(owner, bundle) == opens(member, bundle) == "Main file"


def test_the_old_password_is_needed_to_change_it(act, make, runtime):
    owner = make.actor()
    bundle = make.bundle(owner, password=PASSWORD)
    for wrong in (None, bytes(range(32))):
        with pytest.raises(BundleLocked), act(owner) as tx:
            change_password(tx, bundle.id, wrong, None)
    without = make.bundle(owner)
    with pytest.raises(Conflict), act(owner) as tx:
        change_password(tx, without.id, None, None)


def test_a_password_change_makes_the_new_keys_that_were_pending(act, make, opens, unlock, runtime):
    owner, leaver = make.actor(), make.actor()
    bundle = make.bundle(owner, password=PASSWORD)
    with act(owner) as tx:
        add_member(tx, bundle.id, leaver.id)
        remove_member(tx, bundle.id, leaver.id)
    key = derive_guess(runtime, owner, bundle.id, PASSWORD)
    with act(owner) as tx:
        opened = change_password(tx, bundle.id, key, None)
        assert (opened.bundle.generation, opened.bundle.rekey_pending_at) == (2, None)
    assert opens(owner, bundle) == "Main file"


@pytest.mark.parametrize("title", ["", "   ", "x" * 201, "one\x07two", "a\u202eb"])
def test_a_title_is_ordinary_text(act, make, title):
    owner = make.actor()
    case = make.case(owner)

    with pytest.raises(Invalid), act(owner) as tx:
        create_bundle(tx, case, title, "confidential")


def test_a_reviewer_makes_no_bundle_and_nobody_makes_one_of_an_unknown_tier(act, make):
    owner = make.actor()
    case = make.case(owner)
    with pytest.raises(Refused), act(make.actor(None, Role.REVIEWER)) as tx:
        create_bundle(tx, case, "Mine", "confidential")
    with pytest.raises(Invalid), act(owner) as tx:
        create_bundle(tx, case, "Mine", "secret")
