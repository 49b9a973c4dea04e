"""What a recipient answers, received, deleted, not for me; and what the sender's side is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.browsing import Browser
from tests.fakes import START
from tests.places import ROOT
from vault.access.actor import STRANGER, Role
from vault.errors import Gone
from vault.jobs import enqueue, run_job
from vault.people.notice_models import Notice
from vault.people.notices import KINDS, count_unread, own_notices, tell
from vault.shares.arrivals import open_link
from vault.shares.receipts import attest_deletion, disclaim
from vault.shares.service import extend_share, resume_share, revoke_share
from vault.shares.visits import enter, is_still_open

JSON = {"Accept": "application/json"}


@pytest.fixture
def told(act):
    """`told(actor)` is the kinds of the notices that the actor finds, oldest first."""

    def kinds(actor):
        with act(actor) as tx:
            return [notice.kind for notice in reversed(own_notices(tx))]

    return kinds


@pytest.fixture
def remind(runtime):
    """`remind()` runs the periodic job once."""

    def run():
        with runtime.session() as session:
            job_id = enqueue(session, "shares.remind", None, runtime.clock.now()).id
        assert run_job(runtime, job_id)

    return run


def test_the_owner_and_the_controllers_are_told_of_the_first_opening_alone(make, runtime, told):
    controller, stranger = make.actor(None, Role.CONTROLLER), make.actor()
    abroad = make.actor(make.person(Role.CONTROLLER, office=make.office()))
    lent = make.share()
    for _ in range(2):
        open_link(runtime, lent.share.id, lent.secret)

    assert told(lent.owner) == told(controller) == ["opened"]
    assert told(stranger) == told(abroad) == []


def test_receipt_is_confirmed_once(client, make, told, trail, clock, stored):
    lent = make.share()
    client.post(lent.path, data={"secret": lent.code})
    assert "Confirm receipt" in client.get(f"{lent.path}/documents").text
    clock.move(minutes=1)
    for _ in range(2):
        answer = client.post(f"{lent.path}/receipt")
        assert answer.location == f"{lent.path}/documents"

    page = client.get(f"{lent.path}/documents")
    assert "receipt confirmed" in page.text
    assert "Confirm receipt" not in page.text
    assert client.post(f"{lent.path}/receipt", headers=JSON).json["received_at"] == "2026-11-22T09:01:00Z"
    assert trail().count("share.received") == 1
    assert sorted(told(lent.owner)) == ["opened", "received"]


@pytest.mark.parametrize("by_cookie", [True, False])
def test_the_wrong_person_locks_the_link_and_both_are_told(
    app, client, make, act, told, stored, trail, by_cookie
):
    controller, lent = make.actor(None, Role.CONTROLLER), make.share()
    client.post(lent.path, data={"secret": lent.code})
    answer = client.post(f"{lent.path}/wrong-person", data={} if by_cookie else {"secret": lent.code})

    assert answer.status_code == 200
    assert "The link is locked" in answer.text
    assert stored(lent.share).suspended_at
    assert client.get(f"{lent.path}/documents").status_code == 410
    assert client.post(lent.path, data={"secret": lent.code}).status_code == 410
    assert sorted(told(controller)) == sorted(told(lent.owner)) == ["opened", "wrong-person"]
    assert trail().count("share.suspended") == 1
    page = Browser(app, lent.owner).get(f"/shares/{lent.share.id}").text
    assert "says that it is not for him or her" in page
    with act(lent.owner) as tx:
        resume_share(tx, lent.share.id)
    assert client.post(lent.path, data={"secret": lent.code}).status_code == 303


def test_a_download_that_runs_stops_when_the_link_is_locked(make, runtime, act):
    lent = make.share()
    cookie = open_link(runtime, lent.share.id, lent.secret)
    with act(STRANGER) as tx:
        opening = enter(tx, lent.share.id, cookie).opening
        assert is_still_open(tx, lent.share.id, opening.id)
    with act(STRANGER) as tx:
        disclaim(tx, lent.share.id, lent.secret)
    with act(STRANGER) as tx:
        assert not is_still_open(tx, lent.share.id, opening.id)


def test_deletion_is_attested_also_when_the_link_has_ended(client, make, act, told, trail, stored):
    lent = make.share()
    client.post(lent.path, data={"secret": lent.code})
    with act(lent.owner) as tx:
        revoke_share(tx, lent.share.id, "over")
    for _ in range(2):
        answer = client.post(f"{lent.path}/deletion", data={"secret": f"https://x{lent.path}#{lent.code}"})
        assert "It is recorded" in answer.text

    assert client.post(f"{lent.path}/deletion", json={"secret": lent.code}, headers=JSON).status_code == 204
    assert trail().count("share.deletion_attested") == 1
    assert stored(lent.share).deletion_attested_at
    assert "deleted" in told(lent.owner)


def test_without_the_secret_or_an_opening_nothing_is_attested_or_locked(make, act, stored):
    opened, fresh = make.share(), make.share()
    with pytest.raises(Gone), act(STRANGER) as tx:
        attest_deletion(tx, fresh.share.id, fresh.secret)
    for verb in (attest_deletion, disclaim):
        with pytest.raises(Gone) as refused, act(STRANGER) as tx:
            verb(tx, opened.share.id, bytes(32))
        assert refused.value.message == ""
    assert stored(opened.share).suspended_at is None


@pytest.mark.parametrize("path", ["/deletion", "/wrong-person", "/receipt"])
def test_to_a_stranger_every_link_answers_the_same(client, make, path):
    lent, answers = make.share(), set()
    for link in (lent.path, "/s/" + "A" * 22, "/s/x"):
        answer = client.post(f"{link}{path}", json={"secret": "A" * 43}, headers=JSON)
        answers.add((answer.status_code, answer.json["type"], answer.json["detail"]))
    assert len(answers) == 1
    assert client.get(f"{lent.path}/deletion").data == client.get("/s/x/deletion").data


def test_owner_and_controllers_are_reminded_before_the_end_once_each(make, told, remind, act, clock):
    lent = make.share(expires_at=START + timedelta(days=7))
    make.share(lent.owner, expires_at=START + timedelta(hours=20))
    remind()
    assert told(lent.owner) == []
    make.wait(days=4, hours=1)
    for _ in range(2):
        remind()
    assert told(lent.owner) == ["ends-in-3-days"]
    make.wait(days=2)
    for _ in range(2):
        remind()
    assert told(lent.owner) == ["ends-in-3-days", "ends-tomorrow"]
    with act(lent.owner) as tx:
        extend_share(tx, lent.share.id, START + timedelta(days=14))
    remind()
    make.wait(days=5)
    remind()
    assert told(lent.owner) == ["ends-in-3-days", "ends-tomorrow", "ends-in-3-days"]


def test_notices_are_listed_counted_and_read(app, make, runtime, act):
    lent = make.share()
    open_link(runtime, lent.share.id, lent.secret)
    browser = Browser(app, lent.owner)

    page = browser.get("/notices").text
    assert "The link was opened for the first time." in page
    assert f'href="/shares/{lent.share.id}"' in page
    assert 'href="/notices"' in browser.get("/cases").text
    assert '<b class="count">1</b>' in browser.get("/cases").text
    assert browser.api("GET", "/notices").json["unread"] == 1
    assert browser.post("/notices/reading").location == "/notices"
    assert browser.api("GET", "/notices").json["unread"] == 0
    with act(lent.owner) as tx:
        assert count_unread(tx) == 0
    assert Browser(app, make.actor()).api("GET", "/notices").json["items"] == []
    assert Browser(app, make.actor(None, Role.ADMINISTRATOR)).api("GET", "/notices").json["items"] == []


def test_there_are_no_other_notices_than_those_of_the_catalogue(make, act, runtime):
    lent = make.share()
    with act(lent.owner) as tx, pytest.raises(ValueError, match="no notice"):
        tell(tx, lent.share, "gossip")
    with runtime.session() as session:
        assert session.query(Notice).count() == 0
    manual = (ROOT / "docs" / "mail.md").read_text(encoding="utf-8")
    assert not [kind for kind in KINDS if f"| `{kind}` |" not in manual]
