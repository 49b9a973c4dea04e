"""What the pages show of uploads that wait, to whom, and how they are stopped without script."""

from __future__ import annotations

import gzip

import pytest

from tests.places import ROOT
from tests.transfers.browsing import JSON, sign_in, token_of
from tests.transfers.conftest import NUMBER, PASSWORD, text_of
from tests.transfers.sending import Sender
from vault.bundles.service import lock_bundle

MARK = "5" * 64


@pytest.fixture
def sender(app, desk) -> Sender:
    return Sender(app, desk)


def begun(sender: Sender, length: int = 54_000_000, sent: int = 123_000, **said: str) -> str:
    """An upload of which some has come."""
    place = sender.begun(length, **said)
    assert sender.patch(place, 0, text_of(sent)).status_code == 204
    return place


def form_of(desk) -> str:
    return f"/bundles/{desk.bundle_id}/documents/new"


def test_the_page_for_new_files_lists_what_waits_with_what_finds_the_file_again(client, desk, sender):
    place = begun(sender, filename="interview 0412.txt", fingerprint=MARK)
    shown = sign_in(client, desk).get(form_of(desk)).text
    assert "interview 0412.txt" in shown
    for said in (place, MARK, 'data-length="54000000"', "123 kB", "54 MB"):
        assert said in shown


def test_bundle_and_worklist_say_how_much_waits_and_name_no_file(client, desk, sender):
    browser = sign_in(client, desk)
    pages = (f"/bundles/{desk.bundle_id}", "/cases")
    assert not any("upload waits" in browser.get(page).text for page in pages)
    begun(sender, filename="a secret name.txt")
    for page in pages:
        shown = browser.get(page).text
        assert "1 upload waits" in shown
        assert f'href="{form_of(desk)}"' in shown
        assert "a secret name" not in shown
    begun(sender)
    assert "2 uploads wait" in browser.get(pages[0]).text


def test_nobody_sees_what_another_began(app, client, desk, sender):
    begun(sender, filename="a secret name.txt")
    colleague = desk.add_colleague()
    other = Sender(app, desk, colleague).client
    assert "a secret name" not in other.get(form_of(desk)).text
    assert "upload waits" not in other.get(f"/bundles/{desk.bundle_id}").text


def test_whoever_has_no_script_stops_an_upload_by_a_form(client, desk, sender, trail):
    place, browser = begun(sender), sign_in(client, desk)
    stopping = place.replace("/files/", "/uploads/") + "/stopping"
    assert f'action="{stopping}"' in browser.get(form_of(desk)).text
    answer = browser.post(stopping, data={"csrf": token_of(browser, form_of(desk))})
    assert answer.status_code == 303
    assert answer.location == f"{form_of(desk)}?notice=upload-stopped"
    assert "data-upload=" not in browser.get(form_of(desk)).text
    assert trail()[-1] == "upload.dropped"


def test_another_ones_upload_cannot_be_stopped(app, desk, sender):
    place = begun(sender)
    stranger = Sender(app, desk, desk.add_colleague()).client
    token = token_of(stranger, form_of(desk))
    answer = stranger.post(place.replace("/files/", "/uploads/") + "/stopping", data={"csrf": token})
    assert answer.status_code == 404
    assert sender.offset(place) == 123_000


def test_an_upload_for_a_version_says_of_which_document(client, desk, sender):
    stored = desk.store(text_of(5000))
    document = str(stored.version.document_id)
    place = begun(sender, document=document, bundle="", document_type="", filename="second.txt")
    page = sender.client.get(place).json
    assert (page["state"], page["document"], page["version"]) == ("receiving", document, None)
    begun(sender, filename="unrelated.txt")
    shown = sign_in(client, desk).get(f"/documents/{document}/versions/new").text
    assert "second.txt" in shown
    assert "unrelated.txt" not in shown


def test_a_locked_bundle_leads_from_its_upload_page_to_its_password(app, client, new_desk):
    desk = new_desk("815-26-00413", PASSWORD)
    browser = sign_in(client, desk)
    assert browser.get(form_of(desk)).status_code == 200
    with desk.runtime.transaction(desk.actor) as tx:
        lock_bundle(tx, desk.bundle_id)
    answer = browser.get(form_of(desk))
    assert (answer.status_code, answer.location) == (303, f"/bundles/{desk.bundle_id}")
    assert browser.get(form_of(desk), headers=JSON).status_code == 423


def test_the_page_says_what_endings_suggest_and_which_types_name_people(client, desk):
    page = sign_in(client, desk).get(form_of(desk), headers=JSON).json
    assert page["case_number"] == NUMBER
    assert page["guesses"]["wav"] == page["guesses"]["ds2"] == "interview_audio"
    assert "pdf" not in page["guesses"]
    assert page["recordings"] == ["interview_audio"]
    assert page["file_limit"] == desk.runtime.settings.file_limit


def test_the_scripts_of_the_page_weigh_at_most_12_kB_and_all_scripts_20():
    weights = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in (ROOT / "static/js").iterdir()}
    assert sum(weights[name] for name in ("upload.js", "upload-row.js", "tus.js")) <= 12_000
    assert sum(weights.values()) <= 20_000
