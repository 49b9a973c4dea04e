"""Guessing is slowed, and no stranger can lock anybody out."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from vault.access.actor import SYSTEM
from vault.access.throttle import tries_of
from vault.errors import TooMany, Unauthenticated
from vault.people.devices import known_device
from vault.people.enrolments import issue_enrolment
from vault.people.throttling import KNOWN_ONLY, MOST_FAILURES, account_key, network_key, network_of


def test_five_tries_are_free_and_then_each_waits_twice_as_long(make, attempt, clock):
    make.person(username="amal")
    for _ in range(5):
        attempt("amal")
    for seconds in (10, 20, 40, 80):
        with pytest.raises(TooMany) as refused:
            attempt("amal")
        assert 0 < refused.value.retry_after <= seconds + 1
        clock.move(seconds=seconds)
        attempt("amal")


def test_another_address_of_the_network_waits_too_and_another_network_does_not(make, attempt):
    make.person(username="amal")
    for number in range(5):
        attempt("amal", address=f"192.0.2.{number}")
    with pytest.raises(TooMany):
        attempt("amal", address="192.0.2.200")
    assert attempt("amal", address="198.51.100.1")


def test_a_success_forgets_the_failures(make, enter, attempt, runtime):
    make.person(username="amal")
    for _ in range(4):
        attempt("amal")

    enter("amal", address="192.0.2.7")

    with runtime.session() as session:
        assert tries_of(session, network_key("amal", "192.0.2.7")) == 0
        assert tries_of(session, account_key("amal")) == 0


def test_racers_get_no_more_tries_than_one_who_waits_his_turn(make, attempt):
    make.person(username="amal")

    def race(_number: int) -> bool:
        try:
            attempt("amal")
        except TooMany:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        got_through = sum(pool.map(race, range(40)))

    assert got_through == 5


def test_a_botnet_gets_a_hundred_guesses_and_the_known_browser_signs_in_at_once(make, enter, attempt):
    make.person(username="amal")
    device = enter("amal").device_cookie

    for network in range(MOST_FAILURES):
        attempt("amal", address=f"10.0.{network}.1")
    for network in range(200):
        with pytest.raises(TooMany, match=KNOWN_ONLY):
            attempt("amal", address=f"10.1.{network}.1")

    with pytest.raises(TooMany):
        enter("amal", address="203.0.113.9")
    assert enter("amal", address="10.0.1.1", device_cookie=device)


def test_a_known_browser_counts_for_itself(make, enter, attempt):
    make.person(username="amal")
    device = enter("amal").device_cookie
    for _ in range(5):
        attempt("amal", device_cookie=device)
    with pytest.raises(TooMany):
        attempt("amal", device_cookie=device)
    assert attempt("amal")


def test_a_browser_known_to_one_person_is_a_stranger_to_another(make, enter, attempt, runtime):
    make.person(username="amal")
    badr = make.person(username="badr")
    device = enter("amal").device_cookie

    assert attempt("badr", device_cookie=device).keys == attempt("badr").keys
    with runtime.session() as session:
        assert known_device(session, badr.id, device) is None


def test_a_browser_with_another_secret_is_not_known(make, enter, runtime):
    amal = make.person(username="amal")
    device = enter("amal").device_cookie
    forged = device[:-4] + ("AAAA" if device[-4:] != "AAAA" else "BBBB")

    with runtime.session() as session:
        assert known_device(session, amal.id, device)
        assert known_device(session, amal.id, forged) is None


def test_a_browser_keeps_its_cookie_when_it_signs_in_again(make, enter):
    make.person(username="amal")
    device = enter("amal").device_cookie
    assert enter("amal", device_cookie=device).device_cookie == device
    assert enter("amal", device_cookie="nonsense").device_cookie != device


def test_names_that_do_not_exist_wait_in_the_same_way(attempt):
    for _ in range(5):
        attempt("nobody")
    with pytest.raises(TooMany):
        attempt(" NOBODY ")


def test_a_name_made_of_another_and_a_network_counts_apart(make, attempt, runtime):
    make.person(username="amal")
    for address in range(30):
        attempt(f"amal/{network_of('192.0.2.7')}", address=f"10.0.{address}.1")
        attempt(f"{network_of('192.0.2.7')}/amal", address=f"10.0.{address}.1")
    with runtime.session() as session:
        assert tries_of(session, network_key("amal", "192.0.2.7")) == 0
        assert tries_of(session, account_key("amal")) == 0


def test_a_new_enrolment_opens_an_account_that_strangers_used_up(make, act, attempt, enter, runtime):
    amal = make.person(username="amal")
    for network in range(MOST_FAILURES):
        attempt("amal", address=f"10.0.{network}.1")
    with pytest.raises(TooMany):
        enter("amal")

    with runtime.transaction(SYSTEM) as tx:
        link = issue_enrolment(tx, amal.id).url("http://vault")
    make.enrol(link)

    assert enter("amal")


def test_wrong_passwords_count_through_the_whole_sign_in(make, enter):
    make.person(username="amal")
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            enter("amal", "not the password of anybody")
    with pytest.raises(TooMany):
        enter("amal")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        (None, "unknown"),
        ("somewhere", "unknown"),
    ],
)
def test_an_address_counts_with_its_network(address, network):
    assert network_of(address) == network
