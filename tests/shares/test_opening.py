"""Opening a link: what it takes, what it spends, who comes back, and who is told what."""

from __future__ import annotations

import pytest

from vault.access.actor import STRANGER
from vault.crypto.passwords import derive
from vault.errors import Gone, Invalid, TooMany
from vault.shares.arrivals import open_link
from vault.shares.guesses import MOST_GUESSES
from vault.shares.service import resume_share
from vault.shares.visits import WrongPassword, enter, finish_visit, knock, open_share

PASSWORD = "blue heron at noon"


def opened(runtime, lent, password=None, cookie=None):
    """The cookie of a visit."""
    return open_link(runtime, lent.share.id, lent.secret, password, cookie)


def test_the_secret_opens_the_link_and_spends_one_opening(make, act, trail):
    lent = make.share()

    with act(STRANGER) as tx:
        visit, _cookie = open_share(tx, lent.share.id, lent.secret)

    assert visit.share.openings == 1
    assert trail()[-2:] == ["share.created", "share.opened"]


def test_knocking_spends_nothing(make, act, stored):
    lent = make.share()

    for _ in range(100):
        with act(STRANGER) as tx:
            assert knock(tx, lent.share.id, lent.secret, has_password=False) is None

    assert stored(lent.share).openings == 0


@pytest.mark.parametrize("bit", [0, 7, 100, 255])
def test_a_secret_off_by_one_bit_opens_nothing(make, runtime, bit, reasons):
    lent = make.share()
    wrong = (int.from_bytes(lent.secret) ^ 1 << bit).to_bytes(32)

    with pytest.raises(Gone) as refused:
        open_link(runtime, lent.share.id, wrong)

    assert refused.value.message == ""
    assert reasons() == ["secret"]


def test_a_stranger_is_told_the_same_of_every_link(make, runtime, act):
    live, revoked = make.share(), make.share()
    spent = make.share(openings=1)
    opened(runtime, spent)
    with act(revoked.owner) as tx:
        tx.session.merge(revoked.share).revoked_at = tx.now

    told = []
    for share_id in (live.share.id, revoked.share.id, spent.share.id, make.person().id):
        with pytest.raises(Gone) as refused:
            open_link(runtime, share_id, bytes(32))
        told.append((refused.value.message, refused.value.errors))

    assert set(told) == {("", ())}


def test_whoever_has_the_secret_is_told_that_the_openings_are_used_up(make, runtime, reasons):
    lent = make.share(openings=1)
    opened(runtime, lent)

    with pytest.raises(Gone, match="used up"):
        opened(runtime, lent)

    assert reasons() == ["spent"]


def test_a_link_with_a_password_asks_for_it_and_counts_no_guess_when_it_is_missing(make, runtime, stored):
    lent = make.share(password=PASSWORD)

    for _ in range(12):
        with pytest.raises(Invalid) as refused:
            opened(runtime, lent)

    assert refused.value.errors[0].pointer == "/password"
    assert opened(runtime, lent, PASSWORD)
    assert stored(lent.share).openings == 1


def test_the_right_secret_with_a_wrong_password_opens_nothing(make, runtime, stored, reasons):
    lent = make.share(password=PASSWORD)

    with pytest.raises(WrongPassword):
        opened(runtime, lent, PASSWORD + "!")

    assert stored(lent.share).openings == 0
    assert reasons() == ["password"]


def test_the_password_key_is_in_the_lock_and_no_mere_gate(make, act, runtime, tamper):
    lent = make.share(password=PASSWORD)
    tamper(lent.share, argon2_salt=None)

    with pytest.raises(Gone), act(STRANGER) as tx:
        open_share(tx, lent.share.id, lent.secret)


def test_wrong_passwords_are_throttled_after_ten(make, runtime, clock):
    lent = make.share(password=PASSWORD)

    for _ in range(10):
        with pytest.raises(WrongPassword):
            opened(runtime, lent, "not this one")
    with pytest.raises(TooMany) as refused:
        opened(runtime, lent, PASSWORD)
    clock.move(seconds=refused.value.retry_after)

    assert opened(runtime, lent, PASSWORD)


def test_after_fifty_wrong_passwords_the_link_sleeps_until_its_owner_resumes_it(
    make, runtime, clock, act, trail, stored
):
    lent = make.share(password=PASSWORD)
    for _ in range(MOST_GUESSES):
        clock.move(minutes=1)
        with pytest.raises(WrongPassword):
            opened(runtime, lent, "not this one")

    assert stored(lent.share).suspended_at is not None
    assert "share.suspended" in trail()
    with pytest.raises(Gone, match="at present"):
        opened(runtime, lent, PASSWORD)
    with act(lent.owner) as tx:
        resume_share(tx, lent.share.id)
    assert opened(runtime, lent, PASSWORD)
    assert trail()[-2:] == ["share.resumed", "share.opened"]


def test_a_right_password_forgets_the_wrong_ones(make, runtime):
    lent = make.share(password=PASSWORD)

    for _ in range(3):
        for _ in range(9):
            with pytest.raises(WrongPassword):
                opened(runtime, lent, "not this one")
        assert opened(runtime, lent, PASSWORD)


def test_with_its_cookie_a_visit_is_rejoined_and_costs_nothing(make, runtime, stored, trail):
    lent = make.share(openings=1)
    cookie = opened(runtime, lent)

    for _ in range(3):
        cookie = opened(runtime, lent, cookie=cookie)

    assert stored(lent.share).openings == 1
    assert trail()[-1] == "share.rejoined"


def test_after_thirty_idle_minutes_secret_and_password_are_asked_again(make, runtime, clock, act, stored):
    lent = make.share(openings=1, password=PASSWORD)
    cookie = opened(runtime, lent, PASSWORD)
    clock.move(minutes=29)
    with act(STRANGER) as tx:
        assert enter(tx, lent.share.id, cookie).share.id == lent.share.id
    clock.move(minutes=29)
    with act(STRANGER) as tx:
        enter(tx, lent.share.id, cookie)
    clock.move(minutes=30)

    with pytest.raises(Gone, match="away"), act(STRANGER) as tx:
        enter(tx, lent.share.id, cookie)
    with pytest.raises(WrongPassword):
        opened(runtime, lent, "not this one", cookie)
    renewed = opened(runtime, lent, PASSWORD, cookie)

    with act(STRANGER) as tx:
        enter(tx, lent.share.id, renewed)
    assert stored(lent.share).openings == 1


def test_a_rejoined_visit_has_a_new_cookie_and_the_old_one_is_dead(make, runtime, act):
    lent = make.share()
    old = opened(runtime, lent)
    opened(runtime, lent, cookie=old)

    with pytest.raises(Gone), act(STRANGER) as tx:
        enter(tx, lent.share.id, old)


def test_after_three_days_an_opening_cannot_be_rejoined(make, runtime, stored):
    lent = make.share(openings=2)
    cookie = opened(runtime, lent)

    make.wait(hours=73)
    opened(runtime, lent, cookie=cookie)

    assert stored(lent.share).openings == 2


def test_a_cookie_of_one_link_is_worth_nothing_at_another(make, runtime, act, stored):
    first, second = make.share(), make.share(openings=1)
    cookie = opened(runtime, first)
    opened(runtime, second)

    with pytest.raises(Gone), act(STRANGER) as tx:
        enter(tx, second.share.id, cookie)
    with pytest.raises(Gone, match="used up"):
        opened(runtime, second, cookie=cookie)


@pytest.mark.parametrize("cookie", [None, "", "x", "A" * 64, "é" * 64, "A" * 63 + "="])
def test_a_made_up_cookie_proves_nothing(make, act, cookie):
    lent = make.share()

    with pytest.raises(Gone) as refused, act(STRANGER) as tx:
        enter(tx, lent.share.id, cookie)

    assert refused.value.message == ""
    assert refused.value.refusal is None


def test_a_finished_visit_is_over_and_cannot_be_rejoined(make, runtime, act, stored, trail):
    lent = make.share(openings=2)
    cookie = opened(runtime, lent)

    with act(STRANGER) as tx:
        finish_visit(tx, enter(tx, lent.share.id, cookie))
    with pytest.raises(Gone, match="ended"), act(STRANGER) as tx:
        enter(tx, lent.share.id, cookie)
    opened(runtime, lent, cookie=cookie)

    assert stored(lent.share).openings == 2
    assert "share.visit_finished" in trail()


def test_a_session_lock_of_another_visit_opens_nothing(make, runtime, act, tamper):
    lent = make.share()
    first, second = opened(runtime, lent), opened(runtime, lent)
    with act(STRANGER) as tx:
        one, two = (enter(tx, lent.share.id, cookie).device for cookie in (first, second))
    tamper(one, session_lock=two.session_lock)

    with pytest.raises(Gone), act(STRANGER) as tx:
        enter(tx, lent.share.id, first)


def test_a_guess_is_counted_before_it_is_made(make, runtime):
    """So racers gain nothing, and nothing is locked while the slow hash runs."""
    lent = make.share(password=PASSWORD)
    for _ in range(10):
        with runtime.transaction(STRANGER) as tx:
            profile = knock(tx, lent.share.id, lent.secret, has_password=True)

    assert derive(PASSWORD, profile)
    with pytest.raises(TooMany):
        opened(runtime, lent, PASSWORD)
