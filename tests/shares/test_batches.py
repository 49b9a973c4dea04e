"""Mission batches: many cases in one act, checked case by case, approved as a whole, made together or not at all."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from tests.browsing import Browser
from tests.fakes import START
from vault.access.actor import Role
from vault.access.cells import STRICT
from vault.bundles.models import Version
from vault.bundles.service import lock_bundle
from vault.cases.service import change_case
from vault.errors import Conflict, Invalid, Refused, StepUpDue, Tampered
from vault.shares.arrivals import open_link
from vault.shares.batches import (
    MOST_LINKS,
    approve_batch,
    digest_of_batch,
    make_batch,
    open_batches,
    request_batch,
    withdraw_batch,
)
from vault.shares.described import Person
from vault.shares.models import Share
from vault.shares.policies import Rules, set_policy
from vault.shares.request_models import ShareBatch, ShareBatchLine
from vault.shares.selections import (
    LACKS,
    LOCKED,
    MOST_CASES,
    NOT_FOUND,
    TWICE,
    BatchDescription,
    look_for,
)
from vault.shares.terms import NOT_DECLARED, OWN_COUNTRY

IRIS = Person("Iris Okello", "iris@mission.example", "fr")
INES = Person("Ines Marin", "ines@mission.example")


class Desk:
    """A caseworker with cases that hold a copy of an identity document each, and a supervisor."""

    def __init__(self, make, act):
        self.make, self.act = make, act
        self.actor, self.second = make.actor(), make.actor(None, Role.SUPERVISOR)

    def case(self, tier="confidential", document_type="identity_copy"):
        case = self.make.case(self.actor)
        bundle = self.make.bundle(self.actor, case, tier=tier)
        self.make.document(self.actor, bundle, document_type=document_type)
        return case

    def wanted(self, *cases, **said):
        numbers = [case if isinstance(case, str) else case.number for case in cases]
        wanted = BatchDescription(numbers, ["identity_copy"], "A mission", [IRIS, INES], "resettlement")
        return replace(wanted, **said)

    def unfit(self, *cases, **said):
        with self.act(self.actor) as tx:
            return {each.number: each.reason for each in look_for(tx, self.wanted(*cases, **said)).unfit}

    def described(self, *cases, **said) -> ShareBatch:
        wanted = self.wanted(*cases, **said)
        with self.act(self.actor) as tx:
            return request_batch(tx, wanted, look_for(tx, wanted))

    def approve(self, row):
        return self.make.confirmed(self.second, lambda tx: approve_batch(tx, row.id, digest_of_batch(row)))


@pytest.fixture
def desk(make, act):
    return Desk(make, act)


@pytest.fixture
def links(runtime):
    """`links()`: how many there are."""

    def count() -> int:
        with runtime.session() as session:
            return session.scalar(select(func.count()).select_from(Share))

    return count


def test_each_case_and_person_gets_a_link_in_one_act(desk, act, runtime, trail):
    one, two = desk.case(), desk.case()
    with act(desk.actor) as tx:
        change_case(tx, two.id, {"aliases": ["815-12C34567"]})
    row = desk.described(one.number.replace("-", " "), "815/12C34567")
    assert row.state_at(START) == "ready"
    with act(desk.actor) as tx:
        made = make_batch(tx, row.id)
    assert [(share.case_id, share.recipient.name) for share, _ in made] == [
        (case.id, person.name) for case in (one, two) for person in (IRIS, INES)
    ]
    for share, secret in made:
        open_link(runtime, share.id, secret.reveal())
    assert trail()[-9:] == ["share.requested", *["share.created"] * 4, *["share.opened"] * 4]
    with pytest.raises(Conflict), act(desk.actor) as tx:
        make_batch(tx, row.id)


def test_whatever_keeps_a_case_back_is_said_beside_its_number(desk, make, act, trail):
    good, bare, sealed, home = (desk.case() for _ in range(4))
    form = desk.case(document_type="rrf")
    with act(desk.actor) as tx:
        change_case(tx, home.id, {"origin_countries": ["SE"]})
    bundle = make.bundle(desk.actor, sealed, password="seven herons at noon")
    make.document(desk.actor, bundle)
    with act(desk.actor) as tx:
        lock_bundle(tx, bundle.id)
    foreign = make.case(make.actor(make.person(office=make.office())))

    told = desk.unfit(
        good, foreign, "815-99-99999", form, sealed, home, f"{good.number} ", bare, "\u202e", "8" * 41
    )

    assert told.pop(foreign.number) == told.pop("815-99-99999") == NOT_FOUND
    assert told.pop(good.number) == TWICE
    assert told.pop(form.number) == LACKS.format(types="Copy of an identity document")
    assert told.pop(sealed.number) == LOCKED
    assert told.pop(home.number) == OWN_COUNTRY
    assert told.keys() == {"\u202e", "8" * 41}
    assert trail().count("access.refused") == 1
    assert desk.unfit(form, document_types=["rrf"]) == {form.number: NOT_DECLARED}
    with pytest.raises(Invalid) as error:
        desk.described(good, foreign)
    assert [each.pointer for each in error.value.errors] == ["/cases/1"]


def test_nobody_sends_from_a_bundle_that_is_not_theirs(desk, make):
    colleague = make.actor()
    case = make.case(colleague)
    make.document(colleague, make.bundle(colleague, case))
    assert desk.unfit(case) == {case.number: LACKS.format(types="Copy of an identity document")}


def test_a_batch_is_made_whole_or_not_at_all(desk, act, tamper, runtime, links, trail):
    cases = [desk.case() for _ in range(3)]
    row = desk.described(*cases)
    with runtime.session() as session:
        last = session.scalars(select(Version).where(Version.case_id == cases[2].id)).one()
    tamper(last, seal=bytes(32))
    with pytest.raises(Tampered), act(desk.actor) as tx:
        make_batch(tx, row.id)
    assert links() == 0
    assert "share.created" not in trail()
    tamper(last, seal=last.seal)
    with act(desk.actor) as tx:
        assert len(make_batch(tx, row.id)) == 6
    assert links() == 6


def test_a_newer_version_keeps_the_whole_batch_back_and_is_named(desk, act, newer, make, links):
    one, two = make.case(desk.actor), desk.case()
    document = make.document(desk.actor, make.bundle(desk.actor, one))
    row = desk.described(one, two)
    newer(desk.actor, document)
    with pytest.raises(Conflict) as error, act(desk.actor) as tx:
        make_batch(tx, row.id)
    assert [each.pointer for each in error.value.errors] == ["/1"]
    assert one.number in error.value.errors[0].message
    assert links() == 0


def test_one_approval_covers_exactly_what_was_shown(desk, act, tamper, links):
    plain, strict = desk.case(), desk.case(STRICT)
    row = desk.described(plain, strict)
    assert row.state_at(START) == "waiting"
    for who in (desk.actor, desk.second):
        with pytest.raises((Conflict, Refused)), act(who) as tx:
            approve_batch(tx, row.id, "0" * 64)
    with pytest.raises(StepUpDue), act(desk.second) as tx:
        approve_batch(tx, row.id, digest_of_batch(row))
    desk.approve(row)
    with act(desk.actor) as tx:
        assert [each.id for each in open_batches(tx)] == [row.id]
    other = desk.described(desk.case(STRICT))
    changes = [
        (row.lines[1], {"bundle_id": other.lines[0].bundle_id, "case_id": other.lines[0].case_id}),
        (row.lines[0], {"version_ids": other.lines[0].version_ids}),
        (row, {"people": [{"name": "X", "email": "x@x.example", "language": None}]}),
        (row, {"max_openings": 99}),
    ]
    for what, change in changes:
        kept = {name: getattr(what, name) for name in change}
        tamper(what, **change)
        with pytest.raises(Conflict), act(desk.actor) as tx:
            make_batch(tx, row.id)
        tamper(what, **kept)
    assert links() == 0
    assert len(desk.make.confirmed(desk.actor, lambda tx: make_batch(tx, row.id))) == 4


def test_more_cases_than_the_rules_say_need_a_second_person(desk, act, make, links):
    with act(make.actor(None, Role.CONTROLLER)) as tx:
        set_policy(tx, "confidential", None, Rules(2, 4, 6, 3, 5, cases_a_day=2))
    cases = [desk.case() for _ in range(3)]
    assert desk.described(*cases[:2]).state_at(START) == "ready"
    row = desk.described(*cases)
    assert row.state_at(START) == "waiting"
    with pytest.raises(Conflict), act(desk.actor) as tx:
        make_batch(tx, row.id)
    with act(desk.second) as tx:
        withdraw_batch(tx, row.id, "too many at once")
    with pytest.raises(Conflict), act(desk.second) as tx:
        approve_batch(tx, row.id, digest_of_batch(row))
    assert links() == 0


def test_cases_and_links_of_one_act_are_bounded(desk, make):
    for numbers in ([], ["815-26-1"] * (MOST_CASES + 1)):
        with pytest.raises(Invalid) as error:
            desk.unfit(*numbers)
        assert error.value.errors[0].pointer == "/cases"
    for said in ({"document_types": ["nothing"]}, {"document_types": []}, {"organisation": "Nobody's"}):
        with pytest.raises(Invalid) as error:
            desk.unfit("815-26-1", **said)
        assert error.value.errors[0].pointer == f"/{next(iter(said))}"
    assert MOST_LINKS >= MOST_CASES


def test_by_the_pages_from_the_numbers_to_the_sheet(app, desk, make, links):
    good, strict, bare = desk.case(), desk.case(STRICT), make.case(desk.actor)
    sender, lead = Browser(app, desk.actor), Browser(app, desk.second)
    onward = re.search(
        r'href="(/share-batches/new\?organisation=[0-9a-f-]+)"', sender.get("/share-batches/new").text
    )[1]
    assert "Step 1 of 4" in sender.get(onward).text
    empty = sender.post("/share-batches/new", step="recipients", organisation="A mission").text
    assert empty.index('href="#f-cases"') < empty.index('href="#f-document_types"')
    fields = {"organisation": "A mission", "document_types": "identity_copy", "has_password": "true"}
    fields |= {"others": "Iris Okello, iris@mission.example\nInes, ines@mission.example"}
    numbers = f"{good.number}\n{bare.number}, 815-99-99999\n{strict.number}\n"

    shown = sender.post("/share-batches", cases=numbers, **fields)
    assert shown.status_code == 400
    assert "2 cases cannot leave" in shown.text
    forms = [
        dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', unescape(part)))
        for part in shown.text.split("<form ")[1:]
    ]
    onward, back = ({n: v for n, v in each.items() if n != "csrf"} for each in forms[-2:])
    assert onward["cases"] == f"{good.number}\n{strict.number}"
    again = sender.post("/share-batches/new", **back).text
    assert f"{good.number}\n{bare.number}\n815-99-99999" in again
    assert re.search(r'value="identity_copy" checked', again)

    made = sender.post("/share-batches", **onward)
    path = made.headers["Location"]
    page = lead.get(path).text
    assert "2 people at <bdi>A mission</bdi> can download 2 documents of 2 cases until" in page
    assert "3 openings each. Purpose: Consideration for resettlement." in page
    assert path in lead.get("/share-batches").text
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', page)[1]
    assert lead.confirm(lead.post(f"{path}/approval", seen=seen)).status_code == 303
    assert 'id="e-password"' in sender.post(f"{path}/links").text
    sheet = sender.post(f"{path}/links", password="seven green boats")
    assert sheet.status_code == 201
    urls = re.findall(r'<bdi dir="ltr">(http\S+?)</bdi>', sheet.text)
    assert len(set(urls)) == links() == 4
    assert "Give the password another way" in sheet.text
    for case in (good, strict):
        assert len(re.findall(rf"<bdi[^>]*>{case.number}</bdi>", sheet.text)) == 2
    assert not any(url.partition("#")[2] in sender.get(path).text for url in urls)
    assert sender.post(f"{path}/links", password="seven green boats").status_code == 409


def test_a_program_describes_and_makes(app, desk, make):
    good, bare = desk.case(), make.case(desk.actor)
    browser = Browser(app, desk.actor)
    wanted = {"cases": [good.number, bare.number], "document_types": ["identity_copy"]}
    wanted |= {"organisation": "A mission", "recipients": [{"name": INES.name, "email": INES.email}]}
    refused = browser.api("POST", "/share-batches", wanted)
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (400, "/cases/1")
    assert browser.api("POST", "/share-batches", wanted | {"note": "x"}).status_code == 400
    row = browser.api("POST", "/share-batches", wanted | {"cases": [good.number]}).json
    assert (row["state"], row["cases"], row["links"], row["may_make"]) == ("ready", 1, 1, True)
    assert browser.api("GET", f"/share-batches/{row['id']}").json == row
    assert browser.api("GET", "/share-batches").json["items"] == [row]
    made = browser.api("POST", f"/share-batches/{row['id']}/links", {})
    assert (made.status_code, made.json["items"][0]["case_number"]) == (201, good.number)
    assert browser.api("POST", f"/share-batches/{row['id']}/links", {}).status_code == 409


def test_a_known_person_is_named_by_any_spelling_of_the_address(app, desk, act):
    known = desk.described(desk.case())
    with act(desk.actor) as tx:
        make_batch(tx, known.id)
    row = desk.described(desk.case(), people=[INES, replace(IRIS, email="Iris@MISSION.example")])
    made = Browser(app, desk.actor).api("POST", f"/share-batches/{row.id}/links", {})
    assert made.status_code == 201
    assert [each["recipient"]["name"] for each in made.json["items"]] == [INES.name, IRIS.name]


def test_the_database_keeps_a_bundle_once_in_a_batch(desk, runtime):
    line = desk.described(desk.case()).lines[0]
    again = {name: getattr(line, name) for name in ("batch_id", "bundle_id", "case_id")}
    with pytest.raises(IntegrityError), runtime.session() as session:
        session.add(ShareBatchLine(**again, position=2, version_ids=[], document_types=[]))
