"""The pages and the API of removal: what is signed, by whom, how it cools off, and the certificate."""

from __future__ import annotations

import re

import pytest

from tests.browsing import Browser
from tests.factory import PDF
from tests.removals import Removals
from vault.access.actor import Role
from vault.archive.certificates import check_certificate
from vault.crypto.encoding import unb64


@pytest.fixture
def office(make):
    return Removals(make)


def test_two_people_sign_on_its_page_and_read_the_certificate(office, app):
    closure = office.archived()
    number = office.case_of(closure).number
    closer, other, owner = (
        Browser(app, actor) for actor in (office.archivist, office.controller, office.owner)
    )
    case, path = f"/cases/{closure.case_id}", f"/cases/{closure.case_id}/removal"
    assert "removal" in closer.get(f"{case}/closure").text
    assert owner.get(path).status_code == 403
    page = closer.get(path).text
    assert "Sign first" in page
    assert "keep their active copy" in page
    seen = re.search(r'name="seen" value="(\w+)"', page)[1]
    assert closer.post(path, seen=seen, number="815-26-99999").status_code == 400
    signed = closer.confirm(closer.post(path, seen=seen, number=number), follow=True).text
    assert "waits for a second signature" in signed
    assert "Sign second" not in signed
    (row,) = other.api("GET", "/archive").json["closed"]
    assert (row["state"], row["removal"]) == ("archived", "proposed")
    assert "waits for a signature" in other.get("/archive").text
    assert "Sign second" in other.get(path).text
    asked = other.post(f"{path}/approval", seen=seen, number=number)
    assert "cooling off" in other.confirm(asked, follow=True).text
    assert closer.post(f"{path}/approval", seen=seen, number=number).status_code == 409
    assert "did not happen" in closer.post(f"{path}/cancellation", follow=True).text

    office.sign(closure)
    office.cool()
    closer, owner = (Browser(app, office.again(actor)) for actor in (office.archivist, office.owner))
    found = closer.api("GET", path).json
    assert (found["removal"]["state"], found["removal"]["done"]) == ("certified", 1)
    certificate = f"/certificates/{found['certificate']}"
    assert "The certificate" in closer.get(path).text
    shown = closer.get(certificate).text
    assert "Certificate of migration" in shown
    assert "Only the active copies" in shown
    given = closer.api("GET", certificate).json
    file = closer.api("GET", f"{certificate}/content")
    assert file.headers["Content-Disposition"] == 'attachment; filename="migration-000001.json"'
    said, _key = check_certificate(file.data, unb64(given["key"]))
    assert said == given["said"]
    assert certificate in closer.get(case).text
    assert certificate not in owner.get(case).text
    assert owner.api("GET", certificate).status_code == 404
    assert "active copies removed" in closer.get("/archive").text


def test_a_removal_that_has_stopped_says_where_it_stands(office, app, runtime):
    closure = office.archived({"form.pdf": PDF})
    abroad = Browser(app, office.make.actor(office.make.person(Role.ARCHIVIST, office=office.make.office())))
    assert abroad.api("GET", f"/cases/{closure.case_id}/removal").status_code == 404
    office.sign(closure)
    path = next(runtime.settings.data.glob("archive/objects/**/*.tar"))
    path.rename(path.with_suffix(".away"))
    office.cool()
    browser = Browser(app, office.again(office.second))
    page = browser.get(f"/cases/{closure.case_id}/removal").text
    assert "A package is not in the archive" in page
    assert "Nothing was removed" in page
    assert "removal has stopped" in browser.get("/archive").text
    path.with_suffix(".away").rename(path)
    seen, number = office.seen(closure), office.case_of(closure).number
    assert browser.post(f"/cases/{closure.case_id}/removal", seen=seen, number=number).status_code == 303
    office.work()
    assert office.removal(closure).state == "certified"
