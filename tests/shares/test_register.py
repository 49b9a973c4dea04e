"""The disclosure register: what it shows to whom, its filters, its exports, and what left of one case."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.browsing import Browser
from vault.access.actor import Role
from vault.shares.register_files import safe_cell
from vault.shares.service import revoke_share


@pytest.fixture
def lead(app, make):
    return Browser(app, make.actor(None, Role.SUPERVISOR))


def listed(browser, query=""):
    return [item["id"] for item in browser.api("GET", f"/disclosures{query}").json["items"]]


@pytest.fixture
def lent(make, clock):
    """Three links: two of one caseworker to A mission and to another country, one of somebody else, a photo."""
    actor = make.actor()
    make.agreement(make.home, "Another mission", "CA")
    photo = make.document(other := make.actor(), make.bundle(other), document_type="photo")
    found = []
    for owner, documents, organisation in (
        (actor, (), "A mission"),
        (actor, (), "Another mission"),
        (other, [photo], "A mission"),
    ):
        clock.move(seconds=1)
        found.append(make.share(owner, documents, organisation=organisation))
    return found


def test_every_link_live_and_past_stands_in_it_newest_first(lead, lent, act):
    with act(lent[0].owner) as tx:
        revoke_share(tx, lent[0].share.id, "sent by mistake")
    items = lead.api("GET", "/disclosures").json["items"]
    assert [item["id"] for item in items] == [str(each.share.id) for each in reversed(lent)]
    assert [item["state"] for item in items] == ["live", "live", "revoked"]
    assert items[1]["country"] == "CA"
    assert items[0]["document_types"] == ["photo"]


def test_it_goes_on_page_by_page(lead, lent):
    first = lead.api("GET", "/disclosures?limit=2").json
    second = lead.api("GET", f"/disclosures?limit=2&after={first['next']}").json
    assert [len(first["items"]), len(second["items"]), second["next"]] == [2, 1, None]


def test_filters_narrow_it(app, make, lead, lent, act, clock):
    one, two, three = (str(each.share.id) for each in lent)
    share = lent[1].share
    assert listed(lead, f"?organisation={share.recipient.organisation_id}") == [two]
    assert listed(lead, "?country=SE") == [three, one]
    assert listed(lead, "?document_type=photo") == [three]
    assert listed(lead, f"?owner={lent[0].owner.id}") == [two, one]
    assert listed(lead, f"?case={share.case_id}") == [two]
    assert listed(lead, f"?recipient={share.recipient_id}") == [two]
    with act(lent[0].owner) as tx:
        revoke_share(tx, lent[0].share.id, "sent by mistake")
    assert listed(lead, "?state=revoked") == [one]
    assert listed(lead, "?state=live") == [three, two]
    clock.move(days=8)
    late = Browser(app, make.actor(None, Role.SUPERVISOR))
    assert listed(late, "?state=expired") == [three, two]


@pytest.mark.parametrize("query", ["?state=odd", "?case=x", "?after=x", "?limit=0"])
def test_a_filter_that_is_not_understood_is_refused(lead, query):
    assert lead.api("GET", f"/disclosures{query}").status_code == 400


def test_a_case_is_found_by_its_number_which_stands_in_the_body_alone(lead, lent, runtime):
    from vault.cases.models import Case

    with runtime.session() as session:
        number = session.get_one(Case, lent[1].share.case_id).number
    found = lead.api("POST", "/disclosures/search", {"number": number.replace("-", "")}).json
    assert [item["id"] for item in found["items"]] == [str(lent[1].share.id)]
    page = lead.post("/disclosures/search", number=number).text
    assert number in page
    assert not any(f'="{path}' in page for path in (f"/disclosures?number={number}", f"/cases/{number}"))


def test_the_auditor_sees_every_office_and_opens_no_link(app, make, lent):
    auditor = Browser(app, make.actor(None, Role.AUDITOR))
    abroad = make.share(make.actor(make.person(office=make.office())))
    assert set(listed(auditor)) == {str(each.share.id) for each in [*lent, abroad]}
    page = auditor.get("/disclosures").text
    assert "Registration form" not in page
    assert f"/shares/{abroad.share.id}" not in page
    assert auditor.get(f"/cases/{abroad.share.case_id}/disclosures").status_code == 200


@pytest.mark.parametrize("role", [Role.CASEWORKER, Role.REVIEWER, Role.ADMINISTRATOR, Role.ARCHIVIST])
def test_others_do_not_see_it(app, make, lent, role):
    browser = Browser(app, make.actor(None, role))
    assert browser.api("GET", "/disclosures").status_code == 403
    assert browser.api("POST", "/disclosures/export", {"reason": "curious"}).status_code == 403
    assert browser.api("GET", f"/cases/{lent[0].share.case_id}/disclosures").status_code in (403, 404)


def test_looking_and_exporting_stand_in_the_log(lead, lent, trail):
    lead.api("GET", "/disclosures")
    answer = lead.api("POST", "/disclosures/export", {"form": "jsonl", "reason": "asked by the mission"})
    assert trail()[-2:] == ["register.viewed", "register.exported"]
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="disclosures-')
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert [row["id"] for row in rows] == listed(lead)
    assert "asked by the mission" not in answer.text


def test_an_export_without_a_reason_is_refused(lead, lent, trail):
    for body in ({}, {"reason": " "}, {"reason": "x", "form": "xml"}, {"reason": "x", "note": "y"}):
        assert lead.api("POST", "/disclosures/export", body).status_code == 400
    assert "register.exported" not in trail()


def test_an_export_keeps_to_the_filters(lead, lent):
    body = {"form": "csv", "reason": "audit", "country": "CA"}
    rows = list(csv.DictReader(io.StringIO(lead.api("POST", "/disclosures/export", body).text)))
    assert [row["organisation"] for row in rows] == ["Another mission"]
    answer = lead.post("/disclosures/export", form="csv", reason="audit", country="CA")
    assert answer.mimetype == "text/csv"


def test_an_export_longer_than_one_query_is_whole(lead, lent, monkeypatch):
    monkeypatch.setattr("vault.shares.register.AT_ONCE", 2)
    answer = lead.api("POST", "/disclosures/export", {"reason": "audit"})
    assert [json.loads(line)["id"] for line in answer.text.splitlines()] == listed(lead)


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_r14_no_cell_of_an_export_is_a_formula(app, make, lead, text):
    assert safe_cell(text).startswith("'")
    assert safe_cell("Iris - Okello = fine") == "Iris - Okello = fine"
    if text != text.strip():
        return  # no field of a form takes it
    make.agreement(make.home, f"{text} & co", "CA", reference=text)
    make.share(organisation=f"{text} & co")
    sheet = lead.api("POST", "/disclosures/export", {"form": "csv", "reason": "audit"}).text
    cells = [cell for row in csv.reader(io.StringIO(sheet)) for cell in row]
    assert f"'{text} & co" in cells
    assert f"'{text}" in cells
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\uff1d")]


@pytest.mark.parametrize("sign", [*"=+-@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe63", "\u2212"])
@pytest.mark.parametrize("before", ["", "\u200b", "\u202e\u2066 ", "\ufeff\u00a0", '"', '\u3000"', "\x00"])
def test_no_part_of_a_cell_is_one_wherever_a_spreadsheet_cuts_it(before, sign):
    hidden = f"{before}{sign}1+1"
    assert safe_cell(hidden) == f"'{hidden}"
    for separator in (";", ",", "\t", "|", "\n", "\u2028", ";;"):
        assert safe_cell(f"a{separator}{hidden};b") == f"a{separator}'{hidden};b"
    assert safe_cell(["rrf", hidden]) == f"rrf;' {hidden}"


def test_cells_that_compute_nothing_stay_as_they_are():
    for text in (
        "Iris - Okello = fine",
        "a@b.example",
        "2026-11-22T09:00:00Z",
        "rrf; consent",
        "'=1",
        "",
        "naïve, really",
    ):
        assert safe_cell(text) == text
    assert safe_cell(None) == ""
    assert safe_cell(7) == "7"


def test_everything_that_ever_left_of_a_case_is_on_one_page(app, make, lead):
    actor = make.actor()
    bundle = make.bundle(actor)
    document = make.document(actor, bundle, title="Zibblequorn")
    lent = make.share(actor, [document])
    client = app.test_client()
    client.post(f"{lent.path}/opening", json={"secret": lent.code})
    read(client, f"{lent.path}/documents/1/content")
    path = f"/cases/{lent.share.case_id}/disclosures"
    found = lead.api("GET", path).json
    assert [each["id"] for each in found["links"]] == [str(lent.share.id)]
    assert [(each["recipient"], each["is_whole"]) for each in found["served"]] == [("Iris Okello", True)]
    assert found["copies"] == []
    page = lead.get(path).text
    assert "all of it" in page
    assert "Zibblequorn" not in page


def read(client, path, **options):
    """To the end: what was served is kept when the answer is closed."""
    answer = client.get(path, **options)
    assert answer.status_code in (200, 206)
    assert answer.data
    answer.close()


def test_a_part_that_was_served_is_called_a_part(app, make, lead):
    lent = make.share()
    client = app.test_client()
    client.post(f"{lent.path}/opening", json={"secret": lent.code})
    read(client, f"{lent.path}/documents/1/content", headers={"Range": "bytes=0-9"})
    served = lead.api("GET", f"/cases/{lent.share.case_id}/disclosures").json["served"]
    assert [(each["bytes_served"], each["is_whole"]) for each in served] == [(10, False)]


def test_an_export_as_an_encrypted_file_stands_on_the_page_of_the_case(app, make, lead):
    from tests.browsing import post_confirmed
    from vault.crypto.identity import age_recipient, public_key

    actor = make.actor()
    document = make.document(actor, make.bundle(actor))
    keys = {"recipients": [age_recipient(public_key(bytes(32)))]}
    sent = post_confirmed(Browser(app, actor).client, f"/api/v1/documents/{document.id}/export", json=keys)
    assert sent.status_code == 200
    copies = lead.api("GET", f"/cases/{document.case_id}/disclosures").json["copies"]
    assert [(each["document_type"], each["number"]) for each in copies] == [("identity_copy", 1)]
    assert copies[0]["recipients"][0].startswith("age1pq1")
