"""What the owner of a file request and the controllers of its office are told, each once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.browsing import Browser
from tests.drops.test_pieces import LONG
from tests.fakes import START
from vault.access.actor import Role
from vault.jobs import enqueue, run_job
from vault.people.notices import count_unread, own_notices


@pytest.fixture
def told(act):
    """`told(actor)` is the kinds of the notices that the actor finds, oldest first."""

    def kinds(actor):
        with act(actor) as tx:
            return sorted(notice.kind for notice in own_notices(tx))

    return kinds


@pytest.fixture
def remind(runtime):
    """`remind()` runs the periodic job once."""

    def run():
        with runtime.session() as session:
            job_id = enqueue(session, "drops.remind", None, runtime.clock.now()).id
        assert run_job(runtime, job_id)

    return run


def test_owner_and_controllers_are_told_of_the_first_file_a_receipt_and_the_bound(
    make, sender, told, app, act
):
    controller, stranger = make.actor(None, Role.CONTROLLER), make.actor()
    abroad = make.actor(make.person(Role.CONTROLLER, office=make.office()))
    asked = make.request(files=2)
    clinic = sender(asked)
    assert told(asked.owner) == []
    clinic.send(name="one.pdf")
    assert told(asked.owner) == told(controller) == ["first-file"]
    clinic.receipt()
    clinic.receipt()
    clinic.send(LONG, name="two.pdf")

    assert told(asked.owner) == told(controller) == ["files-complete", "files-finished", "first-file"]
    assert told(stranger) == told(abroad) == []
    browser = Browser(app, asked.owner)
    page = browser.get("/notices").text
    assert page.count(f'href="/file-requests/{asked.request.id}"') == 3
    assert "The first file that was asked for has come." in page
    shown = browser.api("GET", "/notices").json
    about = {(each["about"], each["subject_id"]) for each in shown["items"]}
    assert about == {("file_request", str(asked.request.id))}
    with act(asked.owner) as tx:
        assert count_unread(tx) == shown["unread"] == 3


def test_a_request_that_ends_soon_is_told_of_while_nothing_has_come(make, sender, told, remind):
    owner = make.actor()
    bundle = make.bundle(owner)
    quiet = make.request(owner, bundle, expires_at=START + timedelta(days=7))
    make.request(owner, bundle, expires_at=START + timedelta(hours=20))
    sent = make.request(expires_at=START + timedelta(days=7))
    sender(sent).send()
    remind()
    assert told(quiet.owner) == []
    make.wait(days=4, hours=1)
    for _ in range(2):
        remind()
    assert told(quiet.owner) == ["quiet-3-days"]
    make.wait(days=2)
    for _ in range(2):
        remind()
    assert told(quiet.owner) == ["quiet-3-days", "quiet-tomorrow"]
    assert told(sent.owner) == ["first-file"]


def test_a_notice_leads_nobody_to_a_document_that_does_not_open_for_them(make, sender, app):
    controller, asked = make.actor(None, Role.CONTROLLER), make.request()
    sender(asked).send()
    owner = Browser(app, asked.owner)
    owner.get(f"/bundles/{asked.request.bundle_id}")
    pages = [each.get(f"/file-requests/{asked.request.id}") for each in (owner, Browser(app, controller))]
    assert [page.status_code for page in pages] == [200, 200]
    assert ['href="/documents/' in page.text for page in pages] == [True, False]
