"""A link is mailed inside the request that made it, or its sender is told that it was not."""

from __future__ import annotations

import re

import pytest

from tests.browsing import Browser
from tests.factory import Factory, new_runtime
from vault.app import create_app
from vault.crypto.secret import Secret
from vault.errors import Conflict, Invalid, NotFound
from vault.jobs import Job
from vault.shares.posting import mail_link
from vault.shares.service import revoke_share

WANTED = {"name": "Iris Okello", "organisation": "A mission", "email": "iris@mission.example"}
PASSWORD = "seven green boats"


@pytest.fixture
def sender(app, make):
    """A caseworker at a browser, with an open bundle and a document in it."""
    owner = make.actor()
    bundle = make.bundle(owner)
    document = make.document(owner, bundle, title="Iris writes", file_name="secret-name.pdf")
    browser = Browser(app, owner)
    browser.bundle, browser.document, browser.owner = bundle, document, owner
    return browser


def asked(sender, **more):
    return {"documents": [str(sender.document.id)], "recipient": WANTED, **more}


def test_a_program_has_the_link_mailed(sender, mailbox, trail, runtime):
    made = sender.api(
        "POST", f"/bundles/{sender.bundle.id}/shares", asked(sender, send=True, password=PASSWORD)
    )

    assert made.status_code == 201
    assert (made.json["is_mailed"], made.json["asks_code"]) == (True, True)
    [letter], body = mailbox.letters, mailbox.last
    assert letter["To"] == WANTED["email"]
    assert letter["Subject"] == "Documents for you"
    assert made.json["url"] in body.splitlines()
    assert "You also need a password." in body
    assert PASSWORD not in body
    assert trail()[-2:] == ["share.created", "share.mailed"]
    with runtime.session() as session:
        assert session.query(Job).filter(Job.name != "shares.end_expired").count() == 0


def test_unless_it_is_asked_for_nothing_is_mailed(sender, mailbox):
    made = sender.api("POST", f"/bundles/{sender.bundle.id}/shares", asked(sender))
    assert made.json["is_mailed"] is None
    assert mailbox.letters == []


def test_a_link_that_could_not_be_mailed_is_shown_and_its_sender_is_told(sender, mailbox, trail):
    mailbox.is_ill = True
    form = {"documents": [sender.document.id], **WANTED, "send": "true", "asks_code": "true"}
    page = sender.post(f"/bundles/{sender.bundle.id}/shares", **form)

    assert page.status_code == 201
    assert "The link was not sent by e-mail." in page.text
    assert re.search(r"/s/[\w-]{22}#[\w-]{43}", page.text)
    assert trail()[-2:] == ["share.mailed", "share.mail_failed"]


def test_the_page_that_shows_the_link_sends_it_without_script(sender, mailbox):
    form = {"documents": [sender.document.id], **WANTED, "asks_code": "true"}
    page = sender.post(f"/bundles/{sender.bundle.id}/shares", **form)
    url = re.search(r'name="secret" value="([^"]+)"', page.text)[1]
    action = re.search(r'action="(/shares/[^"]+/letter)"', page.text)[1]
    mailbox.is_ill = True
    failed = sender.post(action, secret=url)
    assert "The link was not sent by e-mail." in failed.text
    assert url in failed.text
    mailbox.is_ill = False
    answer = sender.post(action, secret=url)

    assert answer.status_code == 303
    assert answer.location.endswith("?notice=link-mailed")
    assert url in mailbox.last.splitlines()


def test_a_form_without_the_tick_makes_a_link_without_a_code(sender):
    page = sender.post(f"/bundles/{sender.bundle.id}/shares", documents=[sender.document.id], **WANTED)
    share = sender.api("GET", "/shares").json["items"][0]
    assert page.status_code == 201
    assert share["asks_code"] is False


def test_only_its_maker_mails_a_live_link_with_its_own_secret(make, act, runtime, mailbox):
    lent, other = make.share(), make.share()

    with pytest.raises(Invalid):
        mail_link(runtime, lent.owner, lent.share.id, Secret(other.secret))
    with pytest.raises(NotFound):
        mail_link(runtime, make.actor(make.person(office=make.office())), lent.share.id, Secret(lent.secret))
    with act(lent.owner) as tx:
        revoke_share(tx, lent.share.id, "sent to the wrong mission")
    with pytest.raises(Conflict):
        mail_link(runtime, lent.owner, lent.share.id, Secret(lent.secret))
    assert mailbox.commands == []


def test_r21_links_in_mails_lead_where_the_settings_say(clock, tmp_path, mailbox):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    settings = {"smtp_url": mailbox.url, "base_url": "https://vault.example.org/base"}
    with new_runtime(folder, clock, **settings) as running:
        make = Factory(running, clock)
        lent = make.share()
        browser = Browser(create_app(running), lent.owner)
        for headers in (
            {"Host": "evil.example"},
            {"X-Forwarded-Host": "evil.example"},
            {"Forwarded": "host=evil"},
        ):
            browser.client.post(f"{lent.path}/code", json={"secret": lent.code}, headers=headers)
            mail_link(running, lent.owner, lent.share.id, Secret(lent.secret))
        links = [line for letter in mailbox.letters for line in letter.get_content().split() if "//" in line]

    assert len(links) == 3
    assert {link.partition("/s/")[0] for link in links} == {"https://vault.example.org/base"}


def test_without_a_server_the_page_offers_no_mail_and_a_code_cannot_be_asked_for(clock, tmp_path):
    folder = tmp_path / "quiet"
    folder.mkdir()
    with new_runtime(folder, clock) as running:
        make = Factory(running, clock)
        owner = make.actor()
        bundle = make.bundle(owner)
        document = make.document(owner, bundle)
        browser = Browser(create_app(running), owner)
        page = browser.get(f"/bundles/{bundle.id}/shares/new")
        wanted = {"documents": [str(document.id)], "recipient": WANTED}
        path = f"/bundles/{bundle.id}/shares"
        refused = browser.api("POST", path, wanted | {"asks_code": True})
        made = browser.api("POST", path, wanted | {"send": True})

    assert "by e-mail" not in page.text
    assert refused.json["errors"][0]["pointer"] == "/asks_code"
    assert (made.json["is_mailed"], made.json["asks_code"], made.json["can_mail"]) == (False, False, False)
    assert not (folder / "outbox").exists()
