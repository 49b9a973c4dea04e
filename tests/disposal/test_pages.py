"""Disposal over HTTP: pages and API, for the archivist, the approver, and those who may not."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.browsing import Browser
from tests.disposals import ON, RAS, Disposals
from vault.access.actor import Role
from vault.archive.certificates import check_certificate


@pytest.fixture
def office(make):
    return Disposals(make)


def test_a_list_is_drafted_signed_and_carried_out_over_the_pages(office, app, make):
    case, found = office.due()
    talk = found["interview_audio"]
    archivist = Browser(app, office.again(office.archivist))
    assert "Draft a list of what is ticked" in archivist.get("/office/retention/due").text
    draft = archivist.get(f"/disposals/draft?document={talk.id}&document={found['rrf'].id}").text
    assert "Permanent records are never destroyed" in draft
    assert "Sign and propose" not in draft
    draft = archivist.get(f"/disposals/draft?document={talk.id}").text
    assert "Sign and propose" in draft
    fields = {"documents": talk.id, "reference": RAS, "dated": ON.isoformat(), "seen": office.seen([talk.id])}
    assert archivist.post("/disposals", **fields | {"dated": "2099-01-01"}).status_code == 400
    page = archivist.confirm(archivist.post("/disposals", **fields), follow=True)
    assert page.status_code == 200
    (disposal,) = archivist.api("GET", "/disposals").json["items"]
    assert (disposal["state"], disposal["signed"]) == ("in_review", 1)
    assert "Sign and approve" not in archivist.get(f"/disposals/{disposal['id']}").text
    assert Browser(app, office.again(office.owner)).get(f"/disposals/{disposal['id']}").status_code in (
        403,
        404,
    )
    assert case.number not in json.dumps(disposal)


def test_the_api_says_what_is_due_signs_and_gives_the_certificate(office, app, make):
    _, found = office.due()
    talk = found["interview_audio"]
    disposal = office.carry_out(talk)
    authority = Browser(app, make.actor(make.person(Role.RECORDS_AUTHORITY)))
    page = authority.api("GET", f"/disposals/{disposal.id}").json
    assert page["state"] == "certified"
    assert page["items"][0]["title"] is None
    file = authority.api("GET", f"/disposals/{disposal.id}/certificate")
    said, _ = check_certificate(file.data)
    assert said["disposal"] == str(disposal.id)
    (stub,) = authority.api("GET", "/disposals/documents").json["items"]
    assert stub["document_id"] == str(talk.id)
    number = stub["case_number"]
    assert authority.api("GET", f"/disposals/documents?case={number}").json["items"] == [stub]
    assert authority.api("GET", "/disposals/documents?case=nothing").json["items"] == []
    auditor = Browser(app, make.actor(make.person(Role.AUDITOR)))
    assert auditor.get("/disposals").status_code == 200
    administrator = Browser(app, make.actor(make.person(Role.ADMINISTRATOR)))
    assert administrator.get("/disposals").status_code == 403


def test_a_review_extends_or_reclassifies(office, app, runtime):
    _, found = office.due()
    talk = found["interview_audio"]
    archivist = Browser(app, office.again(office.archivist))
    path = f"/documents/{talk.id}"
    assert "Keep it for longer" in archivist.get(f"{path}/review").text
    until = runtime.clock.now().date() + timedelta(days=40)
    assert archivist.post(f"{path}/extension", until=ON, reason="x").status_code == 400
    assert (
        archivist.post(f"{path}/extension", until=until, reason="An appeal", follow=True).status_code == 200
    )
    kept = office.class_of("rrf")
    page = archivist.post(f"{path}/reclassification", class_id=kept.id, reason="Proof", follow=True)
    assert kept.code in page.text
    controller = Browser(app, office.again(office.controller))
    assert controller.post(f"{path}/extension", until=until, reason="x").status_code == 404


def test_a_controller_says_how_many_sign(office, app, make):
    controller = Browser(app, office.controller)
    assert controller.api("GET", "/disposals").json["signers"] == 2
    controller.confirm(controller.post("/office/disposal-signers", signers="3"))
    assert controller.api("GET", "/disposals").json["signers"] == 3
    archivist = Browser(app, office.archivist)
    assert archivist.api("GET", "/disposals").json["signers"] == 3
    assert archivist.post("/office/disposal-signers", signers="2").status_code == 403
    assert controller.post("/office/disposal-signers", signers="1").status_code == 400
    _, found = office.due()
    assert office.first(found["interview_audio"]).signers == 3
