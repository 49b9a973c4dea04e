"""Reading in an emergency: two people, one hour, one session; nothing opens later, and somebody else reviews it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tests.browsing import Browser
from tests.desks import Desks
from tests.factory import PDF
from vault.access.actor import Role
from vault.bundles.members import add_member
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.bundles.recoveries import review_reading
from vault.bundles.recovery_models import EMERGENCY, READ, Recovery
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.people.sessions import end_session, touch_session
from vault.shares.emergencies import read_in_emergency
from vault.shares.loans import lent_to_me, open_borrowed
from vault.shares.models import Loan

PASSWORD = "nine slow barges pass the lock"


class Office:
    """Both desks, and a sealed bundle of two documents whose owner is away."""

    def __init__(self, make) -> None:
        self.make, self.desks = make, Desks(make)
        self.owner, self.reader = make.actor(), make.actor(None, Role.REVIEWER)
        self.bundle = make.bundle(self.owner, password=PASSWORD)
        self.documents = [make.document(self.owner, self.bundle) for _ in range(2)]

    def released(self) -> Recovery:
        return self.desks.release(self.desks.request(self.bundle, self.reader, READ, EMERGENCY))

    def read(self, recovery=None) -> Recovery:
        return self.desks.confirmed(self.desks.auditor, read_in_emergency, (recovery or self.released()).id)

    def lent(self, actor=None) -> list[Loan]:
        with self.make.runtime.transaction(actor or self.reader) as tx:
            return list(lent_to_me(tx))

    def opens(self, loan: Loan, actor=None) -> int:
        with self.make.runtime.transaction(actor or self.reader) as tx:
            return open_borrowed(tx, loan.id)[0].length


@pytest.fixture
def office(make) -> Office:
    return Office(make)


def test_every_document_is_lent_for_an_hour_to_one_session_and_no_key_is_changed(office, act, runtime, trail):
    before = office.desks.stored(office.bundle)
    other_session = office.desks.sign_in(office.reader)
    with act(other_session) as tx:
        end_session(tx, other_session.session.id)
    recovery = office.read()

    loans = office.lent()
    assert {loan.document_id for loan in loans} == {document.id for document in office.documents}
    assert [office.opens(loan) for loan in loans] == [len(PDF)] * 2
    assert {loan.expires_at - loan.created_at for loan in loans} == {timedelta(minutes=60)}
    again = office.desks.sign_in(office.reader)
    assert office.lent(again) == []
    for actor in (again, office.desks.auditor, office.desks.clerk, office.owner):
        with pytest.raises((NotFound, Refused)):
            office.opens(loans[0], actor)
    after = office.desks.stored(office.bundle)
    for name in ("slot_id", "bundle_lock", "rescue_lock", "generation", "argon2_salt"):
        assert getattr(before, name) == getattr(after, name)
    for actor in (office.reader, office.desks.auditor):
        with pytest.raises(NotFound), act(actor) as tx:
            open_bundle(tx, tx.session.get_one(Bundle, office.bundle.id))
    assert recovery.review_due_at == recovery.completed_at + timedelta(hours=72)
    assert trail().count("loan.made") == 2
    with pytest.raises(Conflict):
        office.read(recovery)


def test_it_ends_after_an_hour_and_what_comes_later_was_never_open(office, make, act, runtime):
    office.read()
    loans = office.lent()
    later = make.document(office.owner, office.bundle)
    assert later.id not in {loan.document_id for loan in office.lent()}
    make.wait(minutes=59)
    with runtime.session() as session:
        touch_session(session, office.reader.session.id, runtime.clock.now())
    assert office.opens(loans[0]) == len(PDF)
    make.wait(minutes=1)
    assert office.lent() == []
    with pytest.raises(NotFound):
        office.opens(loans[0])


def test_who_reads_is_signed_in_and_there_is_something_to_read(office, make, act):
    recovery = office.released()
    with act(office.reader) as tx:
        end_session(tx, office.reader.session.id)
    with pytest.raises(Conflict, match="not signed in"):
        office.read(recovery)
    office.reader = office.desks.sign_in(office.reader)
    office.read(recovery)
    empty = make.bundle(office.owner)
    wanted = office.desks.release(office.desks.request(empty, office.reader, READ, EMERGENCY))
    with pytest.raises(Conflict, match="no document"):
        office.read(wanted)


def test_a_recovery_is_not_completed_as_a_reading(office):
    recovery = office.desks.release(office.desks.request(office.bundle, office.owner, urgency=EMERGENCY))
    with pytest.raises(Conflict):
        office.read(recovery)


def test_somebody_else_reviews_it_and_until_then_everybody_of_the_bundle_sees_it(
    office, app, make, act, runtime
):
    recovery = office.read()
    here = f"/recoveries/{recovery.id}"
    second = make.actor(None, Role.CONTROLLER)
    browser, member = Browser(app, second), Browser(app, office.owner)
    assert "To be reviewed" in browser.get("/office/recovery").text
    assert "lent to" in member.get(f"/bundles/{office.bundle.id}").text
    with pytest.raises(IntegrityError), runtime.session() as session:
        session.get_one(Recovery, recovery.id).reviewed_by_id = office.desks.clerk.id
    for actor in (office.owner, office.reader, office.desks.supervisor):
        with pytest.raises(Refused), act(actor) as tx:
            review_reading(tx, recovery.id, "all well")
    assert "Record the review" in browser.get(here).text
    with pytest.raises(Invalid), act(second) as tx:
        review_reading(tx, recovery.id, " ")
    done = browser.post(f"{here}/review", follow=True, reason="The patient was in hospital")
    assert "The patient was in hospital" in done.text
    assert browser.post(f"{here}/review", reason="again").status_code == 409
    assert "lent to" not in member.get(f"/bundles/{office.bundle.id}").text


def test_a_controller_who_released_it_does_not_review_it(office, act):
    recovery = office.desks.request(office.bundle, office.reader, READ, EMERGENCY)
    office.read(office.desks.release(recovery, by=office.desks.controller))
    with pytest.raises(Refused, match="Somebody else"), act(office.desks.controller) as tx:
        review_reading(tx, recovery.id, "all well")


def test_whoever_asked_for_it_does_not_review_it(office, act, app, runtime):
    recovery, controller = office.read(), office.desks.controller
    with pytest.raises(Refused, match="not who asked"), act(controller) as tx:
        review_reading(tx, recovery.id, "all well")
    assert "Record the review" not in Browser(app, controller).get(f"/recoveries/{recovery.id}").text
    with pytest.raises(IntegrityError), runtime.session() as session:
        session.get_one(Recovery, recovery.id).reviewed_by_id = controller.id


def test_the_reader_finds_it_and_the_officer_sees_no_content(office, app):
    recovery = office.released()
    officer, reader = Browser(app, office.desks.auditor), Browser(app, office.reader)
    here = f"/recoveries/{recovery.id}"
    assert "You see no content" in officer.get(here).text
    done = officer.confirm(officer.post(f"{here}/completion"), follow=True)
    assert "Done." in done.text
    assert "/lent" in reader.get(here).text
    assert reader.get("/lent").text.count("Registration form") >= 2
    assert officer.get("/lent").status_code == 403


def test_the_first_page_leads_whoever_may_borrow_to_what_is_lent(app, make):
    for role, is_led in ((Role.ARCHIVIST, True), (Role.REVIEWER, True), (Role.CUSTODIAN, False)):
        page = Browser(app, make.actor(None, role)).get("/cases").text
        assert ('href="/lent"' in page) is is_led


def test_a_member_may_read_so_too(office, act, make):
    """Who has lost the bundle's password alone is a member still."""
    with act(office.owner) as tx:
        add_member(tx, office.bundle.id, office.reader.id)
    office.read()
    with office.make.runtime.session() as session:
        assert session.scalars(select(Loan.borrower_id)).all() == [office.reader.id] * 2
