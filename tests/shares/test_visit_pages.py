"""The recipient's pages, as a person without script and as a program sees them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.factory import Factory, new_runtime
from tests.fakes import START
from vault.app import create_app
from vault.crypto.encoding import b64url
from vault.shares.models import Opening
from vault.shares.service import revoke_share

PASSWORD = "blue heron at noon"
JSON = {"Accept": "application/json"}
DEAD = "It may have expired, been withdrawn or been used up. Ask the person who sent it."


@pytest.fixture
def lent(make):
    """A link on a document and a recording, with titles that want care."""
    owner = make.actor()
    bundle = make.bundle(owner)
    paper = make.document(owner, bundle, title="Form <b>1</b>")
    sound = make.document(
        owner, bundle, b"RIFF0000", file_name="talk.wav", document_type="interview_audio", title="Talk"
    )
    return make.share(owner, [paper, sound], openings=2)


def told(answer, code):
    """The answer but for what was typed and the reference, which is another one each time."""
    return answer.status_code, re.sub(r"[0-9A-HJKMNP-TV-Z]{12}", "", answer.text.replace(code, ""))


def test_a_get_spends_nothing_tells_nothing_and_sets_no_cookie(client, make, lent, stored):
    answers = {client.get(lent.path).data for _ in range(100)}

    assert len(answers) == 1
    assert stored(lent.share).openings == 0
    assert "Set-Cookie" not in client.get(lent.path).headers


@pytest.mark.parametrize(
    "other", ["AAAAAAAAAAAAAAAAAAAAAA", "x", "%F0%9F%A6%A9", "AAAAAAAAAAAAAAAAAAAAAB", "A" * 500]
)
def test_the_first_page_is_the_same_for_every_link_real_or_not(client, lent, other):
    real, made_up = client.get(lent.path), client.get(f"/s/{other}")

    assert real.status_code == made_up.status_code == 200
    assert real.data == made_up.data


@pytest.mark.parametrize("headers", [{}, JSON])
def test_to_a_stranger_every_dead_end_looks_the_same(client, make, act, lent, headers, clock):
    revoked, short = make.share(), make.share(expires_at=START + timedelta(minutes=5))
    with act(revoked.owner) as tx:
        revoke_share(tx, revoked.share.id, "wrong mission")
    clock.move(minutes=6)
    unknown = "/s/" + b64url(bytes(16))

    answers = set()
    for path in (lent.path, revoked.path, short.path, unknown, "/s/x"):
        for code in (b64url(bytes(32)), "not-a-code", revoked.code if path == unknown else "ZZZZ"):
            answer = client.post(f"{path}/opening", data={"secret": code}, headers=headers)
            answers.add(told(answer, code))
            assert "Set-Cookie" not in answer.headers

    assert len(answers) == 1
    status, text = answers.pop()
    assert status == 410
    assert DEAD in text


def test_whoever_has_the_secret_is_told_why(client, make, act, clock):
    revoked, short = make.share(), make.share(expires_at=START + timedelta(minutes=5))
    with act(revoked.owner) as tx:
        revoke_share(tx, revoked.share.id, "wrong mission")
    clock.move(minutes=6)

    for lent, words in ((revoked, "The sender has withdrawn this link."), (short, "This link has expired.")):
        answer = client.post(lent.path, data={"secret": lent.code})
        assert answer.status_code == 410
        assert words in answer.text


def test_a_person_without_script_pastes_the_link_and_reads(client, lent):
    page = client.get(lent.path)
    assert 'name="secret"' in page.text
    assert 'action="?"' in page.text

    answer = client.post(
        lent.path, data={"secret": f"http://vault.example{lent.path}#{lent.code}", "password": ""}
    )
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{lent.path}/documents"
    shown = client.get(answer.headers["Location"]).text

    assert "Nairobi" in shown
    assert re.search(r"815-26-\d{5}", shown)
    assert "open until" in shown
    assert "1 opening left" in shown
    assert re.search(r"Until <time[^>]*>25 Nov 2026, 09:00 UTC</time> you can come back", shown)
    assert "Form &lt;b&gt;1&lt;/b&gt;" in shown
    assert "Copy of an identity document" in shown
    assert shown.count("/content") == 2
    assert shown.count("/recording") == 1
    assert "Finish" in shown
    assert lent.code not in shown


def test_the_cookie_of_a_visit_cannot_be_read_by_script(client, lent):
    answer = client.post(lent.path, data={"secret": lent.code})

    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("visit-")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age" not in cookie


def test_a_recording_has_its_player_and_a_paper_has_none(client, lent):
    client.post(lent.path, data={"secret": lent.code})

    page = client.get(f"{lent.path}/documents/2/recording")
    assert page.status_code == 200
    assert f'src="{lent.path}/documents/2/content"' in page.text
    assert client.get(f"{lent.path}/documents/1/recording").status_code == 404


def test_finishing_ends_the_visit_and_the_cookie(client, lent, runtime):
    client.post(lent.path, data={"secret": lent.code})

    answer = client.post(f"{lent.path}/finish")
    assert "This visit has ended" in answer.text
    assert "Expires=Thu, 01 Jan 1970" in answer.headers["Set-Cookie"]
    assert client.get(f"{lent.path}/documents").status_code == 410
    with runtime.session() as session:
        assert session.query(Opening).one().ended_at is not None


def test_after_a_time_away_the_first_page_comes_again(client, lent, clock, stored):
    client.post(lent.path, data={"secret": lent.code})
    clock.move(minutes=30)

    away = client.get(f"{lent.path}/documents")
    assert away.status_code == 410
    assert "You were away for a while." in away.text
    assert 'name="secret"' in away.text
    again = client.post(lent.path, data={"secret": lent.code})

    assert again.status_code == 303
    assert stored(lent.share).openings == 1


def test_after_a_wrong_password_only_the_password_is_asked_again(client, make):
    lent = make.share(password=PASSWORD)

    missing = client.post(lent.path, data={"secret": lent.code})
    wrong = client.post(lent.path, data={"secret": lent.code, "password": "heron"})

    assert missing.status_code == wrong.status_code == 400
    assert "This link has a password." in missing.text
    assert "The password does not fit." in wrong.text
    assert f'<input type="hidden" name="secret" value="{lent.code}">' in wrong.text
    assert "heron" not in wrong.text
    assert client.post(lent.path, data={"secret": lent.code, "password": PASSWORD}).status_code == 303


def test_too_many_wrong_passwords_say_when_to_come_back(client, make):
    lent = make.share(password=PASSWORD)
    for _ in range(10):
        client.post(lent.path, data={"secret": lent.code, "password": "heron"})

    answer = client.post(lent.path, data={"secret": lent.code, "password": PASSWORD})

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "Too many attempts" in answer.text


def test_a_program_opens_lists_and_reads(client, lent):
    opened = client.post(f"{lent.path}/opening", json={"secret": lent.code})

    assert opened.status_code == 201
    assert opened.headers["Location"] == f"{lent.path}/documents"
    page = client.get(f"{lent.path}/documents", headers=JSON).json
    assert opened.json == page
    assert page["openings_left"] == 1
    assert [(item["n"], item["document_type"], item["title"]) for item in page["items"]] == [
        (1, "identity_copy", "Form <b>1</b>"),
        (2, "interview_audio", "Talk"),
    ]
    assert client.get(f"{lent.path}/documents/2/content").data == b"RIFF0000"
    assert client.post(f"{lent.path}/finish", headers=JSON).status_code == 204
    assert client.get(f"{lent.path}/documents", headers=JSON).json["type"] == "/problems/link-closed"


@pytest.mark.parametrize(
    "body", [{}, {"secret": ""}, {"secret": 1}, {"secret": "x", "more": "y"}, {"secret": "x" * 2001}]
)
def test_a_request_that_is_none_is_said_to_be_none(client, lent, body):
    assert client.post(f"{lent.path}/opening", json=body).status_code == 400


def test_another_sites_page_cannot_open_or_finish_a_visit(client, lent):
    foreign = {"Sec-Fetch-Site": "cross-site"}
    client.post(lent.path, data={"secret": lent.code})

    assert client.post(lent.path, data={"secret": lent.code}, headers=foreign).status_code == 403
    assert client.post(f"{lent.path}/finish", headers=foreign).status_code == 403
    assert client.get(f"{lent.path}/documents").status_code == 200


def test_over_tls_the_cookie_is_bound_to_the_host(clock, tmp_path):
    folder = tmp_path / "secure"
    folder.mkdir()
    with new_runtime(folder, clock, base_url="https://vault.example") as running:
        there = Factory(running, clock).share()
        client = create_app(running).test_client()
        opened = client.post(there.path, data={"secret": there.code}, base_url="https://vault.example")
        finished = client.post(f"{there.path}/finish", base_url="https://vault.example")

    for answer in (opened, finished):
        assert answer.headers["Set-Cookie"].startswith("__Host-visit-")
        assert "Secure" in answer.headers["Set-Cookie"]
        assert "Path=/" in answer.headers["Set-Cookie"]
