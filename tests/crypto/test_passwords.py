"""Passwords: what is accepted, what is normalised, and that hashing never takes the whole machine."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from vault.crypto import passwords
from vault.crypto.passwords import Argon2Profile, derive, new_profile
from vault.errors import Busy, Invalid, Tampered

CHEAP = passwords.test_profile()


def test_the_profile_for_new_passwords_is_rfc_9106s_second_with_a_fresh_salt():
    first, second = passwords.new_profile(), passwords.new_profile()

    assert (first.memory_kib, first.time, first.lanes) == (64 * 1024, 3, 4)
    assert len(first.salt) == 16
    assert first.salt != second.salt


@pytest.mark.parametrize(
    "other",
    [
        {"memory_kib": 19 * 1024 - 1},
        {"memory_kib": 1024 * 1024 + 1},
        {"time": 0},
        {"time": 11},
        {"lanes": 0},
        {"lanes": 17},
        {"memory_kib": -1},
        {"salt": b""},
        {"salt": bytes(15)},
        {"salt": bytes(17)},
    ],
)
def test_parameters_out_of_range_derive_nothing(other):
    with pytest.raises(Tampered):
        derive("password", replace(CHEAP, **other))


@pytest.mark.parametrize("other", [{"memory_kib": 20 * 1024}, {"time": 2}, {"lanes": 2}, {"salt": bytes(16)}])
def test_every_parameter_counts(other):
    assert derive("password", CHEAP) != derive("password", replace(CHEAP, **other))


def test_two_keyboards_give_one_key():
    assert derive("caf\u00e9 \ufb01", CHEAP) == derive("cafe\u0301 fi", CHEAP)
    assert derive("password", CHEAP) != derive("Password", CHEAP)
    assert derive("password ", CHEAP) != derive("password", CHEAP)


def test_text_that_utf_8_cannot_hold_is_refused():
    with pytest.raises(Invalid):
        derive("\ud800", CHEAP)


def test_a_profile_never_prints_its_salt():
    assert CHEAP.salt.hex() not in repr(CHEAP)
    assert str(CHEAP.salt) not in repr(CHEAP)


def test_while_one_hashes_the_next_one_is_asked_to_come_again(monkeypatch):
    monkeypatch.setattr(passwords, "_WAIT_SECONDS", 0.01)
    assert passwords._gate.acquire(timeout=5)
    try:
        with pytest.raises(Busy) as refusal:
            derive("password", CHEAP)
    finally:
        passwords._gate.release()

    assert refusal.value.retry_after == 1
    assert len(derive("password", CHEAP)) == 32


def test_four_who_sign_in_at_once_at_full_cost_all_get_their_key(monkeypatch):
    monkeypatch.setattr(passwords, "_WAIT_SECONDS", 60)
    profile = new_profile()
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(derive, "password", profile) for _ in range(4)]
        keys = {done.result(timeout=60) for done in waiting}
    assert len(keys) == 1


def test_hashing_lets_other_threads_run():
    slow = Argon2Profile(bytes(16), 256 * 1024, 3, 1)
    hashing = threading.Thread(target=derive, args=("password", slow))
    moments = [time.monotonic()]

    hashing.start()
    while hashing.is_alive():
        time.sleep(0.001)
        moments.append(time.monotonic())

    longest_wait = max(later - earlier for earlier, later in itertools.pairwise(moments))
    assert longest_wait < (moments[-1] - moments[0]) / 2
