"""The link of a file request is mailed inside the request that made it, or its maker is told that it was not."""

from __future__ import annotations

import re

import pytest

from tests.browsing import Browser
from tests.databases import content_of
from tests.factory import Factory, new_runtime
from tests.post_office import HERS
from vault.app import create_app
from vault.crypto.secret import Secret
from vault.drops.posting import mail_request
from vault.drops.service import end_request
from vault.errors import Conflict, Invalid, NotFound
from vault.jobs import Job

PASSWORD = "seven green boats"
WANTED = {"name": "Iris Okello", "organisation": "A clinic", "document_types": ["rrf"], "email": HERS}


@pytest.fixture
def asker(app, make):
    """A caseworker at a browser, with an open bundle."""
    owner = make.actor()
    browser = Browser(app, owner)
    browser.bundle = make.bundle(owner, title="Family Okello")
    return browser


def path_of(asker):
    return f"/bundles/{asker.bundle.id}/file-requests"


def test_a_request_is_mailed_when_it_is_made_in_the_language_of_whoever_is_asked(
    asker, mailbox, trail, runtime
):
    wanted = WANTED | {"send": True, "language": "fr", "password": PASSWORD, "note": "canary-note"}
    made = asker.api("POST", path_of(asker), wanted)

    assert made.status_code == 201, made.text
    assert (made.json["is_mailed"], made.json["can_mail"]) == (True, True)
    [letter], body = mailbox.letters, mailbox.last
    assert (letter["To"], letter["Subject"]) == (HERS, "Des fichiers vous sont demandés")
    assert made.json["url"] in body.splitlines()
    assert re.search(r"Nairobi vous demande des fichiers pour le dossier 815-26-\d{5}, jusqu’au", body)
    assert "Il vous faut aussi un mot de passe." in body
    for kept in (PASSWORD, "canary-note", "Okello", "Iris", "clinic", "rrf", "Registration"):
        assert kept not in body + letter["Subject"]
    assert trail()[-2:] == ["request.made", "request.mailed"]
    assert made.json["url"].partition("#")[2].encode() not in content_of(runtime.settings.database_url)
    with runtime.session() as session:
        assert session.query(Job).count() == 0


def test_a_link_that_could_not_be_mailed_is_shown_and_sent_from_its_page(asker, mailbox, trail):
    mailbox.is_ill = True
    form = {**WANTED, "send": "true", "files_limit": 3, "total_mb": 20}
    page = asker.post(path_of(asker), **form)
    assert page.status_code == 201
    assert "The link was not sent by e-mail." in page.text
    assert trail()[-2:] == ["request.mailed", "request.mail_failed"]
    url = re.search(r'name="secret" value="([^"]+)"', page.text)[1]
    action = re.search(r'action="(/file-requests/[^"]+/letter)"', page.text)[1]
    assert "The link was not sent by e-mail." in asker.post(action, secret=url).text
    mailbox.is_ill = False

    answer = asker.post(action, secret=url)
    assert answer.status_code == 303
    assert answer.location.endswith("?notice=link-mailed")
    assert url in mailbox.last.splitlines()
    assert HERS in asker.get(answer.location).text


def test_only_a_living_link_goes_to_a_known_address_with_its_own_secret(make, act, runtime, mailbox):
    asked, other, nobody = make.request(email=HERS), make.request(), make.request()
    abroad = make.actor(make.person(office=make.office()))

    with pytest.raises(Invalid):
        mail_request(runtime, asked.owner, asked.request.id, Secret(other.secret))
    with pytest.raises(NotFound):
        mail_request(runtime, abroad, asked.request.id, Secret(asked.secret))
    with pytest.raises(Conflict, match="address"):
        mail_request(runtime, nobody.owner, nobody.request.id, Secret(nobody.secret))
    with act(asked.owner) as tx:
        end_request(tx, asked.request.id, "enough")
    with pytest.raises(Conflict, match="at present"):
        mail_request(runtime, asked.owner, asked.request.id, Secret(asked.secret))
    assert mailbox.commands == []


def test_without_a_server_nothing_is_mailed_and_the_pages_say_so(clock, tmp_path):
    folder = tmp_path / "quiet"
    folder.mkdir()
    with new_runtime(folder, clock) as running:
        make = Factory(running, clock)
        owner = make.actor()
        bundle, browser = make.bundle(owner), Browser(create_app(running), owner)
        form = browser.get(f"/bundles/{bundle.id}/file-requests/new").text
        assert "No mail server is set, so the link is not sent by e-mail" in form
        assert 'name="send"' not in form
        sent = {**WANTED, "send": "true", "files_limit": 3, "total_mb": 20}
        page = browser.post(f"/bundles/{bundle.id}/file-requests", **sent).text
        assert "No mail server is set: send it yourself." in page
        assert re.search(r"/r/[\w-]{22}#[\w-]{43}", page)
        program = {"token": str(owner.id), "document_types": ["rrf"], "send": True}
        assert browser.api("POST", f"/bundles/{bundle.id}/file-requests", program).status_code == 400
    assert not (folder / "outbox").exists()
