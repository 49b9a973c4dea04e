"""Recovery by two desks: asked for, waited for, released by one, completed by another; neither opens anything alone."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from tests.databases import unchecked
from tests.desks import REASON, Desks
from tests.factory import PASSWORD as OWN
from tests.test_races import at_once
from vault.access.actor import Role
from vault.access.cells import STRICT
from vault.access.clearances import Clearance
from vault.access.grants import Grant, give_grant
from vault.access.principals import Principal
from vault.access.teams import add_team_member, open_team_seed
from vault.audit.models import AuditEntry
from vault.bundles.members import add_member, remove_member
from vault.bundles.models import RESCUE_COLUMNS, Bundle
from vault.bundles.opening import bundle_slot, open_bundle
from vault.bundles.recoveries import end_recovery, release_recovery, request_recovery
from vault.bundles.recovering import open_rescued, recover_bundle
from vault.bundles.recovery_models import EMERGENCY, ORDINARY, READ, RECOVER, Recovery
from vault.bundles.rescuing import is_recoverable
from vault.bundles.service import change_password, unlock_bundle
from vault.crypto.locks import rescue_lock
from vault.crypto.passwords import derive
from vault.crypto.rescue import open_half
from vault.errors import BundleLocked, Conflict, Invalid, NotFound, Refused, StepUpDue, Tampered, VaultError
from vault.people.desk_models import DeskSeat
from vault.people.desks import end_desk
from vault.people.enrolments import issue_enrolment
from vault.people.models import PersonRole
from vault.people.passwords import change_password as change_own_password
from vault.shares.rekeying import rekey_with_links

PASSWORD = "nine slow barges pass the lock"
NEW_PASSWORD = "four quiet kettles hum by morning"


class Office:
    """Both desks, and a bundle with a password whose only member has lost it."""

    def __init__(self, make) -> None:
        self.make = make
        self.desks = Desks(make)
        self.owner, self.receiver = make.actor(), make.actor()
        self.bundle = make.bundle(self.owner, title="Main file", password=PASSWORD)
        make.assign(self.bundle, self.receiver)

    def asked(self, **more) -> Recovery:
        return self.desks.request(self.bundle, more.pop("receiver", self.receiver), **more)

    def ready(self, **more) -> Recovery:
        recovery = self.asked(**more)
        self.make.wait(hours=24)
        self.desks.renewed()
        return recovery

    def released(self, **more) -> Recovery:
        """In an emergency, which does not wait."""
        return self.desks.release(self.asked(**({"urgency": EMERGENCY} | more)))

    def now(self, row=None):
        return self.desks.stored(row or self.bundle)


@pytest.fixture
def office(make) -> Office:
    return Office(make)


@pytest.fixture
def tamper(runtime):
    """`tamper(row, column=value)`: what whoever can write to the database does, past every check."""

    def write(row, **columns) -> None:
        with runtime.engine.begin() as connection, unchecked(connection, row.__tablename__):
            connection.execute(update(type(row)).where(type(row).id == row.id).values(columns))

    return write


def details_of(runtime, event: str) -> dict:
    with runtime.session() as session:
        query = select(AuditEntry.leaf).where(AuditEntry.event == event).order_by(AuditEntry.number.desc())
        return json.loads(session.scalars(query).first())["details"]


def test_a_bundle_whose_only_member_lost_the_password_is_recovered_by_two(office, act, runtime, trail):
    desks, receiver = office.desks, office.receiver
    recovery = desks.release(office.ready())
    receiver = desks.sign_in(receiver)
    with pytest.raises(Refused):
        desks.title(receiver, office.bundle)

    desks.complete(recovery)

    owner = desks.sign_in(office.owner)
    assert desks.title(receiver, office.bundle) == desks.title(owner, office.bundle) == "Main file"
    bundle = office.now()
    assert (bundle.generation, bundle.profile, bundle.rescue_generation) == (2, None, 2)
    assert not runtime.keystore.is_live(office.bundle.slot_id)
    told = details_of(runtime, "recovery.completed")
    assert (told["released_by"], told["officer"]) == (str(desks.clerk.id), str(desks.auditor.id))
    for event in ("recovery.requested", "recovery.released", "bundle.rekeyed", "bundle.member_added"):
        assert event in trail()
    with pytest.raises(Refused):
        desks.title(desks.controller, office.bundle)


def test_it_may_get_a_new_password_which_no_officers_session_keeps(office, act):
    desks, profile = office.desks, office.make.runtime.settings.new_profile()
    recovery, key = office.released(), derive(NEW_PASSWORD, profile)
    desks.complete(recovery, new_key=key, profile=profile)
    receiver = office.receiver
    with pytest.raises(BundleLocked):
        desks.title(receiver, office.bundle)
    with act(receiver) as tx:
        assert unlock_bundle(tx, office.bundle.id, key).title == "Main file"
    with pytest.raises(NotFound), act(desks.auditor) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, office.bundle.id))


def test_the_member_who_was_reset_gets_it_back_once_the_words_were_compared(office, make):
    desks = office.desks
    link = desks.confirmed(make.actor(None, Role.ADMINISTRATOR), issue_enrolment, office.owner.id)
    make.enrol(link.url("http://localhost"))
    recovery = office.released(receiver=office.owner)
    with pytest.raises(Invalid) as caught:
        desks.complete(recovery)
    assert caught.value.errors[0].pointer == "/compared"
    desks.complete(recovery, compared=True)
    assert desks.title(desks.sign_in(office.owner), office.bundle) == "Main file"


def test_nothing_is_released_before_the_time_and_a_clock_set_back_is_no_help(office, clock):
    desks, recovery = office.desks, office.asked()
    with pytest.raises(Conflict, match="waiting time"):
        desks.release(recovery)
    office.make.wait(hours=23, minutes=59)
    desks.renewed()
    clock.move(hours=-23)
    with pytest.raises(Conflict, match="waiting time"):
        desks.release(recovery)
    clock.move(hours=23)
    office.make.wait(minutes=1)
    desks.release(recovery)
    clock.move(days=-2)
    assert office.now(recovery).released_at > recovery.requested_at
    desks.complete(recovery)


def test_it_lapses_and_then_can_be_asked_for_again(office, trail):
    recovery = office.released()
    office.make.wait(hours=72)
    office.desks.renewed()
    with pytest.raises(Conflict):
        office.desks.complete(recovery)
    with pytest.raises(Conflict):
        office.desks.release(recovery)
    again = office.asked()
    assert trail()[-2:] == ["recovery.lapsed", "recovery.requested"]
    assert office.now(recovery).end_reason == "lapsed"
    with pytest.raises(Conflict, match="already"):
        office.asked()
    assert again.id != recovery.id


def test_who_may_ask_for_whom(office, make, act):
    desks, bundle = office.desks, office.bundle
    for actor in (office.owner, desks.auditor, make.actor(None, Role.REVIEWER)):
        with pytest.raises((Refused, NotFound)), act(actor) as tx:
            request_recovery(tx, bundle.id, office.receiver.id, RECOVER, ORDINARY, REASON)
    stranger = make.actor(make.person(Role.CONTROLLER, office=make.office()))
    with pytest.raises(NotFound), act(stranger) as tx:
        request_recovery(tx, bundle.id, office.receiver.id, RECOVER, ORDINARY, REASON)
    for receiver in (stranger, desks.auditor, make.actor(None, Role.INTERPRETER)):
        with pytest.raises(Invalid):
            office.asked(receiver=receiver)
    for wrong in ({"purpose": "look"}, {"urgency": "soon"}):
        with pytest.raises(Invalid):
            office.asked(**wrong)
    with pytest.raises(Invalid), act(desks.supervisor) as tx:
        request_recovery(tx, bundle.id, office.receiver.id, RECOVER, ORDINARY, "  ")


def test_what_is_strictly_confidential_is_recovered_for_who_is_cleared_until_the_end(make, office, runtime):
    desks = office.desks
    strict = make.bundle(office.owner, tier=STRICT)
    with pytest.raises(Invalid):
        desks.request(strict, make.actor(make.person(cleared=False)))
    recovery = desks.release(desks.request(strict, office.receiver, urgency=EMERGENCY))
    with runtime.session() as session:
        session.execute(
            update(Clearance)
            .where(Clearance.person_id == office.receiver.id)
            .values(ended_at=runtime.clock.now())
        )
    with pytest.raises(Invalid):
        desks.complete(recovery)


def test_officers_alone_act_each_for_their_own_desk(office, make, act):
    desks, recovery = office.desks, office.asked(urgency=EMERGENCY)
    for actor in (office.owner, desks.supervisor, make.actor(None, Role.CONTROLLER)):
        with pytest.raises(Refused):
            desks.release(recovery, by=actor)
    for officer in (desks.controller, office.owner, make.actor(None, Role.SUPERVISOR)):
        with pytest.raises(Invalid):
            desks.release(recovery, to=officer)
    with pytest.raises(StepUpDue), act(desks.clerk) as tx:
        release_recovery(tx, recovery.id, desks.auditor.id)
    with pytest.raises(Conflict):
        desks.complete(recovery)
    desks.release(recovery)
    with pytest.raises(Conflict, match="already"):
        desks.release(recovery, by=desks.controller, to=desks.supervisor)
    for actor in (desks.supervisor, desks.clerk, desks.controller):
        with pytest.raises(Refused):
            desks.complete(recovery, by=actor)
    with pytest.raises(StepUpDue), act(desks.auditor) as tx:
        recover_bundle(tx, recovery.id)


def test_the_database_takes_one_person_at_both_desks_from_nobody(office, runtime):
    recovery = office.released()
    with pytest.raises(IntegrityError), runtime.session() as session:
        row = session.get_one(Recovery, recovery.id)
        row.officer_id = row.released_by_id
    with pytest.raises(IntegrityError), runtime.session() as session:
        row = session.get_one(Recovery, recovery.id)
        row.released_at = row.releasable_at - timedelta(seconds=1)


def test_even_with_both_seats_written_by_hand_one_person_is_not_two(office, act, runtime):
    """Whoever sits at both, by the grants too, is refused by the verb."""
    desks, recovery = office.desks, office.asked(urgency=EMERGENCY)
    with act(desks.auditor) as tx:
        person = tx.session.get_one(Principal, desks.clerk.id)
        add_team_member(tx, tx.session.get_one(Principal, desks.second.id), person)
    with runtime.engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX uq_desk_seats_live")
    with runtime.session() as session:
        seat = DeskSeat(desk_id=desks.second.id, office_id=desks.second.office_id, person_id=desks.clerk.id)
        seat.seated_at, seat.seated_by_id = runtime.clock.now(), desks.clerk.id
        session.add_all([seat, PersonRole(person_id=desks.clerk.id, role=Role.SUPERVISOR.value)])
    with pytest.raises(Refused, match="never two"):
        desks.release(recovery, by=desks.sign_in(desks.clerk), to=desks.clerk)


def test_one_half_alone_opens_nothing(office, act):
    desks, recovery = office.desks, office.released()
    bundle = office.now()
    with act(desks.auditor) as tx:
        seed = open_team_seed(tx, desks.second.id)
        second = open_half(seed, bundle.id, 1, 2, bundle.rescue_file_2)
        for number, file in ((1, bundle.rescue_file_1), (1, bundle.rescue_file_2), (2, bundle.rescue_file_1)):
            with pytest.raises(Tampered):
                open_half(seed, bundle.id, 1, number, file)
    for halves in ((second, second), (second, bytes(32)), (bytes(32), second)):
        with pytest.raises(Tampered):
            opened_with(office, act, recovery, halves)
    with act(desks.clerk) as tx:
        first = open_half(open_team_seed(tx, desks.first.id), bundle.id, 1, 1, bundle.rescue_file_1)
    with pytest.raises(Tampered):
        opened_with(office, act, recovery, (second, first))
    assert opened_with(office, act, recovery, (first, second))


def opened_with(office, act, recovery, halves):

    with act(office.desks.auditor) as tx:
        bundle = tx.session.get_one(Bundle, recovery.bundle_id)
        lock = rescue_lock(bundle.id, bundle.generation)
        return lock.open(*halves, bundle_slot(tx, bundle), blob=bundle.rescue_lock)


def test_halves_of_two_bundles_or_of_two_generations_do_not_fit(office, make, act, tamper):
    desks, recovery = office.desks, office.released()
    other = make.bundle(office.owner, title="Other file")
    with act(desks.clerk) as tx:
        seed = open_team_seed(tx, desks.first.id)
        half = open_half(seed, other.id, 1, 1, other.rescue_file_1)
        for generation in (0, 2):
            with pytest.raises(Tampered):
                open_half(seed, other.id, generation, 1, other.rescue_file_1)
    with act(desks.clerk) as tx:
        tx.session.execute(update(Grant).where(Grant.subject_id == recovery.id).values(ended_at=tx.now))
        tx.session.flush()

        give_grant(tx, tx.session.get_one(Principal, desks.auditor.id), recovery.id, 0, half)
    with pytest.raises(Tampered):
        desks.complete(recovery)
    mixed = {name: getattr(other, name) for name in ("rescue_lock", "rescue_file_1", "rescue_file_2")}
    tamper(office.bundle, **mixed)
    with pytest.raises(Conflict):
        desks.complete(recovery)


def test_a_request_that_was_changed_after_its_release_is_released_no_more(office, make, tamper):
    other, recovery = make.bundle(office.owner), office.released()
    row, desks = office.now(recovery), office.desks
    changes = {
        "purpose": READ,
        "receiver_id": desks.clerk.id,
        "owner_id": office.owner.id,
        "bundle_id": other.id,
        "officer_id": desks.supervisor.id,
        "released_by_id": desks.controller.id,
        "generation": 2,
        "lock_digest": bytes(32),
        "lapses_at": row.lapses_at + timedelta(days=30),
        "released_at": row.released_at + timedelta(hours=1),
        "urgency": ORDINARY,
        "remark_id": other.id,
        "release_mac": bytes(32),
    }
    for name, value in [*changes.items(), ("release_mac", None)]:
        tamper(recovery, **{name: value})
        for officer in (desks.auditor, desks.supervisor):
            with pytest.raises(VaultError) as caught:
                desks.complete(recovery, by=officer)
            assert isinstance(caught.value, Conflict | Refused), name
        tamper(recovery, **{name: getattr(row, name)})
    assert office.now().generation == 1
    desks.complete(recovery)


def test_reading_does_not_turn_into_recovering(office, tamper):
    recovery = office.released(purpose=READ)
    with pytest.raises(Conflict):
        office.desks.complete(recovery)
    tamper(recovery, purpose=RECOVER)
    with pytest.raises(Conflict, match="changed"):
        office.desks.complete(recovery)


def test_an_approval_is_good_once_and_for_its_own_request(office, make, tamper):
    desks, recovery = office.desks, office.released()
    desks.complete(recovery)
    with pytest.raises(Conflict):
        desks.complete(recovery)
    tamper(recovery, completed_at=None)
    with pytest.raises(Conflict, match="other keys"):
        desks.complete(recovery)
    assert office.now().generation == 2
    tamper(recovery, completed_at=office.now(recovery).released_at)
    later = office.released()
    tamper(later, release_mac=office.now(recovery).release_mac)
    with pytest.raises(Conflict):
        desks.complete(later)


def test_two_who_complete_it_at_once_complete_it_once(office, act):
    desks, recovery = office.desks, office.released()
    sessions = [desks.auditor, desks.sign_in(desks.auditor)]
    results = at_once(*(lambda each=each: desks.complete(recovery, by=each) for each in sessions))
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Recovery"]
    assert office.now().generation == 2


def test_new_keys_between_release_and_completion_ask_for_another_release(office, act):
    desks = office.desks
    recovery = office.released()
    profile = office.make.runtime.settings.new_profile()
    owner = office.owner
    old = derive(PASSWORD, office.now().profile)
    with act(owner) as tx:
        change_password(tx, office.bundle.id, old, derive(NEW_PASSWORD, profile), profile)
    with pytest.raises(Conflict, match="release it again"):
        desks.complete(recovery)
    desks.complete(desks.release(recovery))
    assert desks.title(office.receiver, office.bundle) == "Main file"


def test_who_released_and_then_changed_the_own_password_releases_again(office):
    desks, recovery = office.desks, office.released()

    change_own_password(office.make.runtime, desks.clerk, OWN, NEW_PASSWORD)
    with pytest.raises(Conflict, match="release it again"):
        desks.complete(recovery)
    desks.release(recovery, by=desks.controller)
    desks.complete(recovery)


def test_it_is_withdrawn_refused_or_stopped(office, make, act, trail):
    desks = office.desks
    second = make.actor(None, Role.CONTROLLER)
    for actor, how in ((desks.controller, "withdrawn"), (second, "refused"), (office.owner, "stopped")):
        recovery = office.asked(urgency=EMERGENCY)
        with act(actor) as tx:
            assert end_recovery(tx, recovery.id, "not needed").end_reason == how
        assert trail()[-1] == "recovery.ended"
        with pytest.raises(Conflict):
            desks.release(recovery)
        with pytest.raises(Conflict), act(second) as tx:
            end_recovery(tx, recovery.id, "again")
    recovery = office.released()
    for actor in (make.actor(), desks.auditor, desks.clerk):
        with pytest.raises(Refused), act(actor) as tx:
            end_recovery(tx, recovery.id, "I do not like it")
    with pytest.raises(Conflict, match="released"), act(office.owner) as tx:
        end_recovery(tx, recovery.id, "too late")
    with act(second) as tx:
        end_recovery(tx, recovery.id, "not needed")
        assert tx.session.scalars(select(Grant.ended_at).where(Grant.subject_id == recovery.id)).all() == [
            tx.now
        ]
    with pytest.raises(Conflict):
        desks.complete(recovery)


def test_an_older_bundle_gets_its_lock_when_it_is_opened(make, act, runtime):
    owner = make.actor()
    bundle, sealed = make.bundle(owner), make.bundle(owner, password=PASSWORD)
    desks = Desks(make)
    assert bundle.rescue_lock is None
    with pytest.raises(Conflict, match="must open it once"):
        desks.request(bundle, desks.clerk)
    assert desks.title(owner, bundle) == desks.title(owner, sealed) == "Main file"
    for each in (bundle, sealed):
        row = desks.stored(each)
        assert all(getattr(row, name) is not None for name in RESCUE_COLUMNS)
        assert row.slot_id == each.slot_id
    with runtime.session() as session:
        assert len(session.scalars(select(Bundle.id).where(is_recoverable())).all()) == 2
    make.assign(bundle, desks.clerk)
    desks.complete(desks.release(desks.request(bundle, desks.clerk, urgency=EMERGENCY)))
    assert desks.title(desks.clerk, bundle) == "Main file"


def test_a_pair_that_was_replaced_recovers_nothing_and_the_new_one_does_after_an_opening(office, make, act):
    desks = office.desks
    recovery = office.released()
    desks.confirmed(desks.controller, end_desk, desks.first.id)
    with pytest.raises(Conflict):
        desks.complete(recovery)
    again = desks.made(1, desks.controller, desks.clerk)
    desks.check(again, desks.clerk)
    with act(desks.controller) as tx:
        end_recovery(tx, recovery.id, "other desks")
    with pytest.raises(Conflict, match="must open it once"):
        office.asked(urgency=EMERGENCY)
    before = office.now()
    desks.title(office.owner, office.bundle)
    after = office.now()
    assert before.rescue_pair_id != after.rescue_pair_id
    assert before.slot_id == after.slot_id
    desks.complete(office.released())


def test_every_change_of_keys_makes_the_rescue_lock_anew_and_the_old_one_opens_nothing(
    office, make, act, trail
):
    desks, owner, bundle = office.desks, office.owner, office.bundle
    seen = [office.now()]

    def is_fresh() -> bool:
        now = office.now()
        fresh = all(
            getattr(now, name) != getattr(seen[-1], name)
            for name in ("slot_id", "rescue_lock", "rescue_file_1", "rescue_file_2")
        )
        seen.append(now)
        return fresh and now.rescue_generation == now.generation

    with act(owner) as tx:
        add_member(tx, bundle.id, office.receiver.id)
    with act(owner) as tx:
        remove_member(tx, bundle.id, office.receiver.id)
    assert desks.title(owner, bundle) == "Main file"
    assert is_fresh(), "pending new keys"
    old_key = derive(PASSWORD, office.now().profile)
    with act(owner) as tx:
        change_password(tx, bundle.id, old_key, None)
    assert is_fresh(), "the password"
    with act(owner) as tx:
        rekey_with_links(tx, bundle.id, "seen by somebody")
    assert is_fresh(), "a new key"
    recovery = office.released()
    for old in seen[:-1]:
        with pytest.raises(Tampered), act(desks.auditor) as tx:
            row = tx.session.get_one(Bundle, bundle.id)
            for name in ("rescue_lock", "rescue_file_1", "rescue_file_2", "generation"):
                setattr(row, name, getattr(old, name))
            open_rescued(tx, tx.session.get_one(Recovery, recovery.id), row)
    desks.complete(recovery)


def test_who_leaves_the_bundle_before_it_is_recovered_does_not_come_back(office, make, act):
    desks, owner = office.desks, office.owner
    other = make.actor()
    with act(owner) as tx:
        add_member(tx, office.bundle.id, other.id)
    with act(owner) as tx:
        remove_member(tx, office.bundle.id, other.id)
    desks.complete(office.released())
    assert office.now().rekey_pending_at is None
    with pytest.raises(NotFound), act(other) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, office.bundle.id))
    assert desks.title(office.receiver, office.bundle) == "Main file"
