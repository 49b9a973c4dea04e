"""Described shares: several people in one act, and a second person where one is due."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.browsing import Browser
from tests.fakes import START
from vault.access.actor import SYSTEM, Role
from vault.access.cells import STRICT
from vault.access.principals import Principal
from vault.bundles.documents import change_document
from vault.errors import Conflict, Invalid, NotFound, Refused, StepUpDue
from vault.people.models import Person as PersonRow
from vault.shares.arrivals import open_link
from vault.shares.models import Share
from vault.shares.organisations import end_agreement
from vault.shares.policies import Rules, set_policy
from vault.shares.request_models import ShareRequest
from vault.shares.requests import (
    Description,
    Person,
    approve_request,
    digest_of,
    make_requested,
    open_requests,
    request_shares,
    withdraw_request,
)
from vault.shares.service import Lending, create_share, extend_share

IRIS = Person("Iris Okello", "iris@mission.example", "fr")
INES = Person("Ines Marin", "ines@mission.example")


@pytest.fixture
def desk(make):
    """A caseworker with documents of each tier, and a supervisor."""
    actor = make.actor()
    case = make.case(actor)
    found = {tier: make.bundle(actor, case, tier=tier) for tier in ("confidential", STRICT)}
    return actor, {tier: make.document(actor, bundle) for tier, bundle in found.items()}


@pytest.fixture
def second(make):
    return make.actor(None, Role.SUPERVISOR)


def described(act, actor, document, **said) -> ShareRequest:
    wanted = Description([document.id], "A mission", [IRIS, INES], "resettlement")
    with act(actor) as tx:
        return request_shares(tx, document.bundle_id, replace(wanted, **said))


def approve(make, second, row):
    return make.confirmed(second, lambda tx: approve_request(tx, row.id, digest_of(row)))


def test_several_people_get_a_link_each_in_one_act(desk, act, runtime, trail):
    actor, documents = desk
    row = described(act, actor, documents["confidential"])
    assert row.state_at(START) == "ready"
    with act(actor) as tx:
        made = make_requested(tx, row.id)
        assert [share.recipient.name for share, _ in made] == ["Iris Okello", "Ines Marin"]
        assert [share.recipient.language for share, _ in made] == ["fr", "en"]
    for share, secret in made:
        open_link(runtime, share.id, secret.reveal())
    assert trail()[-5:] == ["share.requested", *["share.created"] * 2, *["share.opened"] * 2]
    with pytest.raises(Conflict), act(actor) as tx:
        make_requested(tx, row.id)


def test_what_is_strictly_confidential_leaves_with_a_second_person_alone(desk, act, make, second, runtime):
    actor, documents = desk
    asked = Lending([documents[STRICT].id], IRIS.name, "A mission", IRIS.email, None, 3)
    with pytest.raises(Refused), act(actor) as tx:
        create_share(tx, documents[STRICT].bundle_id, asked)
    row = described(act, actor, documents[STRICT])
    with pytest.raises(Conflict), act(actor) as tx:
        make_requested(tx, row.id)
    with pytest.raises(StepUpDue), act(second) as tx:
        approve_request(tx, row.id, digest_of(row))
    approve(make, second, row)
    made = make.confirmed(actor, lambda tx: make_requested(tx, row.id))
    open_link(runtime, made[0][0].id, made[0][1].reveal())


def test_nobody_approves_what_they_send(make, act, runtime):
    lead = make.actor(None, Role.SUPERVISOR)
    document = make.document(lead, make.bundle(lead, make.case(), tier=STRICT))
    row = described(act, lead, document)
    for actor in (lead, make.actor(runtime_person(runtime, lead))):
        with pytest.raises(Refused), act(actor) as tx:
            approve_request(tx, row.id, digest_of(row))


def runtime_person(runtime, actor):
    """The person behind an actor, to sign in again."""
    with runtime.session() as session:
        return session.get_one(PersonRow, actor.id)


def test_what_is_approved_is_what_was_read(desk, act, make, second, runtime):
    actor, documents = desk
    row = described(act, actor, documents[STRICT])
    with pytest.raises(Conflict), act(second) as tx:
        approve_request(tx, row.id, "0" * 64)
    approve(make, second, row)
    with runtime.session() as session:
        session.get_one(ShareRequest, row.id).max_openings = 99
    with pytest.raises(Conflict), act(actor) as tx:
        make_requested(tx, row.id)


@pytest.mark.parametrize(
    "change", [{"people": [{"name": "X", "email": "x@x.example", "language": None}]}, {"has_password": True}]
)
def test_a_row_that_was_changed_afterwards_makes_no_link(desk, act, make, second, tamper, change):
    actor, documents = desk
    row = described(act, actor, documents[STRICT])
    approve(make, second, row)
    tamper(row, **change)
    with pytest.raises((Conflict, Invalid)), act(actor) as tx:
        make_requested(tx, row.id)


def test_a_newer_version_takes_the_approval_away(desk, act, make, second, newer):
    actor, documents = desk
    row = described(act, actor, documents[STRICT])
    approve(make, second, row)
    newer(actor, documents[STRICT])
    with pytest.raises(Conflict), act(actor) as tx:
        make_requested(tx, row.id)


def test_an_approval_lapses_and_so_does_what_nobody_approves(desk, act, make, second, clock, runtime):
    actor, documents = desk
    first, waiting = (described(act, actor, documents[STRICT]) for _ in range(2))
    approve(make, second, first)
    clock.move(hours=73)
    with pytest.raises(Conflict), act(actor) as tx:
        make_requested(tx, first.id)
    with pytest.raises(Conflict), act(second) as tx:
        approve_request(tx, waiting.id, digest_of(waiting))
    with act(second) as tx:
        assert list(open_requests(tx)) == []


def test_the_terms_are_asked_again_when_the_links_are_made(desk, act, make, second):
    actor, documents = desk
    row = described(act, actor, documents["confidential"])
    with act(second) as tx:
        end_agreement(tx, make.agreements[actor.office_id], "replaced")
    with pytest.raises(Invalid), act(actor) as tx:
        make_requested(tx, row.id)


def test_r2_an_approval_dies_with_the_keys_of_whoever_gave_it(desk, act, make, second, runtime):
    actor, documents = desk
    row = described(act, actor, documents[STRICT])
    approve(make, second, row)
    with act(SYSTEM) as tx:
        tx.destroy(tx.session.get_one(Principal, second.id).slot_id)
    with pytest.raises(Conflict), act(actor) as tx:
        make_requested(tx, row.id)


def test_the_sender_alone_makes_the_links(desk, act, make, second):
    actor, documents = desk
    row = described(act, actor, documents["confidential"])
    with pytest.raises(Refused), act(second) as tx:
        make_requested(tx, row.id)
    with pytest.raises(NotFound), act(make.actor()) as tx:
        make_requested(tx, row.id)
    abroad = make.actor(make.person(Role.SUPERVISOR, office=make.office()))
    with pytest.raises(NotFound), act(abroad) as tx:
        approve_request(tx, row.id, digest_of(row))


def test_either_side_takes_it_back(desk, act, second):
    actor, documents = desk
    for who in (actor, second):
        row = described(act, actor, documents["confidential"])
        with act(who) as tx:
            withdraw_request(tx, row.id, "not now")
        with pytest.raises(Conflict), act(actor) as tx:
            make_requested(tx, row.id)


def test_the_rules_may_ask_for_a_second_person(desk, act, make):
    actor, documents = desk
    with act(make.actor(None, Role.CONTROLLER)) as tx:
        set_policy(tx, "confidential", None, Rules(2, 4, 6, 1, 2, second_required=True))
    assert described(act, actor, documents["confidential"]).state_at(START) == "waiting"


def test_many_cases_in_a_day_need_a_second_person(act, make):
    actor = make.actor()
    with act(make.actor(None, Role.CONTROLLER)) as tx:
        set_policy(tx, "confidential", None, Rules(2, 4, 6, 3, 5, cases_a_day=2))
    for _ in range(2):
        make.share(actor)
    document = make.document(actor, make.bundle(actor))
    asked = Lending([document.id], IRIS.name, "A mission", IRIS.email, None, 3)
    with pytest.raises(Refused), act(actor) as tx:
        create_share(tx, document.bundle_id, asked)
    make.wait(hours=25)
    with act(actor) as tx:
        assert create_share(tx, document.bundle_id, asked)


@pytest.mark.parametrize("people", [[], [IRIS, Person("Iris O.", "IRIS@mission.example")], [IRIS] * 21])
def test_people_are_named_once_and_are_a_few(desk, act, people):
    actor, documents = desk
    with pytest.raises(Invalid) as error:
        described(act, actor, documents["confidential"], people=people)
    assert error.value.errors[0].pointer == "/recipients"


def test_whoever_may_approve_is_told_that_links_wait_and_the_sender_that_they_can_be_made(
    desk, act, make, second, app
):
    actor, documents = desk
    abroad = make.actor(make.person(Role.SUPERVISOR, office=make.office()))
    described(act, actor, documents["confidential"])
    row = described(act, actor, documents[STRICT])

    def told(of):
        items = Browser(app, of).api("GET", "/notices").json["items"]
        return [(each["kind"], each["subject_id"]) for each in items]

    assert told(second) == [("links-wait", str(row.id))]
    assert told(actor) == told(abroad) == []
    approve(make, second, row)
    assert told(actor) == [("links-approved", str(row.id))]
    assert f'href="/share-requests/{row.id}"' in Browser(app, second).get("/notices").text


def test_by_the_pages_from_the_organisation_to_the_sheet(app, desk, make, second, runtime):
    actor, documents = desk
    document = documents[STRICT]
    sender, lead = Browser(app, actor), Browser(app, second)
    form = f"/bundles/{document.bundle_id}/share-requests/new"
    assert "A second person must approve" in sender.get(f"/bundles/{document.bundle_id}/shares/new").text
    onward = re.search(rf'href="({form}\?organisation=[0-9a-f-]+)"', sender.get(form).text)[1]
    assert "Step 1 of 4" in sender.get(onward).text
    fields = {"documents": document.id, "organisation": "A mission", "has_password": "true"}
    again = sender.post(f"/bundles/{document.bundle_id}/share-requests", others="Iris", **fields)
    assert 'id="e-others"' in again.text
    people = "Iris Okello, iris@mission.example\nInes, ines@mission.example"
    made = sender.post(f"/bundles/{document.bundle_id}/share-requests", others=people, **fields)
    path = made.headers["Location"]
    shown = sender.get(path).text
    assert re.search(
        r"2 people at <bdi>A mission</bdi> can download 1 document until .*, 3 openings each", shown
    )
    assert "Make 2 links" not in shown

    page = lead.get(path).text
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', page)[1]
    assert path in lead.get("/share-requests").text
    asked = lead.post(f"{path}/approval", seen=seen)
    until = re.search(r"until <time [^>]*>([^<]+)", shown)[1]
    assert f"<bdi>{until}</bdi>" in asked.text
    assert lead.confirm(asked).status_code == 303
    wrong = sender.post(f"{path}/links")
    assert 'id="e-password"' in wrong.text
    sheet = sender.post(f"{path}/links", password="seven green boats")
    assert sheet.status_code == 201
    urls = re.findall(r'<bdi dir="ltr">(http\S+?)</bdi>', sheet.text)
    assert len(set(urls)) == 2
    assert not any(url in sender.get(path).text for url in urls)
    with runtime.session() as session:
        assert session.query(Share).count() == 2


def test_the_steps_keep_what_was_said_and_an_error_leads_to_its_own(app, desk):
    actor, documents = desk
    document, sender = documents["confidential"], Browser(app, actor)
    form, done = (f"/bundles/{document.bundle_id}/share-requests{end}" for end in ("/new", ""))
    said = {"organisation": "A mission"}
    assert 'id="e-documents"' in sender.post(form, step="recipients", **said).text
    said["documents"] = document.id
    second = sender.post(form, step="recipients", **said)
    assert (second.status_code, "Step 2 of 4" in second.text) == (200, True)
    assert f'<input type="hidden" name="documents" value="{document.id}">' in second.text
    nobody = sender.post(form, step="limits", others="", **said)
    assert (nobody.status_code, "Choose between 1 and 20 people." in nobody.text) == (400, True)
    half = sender.post(form, step="limits", persons=document.id, others="Iris", **said)
    assert (half.status_code, 'id="e-others"' in half.text) == (400, True)
    said["others"] = "Iris Okello, iris@mission.example\nInes <b>, ines@mission.example"
    third = sender.post(form, step="limits", **said).text
    assert "Step 3 of 4" in third
    assert 'value="3"' in third
    carried = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', third)
    assert sorted(name for name, _ in carried if name != "csrf") == ["documents", "organisation", "others"]
    assert dict(carried)["others"] == said["others"].replace("<b>", "&lt;b&gt;")
    said |= {"max_openings": "7", "purpose": "medical", "expires_at": ""}
    back = sender.post(form, step="recipients", **said).text
    assert "Ines &lt;b&gt;, ines@mission.example</textarea>" in back
    assert '<input type="hidden" name="max_openings" value="7">' in back
    files = sender.post(form, step="files", **said).text
    assert re.search(rf'name="documents" value="{document.id}" checked', files)
    beyond = sender.post(done, **said | {"max_openings": "999"})
    assert (beyond.status_code, 'id="e-max_openings"' in beyond.text) == (400, True)
    assert 'value="999"' in beyond.text
    wrong = sender.post(done, **said | {"others": "Iris"})
    assert (wrong.status_code, 'id="e-others"' in wrong.text) == (400, True)
    assert sender.post(done, **said).status_code == 303


def test_a_program_describes_and_makes(app, desk, make):
    actor, documents = desk
    browser, document = Browser(app, actor), documents["confidential"]
    mission = {"name": "Iris Okello", "email": "iris@mission.example"}
    wanted = {"documents": [str(document.id)], "organisation": "A mission", "recipients": [mission]}
    path = f"/bundles/{document.bundle_id}/share-requests"
    assert browser.api("POST", path, wanted | {"note": "x"}).status_code == 400
    assert browser.api("POST", path, wanted | {"organisation": "Nobody's"}).status_code == 400
    row = browser.api("POST", path, wanted).json
    assert (row["state"], row["may_make"], row["may_approve"]) == ("ready", True, False)
    made = browser.api("POST", f"/share-requests/{row['id']}/links", {})
    assert made.status_code == 201
    assert "#" in made.json["items"][0]["url"]
    assert browser.api("POST", f"/share-requests/{row['id']}/links", {}).status_code == 409
    later = START + timedelta(days=99)
    beyond = browser.api("POST", path, wanted | {"expires_at": later.isoformat()})
    assert beyond.json["errors"][0]["pointer"] == "/expires_at"


def test_no_extension_goes_beyond_what_was_approved(desk, act, make, second):
    actor, documents = desk
    until = START + timedelta(hours=1)
    row = described(act, actor, documents[STRICT], expires_at=until)
    approve(make, second, row)
    made = make.confirmed(actor, lambda tx: make_requested(tx, row.id))
    assert {(share.expires_at, share.absolute_end_at) for share, _ in made} == {(until, until)}
    with pytest.raises(Invalid), act(actor) as tx:
        extend_share(tx, made[0][0].id, until + timedelta(seconds=1))


def test_types_are_part_of_what_is_approved(desk, act, make, second, app):
    actor, documents = desk
    row = described(act, actor, documents[STRICT])
    kept = documents[STRICT].document_type
    read = digest_of(row)
    row.document_types = ["other"]
    assert digest_of(row) != read
    row.document_types = [kept]
    approve(make, second, row)
    with act(actor) as tx:
        change_document(tx, documents[STRICT].id, {"document_type": "other"})
    assert Browser(app, second).api("GET", f"/share-requests/{row.id}").json["document_types"] == [kept]
    with pytest.raises(Conflict), act(actor) as tx:
        make_requested(tx, row.id)


def test_types_written_by_hand_take_the_approval_away(desk, act, make, second, tamper):
    actor, documents = desk
    row = described(act, actor, documents[STRICT])
    approve(make, second, row)
    tamper(row, document_types=["other"])
    tamper(documents[STRICT], document_type="other")
    with pytest.raises(Conflict), act(actor) as tx:
        make_requested(tx, row.id)


def test_an_approval_lapses_whatever_its_row_says(desk, act, make, second, clock, tamper):
    actor, documents = desk
    row = described(act, actor, documents[STRICT])
    approve(make, second, row)
    tamper(row, lapses_at=START + timedelta(days=99))
    clock.move(hours=72)
    with pytest.raises(Conflict, match="does not hold"), act(actor) as tx:
        make_requested(tx, row.id)


def test_no_service_sends_what_needs_a_second_person(desk, act, make, second, trail):
    actor, documents = desk
    service = replace(actor, kind="token", is_service=True)
    assert described(act, service, documents["confidential"]).state_at(START) == "ready"
    with pytest.raises(Refused):
        described(act, service, documents[STRICT])
    assert trail()[-1] == "access.refused"
    row = described(act, actor, documents[STRICT])
    approve(make, second, row)
    with pytest.raises(Refused), act(service) as tx:
        make_requested(tx, row.id)


def test_a_persons_token_lends_what_is_strictly_confidential_only_as_a_second_person_approved(
    desk, act, make, second, tamper
):
    actor, documents = desk
    token = replace(actor, kind="token")
    with pytest.raises(Refused, match="second person"), act(token) as tx:
        create_share(tx, documents[STRICT].bundle_id, lending(documents[STRICT]))
    row = described(act, token, documents[STRICT])
    with pytest.raises(Conflict), act(token) as tx:
        make_requested(tx, row.id)
    tamper(row, needs_second=False)
    with pytest.raises(Conflict, match="second person"), act(token) as tx:
        make_requested(tx, row.id)
    row = described(act, actor, documents[STRICT])
    approve(make, second, row)
    with act(token) as tx:
        assert len(make_requested(tx, row.id)) == 2


def lending(document) -> Lending:
    return Lending([document.id], IRIS.name, "A mission", IRIS.email, None, 3)
