"""How links end, and that nothing brings one back."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from tests.databases import content_of
from tests.fakes import START
from vault.access.actor import STRANGER, SYSTEM, Role
from vault.bundles.members import add_member, remove_member
from vault.bundles.models import Bundle
from vault.errors import Conflict, Gone, Invalid, NotFound, Refused
from vault.people.leaving import record_leaving
from vault.people.service import lock_sign_in, unlock_sign_in
from vault.shares.arrivals import open_link
from vault.shares.endings import move_with_links, withdraw_with_links
from vault.shares.service import extend_share, resume_share, revoke_share
from vault.shares.visits import enter, finish_visit


@pytest.fixture
def opens(runtime):
    """`opens(lent)` is the cookie of a visit."""
    return lambda lent: open_link(runtime, lent.share.id, lent.secret)


@pytest.fixture
def is_dead(runtime, opens):
    """`is_dead(lent)`: neither the secret nor a visit's cookie opens it."""

    def ask(lent, cookie=None):
        with pytest.raises(Gone):
            opens(lent)
        if cookie:
            with pytest.raises(Gone), runtime.transaction(STRANGER) as tx:
                enter(tx, lent.share.id, cookie)
        return True

    return ask


def test_a_revoked_share_opens_for_nobody(make, act, trail, opens, is_dead, runtime, reasons):
    lent = make.share()
    cookie = opens(lent)

    with act(lent.owner) as tx:
        revoke_share(tx, lent.share.id, "sent to the wrong mission")

    assert is_dead(lent, cookie)
    assert not runtime.keystore.is_live(lent.share.slot_id)
    assert trail()[-3:] == ["share.revoked", "share.refused", "share.refused"]
    assert reasons() == ["revoked", "revoked"]


def test_revoking_twice_says_it_once(make, act, trail):
    lent = make.share()

    for _ in range(2):
        with act(lent.owner) as tx:
            revoke_share(tx, lent.share.id, "sent to the wrong mission")

    assert trail().count("share.revoked") == 1


def test_the_reason_of_a_revocation_stands_nowhere_in_clear(make, act, runtime):
    lent = make.share()
    with act(lent.owner) as tx:
        revoke_share(tx, lent.share.id, "sent to the wrong mission")

    settings = runtime.settings
    stored = content_of(settings.database_url) + content_of(settings.keystore_url)
    assert b"wrong mission" not in stored


def test_an_old_database_row_revives_no_revoked_link(make, act, opens, is_dead, tamper, stored, reasons):
    lent = make.share()
    cookie = opens(lent)
    before = stored(lent.share)
    with act(lent.owner) as tx:
        revoke_share(tx, lent.share.id, "sent to the wrong mission")

    tamper(before, revoked_at=None, ended_at=None, openings=0, revision=before.revision)

    assert is_dead(lent, cookie)
    assert reasons() == ["slot", "slot"]


def test_a_link_dies_when_its_time_is_over(make, opens, is_dead, clock, reasons):
    lent = make.share(expires_at=START + timedelta(minutes=30))
    cookie = opens(lent)

    clock.move(minutes=30)

    assert is_dead(lent, cookie)
    assert reasons()[0] == "expired"


def test_no_column_moved_by_hand_lets_a_link_outlive_its_absolute_end(make, tamper, is_dead, stored):
    expiry, end = make.share(), make.share()
    longer = expiry.share.absolute_end_at + timedelta(days=300)
    tamper(expiry.share, expires_at=longer)
    tamper(end.share, expires_at=longer, absolute_end_at=longer)

    assert is_dead(end)
    make.wait(days=29, hours=23)
    assert not stored(expiry.share).has_expired(make.clock.now())
    make.wait(hours=1)
    assert is_dead(expiry)


def test_the_job_ends_links_whose_time_is_over_and_no_others(make, end_expired, stored, runtime, reasons):
    short = make.share(expires_at=START + timedelta(hours=2))
    long = make.share()

    make.wait(hours=2)
    end_expired()

    assert stored(short.share).ended_at == make.clock.now()
    assert not runtime.keystore.is_live(short.share.slot_id)
    assert stored(long.share).ended_at is None
    assert runtime.keystore.is_live(long.share.slot_id)
    assert reasons() == ["expired"]


def test_the_job_destroys_nothing_while_the_clock_is_ahead(make, end_expired, stored, runtime, clock):
    lent = make.share(expires_at=START + timedelta(hours=2))

    clock.move(hours=3)
    end_expired()

    assert stored(lent.share).ended_at is None
    assert runtime.keystore.is_live(lent.share.slot_id)


def test_a_used_up_link_ends_with_its_last_opening(make, act, opens, end_expired, stored, runtime, reasons):
    lent = make.share(openings=2)
    first, second = opens(lent), opens(lent)

    with act(STRANGER) as tx:
        finish_visit(tx, enter(tx, lent.share.id, first))
    end_expired()
    assert runtime.keystore.is_live(lent.share.slot_id)

    with act(STRANGER) as tx:
        finish_visit(tx, enter(tx, lent.share.id, second))
    end_expired()
    assert not runtime.keystore.is_live(lent.share.slot_id)
    assert stored(lent.share).ended_at is not None
    assert reasons() == ["used-up"]


def test_a_used_up_link_ends_when_nobody_can_come_back(make, opens, end_expired, runtime):
    lent = make.share(openings=1)
    opens(lent)

    make.wait(hours=71)
    end_expired()
    assert runtime.keystore.is_live(lent.share.slot_id)
    make.wait(hours=1)
    end_expired()

    assert not runtime.keystore.is_live(lent.share.slot_id)


def test_hundreds_of_links_are_ended_in_slices(make, end_expired, runtime):
    owner = make.actor()
    document = make.document(owner, make.bundle(owner))
    lent = [make.share(owner, [document], expires_at=START + timedelta(minutes=1)) for _ in range(103)]

    make.wait(minutes=1)
    end_expired()

    assert not any(runtime.keystore.is_live(each.share.slot_id) for each in lent)


def test_a_link_sleeps_while_its_owner_is_locked_out(make, act, opens, is_dead):
    lent = make.share()

    with act(SYSTEM) as tx:
        lock_sign_in(tx, lent.owner.id)
    assert is_dead(lent)

    with act(SYSTEM) as tx:
        unlock_sign_in(tx, lent.owner.id)
    assert opens(lent)


def test_a_link_dies_with_its_owners_leaving(make, act, opens, is_dead, end_expired, runtime, reasons):
    lent = make.share()
    cookie = opens(lent)

    with act(SYSTEM) as tx:
        record_leaving(tx, lent.owner.id)
    assert is_dead(lent, cookie)
    end_expired()

    assert not runtime.keystore.is_live(lent.share.slot_id)
    assert reasons()[-1] == "owner-left"


def test_a_link_dies_when_its_owner_is_no_member_any_more(make, act, opens, is_dead):
    lent, colleague = make.share(), make.actor()
    with act(lent.owner) as tx:
        bundle = tx.session.get_one(Bundle, lent.share.bundle_id)
    make.assign(bundle, colleague)
    cookie = opens(lent)

    with act(lent.owner) as tx:
        add_member(tx, lent.share.bundle_id, colleague.id)
    assert opens(lent)
    with act(colleague) as tx:
        remove_member(tx, lent.share.bundle_id, lent.owner.id)

    assert is_dead(lent, cookie)


def test_withdrawing_a_document_ends_the_links_on_it(make, act, is_dead, opens, runtime, trail):
    owner = make.actor()
    bundle = make.bundle(owner)
    wrong, right = make.document(owner, bundle), make.document(owner, bundle)
    both, other = make.share(owner, [wrong, right]), make.share(owner, [right])

    with act(owner) as tx:
        withdraw_with_links(tx, wrong.id, "belongs to somebody else")

    assert is_dead(both)
    assert not runtime.keystore.is_live(both.share.slot_id)
    assert opens(other)
    assert {"document.withdrawn", "share.ended"} <= set(trail())


def test_moving_a_document_ends_the_links_on_it(make, act, is_dead, runtime):
    owner = make.actor()
    case = make.case(owner)
    document = make.document(owner, make.bundle(owner, case))
    lent, target = make.share(owner, [document]), make.bundle(owner, case)

    with act(owner) as tx:
        move_with_links(tx, document.id, target.id)

    assert is_dead(lent)
    assert not runtime.keystore.is_live(lent.share.slot_id)


def test_a_slot_swapped_with_another_links_opens_neither(make, tamper, is_dead):
    one, two = make.share(), make.share()
    tamper(two.share, slot_id=uuid4())
    tamper(one.share, slot_id=two.share.slot_id)
    tamper(two.share, slot_id=one.share.slot_id)

    assert is_dead(one)
    assert is_dead(two)


def test_a_link_lock_of_another_link_opens_nothing(make, tamper, is_dead):
    one, two = make.share(), make.share()
    tamper(one.share, link_lock=two.share.link_lock, auth_digest=one.share.auth_digest)

    assert is_dead(one)


def test_an_extension_keeps_the_link_and_never_passes_the_absolute_end(make, act, opens, trail):
    lent = make.share()
    end = lent.share.absolute_end_at

    with pytest.raises(Invalid), act(lent.owner) as tx:
        extend_share(tx, lent.share.id, end + timedelta(seconds=1))
    with pytest.raises(Invalid), act(lent.owner) as tx:
        extend_share(tx, lent.share.id, lent.share.expires_at - timedelta(days=1))
    with act(lent.owner) as tx:
        extend_share(tx, lent.share.id, end)

    assert trail()[-1] == "share.extended"
    make.wait(days=29)
    assert opens(lent)


def test_what_has_ended_is_neither_extended_nor_resumed(make, act):
    lent = make.share()
    with act(lent.owner) as tx:
        revoke_share(tx, lent.share.id, "done")

    with pytest.raises(Conflict), act(lent.owner) as tx:
        extend_share(tx, lent.share.id, lent.share.absolute_end_at)
    with pytest.raises(Conflict), act(lent.owner) as tx:
        resume_share(tx, lent.share.id)


def test_who_may_revoke_and_who_may_not(make, act):
    lent = make.share()
    colleague, supervisor = make.actor(), make.actor(None, Role.SUPERVISOR)
    foreign = make.actor(make.person(Role.SUPERVISOR, office=make.office()))

    for stranger in (colleague, foreign, make.actor(None, Role.ADMINISTRATOR)):
        with pytest.raises(NotFound), act(stranger) as tx:
            revoke_share(tx, lent.share.id, "curious")
    with pytest.raises(Refused), act(supervisor) as tx:
        extend_share(tx, lent.share.id, lent.share.absolute_end_at)
    with act(supervisor) as tx:
        assert revoke_share(tx, lent.share.id, "the owner is away").revoked_at == tx.now


def test_a_link_moved_by_hand_to_a_bundle_that_its_owner_may_not_share_is_dead(make, tamper, is_dead):
    lent, other = make.share(), make.share()
    tamper(lent.share, bundle_id=other.share.bundle_id)

    assert is_dead(lent)
