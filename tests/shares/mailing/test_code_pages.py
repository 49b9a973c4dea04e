"""The recipient's way by code, as a person without script and as a program sees it."""

from __future__ import annotations

import re

import pytest

from tests.post_office import HERS
from vault.shares.models import Opening

PASSWORD = "blue heron at noon"
SCANNERS = ["Microsoft Safe Links", "Slackbot-LinkExpanding 1.0", "WhatsApp/2.23", "Googlebot/2.1", ""]


def hidden(page: str) -> str:
    """The secret that a page carries on."""
    return re.search(r'name="secret" value="([^"]*)"', page)[1]


def code_in(mailbox) -> str:
    """The code of the newest mail, as it stands there."""
    return re.search(r"^\d{4} \d{4}$", mailbox.last, re.M)[0]


def test_a_person_without_script_pastes_the_link_is_mailed_a_code_and_reads(client, make, mailbox):
    lent = make.share(password=PASSWORD)

    asked = client.post(lent.path, data={"secret": f"http://vault.example{lent.path}#{lent.code}"})
    assert asked.status_code == 200
    assert f'action="{lent.path}/code"' in asked.text
    assert "Set-Cookie" not in asked.headers
    sent = client.post(f"{lent.path}/code", data={"secret": hidden(asked.text), "email": HERS})
    assert sent.status_code == 202
    assert "a code is on its way" in sent.text
    assert 'inputmode="numeric"' in sent.text
    assert 'autocomplete="one-time-code"' in sent.text
    answer = client.post(
        lent.path, data={"secret": hidden(sent.text), "code": code_in(mailbox), "password": PASSWORD}
    )

    assert answer.status_code == 303
    assert "Registration form" in client.get(answer.location).text


def test_after_a_mistake_only_what_is_wrong_is_asked_again(client, make, mailbox):
    lent = make.share(password=PASSWORD)
    client.post(f"{lent.path}/code", data={"secret": lent.code, "email": HERS})
    code = code_in(mailbox)

    wrong = client.post(lent.path, data={"secret": lent.code, "code": "0000 0000", "password": PASSWORD})
    assert wrong.status_code == 400
    assert "The code does not fit" in wrong.text
    assert hidden(wrong.text) == lent.code
    assert PASSWORD not in wrong.text
    missing = client.post(lent.path, data={"secret": lent.code, "code": code})
    assert "This link has a password." in missing.text
    assert f'value="{code}"' in missing.text
    short = client.post(lent.path, data={"secret": lent.code, "code": "1234", "password": PASSWORD})
    assert short.status_code == 400
    assert 'name="code"' in short.text
    odd = client.post(f"{lent.path}/code", data={"secret": lent.code, "email": ""})
    assert odd.status_code == 400
    assert 'name="email"' in odd.text
    early = client.post(f"{lent.path}/code", data={"secret": lent.code, "email": HERS})
    assert early.status_code == 429
    assert "A code was asked for just now." in early.text
    assert 'name="code"' in early.text
    assert (
        client.post(lent.path, data={"secret": lent.code, "code": code, "password": PASSWORD}).status_code
        == 303
    )


@pytest.mark.parametrize("written", ["{0}{1}", " {0} {1} ", "\u2066{0} {1}\u2069", "{0}-{1}", "{0}\u00a0{1}"])
def test_a_code_may_be_pasted_as_it_stands_in_the_mail(client, make, mailbox, written):
    lent = make.share()
    client.post(f"{lent.path}/code", data={"secret": lent.code, "email": HERS})
    given = written.format(*code_in(mailbox).split())

    assert client.post(lent.path, data={"secret": lent.code, "code": given}).status_code == 303


def test_digits_of_other_scripts_are_digits(client, make, mailbox):
    lent = make.share()
    client.post(f"{lent.path}/code", data={"secret": lent.code, "email": HERS})
    given = code_in(mailbox).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))

    assert client.post(lent.path, data={"secret": lent.code, "code": given}).status_code == 303


def test_the_page_is_the_same_for_a_wrong_address(client, make, mailbox):
    one, other = make.share(), make.share()
    pages = [
        client.post(f"{lent.path}/code", data={"secret": lent.code, "email": email})
        for lent, email in ((one, HERS), (other, "else@mission.example"))
    ]

    shown = [
        page.text.replace(lent.path, "").replace(lent.code, "").replace(email, "")
        for page, lent, email in zip(pages, (one, other), (HERS, "else@mission.example"), strict=True)
    ]
    assert shown[0] == shown[1]
    assert [page.status_code for page in pages] == [202, 202]
    assert len(mailbox.letters) == 1


def test_a_program_asks_for_a_code_and_opens(client, make, mailbox):
    lent = make.share()

    due = client.post(f"{lent.path}/opening", json={"secret": lent.code})
    assert due.status_code == 400
    assert due.json["errors"][0]["pointer"] == "/code"
    sent = client.post(f"{lent.path}/code", json={"secret": lent.code, "email": HERS})
    assert (sent.status_code, sent.json) == (202, {"valid_for": 600, "again_after": 60})
    opened = client.post(f"{lent.path}/opening", json={"secret": lent.code, "code": code_in(mailbox)})
    assert opened.status_code == 201
    assert opened.json["openings_left"] == 2


def test_a_second_device_reads_in_the_same_opening_and_both_go_on(app, make, clock, mailbox, runtime, trail):
    lent, devices = make.share(openings=1), (app.test_client(), app.test_client())
    for device in devices:
        device.post(f"{lent.path}/code", json={"secret": lent.code, "email": HERS})
        opened = device.post(f"{lent.path}/opening", json={"secret": lent.code, "code": code_in(mailbox)})
        assert opened.status_code == 201
        clock.move(seconds=61)

    for device in devices:
        assert device.get(f"{lent.path}/documents/1/content").status_code == 200
    assert trail().count("share.document_opened") == 1
    with runtime.session() as session:
        assert session.query(Opening).count() == 1


def test_r16_what_scanners_do_to_a_link_asks_for_no_code(client, make, mailbox):
    lent = make.share()
    for turn in range(100):
        for rest in ("", "/code", "/opening"):
            headers = {"User-Agent": SCANNERS[turn % len(SCANNERS)]}
            client.open(lent.path + rest, method=("GET", "HEAD")[turn % 2], headers=headers)
    assert mailbox.commands == []


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}])
def test_to_a_stranger_every_link_is_the_same(client, make, headers, mailbox):
    links = [make.share(), make.share(asks_code=False)]
    paths = [lent.path for lent in links] + ["/s/" + "A" * 22, "/s/x"]
    answers = set()
    for path in paths:
        answer = client.post(f"{path}/code", data={"secret": "A" * 43, "email": HERS}, headers=headers)
        answers.add(
            (answer.status_code, re.sub(r"[0-9A-HJKMNP-TV-Z]{12}", "", answer.text.replace(path, "")))
        )
    assert len(answers) == 1
    assert answers.pop()[0] == 410
    assert mailbox.commands == []
