"""Errors are pages for people and problems for programs, and say nothing about the inside."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from tests.browsing import Browser
from tests.databases import is_postgresql
from tests.hostile.test_content import assert_inert
from vault.web.csrf import FIELD

INSIDE = re.compile(r"Traceback|File \"|sqlalchemy|werkzeug|flask|\.py\b|SELECT |vault\.|sqlite|/tmp/", re.I)


def broken(runtime) -> None:
    """The table that everybody needs is gone."""
    with runtime.engine.begin() as connection:
        if not is_postgresql():
            connection.execute(text("PRAGMA foreign_keys=OFF"))
        connection.execute(text("ALTER TABLE cases RENAME TO cases_elsewhere"))


def asked(browser: Browser, status: int, runtime):
    form = "application/x-www-form-urlencoded"
    if status == 500:
        broken(runtime)
        return lambda prefix: browser.client.get(f"{prefix}/cases")
    if status == 413:
        body = f"{FIELD}={browser.token}&number={'1' * 2_000_000}"
        return lambda prefix: browser.client.post(f"{prefix}/cases", data=body, content_type=form)
    paths = {404: "/nowhere", 400: "/cases?limit=0", 403: "/system", 405: "/cases"}
    method = "DELETE" if status == 405 else "GET"
    path = {403: "/audit/events"}.get(status, paths[status])
    return lambda prefix: browser.client.open(f"{prefix}{path}", method=method)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 500])
def test_an_error_is_a_page_to_people_and_a_problem_to_programs(app, make, runtime, status):
    browser = Browser(app, make.actor())
    ask = asked(browser, status, runtime)

    page, problem = ask(""), ask("/api/v1")

    assert page.status_code == status
    assert page.content_type == "text/html; charset=utf-8"
    tags = assert_inert(page.text)
    assert ("html", "en") in [(tag, attributes.get("lang")) for tag, attributes in tags.found]
    assert re.search(r"<h1>\S[^<]+</h1>", page.text)
    assert re.search(r"\b[0-9A-HJKMNP-TV-Z]{12}\b", page.text)
    assert not INSIDE.search(tags.text)
    if status != 413:  # the API reads no form at all
        assert problem.status_code == problem.json["status"] == status
        assert problem.content_type == "application/problem+json"
        assert not INSIDE.search(problem.text)


def test_the_reference_of_a_failure_stands_in_the_log_and_what_was_asked_does_not(app, make, runtime, capsys):
    browser = Browser(app, make.actor())
    broken(runtime)

    answer = browser.api("POST", "/cases/search", {"number": "815-26-66666"})

    logged = capsys.readouterr().out
    assert answer.status_code == 500
    assert answer.json["instance"] in logged
    assert "815-26-66666" not in logged
    assert browser.cookie not in logged


def test_an_error_of_a_stranger_says_no_more_than_that(app, make):
    client = app.test_client()
    for path in (
        "/nowhere",
        "/static/nothing",
        "/s/x/documents",
        "/enrolment/7f0c0c52-3f43-4d0d-8f3f-6a1c3d9f0a11",
    ):
        page = client.get(path)
        assert page.status_code in (404, 410)
        assert not INSIDE.search(assert_inert(page.text).text)
        assert "/cases" not in page.text


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        ("application/json", "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
        ("image/png", "text/html; charset=utf-8"),
        ("text/html;q=0.1, application/json", "application/problem+json"),
        ("\x00", "text/html; charset=utf-8"),
    ],
)
def test_who_asks_for_json_gets_a_problem_anywhere(app, accept, kind):
    assert app.test_client().get("/nowhere", headers={"Accept": accept}).content_type == kind
