"""The virus scanner at work: what it finds is not stored, what it did not see says so, or is not stored either."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.browsing import Browser
from tests.clamds import EICAR, FakeClamd, knows_eicar, says
from tests.inspection.hostile import pdf, word
from tests.inspection.samples import zipped
from tests.transfers.browsing import JSON, files_form, sign_in, token_of
from tests.transfers.sending import assert_tidy
from vault.access.actor import Role
from vault.inspection.models import Inspection
from vault.people.models import Office
from vault.people.scanning import require_scan

PLAIN = pdf()
INFECTED = {
    "form.pdf": pdf(lambda d: d.Root.__setitem__("/X", d.make_stream(EICAR)), compress_streams=False),
    "letter.docx": word(("word/media/a.bin", EICAR), stored=True),
}
WORDS = "was not stored: the virus scanner found something harmful in it. Do not open it, and tell your administrator."
NO_ANSWER = "and this office stores nothing that was not scanned. Try again later."


@pytest.fixture
def scanned(runtime):
    """`scanned(behaviour)`: the vault has this scanner; returns it."""
    fakes = []

    def listen(behaviour=knows_eicar) -> FakeClamd:
        fakes.append(FakeClamd(behaviour))
        runtime.settings = replace(runtime.settings, clamd=fakes[-1].address)
        return fakes[-1]

    yield listen
    for fake in fakes:
        fake.close()


@pytest.fixture
def post(client, desk):
    """`post(name, content)`: the page's form with one file; returns the answer."""
    browser = sign_in(client, desk)
    page = f"/bundles/{desk.bundle_id}/documents"

    def send(name: str, content: bytes):
        form = files_form([(name, content)], csrf=token_of(browser, f"{page}/new"), document_type="rrf")
        return browser.post(page, data=form, content_type="multipart/form-data")

    return send


@pytest.fixture
def demanding(make, desk, runtime):
    """The office stores nothing that was not scanned."""
    with runtime.transaction(make.actor(None, Role.CONTROLLER)) as tx:
        require_scan(tx, wanted=True)


def found_in(client, desk) -> list[dict]:
    items = client.get(f"/api/v1/bundles/{desk.bundle_id}/documents", headers=JSON).json["items"]
    return [item["version"]["inspection"] for item in items]


@pytest.mark.parametrize("name", INFECTED)
def test_what_is_infected_is_not_stored(scanned, post, client, desk, trail, name):
    scanned()
    answer = post(name, INFECTED[name])

    assert answer.status_code == 415
    assert WORDS in answer.text
    assert trail()[-2:] == ["upload.dropped", "upload.refused"]
    assert found_in(client, desk) == []
    assert_tidy(desk)


def test_what_is_clean_says_so(scanned, post, client, desk):
    scanned()
    assert post("form.pdf", PLAIN).status_code == 303
    assert found_in(client, desk) == [{"verdict": "clean", "reason": None, "marks": []}]
    (item,) = client.get(f"/api/v1/bundles/{desk.bundle_id}/documents", headers=JSON).json["items"]
    assert "no virus found" in client.get(f"/documents/{item['id']}").text


def test_a_file_in_pieces_is_scanned_when_its_last_piece_has_come(scanned, sender, desk):
    scanned()
    content = INFECTED["form.pdf"]
    place = sender.begun(len(content), filename="form.pdf")

    answer = sender.patch(place, 0, content)

    assert (answer.status_code, answer.json["type"]) == (415, "/problems/infected")
    told = sender.client.get(place, headers=JSON).json
    assert (told["state"], told["reason"]) == ("refused", "infected")
    assert_tidy(desk)


def test_a_scanner_that_is_down_makes_nothing_clean(scanned, post, client, desk):
    scanned().close()
    assert post("form.pdf", PLAIN).status_code == 303
    assert found_in(client, desk) == [{"verdict": "not_scanned", "reason": "scanner-down", "marks": []}]


def test_an_office_that_wants_a_scan_stores_nothing_without_one(demanding, scanned, post, client, desk):
    for behaviour in (says(b""), says(b"stream: O")):
        scanned(behaviour)
        answer = post("form.pdf", PLAIN)
        assert (answer.status_code, NO_ANSWER in answer.text) == (503, True)
    scanned(says(b"INSTREAM size limit exceeded. ERROR\0"))
    assert "too large for the virus scanner" in post("form.pdf", PLAIN).text
    assert found_in(client, desk) == []
    assert_tidy(desk)


def test_a_file_in_pieces_waits_for_the_scanner_to_come_back(demanding, scanned, sender, desk):
    scanned(says(b""))
    place = sender.begun(len(PLAIN), filename="form.pdf")
    answer = sender.patch(place, 0, PLAIN)
    assert (answer.status_code, answer.json["type"]) == (503, "/problems/not-scanned")
    assert answer.headers["Retry-After"]
    told = sender.client.get(place, headers=JSON).json
    assert (told["state"], told["inspection"]["verdict"]) == ("checking", "pending")

    scanned()
    assert sender.patch(place, len(PLAIN), b"").headers["Casevault-State"] == "stored"
    assert sender.client.get(place, headers=JSON).json["inspection"]["verdict"] == "clean"


def test_what_somebody_sends_by_a_request_is_scanned_too(scanned, app, make, runtime):
    from tests.drops.conftest import Sender

    owner = make.actor()
    clinic = Sender(app, make.request(owner, make.bundle(owner)))
    clinic.open()
    scanned()

    assert WORDS in clinic.send(INFECTED["form.pdf"], document_type="rrf").text
    clinic.send(PLAIN, document_type="rrf")
    with runtime.session() as session:
        assert session.scalars(select(Inspection.scan)).all() == ["clean"]


def test_the_controller_decides_for_the_office(make, app, runtime, trail):
    controller = make.actor(None, Role.CONTROLLER)
    browser = Browser(app, controller)
    assert "This vault has no virus scanner" in browser.get("/office/scanning").text
    assert browser.post("/office/scanning", required="on").location == "/office/scanning?notice=saved"
    assert browser.api("GET", "/office/scanning").json["required"] is True
    with runtime.session() as session:
        assert session.get_one(Office, controller.office_id).scan_required_at
    assert browser.api("POST", "/office/scanning", {"required": True}).status_code == 201
    assert trail().count("office.scanning_changed") == 1
    assert Browser(app, make.actor()).api("GET", "/office/scanning").status_code == 403


def test_a_zip_is_no_document_whatever_is_in_it(scanned, post):
    scanned()
    assert "files that end in .zip are not accepted" in post("all.zip", zipped(("a.txt", EICAR))).text
