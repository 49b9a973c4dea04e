"""Signing in, sessions and their cookies, through the verbs."""

import pytest

from tests.factory import PASSWORD
from vault.access.actor import STRANGER, SYSTEM, Role
from vault.access.principals import KEPT_COLUMNS, Principal
from vault.crypto.encoding import b64url
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import session_lock
from vault.crypto.marks import session_auth
from vault.crypto.passwords import Argon2Profile
from vault.crypto.secret import random_key
from vault.errors import Invalid, NotFound, TooMany, Unauthenticated
from vault.people.leaving import record_leaving
from vault.people.models import PersonSession
from vault.people.passwords import change_password
from vault.people.service import lock_sign_in, unlock_sign_in
from vault.people.sessions import (
    LOCKED,
    WRONG,
    actor_of,
    cookie_of,
    end_all_sessions,
    end_session,
    touch_session,
)

NEW = "eleven pale foxes count the bells"


def test_a_person_with_the_right_password_signs_in(make, enter, recognise, trail):
    amal = make.person(Role.SUPERVISOR, username="amal")

    signed_in = enter("  AMAL ")

    found = recognise(signed_in.cookie)
    assert found is not None
    assert (found.id, found.roles) == (amal.id, {Role.SUPERVISOR})
    assert found.session is not None
    assert found.session.seed == signed_in.actor.session.seed
    assert trail()[-2:] == ["person.enrolled", "session.started"]


def test_two_spellings_of_one_password_are_the_same(make, enter):
    make.person(username="amal", password="façade of seven quiet ﬁshes")

    assert enter("amal", "façade of seven quiet fishes").actor.id


@pytest.mark.parametrize("username", ["amal", "nobody", "invited", "gone"])
def test_every_refusal_has_the_same_words(make, enter, runtime, trail, username):
    make.person(username="amal")
    make.invited(username="invited")
    gone = make.person(username="gone")
    with runtime.transaction(SYSTEM) as tx:
        record_leaving(tx, gone.id)
    password = PASSWORD if username == "gone" else "not the password of anybody"

    with pytest.raises(Unauthenticated, match=WRONG):
        enter(username, password)

    assert trail()[-1] == "session.refused"


def test_an_unknown_name_costs_the_same_hash_and_tries_a_lock_too(make, attempt):
    amal = make.person(username="amal")

    known, unknown = attempt("amal"), attempt("nobody")

    assert _cost(known.profile) == _cost(unknown.profile)
    assert len(known.keys) == len(unknown.keys)
    assert (known.lock_of, unknown.lock_of) == (amal.id, amal.id)
    assert (unknown.person, unknown.claimed) == (None, STRANGER)


def test_each_sign_in_has_a_new_id_and_secret(make, enter):
    make.person(username="amal")

    first, second = enter("amal"), enter("amal")

    assert first.actor.session.id != second.actor.session.id
    assert first.actor.session.secret != second.actor.session.secret


def test_a_session_idles_out(make, clock, recognise):
    cookie = cookie_of(make.actor())
    clock.move(minutes=29, seconds=59)
    assert recognise(cookie)
    clock.move(seconds=1)
    assert recognise(cookie) is None


def test_a_privileged_session_idles_out_sooner(make, clock, recognise):
    cookie = cookie_of(make.actor(None, Role.ADMINISTRATOR))
    clock.move(minutes=14, seconds=59)
    assert recognise(cookie)
    clock.move(seconds=1)
    assert recognise(cookie) is None


def test_no_use_keeps_a_session_longer_than_half_a_day(make, clock, recognise, runtime):
    actor = make.actor()
    for _ in range(36):
        assert recognise(cookie_of(actor))
        clock.move(minutes=20)
        with runtime.session() as session:
            touch_session(session, actor.session.id, clock.now())
    assert recognise(cookie_of(actor)) is None


def test_use_is_written_once_a_minute(make, clock, runtime):
    actor, begun = make.actor(), clock.now()
    written = []
    for _ in range(4):
        with runtime.session() as session:
            touch_session(session, actor.session.id, clock.move(seconds=30))
            written.append(session.get_one(PersonSession, actor.session.id).seen_at - begun)
    assert [each.total_seconds() for each in written] == [0, 60, 60, 120]


CHANGES = {
    "short": lambda cookie: cookie[:-1],
    "long": lambda cookie: cookie + "A",
    "another id": lambda cookie: ("B" if cookie[0] == "A" else "A") + cookie[1:],
    "another secret": lambda cookie: cookie[:-2] + ("AA" if cookie[-2:] != "AA" else "BB"),
    "empty": lambda _cookie: "",
    "foreign letters": lambda _cookie: "é" * 64,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_cookie_that_is_not_whole_proves_nothing(make, recognise, change):
    assert recognise(CHANGES[change](cookie_of(make.actor()))) is None


def test_a_session_row_written_by_hand_opens_nothing(make, runtime, recognise):
    """A database writer knows everything but the slot and the seed; his own seed has another public key."""
    actor = make.actor()
    forged, secret = actor.session.id, random_key()
    with runtime.session() as session:
        row = session.get_one(PersonSession, forged)
        row.auth_digest = session_auth(secret, row.id)
        blob = session_lock(row.id, actor.id).close(secret, random_key(), plaintext=random_key())
        row.session_lock = blob
    assert recognise(b64url(forged.bytes + secret)) is None


def test_a_session_lock_under_the_right_slot_but_with_another_seed_opens_nothing(make, runtime, recognise):
    actor, secret = make.actor(), random_key()
    with runtime.session() as session:
        slot_id = session.get_one(Principal, actor.id).slot_id
        slot = runtime.keystore.open_slot(slot_id, SlotKind.PRINCIPAL, actor.id)
        row = session.get_one(PersonSession, actor.session.id)
        row.auth_digest = session_auth(secret, row.id)
        row.session_lock = session_lock(row.id, actor.id).close(secret, slot, plaintext=random_key())
    assert recognise(b64url(actor.session.id.bytes + secret)) is None


def test_a_session_of_one_person_is_no_session_of_another(make, runtime, recognise):
    actor, other = make.actor(), make.person()
    with runtime.session() as session:
        session.get_one(PersonSession, actor.session.id).person_id = other.id
    assert recognise(cookie_of(actor)) is None


def test_signing_out_ends_one_session_and_wipes_its_lock(make, act, enter, recognise, runtime):
    make.person(username="amal")
    one, two = enter("amal"), enter("amal")

    with act(one.actor) as tx:
        end_session(tx, one.actor.session.id)

    assert recognise(one.cookie) is None
    assert recognise(two.cookie)
    with runtime.session() as session:
        assert session.get_one(PersonSession, one.actor.session.id).session_lock == b""


def test_nobody_ends_a_session_of_somebody_else(make, act, recognise):
    mine, other = make.actor(), make.actor()
    with pytest.raises(NotFound), act(mine) as tx:
        end_session(tx, other.session.id)
    assert recognise(cookie_of(other))


def test_all_others_end_and_the_present_one_stays(make, act, enter, recognise):
    make.person(username="amal")
    one, two, three = (enter("amal") for _ in range(3))

    with act(two.actor) as tx:
        assert end_all_sessions(tx) == 2

    assert [bool(recognise(each.cookie)) for each in (one, two, three)] == [False, True, False]


def test_a_locked_sign_in_ends_sessions_and_can_be_unlocked(make, act, enter, recognise):
    amal, admin = make.person(username="amal"), make.actor(None, Role.ADMINISTRATOR)
    signed_in = enter("amal")

    with act(admin) as tx:
        lock_sign_in(tx, amal.id)
    assert recognise(signed_in.cookie) is None
    with pytest.raises(Unauthenticated, match=LOCKED):
        enter("amal")
    with pytest.raises(Unauthenticated, match=WRONG):
        enter("amal", "not the password of anybody")

    with act(admin) as tx:
        unlock_sign_in(tx, amal.id)
    assert recognise(signed_in.cookie) is None
    assert recognise(enter("amal").cookie)


def test_a_changed_password_keeps_the_keys_and_this_session_alone(make, enter, recognise, runtime, trail):
    make.person(username="amal")
    this, other = enter("amal"), enter("amal")

    after = change_password(runtime, this.actor, PASSWORD, NEW)

    assert after.session.seed == this.actor.session.seed
    assert after.session.id == this.actor.session.id
    assert recognise(cookie_of(after))
    assert recognise(this.cookie) is None
    assert recognise(other.cookie) is None
    assert trail()[-2:] == ["session.ended", "password.changed"]
    with pytest.raises(Unauthenticated):
        enter("amal")
    assert enter("amal", NEW)


def test_an_old_session_row_and_lock_put_back_after_a_password_change_are_dead(
    make, enter, recognise, runtime
):
    person = make.person(username="amal")
    this, old = enter("amal"), enter("amal")
    with runtime.session() as session:
        row = session.get_one(PersonSession, old.actor.session.id)
        kept = {name: getattr(row, name) for name in ("session_lock", "ended_at", "auth_digest")}
        principal = session.get_one(Principal, person.id)
        before = {name: getattr(principal, name) for name in _columns_of_keys()}

    change_password(runtime, this.actor, PASSWORD, NEW)

    with runtime.session() as session:
        row = session.get_one(PersonSession, old.actor.session.id)
        for name, value in kept.items():
            setattr(row, name, value)
    assert recognise(old.cookie) is None
    with runtime.session() as session:
        principal = session.get_one(Principal, person.id)
        for name, value in before.items():
            setattr(principal, name, value)
    assert recognise(old.cookie) is None
    with pytest.raises(Unauthenticated):
        enter("amal")


def test_a_wrong_present_password_changes_nothing(make, enter, recognise, runtime, trail):
    make.person(username="amal")
    this = enter("amal")

    with pytest.raises(Invalid) as refused:
        change_password(runtime, this.actor, "not the password of anybody", NEW)

    assert [fault.pointer for fault in refused.value.errors] == ["/old"]
    assert recognise(this.cookie)
    assert trail()[-1] == "access.refused"


def test_guesses_of_the_present_password_are_slowed(make, runtime):
    actor = make.actor()
    for _ in range(5):
        with pytest.raises(Invalid):
            change_password(runtime, actor, "not the password of anybody", NEW)
    with pytest.raises(TooMany):
        change_password(runtime, actor, PASSWORD, NEW)


def test_a_known_seed_without_a_session_changes_no_password(make, runtime):
    person = make.person()
    with pytest.raises(Unauthenticated):
        change_password(runtime, actor_of(person), PASSWORD, NEW)
    with pytest.raises(Unauthenticated):
        change_password(runtime, STRANGER, PASSWORD, NEW)


def test_a_session_ended_meanwhile_changes_no_password(make, act, enter, runtime):
    """Two requests of one session: the first signs out, the second was authenticated before."""
    make.person(username="amal")
    this = enter("amal")
    with act(this.actor) as tx:
        end_session(tx, this.actor.session.id)
    with pytest.raises(Unauthenticated):
        change_password(runtime, this.actor, PASSWORD, NEW)
    assert enter("amal")


def _columns_of_keys() -> tuple[str, ...]:
    return ("slot_id", *KEPT_COLUMNS)


def _cost(profile: Argon2Profile) -> tuple[int, int, int]:
    return profile.memory_kib, profile.time, profile.lanes
