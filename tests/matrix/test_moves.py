"""A case moves between offices: offered, accepted, and then the old office has nothing of it; never without a reader."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from tests.browsing import Browser
from tests.desks import Desks
from vault.access.actor import SYSTEM, Role
from vault.access.cells import STRICT
from vault.access.clearances import Clearance
from vault.access.grants import Grant, live_grants
from vault.access.policy import Permission
from vault.audit.models import AuditEntry
from vault.bundles.members import add_member, add_team
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import open_bundle
from vault.bundles.recovery_models import EMERGENCY
from vault.bundles.service import create_bundle
from vault.cases.assignments import assignees
from vault.cases.models import Case
from vault.crypto.grant import open_grant
from vault.db import Base
from vault.errors import BundleLocked, Conflict, Gone, Invalid, NotFound, Refused, StepUpDue, Tampered
from vault.matrix.case_moves import digest_shown, drop_move, offered_keys, propose_move
from vault.matrix.models import CaseMove, OfferedKey
from vault.matrix.receiving import accept_move
from vault.people.models import Person
from vault.people.service import lock_sign_in
from vault.people.teams import create_team
from vault.people.tokens import Wanted as TokenWanted
from vault.people.tokens import create_service
from vault.shares.arrivals import knock
from vault.shares.loans import Wish, lend_document
from vault.shares.models import Loan, Share
from vault.transfers.models import CopyMade, Upload
from vault.transfers.reading import open_content
from vault.transfers.resumable import Announced, begin_resumable
from vault.transfers.uploads import Wanted

WHY = "the family was moved to the other operation"
STAYS = {
    *(
        "access_reasons",
        "case_moves",
        "recertification_lines",
        "recertifications",
        "audit_entries",
        "refusal_counts",
        "recoveries",
        "disclosure_exceptions",
        "share_requests",
    ),
}
"""Tables about cases or bundles that stay with the office in which their rows were made."""


class Desk:
    """A case of Nairobi with two bundles, of which all sorts of people have something; a colleague in Kabul."""

    def __init__(self, make, act):
        self.make, self.act = make, act
        self.abroad = make.office("KBL", "Kabul")
        self.boss = make.actor(make.person(Role.SUPERVISOR, username="boss"))
        self.owner = make.actor(make.person(username="owner"))
        self.case = make.case(self.owner)
        self.main = make.bundle(self.owner, self.case)
        make.clock.move(seconds=1)
        self.strict = make.bundle(self.owner, self.case, tier=STRICT)
        self.document = make.document(self.owner, self.main)
        with act(self.owner) as tx:
            for bundle in (self.main, self.strict):
                add_member(tx, bundle.id, self.boss.id)
        self.away = make.person(Role.SUPERVISOR, username="away", office=self.abroad)
        self.receiver = make.actor(self.away)

    def offer(self, actor=None, office="KBL", username="away", reason=WHY) -> CaseMove:
        return self.make.confirmed(
            actor or self.boss, lambda tx: propose_move(tx, self.case.id, office, username, reason)
        )

    def seen(self, move) -> str:
        with self.act(SYSTEM) as tx:
            return digest_shown(tx, tx.session.get_one(CaseMove, move.id))

    def accept(self, move, actor=None, seen=None) -> Case:
        digest = seen or self.seen(move)
        return self.make.confirmed(actor or self.receiver, lambda tx: accept_move(tx, move.id, digest))

    def opens(self, actor, bundle=None) -> str:
        with self.act(actor) as tx:
            return open_bundle(tx, tx.load(Bundle, (bundle or self.main).id, Permission.BUNDLE_OPEN)).title


@pytest.fixture
def desk(make, act):
    return Desk(make, act)


def test_everything_moves_and_opens_for_the_receiver_alone(desk, make, act, trail):
    move = desk.offer()
    case = desk.accept(move)
    assert (case.office_id, case.number) == (desk.abroad.id, desk.case.number)
    assert desk.opens(desk.receiver) == desk.opens(desk.receiver, desk.strict) == "Main file"
    with act(desk.receiver) as tx:
        assert open_content(tx, desk.document.id)[0].length
        assert [each.person.username for each in assignees(tx, case.id)] == ["away"]
        for bundle in (desk.main, desk.strict):
            assert [grant.principal_id for grant in live_grants(tx, bundle.id)] == [desk.away.id]
            assert tx.session.get_one(Bundle, bundle.id).rekey_pending_at is None
    for actor in (desk.owner, desk.boss):
        for model, row in ((Case, desk.case), (Bundle, desk.main), (Document, desk.document)):
            with pytest.raises(NotFound), act(actor) as tx:
                tx.load(model, row.id, model.__sees__)
    assert {"case.move_proposed", "case.moved", "case.received"} <= set(trail())


def test_the_desks_of_the_old_office_recover_nothing_any_more(desk, make):
    desks = Desks(make)
    make.assign(desk.case, desks.clerk)
    assert desk.opens(desk.owner) == "Main file"
    recovery = desks.release(desks.request(desk.main, desks.clerk, urgency=EMERGENCY))
    assert desks.stored(desk.main).rescue_lock is not None
    desk.accept(desk.offer())
    with pytest.raises(Conflict):
        desks.complete(recovery)
    assert desks.stored(recovery).end_reason == "moved"
    assert desks.stored(desk.main).rescue_lock is None
    with pytest.raises(NotFound):
        desks.request(desk.main, desks.clerk)


def test_before_it_is_accepted_nobody_there_reads_anything(desk, make, act):
    move = desk.offer()
    others = [
        make.actor(make.person(role, office=desk.abroad)) for role in (Role.CONTROLLER, Role.SUPERVISOR)
    ]
    for actor in (desk.receiver, *others):
        for model, row in ((Case, desk.case), (Bundle, desk.main), (Document, desk.document)):
            with pytest.raises(NotFound), act(actor) as tx:
                tx.load(model, row.id, model.__sees__)
    seen = desk.seen(move)
    for actor in others:
        with pytest.raises(NotFound), act(actor) as tx:
            accept_move(tx, move.id, seen)
    with act(desk.receiver) as tx:
        key = offered_keys(tx, move.id)[desk.main.id]
        seed, kind = desk.receiver.session.seed.reveal(), desk.away.principal.kind
        with pytest.raises(Tampered):
            open_grant(seed, kind, desk.away.id, desk.main.id, key.generation, key.sealed)
    assert desk.opens(desk.owner) == "Main file"


def test_no_row_of_the_case_stays_behind(desk, make, act):
    interpreter = make.person(Role.INTERPRETER)
    with act(desk.owner) as tx:
        lend_document(tx, desk.document.id, Wish(interpreter.id))
        begin_resumable(tx, desk.main.id, Wanted("n.pdf", "rrf", "Next", None, ()), Announced(5000))
        tx.add(_copy(tx, desk))
    make.share(desk.owner, [desk.document])
    make.request(desk.owner, desk.main)
    desk.accept(desk.offer())
    looked = 0
    with act(SYSTEM) as tx:
        for table in Base.metadata.sorted_tables:
            place = "id" if table.name == "cases" else "case_id" if "case_id" in table.c else "bundle_id"
            if "office_id" not in table.c or place not in table.c or table.name in STAYS:
                continue
            looked += 1
            wanted = [desk.case.id] if place != "bundle_id" else [desk.main.id, desk.strict.id]
            offices = set(tx.session.scalars(select(table.c.office_id).where(table.c[place].in_(wanted))))
            assert offices <= {desk.abroad.id}, table.name
    assert looked == 20


def _copy(tx, desk) -> CopyMade:
    row = CopyMade(bundle_id=desk.main.id, office_id=desk.main.office_id, purpose="export", recipients=[])
    row.version_id = tx.session.scalar(select(Version.id).where(Version.document_id == desk.document.id))
    row.owner_id, row.made_at = desk.owner.id, tx.now
    return row


def test_members_teams_programs_loans_links_and_uploads_end(desk, make, act, runtime):
    admin = make.actor(None, Role.ADMINISTRATOR)
    wanted = TokenWanted("scanner", ["read"])
    service = make.confirmed(admin, lambda tx: create_service(tx, wanted, make.home.id, Role.CASEWORKER))
    interpreter = make.person(Role.INTERPRETER)
    make.token(desk.owner, bundles=[desk.main])
    with act(desk.boss) as tx:
        team = create_team(tx, "Night shift")
    with act(desk.owner) as tx:
        add_team(tx, desk.main.id, team.id)
        add_member(tx, desk.main.id, service.token.id)
        loan = lend_document(tx, desk.document.id, Wish(interpreter.id))
        upload = begin_resumable(tx, desk.main.id, Wanted("n.pdf", "rrf", "Next", None, ()), Announced(5000))
    lent = make.share(desk.owner, [desk.document])
    old_slot = desk.main.slot_id
    desk.accept(desk.offer())
    with runtime.session() as session:
        live = session.scalars(
            select(Grant).where(Grant.subject_id == desk.main.id, Grant.ended_at.is_(None))
        )
        assert [grant.principal_id for grant in live] == [desk.away.id]
        assert session.get_one(Loan, loan.id).ended_at
        assert session.get_one(Share, lent.share.id).end_reason == "moved"
        assert session.get_one(Upload, upload.id).dropped_at
    assert not runtime.keystore.is_live(old_slot)
    with pytest.raises(Gone), act(desk.owner) as tx:
        knock(tx, lent.share.id, lent.secret, has_password=False)


def test_an_old_row_put_back_opens_nothing_for_the_old_office(desk, act, runtime):
    def copied(row) -> dict:
        return {column.name: getattr(row, column.name) for column in row.__table__.columns}

    with runtime.session() as session:
        grant = session.scalars(select(Grant).where(Grant.principal_id == desk.owner.id)).first()
        old = {Grant: copied(grant), Bundle: copied(session.get_one(Bundle, grant.subject_id))}
    desk.accept(desk.offer())
    with runtime.session() as session:
        for model, columns in old.items():
            session.execute(update(model).where(model.id == columns["id"]).values(columns))
        session.execute(update(Case).values(office_id=desk.owner.office_id))
    desk.make.assign(desk.case, desk.owner)
    with pytest.raises((Tampered, BundleLocked)), act(desk.owner) as tx:
        open_bundle(tx, tx.load(Bundle, old[Bundle]["id"], Permission.BUNDLE_OPEN))


def test_bundles_that_could_be_left_without_a_reader_are_named(desk, make, act):
    make.clock.move(seconds=1)
    make.bundle(desk.owner, desk.case, password="nine slow barges pass the lock")
    make.clock.move(seconds=1)
    make.bundle(desk.owner, desk.case)
    with pytest.raises(Conflict, match=r"Bundle 3 has a password.*Bundle 4 is not open") as refused:
        desk.offer()
    assert [fault.pointer for fault in refused.value.errors] == ["/3", "/4"]


def test_a_strict_bundle_goes_to_nobody_who_is_not_cleared(desk, make, act, runtime):
    make.person(Role.CONTROLLER, username="other", office=desk.abroad, cleared=False)
    with pytest.raises(Conflict, match="Bundle 2 is strictly confidential"):
        desk.offer(username="other")
    move = desk.offer()
    with runtime.session() as session:
        session.execute(
            update(Clearance).where(Clearance.person_id == desk.away.id).values(ended_at=runtime.clock.now())
        )
    with pytest.raises(Conflict, match="Bundle 2"):
        desk.accept(move)


def test_whoever_cannot_receive_is_answered_alike(desk, make):
    make.person(Role.CASEWORKER, username="worker", office=desk.abroad)
    make.invited(Role.SUPERVISOR, username="invited", office=desk.abroad)
    make.person(Role.SUPERVISOR, username="home")
    told = set()
    for office, username in (
        *(("KBL", name) for name in ("worker", "invited", "home", "nobody")),
        ("XXX", "away"),
        ("NBO", "home"),
    ):
        with pytest.raises(Invalid) as refused:
            desk.offer(office=office, username=username)
        told.add(refused.value.message)
    assert len(told) == 1


def test_both_acts_ask_who_it_is_and_a_caseworker_moves_nothing(desk, act, make):
    with pytest.raises(StepUpDue), act(desk.boss) as tx:
        propose_move(tx, desk.case.id, "KBL", "away", WHY)
    with pytest.raises(Refused), act(desk.owner) as tx:
        propose_move(tx, desk.case.id, "KBL", "away", WHY)
    move = desk.offer()
    seen = desk.seen(move)
    with pytest.raises(StepUpDue), act(desk.receiver) as tx:
        accept_move(tx, move.id, seen)
    with pytest.raises(Refused), act(desk.boss) as tx:
        accept_move(tx, move.id, seen)


def test_what_is_accepted_is_what_was_read_once_and_in_time(desk, make, act, clock, runtime):
    move = desk.offer()
    seen = desk.seen(move)
    with pytest.raises(Conflict, match="offered to another"):
        desk.offer()
    with pytest.raises(Conflict, match="not the offer"):
        desk.accept(move, seen="0" * 64)
    with runtime.session() as session:
        session.execute(update(OfferedKey).values(generation=7))
    with pytest.raises(Conflict):
        desk.accept(move, seen=seen)
    with runtime.session() as session:
        session.execute(update(OfferedKey).values(generation=1))
    make.wait(hours=72)
    clock.move(hours=-71)
    again = make.actor(desk.away)
    with pytest.raises(Conflict, match="lapsed"):
        desk.accept(move, again)
    fresh = make.actor(_person(act, desk.boss))
    with act(fresh) as tx:
        drop_move(tx, move.id)
    second = desk.offer(fresh)
    with pytest.raises(Conflict):
        desk.accept(second, again, seen=seen)
    desk.accept(second, again)
    for _ in range(2):
        with pytest.raises(Conflict, match="over"):
            desk.accept(second, again)


def _person(act, actor) -> Person:
    with act(SYSTEM) as tx:
        return tx.session.get_one(Person, actor.id)


def test_a_bundle_added_or_rekeyed_meanwhile_stops_it(desk, act, make):
    move = desk.offer()
    with act(desk.owner) as tx:
        create_bundle(tx, tx.load(Case, desk.case.id, Permission.BUNDLE_CREATE), "Third", "confidential")
    with pytest.raises(Conflict, match="not what was offered"):
        desk.accept(move)
    assert desk.opens(desk.owner) == "Main file"


def test_taken_back_the_sealed_keys_are_gone_and_new_ones_are_pending(desk, act, trail):
    move = desk.offer()
    with act(desk.receiver) as tx:
        drop_move(tx, move.id)
    with act(SYSTEM) as tx:
        assert {key.sealed for key in offered_keys(tx, move.id).values()} == {b""}
        assert tx.session.get_one(Bundle, desk.main.id).rekey_pending_at
    with pytest.raises(Conflict):
        desk.accept(move)
    assert desk.opens(desk.owner) == "Main file"
    assert "case.move_dropped" in trail()


def test_whoever_offered_and_was_locked_out_offers_no_more(desk, act):
    move = desk.offer()
    with act(SYSTEM) as tx:
        lock_sign_in(tx, desk.boss.id)
    with pytest.raises(Refused):
        desk.accept(move)


def test_racers_move_it_once(desk, make, act, runtime):
    move = desk.offer()
    seen, sessions = desk.seen(move), [make.actor(desk.away) for _ in range(3)]

    def run(actor):
        try:
            return desk.accept(move, actor, seen).id
        except (Conflict, StepUpDue) as error:
            return type(error)

    with ThreadPoolExecutor(3) as racers:
        answers = list(racers.map(run, sessions))
    assert answers.count(desk.case.id) == 1
    assert desk.opens(desk.receiver) == "Main file"


def test_the_database_knows_two_offices_two_people_and_one_offer(desk, act):
    move = desk.offer()
    for wrong in ({"to_office_id": move.office_id}, {"receiver_id": move.proposed_by_id}):
        with pytest.raises(IntegrityError), act(SYSTEM) as tx:
            tx.session.execute(update(CaseMove).values(wrong))
    with pytest.raises(IntegrityError), act(SYSTEM) as tx:
        copy = CaseMove(case_id=move.case_id, office_id=move.office_id, to_office_id=move.to_office_id)
        copy.receiver_id, copy.proposed_by_id, copy.remark_id = (
            move.receiver_id,
            move.proposed_by_id,
            move.remark_id,
        )
        copy.proposed_at = tx.now
        tx.add(copy)


def test_the_old_office_keeps_its_log(desk, act, runtime):
    with runtime.session() as session:
        of_case = AuditEntry.case_id == desk.case.id
        before = set(
            session.scalars(
                select(AuditEntry.number).where(of_case, AuditEntry.office_id == desk.boss.office_id)
            )
        )
    desk.accept(desk.offer())
    with runtime.session() as session:
        after = set(
            session.scalars(
                select(AuditEntry.number).where(of_case, AuditEntry.office_id == desk.boss.office_id)
            )
        )
        events = session.scalars(select(AuditEntry.event).where(AuditEntry.office_id == desk.boss.office_id))
        assert before < after
        assert "case.moved" in set(events)


def test_by_page_and_by_program(desk, app, make):
    boss, away = Browser(app, desk.boss), Browser(app, desk.receiver)
    path = f"/cases/{desk.case.id}/move"
    assert "Kabul" not in boss.get(path).text
    wrong = boss.post(path, office_code="KBL", username="nobody", reason=WHY)
    assert wrong.status_code == 400
    asked = boss.post(path, office_code="kbl", username="away", reason=WHY)
    offered = boss.confirm(asked)
    assert offered.status_code == 303, offered.text
    (row,) = away.api("GET", "/office/moves").json["items"]
    page = away.get(f"/office/moves/{row['id']}").text
    assert WHY in page
    assert "Registration form" not in page
    digest = away.api("GET", f"/office/moves/{row['id']}").json["digest"]
    assert boss.api("GET", f"/office/moves/{row['id']}").json["digest"] is None
    taken = away.confirm(away.post(f"/office/moves/{row['id']}/acceptance", seen=digest))
    assert taken.status_code == 303
    assert "Main file" in away.get(f"/cases/{desk.case.id}").text
    assert boss.get(f"/cases/{desk.case.id}").status_code == 404
    assert Browser(app, desk.owner).get("/office/moves").status_code == 403
    assert boss.get("/office/moves").status_code == 200
