"""Errors speak plainly to people, exactly to programs, and tell nothing that was typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from vault import errors
from vault.web import problems

ERRORS_PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def all_errors(kind: type[errors.VaultError] = errors.VaultError) -> list[type[errors.VaultError]]:
    return [kind, *(one for child in kind.__subclasses__() for one in all_errors(child))]


def test_every_error_has_a_place_in_the_table():
    homeless = [kind for kind in all_errors() if problems.meaning_of(kind.__new__(kind)) is problems.FAILED]
    assert homeless == [errors.VaultError]


def test_every_code_stands_in_the_manual_with_its_status():
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", ERRORS_PAGE.read_text(), re.M)
    assert {code: int(status) for code, status in rows} == problems.STATUS_OF_CODE


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [("missing", 404, "not-found"), ("locked", 423, "bundle-locked"), ("range", 416, "bad-range"),
     ("refused", 403, "forbidden"), ("signed-out", 401, "unauthenticated"), ("crash", 500, "failed")],
)  # fmt: skip
def test_programs_get_problem_details(guest, kind, status, code):
    answer = guest.get(f"/api/v1/fails/{kind}")
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert answer.json["type"] == f"/problems/{code}"
    assert answer.json["status"] == status
    assert answer.json["title"]
    assert answer.json["detail"]
    assert re.fullmatch("[0-9A-Z]{12}", answer.json["instance"])


def test_people_get_a_page_in_the_same_words(guest):
    answer = guest.get("/fails/missing")
    assert answer.status_code == 404
    assert "This page does not exist, or you have no access to it." in answer.text
    assert "<html lang" in answer.text


def test_accept_decides_outside_the_api(guest):
    answer = guest.get("/fails/missing", headers={"Accept": "application/json"})
    assert answer.content_type == "application/problem+json"


def test_a_reader_who_is_signed_out_is_sent_to_sign_in_and_back(guest):
    answer = guest.get("/fails/signed-out?x=1")
    assert answer.status_code == 303
    assert answer.location == "/landing?next=/fails/signed-out?x%3D1"


def test_a_crash_is_logged_by_reference_without_a_word_of_its_message(guest):
    with capture_logs() as log:
        answer = guest.get("/fails/crash?secret=swordfish")
    assert answer.status_code == 500
    assert "Something failed on our side" in answer.text
    [entry] = log
    assert entry["reference"] in answer.text
    assert entry["error"] == "ZeroDivisionError"
    assert entry["at"][-1].startswith("front.py:")
    assert "hunter2" not in str(entry) + answer.text
    assert "swordfish" not in str(entry) + answer.text


@pytest.mark.parametrize(
    "fault",
    ["busy-database", "waited-for-each-other", "waited-too-long", "restarting", "away", "gone-meanwhile"],
)
def test_a_database_that_is_busy_is_a_moment_of_patience(guest, fault):
    answer = guest.get(f"/api/v1/fails/{fault}")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "2"
    assert answer.json["type"] == "/problems/busy"


def test_a_database_that_is_broken_is_a_failure(guest):
    assert guest.get("/api/v1/fails/full").status_code == 500


def test_a_range_that_cannot_be_served_names_the_length(guest):
    assert guest.get("/fails/range").headers["Content-Range"] == "bytes */10"


def test_programs_are_told_how_to_sign_in(guest):
    assert guest.get("/api/v1/fails/signed-out").headers["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_method_says_which_are_right(guest):
    answer = guest.delete("/api/v1/case")
    assert answer.status_code == 405
    assert answer.json["type"] == "/problems/method-not-allowed"
    assert "GET" in answer.headers["Allow"]


def test_an_address_that_is_not_there_has_the_same_answer_as_a_hidden_row(guest):
    unknown, hidden = guest.get("/api/v1/nothing").json, guest.get("/api/v1/fails/missing").json
    assert {**unknown, "instance": ""} == {**hidden, "instance": ""}


def test_when_the_page_cannot_be_made_its_words_remain(guest, front, monkeypatch):
    def broken() -> list[str]:
        raise RuntimeError("no database")

    monkeypatch.setitem(front.jinja_env.globals, "navigation", broken)
    with capture_logs():
        answer = guest.get("/fails/missing")
    assert answer.status_code == 404
    assert "you have no access to it" in answer.text
