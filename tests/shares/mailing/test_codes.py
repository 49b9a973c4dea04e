"""E-mailed codes: what they take, how often they may be guessed, and who comes back with one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from tests.fakes import START
from tests.post_office import HERS
from vault.access.actor import STRANGER
from vault.crypto.marks import code_mac, link_auth
from vault.errors import Conflict, Gone, TooMany
from vault.mail import NotSent
from vault.shares.arrivals import open_link, request_code
from vault.shares.codes import CodeTry, try_code
from vault.shares.guesses import MOST_GUESSES
from vault.shares.models import OpeningDevice, ShareCode
from vault.shares.service import resume_share
from vault.shares.visits import CodeDue, WrongCode, WrongPassword, enter, open_share

PASSWORD = "blue heron at noon"


def wrong(code: str) -> str:
    """Another code."""
    return f"{(int(code) + 1) % 10**8:08d}"


@pytest.fixture
def opened(runtime):
    """`opened(lent, code=…)` is the cookie of a visit."""

    def open_it(lent, code=None, password=None, cookie=None):
        return open_link(runtime, lent.share.id, lent.secret, password, cookie, code)

    return open_it


@pytest.fixture
def row(runtime):
    """`row(lent)` is what is kept of its code."""

    def read(lent):
        with runtime.session() as session:
            return session.scalars(select(ShareCode).where(ShareCode.share_id == lent.share.id)).one()

    return read


def test_a_link_asks_for_a_code_where_mails_can_be_sent(make, act, opened, stored):
    lent = make.share()

    assert lent.share.asks_code
    with pytest.raises(CodeDue):
        opened(lent)
    with pytest.raises(CodeDue), act(STRANGER) as tx:
        open_share(tx, lent.share.id, lent.secret)
    assert stored(lent.share).openings == 0


def test_a_link_can_be_made_that_asks_for_none(make, runtime, opened):
    lent = make.share(asks_code=False)

    assert opened(lent)
    with pytest.raises(Conflict):
        request_code(runtime, lent.share.id, lent.secret, HERS)


def test_the_code_opens_the_link_once(make, opened, stored, code_for, trail):
    lent = make.share()
    code = code_for(lent)

    assert opened(lent, code)
    with pytest.raises(WrongCode):
        opened(lent, code)
    assert stored(lent.share).openings == 1
    assert trail()[-3:] == ["share.code_sent", "share.opened", "share.refused"]


def test_what_is_kept_of_a_code_is_its_mac_under_a_key_of_the_secret(make, row, code_for, mailbox):
    lent = make.share()
    code = code_for(lent)
    kept = row(lent)

    assert kept.mac == code_mac(link_auth(lent.secret, lent.share.id), code, int(kept.expires_at.timestamp()))
    assert mailbox.envelopes[-1].rcpt_tos == [HERS]


@pytest.mark.parametrize("typed", ["IRIS@Mission.Example ", HERS])
def test_case_and_spaces_of_the_address_do_not_count(make, code_for, typed):
    assert code_for(make.share(), typed)


def test_a_wrong_address_gets_the_same_answer_and_the_same_work(make, runtime, mailbox, row, opened):
    right, other = make.share(), make.share()

    assert request_code(runtime, right.share.id, right.secret, HERS) is None
    sent, mailbox.commands[:] = list(mailbox.commands), []
    assert request_code(runtime, other.share.id, other.secret, "else@mission.example") is None

    assert sent == ["MAIL", "RCPT", "DATA"]
    assert mailbox.commands == ["MAIL"]
    assert len(mailbox.letters) == 1
    assert row(right).asked_at == row(other).asked_at == START
    for lent in (right, other):
        with pytest.raises(TooMany):
            request_code(runtime, lent.share.id, lent.secret, HERS)
        with pytest.raises(WrongCode):
            opened(lent, "00000000")


def test_a_wrong_address_leaves_the_code_that_was_sent(make, runtime, clock, opened, code_for, trail):
    lent = make.share()
    code = code_for(lent)
    clock.move(seconds=60)

    request_code(runtime, lent.share.id, lent.secret, "else@mission.example")

    assert trail()[-1] == "share.code_refused"
    assert opened(lent, code)


def test_while_no_mail_can_be_sent_every_address_is_told_so(make, runtime, mailbox):
    right, other = make.share(), make.share()
    mailbox.is_ill = True

    for lent, email in ((right, HERS), (other, "else@mission.example")):
        with pytest.raises(NotSent):
            request_code(runtime, lent.share.id, lent.secret, email)


def test_a_mailbox_that_is_not_there_is_for_the_sender_to_know(make, runtime, mailbox, trail):
    lent = make.share()
    mailbox.refused.add(HERS)

    assert request_code(runtime, lent.share.id, lent.secret, HERS) is None
    assert trail()[-2:] == ["share.code_sent", "share.mail_failed"]


def test_another_code_can_be_had_after_a_minute_and_ends_the_one_before(
    make, runtime, clock, opened, code_for
):
    lent = make.share()
    first = code_for(lent)
    clock.move(seconds=59)
    with pytest.raises(TooMany) as refused:
        code_for(lent)
    clock.move(seconds=refused.value.retry_after)
    second = code_for(lent)

    assert refused.value.retry_after == 2
    if first != second:
        with pytest.raises(WrongCode):
            opened(lent, first)
    assert opened(lent, second)


def test_a_code_is_good_for_ten_minutes(make, clock, opened, code_for):
    early, late = make.share(), make.share()
    codes = code_for(early), code_for(late)
    clock.move(minutes=9, seconds=59)
    assert opened(early, codes[0])
    clock.move(seconds=1)
    with pytest.raises(WrongCode):
        opened(late, codes[1])


def test_r6_after_five_tries_even_the_right_code_opens_nothing(make, opened, code_for, row, stored):
    lent = make.share()
    code = code_for(lent)

    for _ in range(5):
        with pytest.raises(WrongCode):
            opened(lent, wrong(code))
    with pytest.raises(WrongCode):
        opened(lent, code)

    assert (row(lent).tries, stored(lent.share).openings) == (5, 0)


def test_r6_of_many_parallel_guesses_five_are_evaluated(make, runtime, code_for, monkeypatch):
    lent, evaluated = make.share(), []
    code = code_for(lent)
    proves = CodeTry.prove

    def counted(self, *given):
        evaluated.append(given)
        return proves(self, *given)

    monkeypatch.setattr(CodeTry, "prove", counted)

    def guess(turn: int) -> None:
        while True:
            try:
                open_link(runtime, lent.share.id, lent.secret, code=f"{(int(code) + 1 + turn) % 10**8:08d}")
            except (WrongCode, TooMany):
                return
            except OperationalError:  # SQLite has one writer and no queue; over HTTP this is a 503
                continue

    with ThreadPoolExecutor(16) as racers:
        list(racers.map(guess, range(200)))

    assert len(evaluated) == 5


def test_r6_of_one_code_twice_in_parallel_one_opens(make, runtime, code_for, stored):
    lent = make.share()
    code = code_for(lent)

    def enter_it(_turn: int) -> bool:
        while True:
            try:
                return bool(open_link(runtime, lent.share.id, lent.secret, code=code))
            except WrongCode:
                return False
            except OperationalError:
                continue

    with ThreadPoolExecutor(2) as racers:
        assert sorted(racers.map(enter_it, range(2))) == [False, True]
    assert stored(lent.share).openings == 1


def test_r5_a_try_is_counted_in_the_database_before_it_is_made(make, runtime, act, code_for, row):
    lent = make.share()
    code = code_for(lent)
    with act(STRANGER) as tx:
        tried = try_code(tx, lent.share.id, lent.secret, code)

    assert row(lent).tries == 1
    assert tried.prove(lent.share.id, lent.secret, wrong(code)) is None
    assert tried.prove(lent.share.id, lent.secret, code)
    assert repr(tried) == f"CodeTry(expires={tried.expires})"


def test_r5_a_try_at_an_older_code_says_nothing_about_a_newer_one(make, act, clock, code_for):
    """However many wait in line when a new code is asked for, it has its five tries."""
    lent = make.share()
    code_for(lent)
    with act(STRANGER) as tx:
        tried = try_code(tx, lent.share.id, lent.secret, "12345678")
    clock.move(seconds=60)
    newer = code_for(lent)

    proved = tried.prove(lent.share.id, lent.secret, newer)
    assert proved is None


@pytest.mark.once
def test_fifty_wrong_codes_in_a_row_suspend_the_link(make, act, clock, opened, code_for, stored, trail):
    lent = make.share()
    for turn in range(MOST_GUESSES):
        if turn % 5 == 0:
            code = code_for(lent)
        with pytest.raises(WrongCode):
            opened(lent, wrong(code))
        clock.move(seconds=60)

    assert stored(lent.share).suspended_at
    assert trail()[-2:] == ["share.suspended", "share.refused"]
    with pytest.raises(Gone, match="does not work at present"):
        code_for(lent)
    with act(lent.owner) as tx:
        resume_share(tx, lent.share.id)
    clock.move(seconds=60)
    assert opened(lent, code_for(lent))


def test_the_code_is_checked_before_the_password(make, opened, code_for, reasons, stored):
    lent = make.share(password=PASSWORD)
    code = code_for(lent)

    with pytest.raises(WrongCode):
        opened(lent, wrong(code), PASSWORD)
    with pytest.raises(WrongPassword):
        opened(lent, code, "not this one")
    assert opened(lent, code, PASSWORD)

    assert reasons() == ["code", "password"]
    assert stored(lent.share).openings == 1


def test_a_second_device_comes_to_the_same_opening_and_both_go_on(make, act, clock, opened, code_for, stored):
    lent = make.share(openings=1)
    first = opened(lent, code_for(lent))
    clock.move(seconds=60)
    second = opened(lent, code_for(lent))

    with act(STRANGER) as tx:
        one, two = (enter(tx, lent.share.id, cookie) for cookie in (first, second))
    assert one.opening.id == two.opening.id
    assert one.key.reveal() == two.key.reveal()
    assert stored(lent.share).openings == 1


def test_a_device_that_comes_back_needs_no_code_and_its_old_cookie_is_dead(
    make, act, clock, opened, code_for
):
    lent = make.share(openings=1)
    first = opened(lent, code_for(lent))
    clock.move(minutes=30)
    again = opened(lent, cookie=first)

    with act(STRANGER) as tx:
        assert enter(tx, lent.share.id, again)
        assert tx.session.query(OpeningDevice).count() == 1
    with pytest.raises(Gone), act(STRANGER) as tx:
        enter(tx, lent.share.id, first)


def test_each_device_idles_by_itself(make, act, clock, opened, code_for):
    lent = make.share()
    first = opened(lent, code_for(lent))
    clock.move(minutes=29)
    second = opened(lent, code_for(lent))
    clock.move(minutes=2)

    with act(STRANGER) as tx:
        assert enter(tx, lent.share.id, second)
    with pytest.raises(Gone, match="away"), act(STRANGER) as tx:
        enter(tx, lent.share.id, first)


def test_after_the_time_to_come_back_a_code_takes_a_new_opening(make, opened, code_for, stored):
    lent = make.share(openings=2)
    opened(lent, code_for(lent))
    make.wait(hours=72)
    opened(lent, code_for(lent))

    assert stored(lent.share).openings == 2


def test_r4_a_cookie_set_beforehand_never_becomes_a_visit(make, act, opened, code_for):
    theirs, mine = make.share(), make.share()
    planted = opened(theirs, code_for(theirs))
    own = opened(mine, code_for(mine), cookie=planted)

    assert own[:22] != planted[:22]
    with pytest.raises(Gone), act(STRANGER) as tx:
        enter(tx, mine.share.id, planted)


def test_whoever_lacks_the_secret_learns_nothing_about_codes(make, runtime, mailbox):
    live, plain = make.share(), make.share(asks_code=False)
    for lent in (live, plain):
        with pytest.raises(Gone) as refused:
            request_code(runtime, lent.share.id, bytes(32), HERS)
        assert (refused.value.message, refused.value.errors) == ("", ())
    assert mailbox.commands == []
