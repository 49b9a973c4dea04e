"""Whoever has a link fills no table: files, receipts, visits and lists are bounded."""

from __future__ import annotations

from io import BytesIO

import pytest
from sqlalchemy import func, select

from tests.browsing import Browser
from tests.drops.test_pieces import TUS, Tus
from tests.factory import PDF
from tests.inspection.keepers import keeper_of
from vault.drops import dropping, queries, visits
from vault.drops.models import DropReceipt, DropVisit
from vault.inspection.keeper import KEEPER


@pytest.fixture
def rows(runtime):
    """`rows(model)` is how many there are."""

    def count(model) -> int:
        with runtime.session() as session:
            return session.scalar(select(func.count()).select_from(model))

    return count


def test_no_more_files_are_begun_than_ten_for_each_that_is_asked_for(make, sender, dropped, monkeypatch):
    monkeypatch.setattr(dropping, "BEGUN_AT_LEAST", 1)
    asked = make.request(files=1)
    clinic = sender(asked)
    for _ in range(10):
        tus = Tus(clinic)
        assert tus.made.status_code == 201
        assert tus.client.delete(tus.url, headers=TUS).status_code == 204
    for _ in range(2):
        assert Tus(clinic).made.status_code == 413
        answer = clinic.send()
        assert answer.status_code == 413
        assert "begun here too often" in answer.text
    assert len(dropped(asked)) == 10


def test_refused_files_fill_no_log(make, sender, trail):
    clinic = sender(make.request())
    for _ in range(12):
        assert clinic.send(b"", name="empty.pdf").status_code == 400
    assert trail().count("request.refused") == 10


def test_a_request_for_one_file_bears_many_broken_lines(make, sender):
    clinic = sender(make.request(files=1))
    for _ in range(12):
        tus = Tus(clinic)
        tus.client.delete(tus.url, headers=TUS)
    assert clinic.send().status_code == 303


def test_lists_show_what_stands_and_the_last_that_ended(make, app, sender, monkeypatch):
    monkeypatch.setattr(queries, "MOST_ENDED", 2)
    asked = make.request()
    clinic = sender(asked)
    clinic.send()
    for _ in range(4):
        make.wait(minutes=1)
        tus = Tus(clinic)
        tus.client.delete(tus.url, headers=TUS)
    last = tus.url.rpartition("/")[2]
    page = Browser(app, asked.owner).api("GET", f"/file-requests/{asked.request.id}").json
    assert [file["state"] for file in page["files"]] == ["taken_in", "ended", "ended"]
    assert (page["files"][-1]["id"], page["taken_in"]) == (last, 1)
    assert [file["state"] for file in clinic.told()["items"]] == ["arrived", "ended", "ended"]


def test_a_receipt_is_made_anew_only_when_something_has_arrived_since(make, sender, rows, trail):
    clinic = sender(make.request())
    clinic.send()
    first = clinic.receipt().json
    make.wait(minutes=1)
    assert clinic.receipt().json == first
    assert (rows(DropReceipt), trail().count("drop.receipted")) == (1, 1)
    clinic.send(PDF + b"%2")
    second = clinic.receipt().json
    assert second["id"] != first["id"]
    assert len(second["files"]) == 2
    assert clinic.receipt().json == second


def test_opening_again_takes_no_new_row_and_the_old_cookie_is_worth_nothing(make, app, sender, rows):
    asked = make.request()
    clinic = sender(asked)
    clinic.send()
    old = clinic.client.get_cookie(next(iter(clinic.client._cookies.values())).key)
    for _ in range(3):
        assert clinic.open().status_code == 303
    assert clinic.open(claim=clinic.told()["claim_code"]).status_code == 303
    assert rows(DropVisit) == 1
    assert len(clinic.told()["items"]) == 1
    thief = app.test_client()
    thief.set_cookie(old.key, old.value)
    assert thief.get(f"{asked.path}/files").status_code == 410


def test_one_device_too_many_takes_the_place_of_the_one_away_the_longest(make, sender, rows, monkeypatch):
    monkeypatch.setattr(visits, "MOST_DEVICES", 2)
    asked = make.request()
    first = sender(asked)
    code = first.told()["claim_code"]
    make.wait(minutes=1)
    second = sender(asked, claim=code)
    make.wait(minutes=1)
    third = sender(asked, claim=code)
    assert rows(DropVisit) == 2
    assert [each.page().status_code for each in (first, second, third)] == [410, 200, 200]


def test_r29_what_could_not_be_looked_at_is_taken_from_nobody(make, app, sender, dropped, monkeypatch):
    """A looker that gives no answer is no "nothing found": by form, in pieces, from outside and from a member."""
    dead = keeper_of("raise SystemExit")
    monkeypatch.setattr(KEEPER, "begin", dead.begin)
    owner = make.actor()
    bundle = make.bundle(owner)
    asked = make.request(owner, bundle)
    clinic, tus = sender(asked), Tus(sender(asked))
    fields = {"document_type": "rrf", "file": (BytesIO(PDF), "form.pdf")}
    answers = [
        clinic.send(),
        tus.piece(0, 100_000),
        Browser(app, owner).post(f"/bundles/{bundle.id}/documents", **fields),
    ]
    monkeypatch.undo()
    dead.close()

    assert [answer.status_code for answer in answers] == [415] * 3
    assert all("could not be checked" in answer.text for answer in answers)
    assert {file.state for file in dropped(asked)} <= {"ended"}
    assert Browser(app, owner).api("GET", f"/bundles/{bundle.id}/documents").json["items"] == []
