"""Outside the caseload a member says why, once in a session and for each bundle; the office's controller reads it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from tests.browsing import Browser
from vault.access.actor import Role
from vault.access.caseload import AccessReason, Assignment
from vault.access.policy import Permission
from vault.access.remarks import Remark
from vault.audit.models import AuditEntry
from vault.bundles.members import add_member
from vault.bundles.models import Bundle, Document
from vault.bundles.opening import open_bundle
from vault.bundles.queries import files_of, look_into
from vault.bundles.reasons import give_reason
from vault.bundles.service import create_bundle
from vault.cases.models import Case
from vault.errors import Invalid, NotFound, ReasonDue, Refused
from vault.matrix.explanation import explain
from vault.matrix.reasons import mark_reason_seen, reason_list
from vault.people.tokens import Wanted, create_service
from vault.shares.arrivals import knock

WHY = "the interpreter asked about the oath"


class Desk:
    """A bundle with a document, and a caseworker who is a member and to whom the case is not assigned."""

    def __init__(self, make, act):
        self.make, self.act = make, act
        self.owner = make.actor()
        self.bundle = make.bundle(self.owner)
        self.document = make.document(self.owner, self.bundle)
        self.person = make.person(username="amal")
        self.member = make.actor(self.person)
        self.add(self.person.id)

    def add(self, person_id):
        with self.act(self.owner) as tx:
            add_member(tx, self.bundle.id, person_id)

    def opens(self, actor) -> str:
        with self.act(actor) as tx:
            tx.load(Document, self.document.id, Permission.DOCUMENT_DOWNLOAD)
            return open_bundle(tx, tx.load(Bundle, self.bundle.id, Permission.BUNDLE_OPEN)).title


@pytest.fixture
def desk(make, act):
    return Desk(make, act)


def test_it_is_asked_once_for_each_session_and_bundle(desk, make, act, trail):
    with pytest.raises(ReasonDue) as due:
        desk.opens(desk.member)
    assert due.value.bundle_id == desk.bundle.id
    with act(desk.member) as tx:
        bundle = tx.session.get_one(Bundle, desk.bundle.id)
        assert look_into(tx, bundle).state == "reason_due"
        assert files_of(tx, bundle) == []
    with act(desk.member) as tx:
        assert give_reason(tx, desk.bundle.id, f" {WHY} ")
    assert desk.opens(desk.member) == "Main file"
    with act(desk.member) as tx:
        assert give_reason(tx, desk.bundle.id, WHY) is None
        assert len(files_of(tx, tx.session.get_one(Bundle, desk.bundle.id))) == 1
    with pytest.raises(ReasonDue):
        desk.opens(make.actor(desk.person))
    assert trail().count("access.reason_given") == 1


def test_the_words_are_in_no_clear_row_and_not_in_the_log(desk, act, runtime):
    with act(desk.member) as tx:
        give_reason(tx, desk.bundle.id, WHY)
    with runtime.session() as session:
        remark = session.scalars(select(Remark)).one()
        entry = session.scalars(select(AuditEntry).where(AuditEntry.event == "access.reason_given")).one()
        assert WHY.encode() not in remark.text_lock + entry.leaf
        assert (entry.bundle_id, entry.office_id) == (desk.bundle.id, desk.bundle.office_id)
        assert remark.holder_id == desk.bundle.office_id


def test_racers_of_one_session_give_one(desk, runtime):
    def give(_number):
        with runtime.transaction(desk.member) as tx:
            return give_reason(tx, desk.bundle.id, WHY)

    with ThreadPoolExecutor(4) as racers:
        given = list(racers.map(give, range(4)))
    assert len([each for each in given if each]) == 1
    with runtime.session() as session:
        assert session.scalar(select(func.count()).select_from(AccessReason)) == 1


def test_who_is_assigned_or_works_across_caseloads_is_not_asked(desk, make, act):
    make.assign(desk.bundle, desk.person)
    assert desk.opens(desk.member) == "Main file"
    for roles in ((Role.REVIEWER,), (Role.SUPERVISOR,), (Role.CONTROLLER,), (Role.CASEWORKER, Role.REVIEWER)):
        actor = make.actor(None, *roles)
        desk.add(actor.id)
        assert desk.opens(actor) == "Main file"


def test_it_opens_nothing_for_who_is_no_member_and_says_nothing_elsewhere(desk, make, act):
    with pytest.raises(Refused), act(make.actor()) as tx:
        give_reason(tx, desk.bundle.id, WHY)
    foreign = make.actor(make.person(office=make.office()))
    with pytest.raises(NotFound), act(foreign) as tx:
        give_reason(tx, desk.bundle.id, WHY)
    with pytest.raises(Invalid), act(desk.member) as tx:
        give_reason(tx, desk.bundle.id, "  ")


def test_taken_off_the_case_one_is_asked_at_the_next_request(desk, act, runtime):
    assert desk.opens(desk.owner) == "Main file"
    with runtime.session() as session:
        for row in session.scalars(select(Assignment)):
            row.ended_at = runtime.clock.now()
    with pytest.raises(ReasonDue):
        desk.opens(desk.owner)


def test_a_link_lives_on_and_a_new_bundle_asks_its_maker_too(desk, make, act, app):
    lent = make.share(desk.owner, [desk.document])
    with act(desk.member) as tx:
        give_reason(tx, desk.bundle.id, WHY)
    of_member = make.share(desk.member, [desk.document])
    for each in (lent, of_member):
        with act(desk.owner) as tx:
            knock(tx, each.share.id, each.secret, has_password=False)
    again = make.actor(desk.person)
    with act(again) as tx:
        case = tx.load(Case, desk.bundle.case_id, Permission.BUNDLE_CREATE)
        made = create_bundle(tx, case, "Second file", "confidential").bundle
    with pytest.raises(ReasonDue), act(again) as tx:
        tx.load(Bundle, made.id, Permission.BUNDLE_OPEN)


def test_a_persons_token_keeps_to_the_caseload_and_a_service_is_not_asked(desk, make, app, act, runtime):
    admin = make.actor(None, Role.ADMINISTRATOR)
    wanted = Wanted("scanner", ["read"])
    service = make.confirmed(admin, lambda tx: create_service(tx, wanted, make.home.id, Role.CASEWORKER))
    desk.add(service.token.id)
    with act(desk.member) as tx:
        give_reason(tx, desk.bundle.id, WHY)
    token = make.token(desk.member, bundles=[desk.bundle])

    def ask(made, path=f"/documents/{desk.document.id}/content", **options):
        carried = {"Authorization": f"Bearer {made.text.reveal().decode()}"}
        return app.test_client().open(f"/api/v1{path}", headers=carried, **options)

    assert ask(service).status_code == 200
    refused = ask(token)
    assert (refused.status_code, refused.json["type"]) == (403, "/problems/reason-due")
    assert "reason" not in refused.json
    for path in ("", "/content.zip", "/documents"):
        assert ask(token, f"/bundles/{desk.bundle.id}{path}").json.get("title") in (
            None,
            "Say why you open this",
        )
    told = {"method": "POST", "json": {"reason": WHY}}
    assert ask(token, f"/bundles/{desk.bundle.id}/reason", **told).status_code in (403, 404)
    make.assign(desk.bundle, desk.person)
    assert ask(token).status_code == 200


def test_a_controller_reads_who_why_and_marks_it_seen_once(desk, make, act, trail):
    with act(desk.member) as tx:
        given = give_reason(tx, desk.bundle.id, WHY)
    controller = make.actor(None, Role.CONTROLLER)
    with act(controller) as tx:
        (row,) = reason_list(tx, desk.person.id, True, None, 25).items
        assert (row.name, row.reason, row.bundle_id, row.seen_at) == ("Amal", WHY, desk.bundle.id, None)
        assert reason_list(tx, desk.owner.id, False, None, 25).items == []
    for _ in range(2):
        with act(controller) as tx:
            mark_reason_seen(tx, given.id)
    with act(controller) as tx:
        assert reason_list(tx, None, True, None, 25).items == []
        assert reason_list(tx, None, False, None, 25).items[0].seen_by
    assert trail().count("access.reason_seen") == 1
    for actor in (desk.member, make.actor(None, Role.SUPERVISOR)):
        with pytest.raises((NotFound, Refused)), act(actor) as tx:
            mark_reason_seen(tx, given.id)
    foreign = make.actor(make.person(Role.CONTROLLER, office=make.office()))
    with pytest.raises(NotFound), act(foreign) as tx:
        mark_reason_seen(tx, given.id)


def test_it_is_explained(desk, make, act):
    with act(make.actor(None, Role.CONTROLLER)) as tx:
        found = explain(tx, desk.person, tx.session.get_one(Document, desk.document.id))
        assert found[0].allowed
        assert [step.holds for step in found[0].steps if step.name == "caseload"] == [False]


def test_by_page_it_leads_there_and_back(desk, app, make):
    browser, path = Browser(app, desk.member), f"/documents/{desk.document.id}/content"
    sealed = browser.get(f"/bundles/{desk.bundle.id}").text
    assert "Main file" not in sealed
    led = browser.get(path)
    assert led.status_code == 303
    asked = browser.get(led.headers["Location"])
    assert "Why do you open this bundle?" in asked.text
    empty = browser.post(f"/bundles/{desk.bundle.id}/reason", reason="", next=path)
    assert empty.status_code == 400
    done = browser.post(f"/bundles/{desk.bundle.id}/reason", reason=WHY, next=path)
    assert (done.status_code, done.headers["Location"]) == (303, path)
    assert browser.get(path).status_code == 200
    astray = browser.post(f"/bundles/{desk.bundle.id}/reason", reason=WHY, next="//elsewhere.example/")
    assert astray.headers["Location"] == "/"

    controller = Browser(app, make.actor(None, Role.CONTROLLER))
    page = controller.get("/office/reasons")
    assert WHY in page.text
    row = controller.api("GET", "/office/reasons").json["items"][0]
    assert controller.post(f"/office/reasons/{row['id']}/seen").status_code == 303
    assert WHY not in controller.get("/office/reasons").text
    assert WHY in controller.get(f"/office/reasons?of=all&person={desk.person.id}").text
    assert browser.get("/office/reasons").status_code == 403
