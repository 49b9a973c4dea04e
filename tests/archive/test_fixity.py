"""Copies of packages are looked at daily and read whole once in ninety days; what went bad is repaired from what is good."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from errno import EACCES, EIO
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.archive.test_archiving import due, killed_at
from tests.copies import Vaults, break_head, cut, flip
from tests.soundness import assert_clean
from vault.archive.checking import read_fault
from vault.archive.fixity import CHECK, LOOK
from vault.archive.incidents import close_incident
from vault.archive.models import Incident
from vault.archive.receipting import receipt_name
from vault.errors import Conflict, NotFound, StoreUnavailable
from vault.jobs import Job, enqueue, run_job
from vault.store.archive import FIRST, SECOND
from vault.store.disk_archive import DiskArchive
from vault.stores import archives_of


@pytest.fixture
def office(make):
    return Vaults(make)


DAMAGES = {"wrong_digest": flip, "wrong_size": cut, "missing": Path.unlink, "not_a_package": break_head}


def test_a_package_lies_in_both_archives_with_its_receipt(office, runtime, trail):
    row = office.archived()
    first, second = office.copies()
    assert (first.store, second.store, first.turn, second.turn) == (FIRST, SECOND, 0, None)
    assert office.content(first) == office.content(second)
    archives = archives_of(runtime)
    assert archives[FIRST].get(receipt_name(row)) == archives[SECOND].get(receipt_name(row))
    assert second.kept_until
    assert second.mode == "policy"
    office.look()
    assert (office.copies()[1].turn, office.incidents()) == (1, [])
    assert trail().count("package.copied") == 1


def test_a_bad_copy_is_repaired_from_the_one_that_passes(office, trail):
    row = office.archived()
    _, second = office.copies()
    good = office.content(second)
    for number, kind in enumerate(DAMAGES, start=2):
        first = office.copies()[0]
        DAMAGES[kind](office.file(first))
        office.read(first)
        assert office.incidents()[-1] == (kind, "repaired")
        now, other = office.copies()
        assert (now.store, now.object_name) == (FIRST, row.object_name.replace(".tar", f"-r{number}.tar"))
        assert office.content(now) == good
        assert now.kept_until
        assert (now.turn, now.fault, other.id) == (first.turn, None, second.id)
        assert other.verified_at == now.verified_at
        assert first.id in [copy.id for copy in office.copies(lost=True)]
    assert trail().count("package.repaired") == trail().count("incident.found") == 4
    office.look()
    assert len(office.incidents()) == 4


def test_two_bad_copies_stop_and_nothing_is_written(office, runtime):
    office.archived()
    first, second = office.copies()
    kept = office.file(second).read_bytes()
    flip(office.file(first))
    flip(office.file(second))
    office.read(first)
    office.make.clock.move(days=1)
    office.look()
    assert office.incidents() == [("wrong_digest", "open"), ("wrong_digest", "open")]
    assert [copy.fault for copy in office.copies()] == ["wrong_digest", "wrong_digest"]
    for archive in archives_of(runtime).values():
        assert len(list(archive.names("packages/"))) == 2
        assert not list(archive.partial_names())
    office.file(second).write_bytes(kept)  # somebody has brought it back
    office.read(second)
    office.look()
    assert office.incidents() == [("wrong_digest", "repaired"), ("wrong_digest", "repaired")]
    assert len(office.copies(lost=True)) == 1


def test_swapped_copies_are_noticed(office, runtime):
    one, other = office.archived(), office.archived()
    mine, theirs = (copy for copy in office.copies() if copy.store == FIRST)
    here, there = office.file(mine), office.file(theirs)
    content = here.read_bytes()
    here.write_bytes(there.read_bytes())
    there.write_bytes(content)
    assert one.size == other.size
    for copy in (mine, theirs):
        office.read(copy)
    assert office.incidents() == [("wrong_digest", "repaired")] * 2


def test_with_one_archive_a_bad_package_waits_for_somebody(make):
    office = Vaults(make, alone=True)
    office.archived()
    (copy,) = office.copies()
    path = office.file(copy)
    content = path.read_bytes()
    path.unlink()
    office.look()
    office.look()
    assert office.incidents() == [("missing", "open")]
    path.write_bytes(content)
    office.look()
    assert office.incidents() == [("missing", "repaired")]
    assert office.copies()[0].fault is None


def test_an_archive_in_which_everything_is_bad_is_not_filled_anew(office, runtime):
    for _ in range(3):
        office.archived()
    (runtime.settings.data / "second").rename(runtime.settings.data / "away")
    office.look()
    assert office.incidents() == [("missing", "open")] * 3
    assert not list(archives_of(runtime)[SECOND].names())


def test_no_answer_is_no_failure_of_the_record_but_is_counted(office, runtime, monkeypatch):
    office.archived()
    first, second = office.copies()
    seen = second.looked_at
    runtime.settings = replace(runtime.settings, archive_copy="")
    office.make.clock.move(days=1)
    office.look()
    with runtime.session() as session:
        enqueue(session, CHECK, second.id, runtime.clock.now())
    office.work()
    first, second = office.copies()
    assert (first.unanswered, second.unanswered, second.looked_at) == (0, 2, seen)
    assert office.incidents() == []
    with runtime.session() as session:
        assert session.scalars(select(Job.error_code).where(Job.name == CHECK)).one() == StoreUnavailable.code


def test_a_disk_that_lost_a_block_is_a_fault_of_the_copy_and_another_fault_of_it_is_not(office, runtime):
    row = office.archived()
    copy = office.copies()[0]

    class Worn(DiskArchive):
        """A disk that fails halfway."""

        error = EIO

        def read_version(self, name, version, start, end):
            yield from super().read_version(name, version, start, end // 1024 * 512)
            raise OSError(self.error, "on purpose")

    worn = Worn(runtime.settings.data / "archive", runtime.clock.now)
    assert read_fault(worn, row, copy, len) == "wrong_digest"
    Worn.error = EACCES
    with pytest.raises(OSError, match="on purpose"):
        read_fault(worn, row, copy, len)


def test_an_incident_is_closed_by_a_person_once_it_is_right_again(office, runtime, trail):
    office.archived()
    first, _ = office.copies()
    cut(office.file(first))
    with runtime.session() as session:
        enqueue(session, LOOK, None, runtime.clock.now())
    (job,) = office.waiting()
    run_job(runtime, job)
    with runtime.session() as session:
        incident = session.scalars(select(Incident)).one()
    with pytest.raises(Conflict), runtime.transaction(office.archivist) as tx:
        close_incident(tx, incident.id, "Seen.")
    office.work()
    with pytest.raises(NotFound), runtime.transaction(office.owner) as tx:
        close_incident(tx, incident.id, "Seen.")
    with runtime.transaction(office.archivist) as tx:
        close_incident(tx, incident.id, "A disk was changed.")
    assert office.incidents() == [("wrong_size", "closed")]
    assert trail()[-1] == "incident.closed"


def test_a_repair_that_is_killed_anywhere_leaves_one_good_copy(office, runtime, clock, trail):
    """`kill -9` at every act on the archives' folders in turn."""
    office.archived()
    first, second = office.copies()
    good = office.content(second)
    flip(office.file(first))
    with runtime.session() as session:
        enqueue(session, CHECK, first.id, clock.now())
    kills = 0
    while not office.copies(lost=True):
        kills += killed_at(runtime, kills % 12 + 1)
        clock.move(minutes=11)
        if not due(runtime) and not office.copies(lost=True):
            office.look()  # its workers died eight times: the next day tries again
    assert kills > 5
    now, _ = office.copies()
    assert office.content(now) == good
    assert office.incidents() == [("wrong_digest", "repaired")]
    assert trail().count("package.repaired") == trail().count("incident.found") == 1
    assert_clean(runtime)
    archive = archives_of(runtime)[FIRST]
    assert sorted(archive.names("packages/")) == sorted(
        [first.object_name, now.object_name, first.object_name.replace(".tar", ".json")]
    )
    assert not list(archive.partial_names())


@pytest.mark.sqlite
def test_in_a_bucket_versions_and_locks_are_looked_at(office, runtime, moto):
    bucket = moto.new_bucket(locked=True)
    places = {"s3_endpoint": moto.url, "s3_region": "eu-central-1", "s3_checksums": "when_supported"}
    runtime.settings = replace(runtime.settings, archive_store=f"s3://{bucket}/vault", **places)
    row = office.archived()
    first, _ = office.copies()
    assert (first.mode, office.incidents()) == ("governance", [])
    key = f"vault/objects/{first.object_name}"
    stray = moto.client.put_object(Bucket=bucket, Key=key, Body=b"another")["VersionId"]
    office.look()
    assert office.incidents() == [("wrong_version", "open")]
    office.read(first)  # the version that we know is as good as ever
    assert [copy.fault for copy in office.copies()] == [None, None]
    named = {"Bucket": bucket, "Key": key}
    moto.client.delete_object(**named, VersionId=stray)
    lifted = {"VersionId": first.store_version, "BypassGovernanceRetention": True}
    moto.client.put_object_retention(**named, **lifted, Retention={})
    office.look()
    assert office.incidents() == [("wrong_version", "repaired"), ("lock_missing", "repaired")]
    kept = archives_of(runtime)[FIRST].kept(first.object_name, first.store_version)
    assert kept.mode == "governance"
    assert kept.until > runtime.clock.now() + timedelta(days=3650)
    moto.client.delete_object(**named, **lifted)
    office.look()
    now = office.copies()[0]
    assert now.object_name.endswith("-r2.tar")
    assert now.mode == "governance"
    assert office.content(now) == office.content(office.copies()[1])
    assert row.size == archives_of(runtime)[FIRST].kept(now.object_name, now.store_version).size
