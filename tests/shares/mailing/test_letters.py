"""Every letter, in every language, carries what it may and nothing else, whatever people typed."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.browsing import Browser
from vault.access.actor import Role
from vault.languages import spoken
from vault.people.mailing import set_numbers_in_mail
from vault.people.notices import KINDS
from vault.shares.arrivals import request_code
from vault.shares.letters import LETTERS, PERMITTED, TOLD, write

TO = "iris@mission.example"
HOSTILE = st.text(
    st.sampled_from(
        "\r\n\0\t\x0b\x85\u2028\u2029\u202e\u2066\u2069\u200f%(){}<>=:./#@&;" + string.ascii_letters
    )
)
TAGS = sorted(spoken())


def test_the_catalogue_carries_nothing_that_is_not_permitted():
    assert {field for kind in LETTERS.values() for field in kind.fields} == PERMITTED
    assert {name for name, kind in LETTERS.items() if kind.has_secret} == {
        name for name, kind in LETTERS.items() if kind.fields & {"url", "code"}
    }


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("kind", LETTERS)
@settings(deadline=None)
@given(data=st.data())
def test_r13_a_value_stays_in_its_place_whatever_it_is(kind, tag, data):
    fields = {name: data.draw(HOSTILE, label=name) for name in sorted(LETTERS[kind].fields)}
    said = frozenset({"code", "password"})
    told = [each.words for each in KINDS.values()] if TOLD in LETTERS[kind].paragraphs else []
    plain = write(kind, tag, TO, dict.fromkeys(fields, "x"), said, told)
    letter = write(kind, tag, TO, fields, said, told)

    assert letter.subject == plain.subject
    assert letter.body.count("\n") == plain.body.count("\n") <= 12
    assert not re.search(r"[\r\0\t\x0b\x85\u2028\u2029\u202e\u200f]", letter.body)
    assert letter.body.count("\u2069") == len(re.findall("[\u2066\u2068]", letter.body))


@pytest.mark.parametrize("kind", LETTERS)
def test_a_letter_takes_no_other_field(kind):
    for name in ("title", "file_name", "recipient", "document_type", "country"):
        with pytest.raises(ValueError, match="does not carry"):
            write(kind, "en", TO, {name: "x"})
    with pytest.raises(ValueError, match="does not carry"):
        write(kind, "en", TO, {}, told=["Iris Okello opened it."])


@pytest.mark.parametrize("kind", LETTERS)
@pytest.mark.parametrize("tag", TAGS)
def test_a_subject_is_the_same_for_everybody(kind, tag):
    fields = dict.fromkeys(LETTERS[kind].fields, "815-26-00001")
    assert write(kind, tag, TO, fields).subject == write(kind, tag, TO, {}).subject
    assert "%" not in write(kind, tag, TO, fields).subject


def test_a_letter_tells_of_the_case_its_number_alone(make, runtime, mailbox):
    owner = make.actor()
    document = make.document(
        owner, make.bundle(owner, title="Family Okello"), title="Iris tells", file_name="iris.pdf"
    )
    lent = make.share(owner, [document], organisation="Mission of Freedonia")
    request_code(runtime, lent.share.id, lent.secret, TO)

    body = mailbox.last
    assert re.search(r"for case 815-26-\d{5}:", body)
    for told in ("Okello", "Iris", "iris", "Freedonia", "Registration", "rrf", "Nairobi"):
        assert told not in body + mailbox.letters[-1]["Subject"]


def test_an_office_keeps_case_numbers_out_of_its_mails(make, app, runtime, mailbox, trail):
    lent, controller = make.share(), make.actor(None, Role.CONTROLLER)
    browser = Browser(app, controller)
    assert "Mails carry the case number" in browser.get("/office/mail").text
    assert browser.post("/office/mail").location == "/office/mail?notice=saved"
    request_code(runtime, lent.share.id, lent.secret, TO)

    assert "815-26" not in mailbox.last
    assert "Your code to open the documents:" in mailbox.last
    assert trail().count("office.mail_changed") == 1
    assert browser.api("POST", "/office/mail", {"case_numbers": True}).json["case_numbers"] is True
    assert Browser(app, lent.owner).api("GET", "/office/mail").status_code == 403


def test_nothing_is_recorded_when_nothing_changes(make, act, trail):
    with act(make.actor(None, Role.CONTROLLER)) as tx:
        set_numbers_in_mail(tx, wanted=True)
    assert "office.mail_changed" not in trail()


def test_numbers_are_isolated_where_text_runs_from_the_right():
    for tag, language in spoken().items():
        body = write("code", tag, TO, {"number": "815-26-00001", "code": "4821 7730", "minutes": "10"}).body
        assert ("\u2066815-26-00001\u2069" in body) == (language.direction == "rtl")
        assert ("\u20664821 7730\u2069" in body) == (language.direction == "rtl")
