"""Workers of a disposal: killed anywhere, or two of them at once, they come to one end, one certificate, one event each."""

from __future__ import annotations

import shutil
from itertools import count

import pytest

from tests.disposals import Disposals
from tests.killing import do_all, killed_at, put_on_disk
from tests.moments import Moment
from tests.places import is_long
from tests.soundness import assert_clean
from tests.test_races import at_once, errors_in
from vault.archive.certificates import certificate_file, check_certificate
from vault.disposal.models import Disposal
from vault.jobs import HANDLERS, LeaseLost, claim, finish
from vault.slots import destruction_state

ONCE = (
    *("disposal.inventory_taken", "disposal.begun", "disposal.slots_destroyed", "disposal.erased"),
    "certificate.issued",
)
"""What is recorded once, however often a worker begins anew."""
EACH = 1 if is_long() else 7
"""Of so many acts one is the last, in the test that begins each time from the same moment."""


@pytest.fixture
def office(make, runtime):
    put_on_disk(runtime)
    return Disposals(make)


def signed(office) -> tuple[Disposal, list]:
    """A list of a recording and a working copy whose case lies in the archive; nothing was looked for yet."""
    _, found = office.archived_and_due()
    going = [found["interview_audio"], found["working_copy"]]
    stays = [found["rrf"], found["transcript"]]
    return office.then(office.first(*going)), stays


def assert_came_to_its_end(office, disposal, stays, trail) -> None:
    """All of it happened, and once."""
    runtime = office.runtime
    assert office.now(disposal).state == "certified"
    assert [each for each in ONCE if trail().count(each) != 1] == []
    gone = office.went(disposal)
    assert len(gone) == 2
    for row in gone:
        assert row.slot_destroyed_at <= row.object_removed_at
        assert not runtime.keystore.is_live(row.slot_id)
        assert row.slot_id in runtime.keystore.ends()
        assert runtime.store.size(row.object_name) is None
        with runtime.session() as session:
            assert destruction_state(session, row.slot_id) == "done"
    for copy in office.copies(disposal):
        assert (copy.removed_at is None) == (copy.remains == "locked"), copy.kind
    assert {each.kind for each in office.copies(disposal)} == {"package", "index"}
    (row,) = office.certificates(disposal)
    with runtime.session() as session:
        said, _ = check_certificate(certificate_file(session, row))
    assert {each["version"] for each in said["removed"]} == {str(each.version_id) for each in gone}
    assert office.is_whole(*stays)
    assert_clean(runtime)


def test_a_worker_that_is_killed_anywhere_comes_to_the_same_end(office, runtime, make, trail):
    """`kill -9` before every commit, and at every act on a folder, in turn; and a second delivery of each job."""
    disposal, stays = signed(office)
    kills = waits = 0
    while (state := office.now(disposal).state) != "certified":
        if state == "cooling" and not waits:
            make.wait(hours=72, seconds=1)
            waits += 1
        office.begin()
        kills += killed_at(runtime, 2 * kills + 2)
        make.wait(minutes=11)
        assert kills < 60
    assert kills > 8
    assert_came_to_its_end(office, disposal, stays, trail)


def test_each_act_may_be_the_last_one_of_a_worker(office, runtime, make, trail, tmp_path):
    """From the same moment each time: killed at this act, another worker does the rest, and all is as if nothing was."""
    disposal, stays = signed(office)
    office.work()
    make.wait(hours=72, seconds=1)
    office.begin()
    moment, then = Moment(runtime, tmp_path / "moment"), make.clock.now()
    archive, aside = runtime.settings.data / "archive", tmp_path / "aside"
    shutil.copytree(archive, aside)
    for kills in count():
        if not killed_at(runtime, EACH * kills + 1):
            break
        make.wait(minutes=11)
        office.begin()
        do_all(runtime)
        assert_came_to_its_end(office, disposal, stays, trail)
        make.clock.instant = then
        moment.put_back()
        shutil.rmtree(archive)
        shutil.copytree(aside, archive)
    assert kills > 60 // EACH
    assert_came_to_its_end(office, disposal, stays, trail)


def test_two_workers_of_every_step_come_to_one_certificate(office, runtime, make, trail):
    disposal, stays = signed(office)
    seen = []
    for wait in (0, 72):
        make.wait(hours=wait, seconds=1)
        office.begin()
        while waiting := office.waiting():
            for job_id in waiting:
                claims = []
                for _ in range(2):
                    with runtime.session() as session:
                        claims.append(claim(session, job_id, runtime.clock.now()).claimed())
                    make.wait(minutes=11)
                seen.append(claims[0].name)
                acts = [lambda job=job: HANDLERS[job.name](runtime, job) for job in claims]
                assert errors_in(at_once(*acts)) in ([LeaseLost], [])  # none where it came when all was done
                with runtime.session() as session:
                    finish(session, job_id, claims[-1].fence, runtime.clock.now())
    steps = ("take_inventory", "destroy_slots", "remove_objects", "certify")
    assert {f"disposal.{step}" for step in steps} <= set(seen)
    assert_came_to_its_end(office, disposal, stays, trail)
