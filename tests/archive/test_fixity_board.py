"""The board, the API and the command of fixity: what is wrong first, to whom it is shown, what is done now."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.browsing import Browser
from tests.copies import Vaults, cut, flip
from vault.access.actor import Role
from vault.archive.commands import fixity as command
from vault.archive.fixity import CHECK
from vault.bundles.models import Version
from vault.jobs import enqueue, run_job
from vault.store.archive import FIRST, SECOND


@pytest.fixture
def office(make):
    return Vaults(make)


def test_the_board_shows_failures_first_and_no_case_to_administrators(office, app, runtime):
    for _ in range(2):
        office.archived()
    (first, other), _ = (
        [copy for copy in office.copies() if copy.store == store] for store in (FIRST, SECOND)
    )
    cut(office.file(first))
    office.look()
    bad = office.copies(lost=True)[0]
    assert bad.id == first.id
    flip(office.file(other))
    with runtime.session() as session:
        enqueue(session, CHECK, other.id, runtime.clock.now())
    (job,) = office.waiting()
    run_job(runtime, job)
    administrator = Browser(app, office.make.actor(office.make.person(Role.ADMINISTRATOR)))
    archivist, caseworker = Browser(app, office.archivist), Browser(app, office.owner)
    board = archivist.api("GET", "/archive/fixity?limit=1").json
    assert (board["items"][0]["id"], board["items"][0]["state"]) == (str(other.id), "failed")
    assert (board["alarms"]["failed"], board["alarms"]["open"], board["alarms"]["copies"]) == (1, 1, 4)
    assert [row["state"] for row in board["incidents"]] == ["open", "repaired"]
    seen = [board["items"][0]["id"]]
    while board["next"]:
        board = archivist.api("GET", f"/archive/fixity?limit=1&after={board['next']}").json
        seen += [row["id"] for row in board["items"]]
    assert sorted(seen) == sorted(str(copy.id) for copy in office.copies())
    assert archivist.api("GET", "/archive/fixity?after=9-0-0").status_code == 400
    number = office.case_of(office.closures[0]).number
    assert number in archivist.get("/archive/fixity").text
    assert number not in administrator.get("/archive/fixity").text
    assert caseworker.get("/archive/fixity").status_code == 403
    repaired = next(row for row in board["incidents"] if row["state"] == "repaired")
    place = f"/incidents/{repaired['id']}"
    assert number not in administrator.get(place).text
    assert administrator.api("POST", f"{place}/closure", {"reason": "Seen."}).status_code == 403
    assert "-r2.tar" in archivist.get(place).text
    assert archivist.post(f"{place}/closure", reason="A disk was changed.").status_code == 303
    page = archivist.get(place).text
    assert "A disk was changed." in page
    assert "Close the incident" not in page
    assert archivist.api("POST", f"{place}/closure", {"reason": "Again."}).status_code == 409


@pytest.mark.sqlite
def test_the_command_does_the_work_now_and_says_what_is_wrong(office, runtime):
    row = office.archived()
    first, second = office.copies()

    def told(*words: str) -> tuple[int, dict[str, object]]:
        done = CliRunner().invoke(command, ["run", *words, "--json"], obj=SimpleNamespace(runtime=runtime))
        return done.exit_code, json.loads(done.output)

    assert told("--deep") == (0, {"failed": 0, "versions": [], "copies": [], "incidents": [], "done": True})
    flip(office.file(first))
    assert told()[0] == 0  # it has its size
    assert told("--package", str(row.id))[0] == 0  # found, and repaired
    assert office.incidents() == [("wrong_digest", "repaired")]
    with runtime.session() as session:
        version = session.scalars(select(Version)).one()
    stored = bytearray(good := runtime.store.get(version.object_name))
    stored[-20] ^= 1
    for content, found in ((bytes(stored), [str(version.id)]), (good, [])):
        runtime.store.delete(version.object_name)
        runtime.store.put(version.object_name, content)
        office.make.clock.move(minutes=1)
        code, said = told("--deep")
        assert (code, said["versions"]) == (bool(found), found)
        assert told()[0] == bool(found)  # a look does not make it good
    office.file(second).unlink()
    office.file(office.copies()[0]).unlink()
    code, said = told()
    assert code == 1
    assert len(said["copies"]) == len(said["incidents"]) == 2
