"""Notices by mail: to whom, when, how often, and what becomes of them when server or worker fail."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.browsing import Browser
from tests.factory import new_runtime
from tests.places import ROOT
from tests.post_office import PostOffice
from vault.access.actor import STRANGER, Actor, Role
from vault.diagnosis import diagnose
from vault.handlers import import_handlers
from vault.jobs import FAILED, QUEUED, Job, due, enqueue, run_job
from vault.mail import Letter, Post
from vault.people.factors import reset_factors
from vault.people.mailing import address_person, choose_own_mail, set_numbers_in_mail
from vault.people.models import Person, PersonRole
from vault.people.notice_models import Notice
from vault.people.notices import KINDS, MAIL, read_notices, tell, when_mailed
from vault.people.service import lock_sign_in
from vault.runtime import Runtime
from vault.shares.arrivals import open_link
from vault.shares.receipts import disclaim

HERS = "amal@office.example"
import_handlers()
SECURITY = {name for name, kind in KINDS.items() if kind.is_security}


@pytest.fixture
def reached(make, runtime) -> Callable[..., Actor]:
    """`reached("daily")` is a new caseworker whose mails go to HERS, so often."""
    import_handlers()

    def made(preference: str, *roles: Role, email: str = HERS, language: str = "en") -> Actor:
        actor = make.actor(None, *roles)
        with runtime.session() as session:
            chosen = {"email": email, "mail_preference": preference, "language": language}
            session.execute(update(Person).where(Person.id == actor.id).values(chosen))
        return actor

    return made


@pytest.fixture
def courier(runtime) -> Callable[[], int]:
    """`courier()` does whatever mail is due, as sweeps would, and says how many jobs were done."""

    def go() -> int:
        now = runtime.clock.now()
        with runtime.session() as session:
            enqueue(session, "notices.gather_mail", None, now, dedupe_key="notices.gather_mail")
        done = 0
        for _ in range(2):
            with runtime.session() as session:
                ids = [
                    each
                    for each in due(session, now, 100)
                    if session.get_one(Job, each).name != "shares.remind"
                ]
            done += sum(run_job(runtime, job_id) for job_id in ids)
        return done

    return go


def waiting(runtime: Runtime) -> int:
    with runtime.session() as session:
        return len(session.scalars(select(Notice.id).where(Notice.mail_at.is_not(None))).all())


def text_of(letter: object) -> str:
    return letter.get_content().replace("\r\n", "\n")  # type: ignore[attr-defined]


def test_who_wants_to_be_told_at_once_is_mailed_each_notice_once(make, runtime, reached, courier, mailbox):
    owner = reached("at_once")
    document = make.document(owner, make.bundle(owner, title="Family Okello"), file_name="iris.pdf")
    lent = make.share(owner, [document], organisation="Mission of Freedonia", asks_code=False)
    for _ in range(2):
        open_link(runtime, lent.share.id, lent.secret)
    assert runtime.bell.rung, "the worker is rung for at once"
    for _ in range(2):
        courier()

    [letter], [envelope] = mailbox.letters, mailbox.envelopes[-1:]
    assert (envelope.rcpt_tos, letter["Subject"]) == ([HERS], "A notice from the vault")
    number = re.search(r"815-26-\d{5}", text_of(letter)).group()
    assert text_of(letter) == (
        f"The link was opened for the first time.\nIt is about case {number}.\nSign in to read more:\n"
        f"{runtime.settings.base_url}/notices\nYou chose to be told at once. You can change that under Account.\n"
    )
    assert waiting(runtime) == 0


def test_a_summary_comes_once_a_day_and_counts_what_is_not_read(
    make, runtime, reached, courier, mailbox, clock, act
):
    owner = reached("daily", language="fr")
    lent, other = make.share(owner, asks_code=False), make.share(owner, asks_code=False)
    open_link(runtime, lent.share.id, lent.secret)
    with act(owner) as tx:
        read_notices(tx)
    open_link(runtime, other.share.id, other.secret)
    with act(STRANGER) as tx:
        tell(tx, lent.share, "received")
        tell(tx, other.share, "received")
    courier()
    assert mailbox.letters == []

    clock.move(hours=21)  # it is six the next morning
    for _ in range(3):
        courier()
        clock.move(minutes=10)
    [letter] = mailbox.letters
    assert (letter["Subject"], letter["Content-Language"]) == ("Résumé du jour", "fr")
    assert "Avis que vous n’avez pas lus : 3." in text_of(letter)
    assert "Le destinataire a confirmé la réception." in text_of(letter)
    assert "815-26" not in text_of(letter)
    clock.move(days=1)
    courier()
    assert len(mailbox.letters) == 1


@pytest.mark.parametrize("preference", ["daily", "off"])
def test_notices_about_security_are_mailed_at_once_whatever_was_chosen(
    make, runtime, reached, courier, mailbox, act, preference
):
    lent = make.share(reached(preference), asks_code=False)
    open_link(runtime, lent.share.id, lent.secret)
    with act(STRANGER) as tx:
        disclaim(tx, lent.share.id, lent.secret)
    courier()

    [letter] = mailbox.letters
    assert letter["Subject"] == "A security notice from the vault"
    assert text_of(letter).startswith("Somebody says that the link is not for him or her.")
    assert waiting(runtime) == (preference == "daily")


def test_what_is_about_security_cannot_be_switched_off():
    assert (
        {"codes", "suspended", "wrong-person", "password-changed", "recovery-begun"} <= SECURITY < set(KINDS)
    )
    nine = datetime(2026, 11, 22, 9, tzinfo=UTC)
    for kind in KINDS:
        for preference in ("at_once", "daily", "off"):
            person = Person(email=HERS, mail_preference=preference)
            at_once = kind in SECURITY or preference == "at_once"
            later = None if preference == "off" else datetime(2026, 11, 23, 6, tzinfo=UTC)
            assert when_mailed(person, kind, nine, 6) == (nine if at_once else later)
            assert when_mailed(Person(mail_preference=preference), kind, nine, 6) is None
    assert when_mailed(Person(email=HERS, mail_preference="daily"), "opened", nine, 10) == nine.replace(
        hour=10
    )


class KilledAfterSending:
    """A post whose process ends when the server has taken the letter."""

    takes_secrets = True

    def __init__(self, post: Post) -> None:
        self.post = post

    def send(self, letter: Letter, now: datetime) -> None:
        self.post.send(letter, now)
        raise SystemExit

    def rehearse(self) -> None:
        self.post.rehearse()


def test_a_worker_killed_before_it_marked_the_letter_sends_the_same_letter_again(
    make, runtime, reached, courier, mailbox, clock
):
    owner, real = reached("at_once"), runtime.post
    lent, other = make.share(owner, asks_code=False), make.share(owner, asks_code=False)
    open_link(runtime, lent.share.id, lent.secret)
    runtime.post = KilledAfterSending(real)
    with pytest.raises(SystemExit):
        courier()
    runtime.post = real
    clock.move(minutes=1)
    open_link(runtime, other.share.id, other.secret)
    courier()
    assert len(mailbox.letters) == 1, "the killed worker's lease still runs"
    clock.move(minutes=11)
    courier()

    first, again, later = mailbox.letters
    assert first["Message-ID"] == again["Message-ID"] != later["Message-ID"]
    assert text_of(first) == text_of(again)
    assert waiting(runtime) == 0
    clock.move(days=1)
    courier()
    assert len(mailbox.letters) == 3


def test_a_bell_that_rings_twice_mails_once(make, runtime, reached, mailbox):
    lent = make.share(reached("at_once"), asks_code=False)
    open_link(runtime, lent.share.id, lent.secret)
    with runtime.session() as session:
        job_id = session.scalars(select(Job.id).where(Job.name == MAIL)).one()

    assert [run_job(runtime, job_id) for _ in range(2)] == [True, False]
    assert len(mailbox.letters) == 1


def test_while_the_server_is_ill_notices_wait_and_the_job_is_tried_again(
    make, runtime, reached, courier, mailbox, clock, caplog
):
    lent = make.share(reached("at_once"), asks_code=False)
    mailbox.is_ill = True
    open_link(runtime, lent.share.id, lent.secret)
    courier()
    assert "notices.mail" in caplog.text
    assert not [word for word in (HERS, "815-26", "opened for the first") if word in caplog.text]
    with runtime.session() as session:
        job = session.scalars(select(Job).where(Job.name == MAIL)).one()
    assert (job.state, job.error_code, job.attempts) == (QUEUED, "mail-not-sent", 1)
    assert job.run_at == clock.now() + timedelta(minutes=1)
    assert (waiting(runtime), mailbox.letters) == (1, [])
    clock.move(minutes=62)
    assert {"part": "mail", "state": "warning", "note": "1 notices wait"} in diagnose(runtime)
    mailbox.is_ill = False
    courier()

    assert (waiting(runtime), len(mailbox.letters)) == (0, 1)
    assert {"part": "mail", "state": "ok", "note": ""} in diagnose(runtime)


def test_a_job_that_failed_for_good_is_queued_anew(make, runtime, reached, courier, mailbox, clock):
    lent = make.share(reached("at_once"), asks_code=False)
    mailbox.is_ill = True
    open_link(runtime, lent.share.id, lent.secret)
    for _ in range(8):
        courier()
        clock.move(hours=3)
    with runtime.session() as session:
        assert FAILED in session.scalars(select(Job.state).where(Job.name == MAIL)).all()
    mailbox.is_ill = False
    courier()
    assert len(mailbox.letters) == 1


def test_an_address_that_takes_no_mail_is_not_tried_again_and_its_owner_sees_it(
    app, make, runtime, reached, courier, mailbox, act
):
    owner = reached("at_once")
    lent, other = make.share(owner, asks_code=False), make.share(owner, asks_code=False)
    mailbox.refused.add(HERS)
    open_link(runtime, lent.share.id, lent.secret)
    courier()
    assert (waiting(runtime), mailbox.letters) == (0, [])
    assert "Mail does not arrive." in Browser(app, owner).get("/account/mail").text
    boss = make.actor(None, Role.ADMINISTRATOR)
    assert "Mail does not arrive." in Browser(app, boss).get(f"/people/{owner.id}").text

    new = "amal@elsewhere.example"
    make.confirmed(boss, lambda tx: address_person(tx, owner.id, new))
    open_link(runtime, other.share.id, other.secret)
    courier()
    assert mailbox.envelopes[-1].rcpt_tos == [new]


@pytest.mark.parametrize("chosen", ["eve@elsewhere.example", None])
def test_the_address_before_is_told_of_another(app, make, runtime, reached, courier, mailbox, chosen):
    person, boss = reached("off"), make.actor(None, Role.ADMINISTRATOR)
    make.confirmed(boss, lambda tx: address_person(tx, person.id, chosen))
    courier()

    assert {letter["To"] for letter in mailbox.letters} == {HERS, chosen} - {None}
    for letter in mailbox.letters:
        assert text_of(letter).startswith("The address that your mails go to was changed.")
        assert not [word for word in (chosen, HERS) if word and word in text_of(letter)]
    assert Browser(app, person).get("/notices").text.count("The address that your mails go to was") == 1
    with runtime.session() as session:
        assert set(session.scalars(select(Notice.email))) == {None}
    courier()
    assert waiting(runtime) == 0


def test_an_address_before_that_takes_no_mail_says_nothing_of_the_new_one(
    make, runtime, reached, courier, mailbox
):
    person, boss, new = reached("off"), make.actor(None, Role.ADMINISTRATOR), "amal@elsewhere.example"
    mailbox.refused.add(HERS)
    make.confirmed(boss, lambda tx: address_person(tx, person.id, new))
    courier()
    assert [letter["To"] for letter in mailbox.letters] == [new]
    with runtime.session() as session:
        assert session.get_one(Person, person.id).mail_refused_at is None
    assert waiting(runtime) == 0


def test_a_mailbox_that_is_full_for_now_holds_up_nobody_else(make, runtime, reached, courier, mailbox, clock):
    controller = reached("at_once", Role.CONTROLLER, email="boss@office.example")
    lent = make.share(reached("at_once"), asks_code=False)
    mailbox.full.add(HERS)
    open_link(runtime, lent.share.id, lent.secret)
    courier()
    assert [envelope.rcpt_tos for envelope in mailbox.envelopes[-1:]] == [["boss@office.example"]]
    assert (controller.id is not None, waiting(runtime)) == (True, 1)
    mailbox.full.clear()
    clock.move(minutes=2)
    courier()
    assert mailbox.envelopes[-1].rcpt_tos == [HERS]


@pytest.mark.parametrize("lost", ["role", "lock", "choice"])
def test_what_the_reader_may_or_wants_to_know_is_asked_again_when_the_mail_is_made(
    make, runtime, reached, courier, mailbox, clock, lost
):
    controller = reached("daily", Role.CONTROLLER)
    lent = make.share(asks_code=False)
    open_link(runtime, lent.share.id, lent.secret)
    assert waiting(runtime) == 1
    if lost == "role":
        with runtime.session() as session:
            roles = update(PersonRole).where(PersonRole.person_id == controller.id)
            session.execute(roles.values(role=Role.AUDITOR))
    elif lost == "lock":
        make.confirmed(make.actor(None, Role.ADMINISTRATOR), lambda tx: lock_sign_in(tx, controller.id))
    else:
        make.confirmed(controller, lambda tx: choose_own_mail(tx, HERS, "off", "en"))
    clock.move(days=1)
    courier()
    assert (mailbox.letters, waiting(runtime)) == ([], 0)


def test_who_is_locked_out_is_still_told_of_the_own_account(make, runtime, reached, courier, mailbox):
    person, boss = reached("off"), make.actor(None, Role.ADMINISTRATOR)
    make.confirmed(boss, lambda tx: reset_factors(tx, person.id))
    make.confirmed(boss, lambda tx: lock_sign_in(tx, person.id))
    courier()
    [letter] = mailbox.letters
    assert text_of(letter).startswith("An administrator reset your second factors.")


def test_an_office_keeps_numbers_out_of_notices_too(make, runtime, reached, courier, mailbox, act):
    lent = make.share(reached("at_once"), asks_code=False)
    with act(make.actor(None, Role.CONTROLLER)) as tx:
        set_numbers_in_mail(tx, wanted=False)
    open_link(runtime, lent.share.id, lent.secret)
    courier()
    assert "815-26" not in mailbox.last
    assert "The link was opened for the first time." in mailbox.last


def test_without_a_server_the_mail_is_a_file(tmp_path_factory, clock, mailbox: PostOffice):
    from tests.factory import Factory

    import_handlers()
    with new_runtime(tmp_path_factory.mktemp("offline"), clock) as runtime:
        make = Factory(runtime, clock)
        owner = make.actor()
        with runtime.session() as session:
            told = {"email": HERS, "mail_preference": "at_once"}
            session.execute(update(Person).where(Person.id == owner.id).values(told))
        lent = make.share(owner)
        open_link(runtime, lent.share.id, lent.secret)
        with runtime.session() as session:
            job_id = session.scalars(select(Job.id).where(Job.name == MAIL)).one()
        assert run_job(runtime, job_id)
        [file] = (runtime.settings.data / "outbox").iterdir()
        assert b"The link was opened for the first time." in file.read_bytes()
    assert mailbox.letters == []


def test_the_manual_says_which_notices_cannot_be_switched_off():
    manual = (ROOT / "docs" / "mail.md").read_text(encoding="utf-8")
    marked = set(re.findall(r"^\| `([a-z0-9-]+)` \| .* \| yes \|$", manual, re.M))
    assert marked == SECURITY
