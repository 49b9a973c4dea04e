"""Loans: one document, one colleague, for a while; everything else stays shut, and nothing revives it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from tests.browsing import Browser
from tests.recordings import wav
from tests.test_races import at_once, errors_in
from vault.access.actor import SYSTEM, Role
from vault.access.grants import Grant
from vault.access.policy import Permission, permits
from vault.bundles.members import add_member, remove_member
from vault.bundles.models import Bundle, Document
from vault.bundles.opening import open_bundle
from vault.errors import Gone, Invalid, NotFound, Refused, Tampered
from vault.people.leaving import lone_subjects, record_leaving
from vault.people.service import lock_sign_in
from vault.shares.endings import move_with_links, withdraw_with_links
from vault.shares.loans import (
    Wish,
    borrow,
    lend_document,
    make_loan,
    open_borrowed,
    record_borrowed,
    revoke_loan,
)
from vault.shares.models import EMERGENCY, Loan
from vault.slots import Destruction
from vault.transfers.models import Reading
from vault.web import streams
from vault.web.streams import Broken

CONTENT = b"%PDF-1.7\n" + bytes(range(256)) * 2000


class Desk:
    """A caseworker with a document, and an interpreter to whom it is lent."""

    def __init__(self, make, act) -> None:
        self.make, self.act = make, act
        self.owner, self.interpreter = make.actor(), make.actor(None, Role.INTERPRETER)
        self.bundle = make.bundle(self.owner)
        self.document = make.document(self.owner, self.bundle, CONTENT)
        self.other = make.document(self.owner, self.bundle, title="Other form")
        self.loan = self.lend()

    def lend(self, document=None, borrower=None, **more) -> Loan:
        wish = Wish((borrower or self.interpreter).id, **more)
        with self.act(self.owner) as tx:
            return lend_document(tx, (document or self.document).id, wish)

    def opens(self, loan=None, actor=None) -> str:
        with self.act(actor or self.interpreter) as tx:
            content, found = open_borrowed(tx, (loan or self.loan).id)
            record_borrowed(tx, found, content)
            return borrow(tx, found.id).title


@pytest.fixture
def desk(make, act):
    return Desk(make, act)


def test_an_interpreter_reads_what_is_lent_and_nothing_else(desk, app, trail, runtime):
    browser = Browser(app, desk.interpreter)
    answer = browser.get(f"/loans/{desk.loan.id}/content", buffered=True)
    assert answer.data == CONTENT
    assert trail().count("document.opened") == 1
    browser.get(f"/loans/{desk.loan.id}/content", headers={"Range": "bytes=0-9"}, buffered=True)
    assert trail().count("document.opened") == 1
    with runtime.session() as session:
        reading = session.scalars(select(Reading)).one()
    assert (reading.reader_id, reading.ranges) == (desk.interpreter.id, [[0, len(CONTENT) - 1]])

    assert "Registration form" in browser.get("/lent").text
    assert browser.get("/").headers["Location"] == "/lent"
    for path in ("cases", "shares", "loans", "people", "teams", f"cases/{desk.bundle.case_id}"):
        assert browser.get(f"/{path}").status_code in (403, 404), path
    for path in (f"bundles/{desk.bundle.id}", f"documents/{desk.document.id}", f"loans/{desk.loan.id}"):
        assert browser.get(f"/{path}").status_code == 404, path
    assert browser.get(f"/documents/{desk.document.id}/content").status_code == 404
    with pytest.raises(NotFound), desk.act(desk.interpreter) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, desk.bundle.id))


def test_it_is_live_to_the_last_moment_and_not_at_it(desk, clock):
    loan = desk.lend(expires_at=clock.now() + timedelta(minutes=20))
    clock.move(seconds=20 * 60 - 1)
    assert desk.opens(loan) == "Registration form"
    clock.move(seconds=1)
    with pytest.raises(NotFound):
        desk.opens(loan)


def test_a_later_expiry_written_by_hand_ends_with_the_lock(desk, clock, tamper):
    loan = desk.lend(longest=timedelta(minutes=10))
    later = clock.now() + timedelta(days=3)
    tamper(loan, expires_at=later)
    clock.move(minutes=11)
    with pytest.raises(NotFound):
        desk.opens(loan)
    tamper(loan, absolute_end_at=later)
    with pytest.raises(Tampered):
        desk.opens(loan)


def test_limits_are_those_of_the_settings(desk, clock):
    assert desk.loan.expires_at == desk.loan.created_at + timedelta(days=7)
    for wrong in (clock.now(), clock.now() + timedelta(days=30, seconds=1)):
        with pytest.raises(Invalid):
            desk.lend(expires_at=wrong)
    desk.lend(expires_at=(clock.now() + timedelta(days=30)).replace(microsecond=0))


def test_a_revoked_loan_opens_for_nobody_and_not_from_an_old_row(desk, act, runtime, tamper, trail):
    with runtime.session() as session:
        grant = session.scalars(select(Grant).where(Grant.subject_id == desk.loan.id)).one()
    with act(desk.owner) as tx:
        revoke_loan(tx, desk.loan.id, "done")
    with pytest.raises(NotFound):
        desk.opens()
    assert not runtime.keystore.is_live(desk.loan.slot_id)
    tamper(desk.loan, ended_at=None, revoked_at=None)
    tamper(grant, ended_at=None)
    with pytest.raises(Gone):
        desk.opens()
    assert "loan.revoked" in trail()


@pytest.mark.parametrize("column", ["link_lock", "file_lock"])
def test_locks_of_another_loan_open_nothing(desk, tamper, column):
    other = desk.lend(desk.other)
    tamper(desk.loan, **{column: getattr(other, column)})
    with pytest.raises(Tampered):
        desk.opens()


def test_another_version_or_slot_opens_nothing(desk, tamper):
    other = desk.lend(desk.other)
    tamper(desk.loan, version_id=other.version_id, document_id=other.document_id)
    with pytest.raises(Tampered):
        desk.opens()
    tamper(other, slot_id=uuid4())
    with pytest.raises(Gone):
        desk.opens(other)


def test_another_person_gets_nothing_even_with_row_and_grant_in_their_name(desk, make, tamper, runtime):
    thief = make.actor(None, Role.INTERPRETER)
    with pytest.raises(NotFound):
        desk.opens(actor=thief)
    with runtime.session() as session:
        grant = session.scalars(select(Grant).where(Grant.subject_id == desk.loan.id)).one()
    tamper(desk.loan, borrower_id=thief.id)
    with pytest.raises(Gone):
        desk.opens(actor=thief)
    tamper(grant, principal_id=thief.id)
    with pytest.raises(Gone):
        desk.opens(actor=thief)
    with pytest.raises(NotFound):
        desk.opens()


def test_only_a_member_who_may_lend_lends_and_only_to_a_colleague(desk, make, act):
    reviewer, stranger = make.actor(None, Role.REVIEWER), make.actor()
    with act(desk.owner) as tx:
        add_member(tx, desk.bundle.id, reviewer.id)
    with pytest.raises(Refused), act(reviewer) as tx:
        lend_document(tx, desk.document.id, Wish(desk.interpreter.id))
    with pytest.raises(NotFound), act(stranger) as tx:
        lend_document(tx, desk.document.id, Wish(desk.interpreter.id))
    abroad = make.person(Role.INTERPRETER, office=make.office())
    for person in (abroad, make.person(Role.ADMINISTRATOR), desk.owner):
        with pytest.raises(Invalid):
            desk.lend(borrower=person)


def test_it_rests_while_the_lender_may_not_lend_and_works_again_when_he_may(desk, make, act):
    second = make.actor()
    make.assign(desk.bundle, second)
    with act(desk.owner) as tx:
        add_member(tx, desk.bundle.id, second.id)
    with act(second) as tx:
        remove_member(tx, desk.bundle.id, desk.owner.id)
    with pytest.raises(Gone):
        desk.opens()
    with act(second) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, desk.bundle.id))
        add_member(tx, desk.bundle.id, desk.owner.id)
    assert desk.opens()
    with act(SYSTEM) as tx:
        lock_sign_in(tx, desk.owner.id)
    with pytest.raises(Gone):
        desk.opens()


@pytest.mark.parametrize("leaver", ["owner", "interpreter"])
def test_it_ends_when_lender_or_borrower_leaves(desk, make, act, end_expired, leaver, runtime):
    other = make.actor()
    with act(desk.owner) as tx:
        add_member(tx, desk.bundle.id, other.id)
        assert lone_subjects(tx.session, desk.interpreter.id) == []
    with act(SYSTEM) as tx:
        record_leaving(tx, getattr(desk, leaver).id)
    end_expired()
    assert not runtime.keystore.is_live(desk.loan.slot_id)


def test_it_ends_with_the_document_that_leaves_the_bundle(desk, make, act, runtime, trail):
    moved = desk.lend(desk.other)
    target = make.bundle(desk.owner, make.case(desk.owner))
    with act(desk.owner) as tx:
        withdraw_with_links(tx, desk.document.id, "wrong file")
        tx.session.get_one(Document, desk.other.id).individuals = []
    with act(desk.owner) as tx:
        move_with_links(tx, desk.other.id, target.id)
    for loan in (desk.loan, moved):
        assert not runtime.keystore.is_live(loan.slot_id)
        with pytest.raises(NotFound):
            desk.opens(loan)
    assert trail().count("loan.ended") == 2


def test_the_job_ends_what_has_expired(desk, make, end_expired, runtime):
    make.wait(days=7, seconds=1)
    end_expired()
    assert not runtime.keystore.is_live(desk.loan.slot_id)
    with runtime.session() as session:
        assert session.get_one(Loan, desk.loan.id).ended_at is not None


def test_a_loan_to_one_session_works_in_no_other(desk, make, act):
    person = make.person(Role.CONTROLLER)
    first, second = make.actor(person), make.actor(person)
    with act(desk.owner) as tx:
        opened = open_bundle(tx, tx.session.get_one(Bundle, desk.bundle.id))
        wish = Wish(person.id, None, EMERGENCY, first.session.id, timedelta(minutes=60))
        loan = make_loan(tx, opened, tx.session.get_one(Document, desk.document.id), wish)
    assert desk.opens(loan, first) == "Registration form"
    with pytest.raises((NotFound, Refused)):
        desk.opens(loan, second)
    make.clock.move(minutes=60)
    with pytest.raises((NotFound, Refused)):
        desk.opens(loan, first)


def test_lists_and_single_rows_agree(desk, make, act, clock):
    desk.lend(expires_at=clock.now() + timedelta(minutes=5))
    desk.lend(borrower=make.person())
    clock.move(minutes=6)
    for actor in (desk.owner, desk.interpreter, make.actor(None, Role.SUPERVISOR), make.actor()):
        with act(actor) as tx:
            for permission in (Permission.LOAN_SEE, Permission.LOAN_READ, Permission.LOAN_REVOKE):
                rule = permits(permission, Loan, tx.actor, tx.now)
                listed = set(tx.session.scalars(select(Loan.id).where(rule)))
                assert listed == {
                    row.id for row in tx.session.scalars(select(Loan)) if tx.allows(permission, row)
                }


def test_a_running_download_stops_when_the_loan_is_revoked(desk, act, app, monkeypatch):
    monkeypatch.setattr(streams, "ASK_EVERY", 0.0)
    answer = Browser(app, desk.interpreter).get(f"/loans/{desk.loan.id}/content", buffered=False)
    stream = answer.iter_encoded()
    next(stream)
    with act(desk.owner) as tx:
        revoke_loan(tx, desk.loan.id, "done")
    with pytest.raises(Broken):
        next(stream)
    answer.close()


def test_two_who_revoke_at_once_end_it_once(desk, make, act, runtime, trail):
    boss = make.actor(None, Role.SUPERVISOR)

    def revoke(actor):
        with act(actor) as tx:
            revoke_loan(tx, desk.loan.id, "done")

    assert errors_in(at_once(lambda: revoke(desk.owner), lambda: revoke(boss), lambda: revoke(boss))) == []
    assert trail().count("loan.revoked") == 1
    with runtime.session() as session:
        assert (
            len(session.scalars(select(Destruction).where(Destruction.slot_id == desk.loan.slot_id)).all())
            == 1
        )


def test_pages_lend_show_play_and_revoke(desk, app, make):
    sound = make.document(
        desk.owner, desk.bundle, wav(1), file_name="talk.wav", document_type="interview_audio", title="Talk"
    )
    browser = Browser(app, desk.owner)
    assert "Lend to a colleague" in browser.get(f"/documents/{sound.id}").text
    assert browser.get(f"/documents/{sound.id}/loans/new").status_code == 200
    made = browser.post(f"/documents/{sound.id}/loans", person=desk.interpreter.id, expires_at="")
    address = made.headers["Location"].partition("?")[0]
    loan_id = address.rpartition("/")[2]
    assert "Lent to" in browser.get(address).text
    assert "Talk" not in browser.get("/loans").text
    borrower = Browser(app, desk.interpreter)
    assert 'type="audio/wav"' in borrower.get(f"/loans/{loan_id}/recording").text
    assert borrower.get(f"/loans/{loan_id}/waveform").text.count("M") == 400
    assert borrower.get(f"/loans/{desk.loan.id}/waveform").status_code == 404
    assert borrower.get(f"/loans/{desk.loan.id}/recording").status_code == 404
    part = borrower.get(f"/loans/{loan_id}/content", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.data) == (206, b"RIFF")
    assert browser.get(f"/loans/{loan_id}/content").status_code == 403
    browser.post(f"{address}/revocation", reason="done")
    assert borrower.get(f"/loans/{loan_id}/content").status_code == 404
    titles = [row["title"] for row in borrower.api("GET", "/lent").json["items"]]
    assert titles == ["Registration form"]
