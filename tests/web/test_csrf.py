"""Nothing changes unless our own page, or a program with a token, asked for it."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

FORM = {"title": "Main file", "tier": "confidential"}


def token(guest: FlaskClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', guest.get("/forms").text)
    assert found
    return found.group(1)


def test_a_form_with_its_token_is_taken(guest):
    assert guest.post("/forms", data={**FORM, "csrf": token(guest)}).status_code == 303


def test_a_form_without_its_token_is_stopped(guest):
    token(guest)
    assert guest.post("/forms", data=FORM).status_code == 403
    assert guest.post("/forms", data={**FORM, "csrf": ""}).status_code == 403
    assert guest.post("/forms", data={**FORM, "csrf": "ü"}).status_code == 403


def test_the_token_of_another_visitor_is_worth_nothing(front, guest):
    foreign = token(front.test_client())
    token(guest)
    assert guest.post("/forms", data={**FORM, "csrf": foreign}).status_code == 403


def test_the_token_changes_with_the_session_and_is_not_its_secret(guest):
    guest.set_cookie("session", "first-secret")
    first = token(guest)
    guest.set_cookie("session", "second-secret")
    assert first != token(guest)
    assert "secret" not in first
    assert guest.post("/forms", data={**FORM, "csrf": first}).status_code == 403


def test_a_token_from_before_sign_in_still_serves_the_same_browser(guest):
    before = token(guest)
    guest.set_cookie("session", "a-secret")
    assert guest.post("/forms", data={**FORM, "csrf": before}).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://localhost.elsewhere.example"},
    ],
)
def test_a_page_of_another_site_changes_nothing_even_with_the_token(guest, headers):
    answer = guest.post("/forms", data={**FORM, "csrf": token(guest)}, headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert guest.post("/api/v1/bundles/" + "0" * 32, json=FORM, headers=headers).status_code in {403, 404}


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        {"Origin": "null"},
    ],
)
def test_our_own_pages_may_post(guest, headers):
    assert guest.post("/forms", data={**FORM, "csrf": token(guest)}, headers=headers).status_code == 303


def test_a_program_needs_no_form_token_but_a_hidden_origin_is_no_program(guest):
    address = "/api/v1/bundles/7f0c0c52-3f43-4d0d-8f3f-6a1c3d9f0a11"
    assert guest.post(address, json=FORM).status_code == 201
    assert guest.post(address, json=FORM, headers={"Origin": "null"}).status_code == 403


@pytest.mark.parametrize("credentials", ["Basic eDp5", "Bearer cvt_x"])
def test_credentials_that_nobody_checks_are_no_way_round(guest, credentials):
    stranger = {"Authorization": credentials, "Origin": "https://elsewhere.example"}
    address = "/api/v1/bundles/7f0c0c52-3f43-4d0d-8f3f-6a1c3d9f0a11"
    assert guest.post(address, json=FORM, headers=stranger).status_code == 403
    assert guest.post("/forms", data=FORM, headers={"Authorization": credentials}).status_code == 403


def test_an_exempt_view_takes_a_form_but_not_from_another_site(guest):
    assert guest.post("/opening").status_code == 200
    assert guest.post("/opening", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_files_are_refused_where_no_view_reads_them_itself(guest):
    from io import BytesIO

    upload = {**FORM, "csrf": token(guest), "file": (BytesIO(b"x"), "x.pdf")}
    assert guest.post("/forms", data=upload).status_code == 403
    upload["file"] = (BytesIO(b"x"), "x.pdf")
    assert guest.post("/files-form", data=upload).status_code == 200
    assert guest.post("/files-form", data={"file": (BytesIO(b"x"), "x.pdf")}).status_code == 403


def test_the_anonymous_cookie_is_strict_and_host_bound_over_https(front):
    cookie = front.test_client().get("/forms", base_url="https://vault.example").headers["Set-Cookie"]
    assert cookie.startswith("__Host-csrf=")
    for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in cookie


def test_a_page_without_a_form_sets_no_cookie(guest):
    assert "Set-Cookie" not in guest.get("/fails/missing").headers
