"""Dead, cut and wrong links of file requests: a message of its own to whoever has the secret, one to everybody else."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.fakes import START
from vault.access.actor import Role
from vault.bundles.members import add_member
from vault.crypto.encoding import b64url
from vault.drops.closures import ENDED
from vault.drops.rekeying import rekey_with_requests
from vault.drops.service import MEGABYTE, end_request
from vault.people.leaving import record_leaving
from vault.people.service import lock_sign_in

JSON = {"Accept": "application/json"}
ONE_MESSAGE = "It may have expired, been withdrawn or been used up. Ask the person who sent it."
UNKNOWN = "/r/" + b64url(bytes(16))


@pytest.fixture
def dead(make, act, end_expired, clock):
    """Links that opened once, by why they open no more."""
    found = {}

    def kill(reason, verb, **wanted):
        found[reason] = make.request(**wanted)
        verb(found[reason])

    def ended(asked):
        with act(asked.owner) as tx:
            end_request(tx, asked.request.id, "enough")

    def rekeyed(asked):
        make.confirmed(
            asked.owner, lambda tx: rekey_with_requests(tx, asked.request.bundle_id, "a lost laptop")
        )

    def left(asked):
        heir = make.person()
        with act(asked.owner) as tx:
            add_member(tx, asked.request.bundle_id, heir.id)
        boss = make.actor(None, Role.ADMINISTRATOR)
        make.confirmed(boss, lambda tx: record_leaving(tx, asked.owner.id))

    def locked(asked):
        boss = make.actor(None, Role.ADMINISTRATOR)
        with act(boss) as tx:
            lock_sign_in(tx, asked.owner.id)

    kill("owner-left", left)
    kill("expired", lambda _asked: None, expires_at=START + timedelta(minutes=5))
    kill("over", lambda _asked: None, expires_at=START + timedelta(minutes=10))
    clock.move(minutes=6)
    end_expired()
    clock.move(minutes=6)
    kill("ended", ended)
    kill("rekeyed", rekeyed)
    kill("resting", locked)
    return found


def told(answer, path, code):
    """The answer but for the link, what was typed and the reference, which is another one each time."""
    text = re.sub(r"\b[0-9A-HJKMNP-TV-Z]{12}\b", "", answer.text.replace(path, "").replace(code, ""))
    return answer.status_code, sorted(answer.headers.keys()), text


@pytest.mark.parametrize("headers", [{}, JSON])
def test_to_a_stranger_every_dead_end_looks_the_same(client, make, dead, headers):
    live, answers = make.request(), set()
    for path in (live.path, *(asked.path for asked in dead.values()), UNKNOWN, "/r/x"):
        for code in (b64url(bytes(32)), "not-a-code", live.code[:-1], live.code[:20], "ZZZZ"):
            answer = client.post(f"{path}/opening", data={"secret": code}, headers=headers)
            assert "Set-Cookie" not in answer.headers
            answers.add(str(told(answer, path, code)))

    assert len(answers) == 1
    assert ONE_MESSAGE in (only := answers.pop())
    assert "410" in only
    assert headers or "Was the link cut off on its way?" in only


def test_whoever_has_the_secret_is_told_why_in_words_of_its_own(client, dead):
    said = {}
    for reason, asked in dead.items():
        answer = client.post(asked.path, data={"secret": asked.code}, headers=JSON)
        assert answer.status_code == 410
        said[reason] = answer.json["detail"]

    assert said["over"] == said["expired"] == ENDED["expired"]
    assert [said[reason] for reason in ("ended", "rekeyed", "owner-left")] == [
        ENDED[reason] for reason in ("ended", "rekeyed", "owner-left")
    ]
    assert len(set(said.values())) == len(said) - 1
    assert ONE_MESSAGE not in said.values()
    shown = client.post(dead["ended"].path, data={"secret": dead["ended"].code}).text
    assert "Was the link cut off" in shown
    assert "<h1>This link cannot be opened</h1>" in shown
    empty = client.post(dead["ended"].path, data={"secret": ""}).text
    assert "<h1>Send files</h1>" in empty
    assert 'href="#f-secret"' in empty


def test_a_full_request_says_which_bound_is_reached_and_keeps_the_receipt(make, sender):
    by_number = sender(make.request(files=1))
    by_number.send()
    assert "All the files that you were asked for have come." in by_number.page().text
    assert by_number.receipt().status_code == 200

    by_size = sender(make.request(bytes_limit=MEGABYTE))
    by_size.send(b"%PDF-1.7\n" + b"%" * (MEGABYTE - 9))
    assert "The room for your files is used up." in by_size.page().text
    assert "All the files that you were asked for have come." in sender(by_number.asked).page().text
