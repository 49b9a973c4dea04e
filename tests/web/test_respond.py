"""Forms and JSON become the same models; wrong forms come back with what was typed."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from tests.web.test_csrf import token
from vault.web import respond
from vault.web.faults import pointer_to

ADDRESS = "/api/v1/bundles/7f0c0c52-3f43-4d0d-8f3f-6a1c3d9f0a11"
GOOD = {"title": "Main file", "tier": "confidential"}


def send(guest, body: bytes | str):
    return guest.post(ADDRESS, data=body, content_type="application/json")


def pointers(answer) -> list[str]:
    assert answer.status_code == 400
    return [fault["pointer"] for fault in answer.json["errors"]]


def test_json_in_and_json_out_with_the_place_of_what_was_made(guest):
    answer = guest.post(ADDRESS, json=GOOD)
    assert answer.status_code == 201
    assert answer.headers["Location"].startswith("/case")
    assert answer.json["title"] == "Main file"


def test_unknown_and_missing_fields_are_pointed_at(guest):
    assert pointers(guest.post(ADDRESS, json={"title": "x", "colour": 1})) == ["/tier", "/colour"]


def test_json_is_read_strictly(guest):
    assert pointers(guest.post(ADDRESS, json={**GOOD, "pages": "5"})) == ["/pages"]
    assert pointers(guest.post(ADDRESS, json={**GOOD, "individuals": ["a", 2]})) == ["/individuals/1"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"null", b"[]", b'"text"'])
def test_torn_bodies_have_a_clear_answer(guest, body):
    assert send(guest, body).status_code == 400


TWISTED = {
    "a name twice": '"title":"b"',
    "a name twice, written differently": '"t\\u0069tle":"b"',
    "NUL": '"note":"a\\u0000b"',
    "NUL in a list": '"individuals":["a\\u0000b"]',
    "half a character": '"note":"\\ud800"',
    "no number": '"weight":NaN',
    "a number without end": '"weight":1e999',
    "an endless integer": '"pages":' + "9" * 5000,
}


def test_the_body_around_a_twist_is_good(guest):
    assert send(guest, '{"title":"a","tier":"confidential","weight":1.5}').status_code == 201


@pytest.mark.parametrize("twist", TWISTED)
def test_twisted_bodies_have_a_clear_answer(guest, twist):
    assert send(guest, '{"title":"a","tier":"confidential",' + TWISTED[twist] + "}").status_code == 400


def test_a_form_carries_no_nul(guest):
    answer = guest.post("/forms", data={**GOOD, "note": "a\0b", "csrf": token(guest)})
    assert answer.status_code == 400


def test_a_body_over_one_mebibyte_is_too_large(guest):
    assert send(guest, json.dumps({**GOOD, "note": "x" * 1024 * 1024})).status_code == 413


def test_the_api_takes_json_only(guest):
    assert guest.post(ADDRESS, data=GOOD).status_code == 415


def test_text_arrives_composed_in_one_way(guest):
    assert send(guest, json.dumps({**GOOD, "title": "Cafe\u0301"})).json["title"] == "Caf\u00e9"


def test_a_form_is_redirected_to_what_it_made(guest):
    answer = guest.post("/forms", data={**GOOD, "pages": "", "individuals": ["a", "b"], "csrf": token(guest)})
    assert answer.status_code == 303
    assert answer.location == "/case?notice=saved"


def test_a_wrong_form_comes_back_with_what_was_typed_and_what_is_wrong(guest):
    typed = {
        "title": "",
        "pages": "many",
        "note": "<b>kept</b>",
        "password": "swordfish",
        "csrf": token(guest),
    }
    answer = guest.post("/forms", data={**typed, "individuals": ["b"], "understood": "true"})
    page = answer.text
    assert answer.status_code == 400
    assert "<title>Error: New bundle" in page
    assert '<a href="#f-title">Title: This is needed.</a>' in page
    assert '<a href="#f-tier">Tier: This is needed.</a>' in page
    assert 'aria-describedby="h-title e-title" aria-invalid="true"' in page
    assert 'value="many"' in page
    assert "&lt;b&gt;kept&lt;/b&gt;" in page
    assert 'value="b" checked' in page
    assert 'value="a" checked' not in page
    assert 'value="true" checked' in page
    assert "swordfish" not in page


def test_only_the_form_that_was_sent_shows_what_was_wrong(guest):
    page = guest.post("/confirm", data={"number": "7", "title": "x", "csrf": token(guest)}).text
    assert page.count('role="alert"') == 1
    assert '<a href="#f-number">' in page
    assert 'value="7"' in page
    assert 'value="x"' not in page


def test_a_form_field_given_twice_is_refused(guest):
    answer = guest.post("/forms", data={**GOOD, "title": ["a", "b"], "csrf": token(guest)})
    assert answer.status_code == 400
    assert "Give one answer." in answer.text


def test_other_errors_may_show_the_form_too_with_their_status(guest):
    answer = guest.post("/forms", data={**GOOD, "title": "again", "csrf": token(guest)})
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"
    assert "Wait a while, then try again." in answer.text
    assert 'value="again"' in answer.text


def test_a_model_that_takes_anything_is_a_mistake_of_ours(front):
    class Loose(BaseModel):
        title: str

    with front.test_request_context("/forms", method="POST"), pytest.raises(TypeError, match="forbid"):
        respond.parse(Loose)


def test_pointers_escape_as_rfc_6901_says():
    assert pointer_to(("a/b", 0, "c~d")) == "/a~1b/0/c~0d"


def test_one_path_serves_people_and_programs(guest):
    assert guest.get("/api/v1/case").json["number"] == "815-26-00412"
    assert '<bdi class="caseno" dir="ltr" translate="no">815-26-00412</bdi>' in guest.get("/case").text


def test_a_tag_saves_the_answer_and_guards_the_change(guest):
    tag = guest.get("/api/v1/case").headers["ETag"]
    assert guest.get("/api/v1/case", headers={"If-None-Match": tag}).status_code == 304
    assert guest.patch("/api/v1/case", headers={"If-Match": tag}).status_code == 200
    assert guest.patch("/api/v1/case").status_code == 200
    stale = guest.patch("/api/v1/case", headers={"If-Match": '"older"'})
    assert stale.status_code == 412
    assert stale.json["type"] == "/problems/precondition-failed"


def test_pages_of_a_list_follow_each_other_to_the_end(guest):
    address, seen = "/api/v1/items?limit=25&kind=x", []
    while address:
        answer = guest.get(address)
        seen += [item["id"] for item in answer.json["items"]]
        link = answer.headers.get("Link", "")
        assert not link or link.endswith('; rel="next"')
        assert not link or "kind=x" in link
        address = link.partition(">")[0].removeprefix("<")
    assert seen == list(range(60))


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=²", "limit=-1", "after=", "after=" + "x" * 201]
)
def test_a_page_that_makes_no_sense_is_pointed_at(guest, query):
    assert pointers(guest.get(f"/api/v1/items?{query}"))[0] in {"/limit", "/after"}
