"""The pages and the API of archiving: who is offered it, how far it is, what is wrong, the package itself."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.archiving import Archivings
from tests.browsing import Browser
from vault.access.actor import Role
from vault.archive.gathering import package_of
from vault.archive.receipt import read_receipt
from vault.crypto.encoding import unb64
from vault.crypto.signature import verify
from vault.jobs import run_job


@pytest.fixture
def office(make):
    return Archivings(make)


def test_a_case_is_archived_on_its_pages(office, app, trail):
    closure = office.closed()
    closer, archiver, caseworker = (
        Browser(app, actor) for actor in (office.archivist, office.controller, office.owner)
    )
    path = f"/cases/{closure.case_id}"
    shown = closer.get(f"{path}/closure").text
    assert "Archive the case" not in shown
    assert "Somebody other than the closer" in shown
    assert closer.post(f"{path}/archiving").status_code == 403
    assert "Archive the case" in archiver.get(f"{path}/closure").text
    done = archiver.confirm(archiver.post(f"{path}/archiving"), follow=True).text
    assert "being written" in done
    assert "being archived" in caseworker.get(path).text
    (row,) = closer.api("GET", "/archive").json["closed"]
    assert (row["state"], row["packages"], row["archived"], row["has_stopped"]) == ("archiving", 3, 0, False)
    assert "0 of 3 packages archived" in closer.get("/archive").text

    package = closer.api("GET", f"{path}/closure").json["packages"][0]
    content = f"/packages/{package['id']}/content"
    assert closer.api("GET", content).status_code == 409
    office.work()
    found = closer.api("GET", f"/packages/{package['id']}").json
    assert (found["package"]["state"], found["package"]["disposal"]) == ("archived", "permanent")
    receipt = found["receipt"]
    signed = b"casevault-v1/receipt\x00" + receipt["text"].encode()
    verify(unb64(receipt["key"]), signed, unb64(receipt["signature"]))
    assert read_receipt(receipt["text"].encode()).sha256 == found["sha256"]
    page = closer.get(f"/packages/{package['id']}").text
    assert found["sha512"] in page
    assert "Download the package" in page
    tar = closer.api("GET", content)
    assert hashlib.sha256(tar.data).hexdigest() == found["sha256"]
    assert tar.headers["Content-Disposition"] == f'attachment; filename="{found["name"]}.tar"'
    assert trail().count("package.downloaded") == 1
    assert "3" in closer.get("/archive").text
    assert "archived" in caseworker.get(path).text


def test_who_sees_a_package_and_who_downloads_it(office, app):
    closure = office.closed()
    office.archive(closure)
    office.work()
    place = f"/packages/{office.packages(closure)[0].id}"
    authority, abroad = (
        Browser(app, office.make.actor(office.make.person(role, office=of)))
        for role, of in ((Role.RECORDS_AUTHORITY, None), (Role.ARCHIVIST, office.make.office()))
    )
    for browser, sees, has in (
        (Browser(app, office.archivist), 200, 200),
        (authority, 200, 403),
        (Browser(app, office.owner), 404, 404),
        (abroad, 404, 404),
    ):
        assert browser.api("GET", place).status_code == sees
        assert browser.api("GET", f"{place}/content").status_code == has


def test_a_package_that_has_stopped_says_why_and_what_is_safe_and_goes_on(office, app, runtime):
    closure = office.closed()
    office.archive(closure)
    row = office.packages(closure)[0]
    with runtime.session() as session:
        name = package_of(session, runtime.store, row).files[0].object_name
    good = runtime.store.get(name)
    runtime.store.delete(name)
    for job_id in office.waiting():
        run_job(runtime, job_id)
    office.work()
    browser = Browser(app, office.second)
    page = browser.get(f"/packages/{row.id}").text
    assert "A stored object is not there" in page
    assert re.search(r"Document [123] in bundle 1, version 1", page)
    assert "removed nothing from the vault" in page
    assert browser.api("GET", "/archive").json["closed"][0]["has_stopped"]
    assert "archiving has stopped" in browser.get("/archive").text
    assert "Let it go on" in browser.get(f"/cases/{closure.case_id}/closure").text
    runtime.store.put(name, good)
    assert browser.post(f"/cases/{closure.case_id}/archiving").status_code == 303
    office.work()
    assert office.state(closure) == "archived"
