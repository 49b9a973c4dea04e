"""Limits of resumable uploads, and how they end: stored, stopped, refused, or by time."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tests.transfers.conftest import text_of
from tests.transfers.sending import TUS, Sender, assert_tidy, drop_expired, upload_at, work_off
from vault.crypto.payload import CHUNK
from vault.people.sessions import start_session
from vault.transfers import quota

CONTENT = text_of(3 * CHUNK + 100)
LENGTH = len(CONTENT)


def limit(sender: Sender, **limits: int) -> None:
    sender.desk.runtime.settings = replace(sender.desk.runtime.settings, **limits)


def test_a_file_over_the_limit_begins_nothing(sender, trail):
    limit(sender, file_limit=1000)
    assert sender.create(1001).status_code == 413
    assert sender.create(10**17).status_code == 413
    assert "upload.begun" not in trail()
    assert sender.create(1000).status_code == 201


def test_a_bundle_takes_no_more_than_its_quota_finished_or_not(sender):
    limit(sender, bundle_quota=3 * LENGTH)
    assert sender.create(LENGTH, CONTENT).status_code == 201
    waiting = sender.begun(LENGTH)
    assert sender.create(LENGTH + 1).status_code == 413
    assert sender.create(LENGTH).status_code == 201
    assert sender.create(1).status_code == 413

    assert sender.client.delete(waiting, headers=TUS).status_code == 204
    assert sender.create(LENGTH).status_code == 201


def test_of_two_who_want_the_last_gap_one_gets_it(app, desk):
    senders = [Sender(app, desk) for _ in range(4)]
    limit(senders[0], bundle_quota=LENGTH + 10)
    start, answers = threading.Barrier(4), []

    def ask(sender: Sender) -> None:
        start.wait()
        answers.append(sender.create(LENGTH).status_code)

    threads = [threading.Thread(target=ask, args=(each,)) for each in senders]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(answers) == [201, 413, 413, 413]


@pytest.mark.once
def test_nobody_has_more_than_two_hundred_unfinished_uploads(sender):
    places = [sender.begun(5) for _ in range(quota.MOST_UNFINISHED)]
    assert sender.create(5).status_code == 413
    assert len(sender.client.get("/files/").json["items"]) == 200
    assert sender.patch(places[7], 0, b"hello").status_code == 204
    assert sender.create(5).status_code == 201
    assert sender.create(5).status_code == 413


@pytest.mark.parametrize("sent", [0, 10, 2 * CHUNK + 10])
def test_an_upload_past_its_time_is_gone_with_slot_and_bytes(sender, desk, watched, trail, sent):
    place = sender.begun(LENGTH)
    if sent:
        sender.patch(place, 0, CONTENT[:sent])
    desk.make.wait(days=6, hours=23)
    drop_expired(desk)
    assert upload_at(desk, place).dropped_at is None

    desk.make.wait(hours=2)
    drop_expired(desk)
    assert upload_at(desk, place).refusal == "expired"
    assert list(watched.partial_names()) == []
    assert trail().count("upload.dropped") == 1
    assert_tidy(desk)


def signed_in_again(sender: Sender, desk) -> Sender:
    key = desk.make._password_keys[desk.actor.id]
    with desk.runtime.transaction(desk.actor) as tx:
        return Sender(sender.client.application, desk, start_session(tx, desk.actor.id, key).actor)


def test_before_the_job_comes_an_upload_past_its_time_takes_nothing(sender, desk):
    place = sender.begun(LENGTH)
    sender.patch(place, 0, CONTENT[:10])
    desk.make.wait(days=7, hours=1)
    sender = signed_in_again(sender, desk)

    assert sender.patch(place, 10, CONTENT[10:]).status_code == 410
    assert sender.client.head(place, headers=TUS).status_code == 410
    assert sender.client.get("/files/").json["items"] == []


def test_each_piece_gives_an_upload_its_time_anew(sender, desk):
    place = sender.begun(LENGTH)
    for at in range(0, LENGTH, LENGTH // 3 + 1):
        desk.make.wait(days=6)
        sender = signed_in_again(sender, desk)
        answer = sender.patch(place, at, CONTENT[at : at + LENGTH // 3 + 1])
        assert answer.status_code == 204
    assert sender.read(answer.headers["Casevault-Document"]) == CONTENT


def test_an_upload_that_came_whole_never_expires(sender, desk, watched):
    place = sender.begun(LENGTH)
    watched.before = broken
    assert sender.patch(place, 0, CONTENT).status_code == 500
    watched.before = lambda act: None
    desk.make.wait(days=30)
    drop_expired(desk)

    sender = signed_in_again(sender, desk)
    assert sender.offset(place) == LENGTH
    assert sender.client.get(place).json["state"] in ("checking", "stored")
    sender.client.head(place, headers=TUS).close()
    page = sender.client.get(place).json
    assert page["state"] == "stored"
    assert sender.read(page["document"]) == CONTENT
    assert_tidy(desk)


def broken(act: str) -> None:
    if act == "finish":
        raise OSError("the disk is broken")


@pytest.mark.parametrize("sent", [0, 10, 2 * CHUNK + 10])
def test_a_stopped_upload_leaves_nothing_and_takes_nothing(sender, desk, watched, trail, sent):
    place = sender.begun(LENGTH)
    if sent:
        sender.patch(place, 0, CONTENT[:sent])
    slot = upload_at(desk, place).slot_id

    assert sender.client.delete(place, headers=TUS).status_code == 204
    work_off(desk)

    assert list(watched.partial_names()) == []
    assert not desk.runtime.keystore.is_live(slot)
    assert sender.patch(place, sent, CONTENT[sent:]).status_code == 410
    assert sender.client.head(place, headers=TUS).status_code == 410
    assert sender.client.delete(place, headers=TUS).status_code == 410
    assert sender.client.get(place).json["reason"] == "stopped"
    assert trail().count("upload.dropped") == 1
    assert_tidy(desk)


def test_a_stored_file_is_not_stopped(sender, desk, watched):
    answer = sender.create(LENGTH, CONTENT)
    assert sender.client.delete(answer.headers["Location"], headers=TUS).status_code == 410
    work_off(desk)
    assert sender.read(answer.headers["Casevault-Document"]) == CONTENT


def test_whoever_missed_the_last_answer_learns_that_all_is_there(sender, trail):
    place = sender.begun(LENGTH)
    sender.patch(place, 0, CONTENT)

    answer = sender.client.head(place, headers=TUS)
    assert answer.headers["Upload-Offset"] == answer.headers["Upload-Length"] == str(LENGTH)
    assert answer.headers["Casevault-State"] == "stored"
    assert sender.patch(place, LENGTH, b"").status_code == 410
    assert sender.patch(place, 0, CONTENT).status_code == 410
    assert trail().count("document.deposited") == 1
