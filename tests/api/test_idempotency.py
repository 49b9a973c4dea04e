"""A program that did not hear the answer asks again, and nothing is done twice."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.browsing import Browser
from tests.factory import PASSWORD
from vault.cases.models import Case
from vault.shares.models import Share
from vault.web.remembered import RememberedRequest

KEY = {"Idempotency-Key": "3f0c-import-17"}
CASE = {"number": "815-26-77001"}


@pytest.fixture
def browser(app, make) -> Browser:
    return Browser(app, make.actor())


@pytest.fixture
def count(runtime):
    def rows(model) -> int:
        with runtime.session() as session:
            return session.scalar(select(func.count()).select_from(model)) or 0

    return rows


def test_a_request_that_comes_again_is_answered_and_not_repeated(browser, count):
    first = browser.api("POST", "/cases", CASE, KEY)
    again = browser.api("POST", "/cases", CASE, KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert again.data == b""
    assert count(Case) == 1


def test_a_key_stands_for_one_request(browser, count):
    browser.api("POST", "/cases", CASE, KEY)

    other = browser.api("POST", "/cases", {"number": "815-26-77002"}, KEY)
    elsewhere = browser.api("POST", "/cases/search", CASE, KEY)

    assert (other.status_code, elsewhere.status_code) == (409, 409)
    assert other.json["type"] == "/problems/conflict"
    assert count(Case) == 1


def test_a_key_is_ones_own(app, make, browser, count):
    browser.api("POST", "/cases", CASE, KEY)
    other = Browser(app, make.actor(make.person(office=make.office("KBL"))))

    assert other.api("POST", "/cases", {"number": "815-26-77002"}, KEY).status_code == 201
    assert count(Case) == 2


def test_a_key_outlives_the_session_it_was_used_in(app, make, count):
    person = make.person()
    first = Browser(app, make.actor(person)).api("POST", "/cases", CASE, KEY)
    again = Browser(app, make.actor(person)).api("POST", "/cases", CASE, KEY)

    assert again.headers["Location"] == first.headers["Location"]
    assert count(Case) == 1


def test_a_key_is_forgotten_after_a_day(app, make, browser, runtime, count):
    browser.api("POST", "/cases", CASE, KEY)
    with runtime.session() as session:
        session.scalars(select(RememberedRequest)).one().begun_at -= timedelta(hours=24)

    repeated = browser.api("POST", "/cases", {"number": "815-26-77002"}, KEY)

    assert repeated.status_code == 201
    assert count(RememberedRequest) == 1


def test_a_request_that_failed_may_be_tried_again_under_its_key(browser, count):
    assert browser.api("POST", "/cases", {"number": ""}, KEY).status_code == 400
    assert browser.api("POST", "/cases", CASE, KEY).status_code == 201
    assert count(Case) == 1


def test_a_search_is_made_anew_each_time(browser):
    browser.api("POST", "/cases", CASE)
    answers = [browser.api("POST", "/cases/search", CASE, KEY) for _ in range(2)]
    assert [len(answer.json["items"]) for answer in answers] == [1, 1]


def test_a_link_is_made_once_and_shown_once(app, make, count):
    actor = make.actor()
    bundle = make.bundle(actor)
    wanted = {
        "documents": [str(make.document(actor, bundle).id)],
        "recipient": {"name": "Iris Okello", "organisation": "A mission", "email": "iris@mission.example"},
    }
    browser = Browser(app, actor)

    first = browser.api("POST", f"/bundles/{bundle.id}/shares", wanted, KEY)
    again = browser.api("POST", f"/bundles/{bundle.id}/shares", wanted, KEY)

    assert "#" in first.json["url"]
    assert (again.status_code, again.data) == (201, b"")
    assert browser.client.get(again.headers["Location"]).json["id"] == first.json["id"]
    assert count(Share) == 1


def test_what_is_true_for_a_moment_is_not_answered_from_memory(app, make):
    actor = make.actor()
    bundle = make.bundle(actor, password=PASSWORD)
    browser, address = Browser(app, actor), f"/bundles/{bundle.id}"

    for _ in range(2):
        assert browser.api("POST", f"{address}/locking", headers=KEY).json["state"] == "locked"
        assert (
            browser.api("POST", f"{address}/unlocking", {"password": PASSWORD}, KEY).json["state"] == "open"
        )


def test_a_run_that_died_is_not_repeated(app, browser, runtime, count):
    """Nobody can say whether it was done, so whoever asks must look."""
    browser.api("POST", "/cases", CASE, KEY)
    with runtime.session() as session:
        session.scalars(select(RememberedRequest)).one().status = None

    answer = browser.api("POST", "/cases", CASE, KEY)

    assert answer.status_code == 409
    assert "See whether it was done" in answer.json["detail"]
    assert count(Case) == 1


def test_racers_under_one_key_do_it_once(app, make, count):
    actor, statuses = make.actor(), []

    def race() -> None:
        statuses.append(Browser(app, actor).api("POST", "/cases", CASE, KEY).status_code)

    racers = [threading.Thread(target=race) for _ in range(6)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    assert set(statuses) <= {201, 409}
    assert 201 in statuses
    assert count(Case) == 1


def test_what_is_kept_confirms_no_guess_at_a_number_or_a_password(app, make, runtime):
    """Two people send the same, and nothing of what is kept is the same."""
    case, wanted = make.case(), {"title": "Main file", "tier": "confidential", "password": PASSWORD}
    for _ in range(2):
        answer = Browser(app, make.actor()).api("POST", f"/cases/{case.id}/bundles", wanted, KEY)
        assert answer.status_code == 201

    with runtime.session() as session:
        first, second = session.scalars(select(RememberedRequest)).all()
    assert first.key_digest != second.key_digest
    assert first.request_digest != second.request_digest


@pytest.mark.parametrize("key", ["", "x" * 201, "naïve"])
def test_a_key_is_short_and_plain(browser, count, key):
    assert browser.api("POST", "/cases", CASE, {"Idempotency-Key": key}).status_code == 400
    assert count(Case) == count(RememberedRequest) == 0


def test_files_take_no_key(app, make):
    from io import BytesIO

    actor = make.actor()
    bundle = make.bundle(actor)
    form = {"document_type": "rrf", "file": (BytesIO(b"%PDF-1.7\n%%EOF\n"), "a.pdf")}

    answer = Browser(app, actor).client.post(f"/api/v1/bundles/{bundle.id}/documents", data=form, headers=KEY)

    assert answer.status_code == 400
    assert "same_as" in answer.json["detail"]


def test_a_key_on_a_page_or_without_a_session_means_nothing(app, make, browser, count):
    assert app.test_client().post("/api/v1/cases", json=CASE, headers=KEY).status_code == 401
    browser.client.post("/cases", json=CASE, headers=KEY)
    assert count(RememberedRequest) == 0
