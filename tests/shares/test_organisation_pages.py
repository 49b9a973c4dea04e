"""Organisations, agreements, named persons, exceptions and declarations on pages and at the API."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.browsing import Browser
from tests.fakes import START
from vault.access.actor import Role
from vault.shares.arrivals import open_link
from vault.shares.declarations import current_version

AGREED = {
    "reference": "DSA-2026-077",
    "begins_on": "2026-11-01",
    "ends_on": "2027-10-31",
    "purposes": ["resettlement"],
    "document_types": ["identity_copy"],
}


@pytest.fixture
def lead(app, make):
    return Browser(app, make.actor(None, Role.SUPERVISOR))


@pytest.fixture
def sender(app, make):
    browser = Browser(app, actor := make.actor())
    browser.actor = actor
    return browser


def test_a_supervisor_records_by_form_and_a_caseworker_sends(lead, sender, make):
    added = lead.post("/organisations", name="Third <b>mission</b>", country="ca", follow=True)
    assert "Third &lt;b&gt;mission" in added.text
    assert "Canada" in added.text
    organisation = re.search(r'action="/organisations/([0-9a-f-]{36})/agreements"', added.text)[1]
    agreed = lead.post(f"/organisations/{organisation}/agreements", follow=True, **AGREED)
    assert "DSA-2026-077" in agreed.text
    assert "in force" in agreed.text
    person = {"name": "Ines Marin", "email": "ines@third.example", "language": "es"}
    added = lead.post(f"/organisations/{organisation}/recipients", follow=True, **person)
    assert "Español" in added.text

    bundle = make.bundle(sender.actor)
    document = make.document(sender.actor, bundle)
    page = sender.get(f"/bundles/{bundle.id}/shares/new").text
    assert "agreement DSA-2026-077" in page
    assert "not all recorded" in page
    link = {"documents": document.id, "organisation": "Third <b>mission</b>", **person}
    made = sender.post(f"/bundles/{bundle.id}/shares", **link)
    assert made.status_code == 201
    assert "1 document" in made.text


def test_a_form_that_does_not_fit_the_terms_says_what_helps(sender, make):
    bundle = make.bundle(sender.actor)
    document = make.document(sender.actor, bundle)
    link = {"name": "Ines Marin", "email": "ines@third.example", "documents": document.id}
    answer = sender.post(f"/bundles/{bundle.id}/shares", organisation="Nobody's", **link)
    assert answer.status_code == 400
    assert 'id="e-organisation"' in answer.text
    assert "a supervisor or the Personal Data Controller adds" in answer.text


def test_a_program_records_all_of_it(lead, app, make):
    made = lead.api("POST", "/organisations", {"name": "Third mission", "country": "CA"})
    assert made.status_code == 201
    one = f"/organisations/{made.json['id']}"
    assert made.headers["Location"] == f"/api/v1{one}"
    agreed = lead.api("POST", f"{one}/agreements", AGREED).json
    assert (agreed["state"], agreed["purposes"], agreed["links"]) == ("in_force", ["resettlement"], [])
    person = lead.api("POST", f"{one}/recipients", {"name": "Ines", "email": "i@third.example"}).json
    assert person["language"] == "en"
    listed = {each["name"]: each["agreement"] for each in lead.api("GET", "/organisations").json["items"]}
    assert listed == {"A mission": "DSA-2026-001", "Third mission": "DSA-2026-077"}
    whole = lead.api("GET", one).json
    assert [each["id"] for each in whole["agreements"]] == [agreed["id"]]
    assert [each["id"] for each in whole["recipients"]] == [person["id"]]
    assert lead.api("POST", f"{one}/country", {"country": "US"}).json["country"] == "US"
    ended = lead.api("POST", f"/agreements/{agreed['id']}/ending", {"reason": "replaced"})
    assert ended.json["state"] == "ended"
    off = lead.api("POST", f"/recipients/{person['id']}/ending", {"reason": "left"}).json
    assert off["ended_at"]
    assert lead.api("POST", f"{one}/ending", {"reason": "closed"}).json["ended_at"]
    assert lead.api("POST", f"{one}/agreements", AGREED).status_code == 409


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/organisations", {"name": "X", "country": "XX"}, "/country"),
        ("/organisations", {"name": "X", "country": "CA", "note": "x"}, "/note"),
        ("/organisations/{id}/agreements", AGREED | {"purposes": ["other"]}, "/purposes"),
        ("/organisations/{id}/agreements", AGREED | {"ends_on": "2026-10-01"}, "/ends_on"),
        (
            "/organisations/{id}/recipients",
            {"name": "I", "email": "i@x.example", "language": "de"},
            "/language",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(lead, path, body, pointer):
    mission = lead.api("GET", "/organisations").json["items"][0]["id"]
    answer = lead.api("POST", path.format(id=mission), body)
    assert answer.status_code == 400
    assert [fault["pointer"] for fault in answer.json["errors"]] == [pointer]


@pytest.mark.parametrize("kind", ["organisation", "agreement", "recipient"])
def test_what_ends_lists_its_live_links_and_revokes_them_in_one_act(kind, app, lead, sender, make, runtime):
    lent = [make.share(sender.actor) for _ in range(2)]
    other = make.share(make.actor(make.person(office=make.office())))
    share = lent[0].share
    ids = {
        "organisation": f"/organisations/{share.recipient.organisation_id}",
        "agreement": f"/agreements/{share.agreement_id}",
        "recipient": f"/recipients/{share.recipient_id}",
    }
    page = lead.get(ids[kind]).text
    assert "Revoke all 2 links" in page
    assert str(other.share.id) not in page

    asked = lead.post(f"{ids[kind]}/revocation", reason="sent by mistake")
    assert asked.status_code == 403
    done = lead.confirm(asked, follow=True)
    assert "None." in done.text
    states = {item["state"] for item in lead.api("GET", "/shares").json["items"]}
    assert states == {"revoked"}
    with pytest.raises(Exception, match="withdrawn"):
        open_link(runtime, share.id, lent[0].secret)
    open_link(runtime, other.share.id, other.secret)


def test_a_proof_is_for_exactly_the_links_that_were_listed(lead, sender, make):
    make.share(sender.actor)
    one = f"/organisations/{make.share(sender.actor).share.recipient.organisation_id}"
    asked = lead.post(f"{one}/revocation", reason="sent by mistake")
    make.share(sender.actor)
    assert lead.confirm(asked).status_code == 403
    assert {item["state"] for item in lead.api("GET", "/shares").json["items"]} == {"live"}


def test_a_controller_makes_an_exception_by_form_and_the_case_shows_it(app, sender, make):
    case = make.case(sender.actor)
    controller = Browser(app, make.actor(None, Role.CONTROLLER))
    mission = controller.api("GET", "/organisations").json["items"][0]["id"]
    until = (START + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    fields = {
        "organisation": mission,
        "kind": "destination",
        "expires_at": until,
        "reason": "They asked <i>us",
    }
    asked = controller.post(f"/cases/{case.id}/exceptions", **fields)
    shown = controller.confirm(asked, follow=True)
    assert "They asked &lt;i&gt;us" in shown.text
    assert "holds" in shown.text
    seen = sender.get(f"/cases/{case.id}/exceptions").text
    assert "They asked &lt;i&gt;us" in seen
    assert "Allow it" not in seen
    item = sender.api("GET", f"/cases/{case.id}/exceptions").json["items"][0]
    over = controller.api("POST", f"/exceptions/{item['id']}/ending", {"reason": "not needed"})
    assert over.json["items"][0]["is_valid"] is False


def test_a_declaration_is_bound_on_the_page_of_the_form(sender, make):
    bundle = make.bundle(sender.actor)
    form = make.document(sender.actor, bundle, document_type="rrf", title="The form")
    make.document(sender.actor, bundle, document_type="declaration", title="Signed <b>page")
    assert f"/documents/{form.id}/declarations" in sender.get(f"/documents/{form.id}").text
    page = sender.get(f"/documents/{form.id}/declarations").text
    assert "Signed &lt;b&gt;page" in page
    fields = dict(re.findall(r'name="(declaration|version)" value="([0-9a-f-]{36})"', page))
    shown = sender.post(f"/documents/{form.id}/declarations", follow=True, **fields)
    assert "for this version" in shown.text
    assert sender.api("GET", f"/documents/{form.id}/declarations").json["items"][0]["is_bound"] is True
    photo = make.document(sender.actor, bundle, document_type="photo")
    assert sender.api("GET", f"/documents/{photo.id}/declarations").status_code == 400


def test_the_auditor_reads_agreements_of_every_office_and_changes_none(app, make):
    auditor = Browser(app, make.actor(None, Role.AUDITOR))
    office = make.office()
    mission = auditor.api("GET", "/organisations").json["items"][0]["id"]
    assert len(auditor.api("GET", f"/organisations/{mission}").json["agreements"]) == 2
    assert auditor.api("GET", f"/agreements/{make.agreements[office.id]}").status_code == 200
    ending = auditor.api("POST", f"/agreements/{make.agreements[office.id]}/ending", {"reason": "x"})
    assert ending.status_code == 403


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMINISTRATOR, Role.INTERPRETER, Role.CUSTODIAN])
def test_others_see_none_of_it(app, make, role):
    browser = Browser(app, make.actor(None, role))
    assert browser.api("GET", "/organisations").status_code == 403
    assert browser.api("GET", f"/agreements/{make.agreements[make.home.id]}").status_code == 404


def test_countries_of_a_case_are_recorded_by_form_and_shown(sender):
    made = sender.post(
        "/cases", number="815-26-70001", origin_countries="so\nSY", asylum_country="KE", follow=True
    )
    assert "<bdi>Somalia</bdi>, <bdi>Syria</bdi>" in made.text
    assert "Kenya" in made.text


def test_current_version_is_the_one_that_would_be_lent(sender, make, act, newer):
    form = make.document(sender.actor, make.bundle(sender.actor))
    newer(sender.actor, form)
    with act(sender.actor) as tx:
        from vault.bundles.models import Document

        assert current_version(tx, tx.session.get_one(Document, form.id)).number == 2
