"""The pages and the API of handing a package over: who is offered it, how far it is, what its receipt says."""

from __future__ import annotations

import json

import pytest

from tests.browsing import Browser
from tests.factory import PDF
from tests.transfers_out import WHY, Handovers


@pytest.fixture
def office(make):
    return Handovers(make)


def test_a_package_is_handed_over_on_its_page(office, app, runtime, trail):
    closure = office.archived({"form.pdf": PDF})
    package = office.permanent(closure)
    path = f"/packages/{package.id}"
    archivist, controller = Browser(app, office.archivist), Browser(app, office.controller)
    assert "Propose to hand it over" in archivist.get(path).text
    shown = archivist.confirm(archivist.post(f"{path}/transfer", reason=WHY), follow=True).text
    assert "waits for a second person" in shown
    assert WHY in shown
    assert "Hand the package over" not in shown
    assert archivist.post(f"{path}/transfer/approval", seen="0" * 64).status_code == 403
    seen = controller.api("GET", path).json["transfer"]["digest"]
    asked = controller.post(f"{path}/transfer/approval", seen=seen)
    assert "being handed over" in controller.confirm(asked, follow=True).text
    (office.drop / f"SIP-{package.aip_id}-v1.tar").write_bytes(b"something else")
    office.work()
    shown = archivist.get(path).text
    assert "Something else lies at the drop" in shown
    (office.drop / f"SIP-{package.aip_id}-v1.tar").unlink()
    assert archivist.post(f"{path}/delivery").status_code == 303
    office.work()
    row = archivist.api("GET", path).json["transfer"]
    assert (row["state"], row["name"]) == ("delivered", f"SIP-{package.aip_id}-v1")
    assert row["sha512"] in archivist.get(path).text
    assert "waits for the receipt" in archivist.get("/archive").text

    receipt = {"accession_number": "2026/0417", "receiver": "Geneva", "received_on": office.today.isoformat()}
    wrong = archivist.post(f"{path}/receipt", **receipt, sha256="0" * 64)
    assert wrong.status_code == 422
    assert "not the digest of what was delivered" in wrong.text
    asked = archivist.post(f"{path}/receipt", **receipt, sha256=row["sha256"].upper())
    assert "2026/0417" in asked.text
    shown = archivist.confirm(asked, follow=True).text
    assert "received by the repository" in shown
    assert "2026/0417" in shown
    assert "transferred" in archivist.get("/archive").text
    assert "transferred" in Browser(app, office.owner).get(f"/cases/{closure.case_id}").text
    offered = archivist.api("GET", f"/cases/{closure.case_id}/closure").json
    assert (offered["may_reopen"], offered["may_remove"]) == (True, True)
    asked = Browser(app, office.owner).get(f"/cases/{closure.case_id}/retrieval").text
    assert "Ask for files" in asked


def test_programs_bring_a_receipt_and_a_wrong_one_changes_nothing(office, app, make, trail):
    closure = office.archived({"form.pdf": PDF})
    package = office.permanent(closure)
    row = office.delivered(package)
    program = Browser(app, office.archivist)
    path = f"/packages/{package.id}/receipt"
    receipt = {"accession_number": "2026/0417", "receiver": "Geneva", "received_on": office.today.isoformat()}
    wrong = program.api("POST", path, receipt | {"sha512": "0" * 128})
    assert (wrong.status_code, wrong.json["type"]) == (422, "/problems/wrong-receipt")
    assert [fault["pointer"] for fault in wrong.json["errors"]] == ["/sha512"]
    for body in (receipt | {"sha256": "0"}, receipt | {"note": "x"}, {"sha256": "0" * 64}):
        assert program.api("POST", path, body).status_code == 400
    before = len(trail())
    assert office.transfer(package).received_at is None
    asked = program.api("POST", path, receipt | {"sha256": row.sha256.hex()})
    assert (asked.status_code, len(trail())) == (403, before)
    office.lay(row, office.receipt(row, sha256="0" * 64))
    office.ask()
    shown = program.api("GET", f"/packages/{package.id}").json
    assert (shown["transfer"]["refused"], shown["transfer"]["receipt"]) == ("other-digest", None)
    assert "does not count" in program.get(f"/packages/{package.id}").text
    office.lay(row, json.dumps(office.receipt(row)).encode())
    office.ask()
    shown = program.api("GET", f"/packages/{package.id}").json["transfer"]
    assert (shown["state"], shown["receipt"]["accession_number"]) == ("received", "2026/0417")
    assert program.api("POST", path, receipt | {"sha256": row.sha256.hex()}).status_code == 409
