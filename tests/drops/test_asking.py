"""Making file requests, opening their links, ending them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.fakes import START
from vault.access.actor import SYSTEM, Role
from vault.bundles.members import add_member
from vault.bundles.service import lock_bundle
from vault.drops.arrivals import open_link
from vault.drops.models import FileRequest
from vault.drops.service import end_request
from vault.drops.visits import WrongClaim, enter
from vault.errors import BundleLocked, Gone, Invalid, NotFound, Refused, TooMany
from vault.people.leaving import record_leaving
from vault.people.service import lock_sign_in
from vault.shares.visits import WrongPassword

PASSWORD = "blue heron at noon"


def flipped(secret: bytes, bit: int = 0) -> bytes:
    """The same secret, one bit of it turned."""
    changed = bytearray(secret)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_request_opens_with_its_secret_and_is_in_no_row_in_clear(make, runtime, trail):
    asked = make.request(note="Please send the form of the elder son.")

    cookie = open_link(runtime, asked.request.id, asked.secret)

    assert trail()[-2:] == ["request.made", "request.opened"]
    with runtime.session() as session:
        row = session.get_one(FileRequest, asked.request.id)
        stored = b"".join(value for value in vars(row).values() if isinstance(value, bytes))
    assert asked.secret not in stored
    assert b"elder son" not in stored
    with runtime.transaction(SYSTEM) as tx:
        assert enter(tx, asked.request.id, cookie).request.id == asked.request.id


def test_only_a_member_who_may_add_asks(make, act):
    owner = make.actor()
    bundle = make.bundle(owner)
    reviewer = make.person(Role.REVIEWER)
    with act(owner) as tx:
        add_member(tx, bundle.id, reviewer.id)

    with pytest.raises(Refused):
        make.request(make.actor(reviewer), bundle)
    with pytest.raises(Refused):
        make.request(make.actor(), bundle)
    with pytest.raises(NotFound):
        make.request(make.actor(make.person(office=make.office())), bundle)


def test_a_sealed_bundle_is_asked_for_by_nobody(make, act):
    owner = make.actor()
    bundle = make.bundle(owner, password=PASSWORD)
    with act(owner) as tx:
        lock_bundle(tx, bundle.id)
    with pytest.raises(BundleLocked):
        make.request(owner, bundle)


BEYOND = [
    ({"types": ()}, "/document_types"),
    ({"types": ("nonsense",)}, "/document_types"),
    ({"types": ("interview_video",)}, "/document_types"),
    ({"types": ("interview_audio",)}, "/individuals"),
    ({"individuals": ("815-99999999",)}, "/individuals"),
    ({"files": 0}, "/files_limit"),
    ({"bytes_limit": 5}, "/total_mb"),
    ({"expires_at": START - timedelta(minutes=1)}, "/expires_at"),
    ({"expires_at": START + timedelta(days=61)}, "/expires_at"),
]


def test_what_is_beyond_policy_is_not_asked_for(make):
    owner = make.actor()
    bundle = make.bundle(owner)
    for changed, pointer in BEYOND:
        with pytest.raises(Invalid) as fault:
            make.request(owner, bundle, **changed)
        assert [each.pointer for each in fault.value.errors] == [pointer], changed


def test_a_secret_with_one_bit_off_opens_nothing_and_is_told_nothing(make, runtime, reasons):
    asked = make.request()
    for bit in (0, 7, 130, 255):
        with pytest.raises(Gone) as fault:
            open_link(runtime, asked.request.id, flipped(asked.secret, bit))
        assert fault.value.message == ""
    assert reasons() == ["secret"] * 4


def test_the_right_secret_with_a_wrong_password_opens_nothing(make, runtime, reasons):
    asked = make.request(password=PASSWORD)
    with pytest.raises(WrongPassword):
        open_link(runtime, asked.request.id, asked.secret, "red heron at noon")
    with pytest.raises(Invalid):
        open_link(runtime, asked.request.id, asked.secret)
    assert reasons() == ["password"]
    assert open_link(runtime, asked.request.id, asked.secret, PASSWORD)


def test_guessing_the_password_is_slowed_down_in_the_database(make, runtime, clock):
    asked = make.request(password=PASSWORD)
    for _ in range(10):
        with pytest.raises(WrongPassword):
            open_link(runtime, asked.request.id, asked.secret, "a wrong one")
    with pytest.raises(TooMany):
        open_link(runtime, asked.request.id, asked.secret, PASSWORD)
    clock.move(minutes=2)
    assert open_link(runtime, asked.request.id, asked.secret, PASSWORD)


def test_a_claim_code_cannot_be_guessed(make, runtime, clock):
    asked = make.request()
    for _ in range(5):
        with pytest.raises(WrongClaim):
            open_link(runtime, asked.request.id, asked.secret, claim="ABCD2345")
    with pytest.raises(TooMany):
        open_link(runtime, asked.request.id, asked.secret, claim="ABCD2345")


def test_an_own_claim_code_between_the_guesses_makes_no_more_of_them(make, sender, runtime, clock):
    asked = make.request()
    own = sender(asked).told()["claim_code"]
    for _ in range(4):
        with pytest.raises(WrongClaim):
            open_link(runtime, asked.request.id, asked.secret, claim="ABCD2345")
        assert open_link(runtime, asked.request.id, asked.secret, claim=own)
        clock.move(minutes=2)
    with pytest.raises(WrongClaim):
        open_link(runtime, asked.request.id, asked.secret, claim="ABCD2345")
    with pytest.raises(TooMany):
        open_link(runtime, asked.request.id, asked.secret, claim=own)


def test_an_ended_request_opens_for_nobody_and_its_slot_is_dead(make, act, runtime, tamper, reasons):
    asked = make.request()
    with act(asked.owner) as tx:
        end_request(tx, asked.request.id, "they have come")
        end_request(tx, asked.request.id, "they have come")
    with pytest.raises(Gone, match="ended this"):
        open_link(runtime, asked.request.id, asked.secret)

    tamper(asked.request, ended_at=None, end_reason=None)
    with pytest.raises(Gone):
        open_link(runtime, asked.request.id, asked.secret)
    assert reasons() == ["ended", "ended", "slot"]


def test_time_ends_a_request_and_its_slot(make, runtime, clock, end_expired, tamper, trail):
    asked = make.request(expires_at=START + timedelta(hours=1))
    make.wait(minutes=61)
    with pytest.raises(Gone, match="time for sending"):
        open_link(runtime, asked.request.id, asked.secret)
    end_expired()
    assert trail()[-1] == "request.ended"

    tamper(asked.request, ended_at=None, expires_at=clock.now() + timedelta(days=1))
    with pytest.raises(Gone):
        open_link(runtime, asked.request.id, asked.secret)


def test_a_later_end_written_into_the_row_opens_nothing(make, runtime, clock, tamper, reasons):
    """The link lock binds the end: whoever writes to the database cannot move it."""
    asked = make.request(expires_at=START + timedelta(hours=1))
    tamper(asked.request, expires_at=START + timedelta(hours=2))
    with pytest.raises(Gone):
        open_link(runtime, asked.request.id, asked.secret)
    assert reasons() == ["lock"]


def test_a_request_rests_while_its_maker_may_not_add(make, act, runtime, reasons):
    asked = make.request()
    with act(make.actor(None, Role.ADMINISTRATOR)) as tx:
        lock_sign_in(tx, asked.owner.id)
    with pytest.raises(Gone, match="does not work at present"):
        open_link(runtime, asked.request.id, asked.secret)
    assert reasons() == ["resting"]


def test_a_request_ends_with_its_maker(make, act, runtime, end_expired, reasons):
    asked = make.request()
    other = make.person()
    with act(asked.owner) as tx:
        add_member(tx, asked.request.bundle_id, other.id)
    make.confirmed(make.actor(None, Role.ADMINISTRATOR), lambda tx: record_leaving(tx, asked.owner.id))
    end_expired()
    assert reasons()[-1] == "owner-left"


def test_a_supervisor_ends_what_a_colleague_asked_for_and_a_stranger_does_not(make, act):
    asked = make.request()
    with pytest.raises(NotFound), act(make.actor(make.person(office=make.office()))) as tx:
        end_request(tx, asked.request.id, "no")
    with pytest.raises(NotFound), act(make.actor()) as tx:
        end_request(tx, asked.request.id, "no")
    with act(make.actor(None, Role.SUPERVISOR)) as tx:
        assert end_request(tx, asked.request.id, "wrong clinic").ended_at is not None


def test_a_visit_idles_and_its_cookie_alone_is_worth_nothing_then(make, runtime, clock):
    asked = make.request()
    cookie = open_link(runtime, asked.request.id, asked.secret)
    clock.move(minutes=31)
    with pytest.raises(Gone, match="away for a while"), runtime.transaction(SYSTEM) as tx:
        enter(tx, asked.request.id, cookie)


def test_a_cookie_of_one_request_does_not_enter_another(make, runtime):
    one, other = make.request(), make.request()
    cookie = open_link(runtime, one.request.id, one.secret)
    for wrong in (None, "", "x", cookie[:-1] + ("A" if cookie[-1] != "A" else "B")):
        with pytest.raises(Gone), runtime.transaction(SYSTEM) as tx:
            enter(tx, one.request.id, wrong)
    with pytest.raises(Gone), runtime.transaction(SYSTEM) as tx:
        enter(tx, other.request.id, cookie)
