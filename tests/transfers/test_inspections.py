"""What is found in a file that has come whole refuses it, or is said to whoever opens it: member, recipient, program."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from tests.browsing import Browser
from tests.inspection.hostile import hostile
from tests.transfers.browsing import JSON, files_form, sign_in, token_of
from tests.transfers.sending import assert_tidy
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.inspection.models import Inspection

SCRIPTED = hostile()["script at opening.pdf"][0]
LAUNCHING = hostile()["launch.pdf"][0]
WORDS = "This PDF runs a script. Print it to a new PDF, and open that."
REFUSED = "form.pdf was not stored: it starts another program when it is opened. Print it to a new PDF and send that."
MARKED = {"verdict": "not_scanned", "reason": "no-scanner", "marks": ["pdf-script"]}


@pytest.fixture
def post(client, desk):
    """`post(content)`: the page's form with this PDF; returns the answer."""
    browser = sign_in(client, desk)
    page = f"/bundles/{desk.bundle_id}/documents"

    def send(content: bytes):
        form = files_form([("form.pdf", content)], csrf=token_of(browser, f"{page}/new"), document_type="rrf")
        return browser.post(page, data=form, content_type="multipart/form-data")

    return send


def test_a_marked_file_is_stored_and_its_mark_is_said(post, client, desk):
    assert post(SCRIPTED).status_code == 303

    (found,) = client.get(f"/api/v1/bundles/{desk.bundle_id}/documents", headers=JSON).json["items"]
    assert found["version"]["inspection"] == MARKED
    page = client.get(f"/documents/{found['id']}").text
    assert WORDS in page
    assert "not scanned for viruses: there is no scanner" in page


def test_a_refused_file_leaves_nothing_but_words_and_an_event(post, desk, trail):
    answer = post(LAUNCHING)

    assert answer.status_code == 415
    assert REFUSED in answer.text
    assert trail()[-3:] == ["upload.begun", "upload.dropped", "upload.refused"]
    assert_tidy(desk)


def test_a_file_in_pieces_is_refused_with_its_last_piece(sender, desk):
    place = sender.begun(len(LAUNCHING), filename="form.pdf")
    assert sender.patch(place, 0, LAUNCHING[:500]).status_code == 204

    answer = sender.patch(place, 500, LAUNCHING[500:])

    assert answer.status_code == 415
    assert answer.json["detail"] == REFUSED
    assert sender.client.get(place, headers=JSON).json["reason"] == "wrong-type"
    assert_tidy(desk)


def test_a_file_in_pieces_says_what_was_found(sender):
    place = sender.begun(len(SCRIPTED), filename="form.pdf")
    assert sender.patch(place, 0, SCRIPTED).headers["Casevault-State"] == "stored"
    assert sender.client.get(place, headers=JSON).json["inspection"] == MARKED


def test_the_recipient_is_told_before_the_download(app, make, runtime):
    lent, client = make.share(asks_code=False), app.test_client()
    with runtime.session() as session:
        session.execute(update(Inspection).values(marks=["pdf-script", "unseen-time"]))
    client.post(lent.path, data={"secret": lent.code})

    page = client.get(f"{lent.path}/documents")
    told = client.get(f"{lent.path}/documents", headers=JSON).json["items"][0]["inspection"]

    assert WORDS in page.text
    assert "could not be looked into" in page.text
    assert told == MARKED | {"marks": ["pdf-script", "unseen-time"]}


def test_what_somebody_sends_by_a_request_keeps_its_marks_when_it_is_taken_in(app, make, act):
    from tests.drops.conftest import Sender

    owner = make.actor()
    bundle = make.bundle(owner)
    clinic = Sender(app, make.request(owner, bundle))
    clinic.open()

    assert REFUSED in clinic.send(LAUNCHING, document_type="rrf").text
    clinic.send(SCRIPTED, document_type="rrf")
    with act(owner) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, bundle.id))

    (found,) = Browser(app, owner).api("GET", f"/bundles/{bundle.id}/documents").json["items"]
    assert found["version"]["inspection"] == MARKED


def test_a_file_from_before_says_so(app, make):
    owner = make.actor()
    bundle = make.bundle(owner)
    document = make.document(owner, bundle)
    with make.runtime.session() as session:
        session.execute(Inspection.__table__.delete())
    page = Browser(app, owner).get(f"/documents/{document.id}").text
    assert "it was stored before there was a scanner" in page
