"""Copies of packages are looked at daily and read whole once in ninety days; what went bad is repaired from what is good."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from tests.archive.test_archiving import due, killed_at
from tests.archiving import Archivings
from tests.factory import PDF
from vault.archive.alarms import count_alarms
from vault.archive.fixity import CHECK, LOOK, due_copies
from vault.archive.incidents import close_incident
from vault.archive.models import ArchivalPackage, Closure, Incident, PackageCopy
from vault.archive.receipting import receipt_name
from vault.diagnosis import diagnose
from vault.errors import Conflict, NotFound, StoreUnavailable
from vault.jobs import Job, enqueue, run_job
from vault.store.archive import FIRST, SECOND
from vault.stores import archives_of
from vault.transfers.fixity import CHECK as CHECK_FILES

FORM = {"form.pdf": PDF}


class Vaults(Archivings):
    """Two archives, and what becomes of the files in them."""

    def __init__(self, make, alone: bool = False) -> None:
        super().__init__(make)
        if not alone:
            place = self.runtime.settings.data / "second"
            self.runtime.settings = replace(self.runtime.settings, archive_copy=f"disk:{place}")

    def archived(self) -> ArchivalPackage:
        """A package, whole in every archive that there is."""
        closure = self.closed(FORM)
        self.archive(closure)
        self.work()
        self.look()
        return self.packages(closure)[0]

    def look(self) -> None:
        """The daily job ran, and all that it ordered."""
        self.order(LOOK)

    def read(self, copy: PackageCopy) -> None:
        """The copy is read whole, and what follows from that is done."""
        self.order(CHECK, copy.id)

    def order(self, name: str, subject_id=None) -> None:
        self.make.clock.move(minutes=1)
        with self.runtime.session() as session:
            enqueue(session, name, subject_id, self.make.clock.now())
        self.work()

    def copies(self, lost: bool = False) -> list[PackageCopy]:
        """All of the present ones, the first archive's first."""
        with self.runtime.session() as session:
            query = select(PackageCopy).where(
                PackageCopy.lost_at.is_not(None) if lost else PackageCopy.lost_at.is_(None)
            )
            return list(session.scalars(query.order_by(PackageCopy.store, PackageCopy.id)))

    def incidents(self) -> list[tuple[str, str]]:
        """Kind and state of each, in the order in which they were found."""
        with self.runtime.session() as session:
            found = session.scalars(select(Incident).order_by(Incident.found_at, Incident.kind))
            return [(each.kind, each.state) for each in found]

    def file(self, copy: PackageCopy) -> Path:
        """Where its bytes lie, writable."""
        folder = "archive" if copy.store == FIRST else "second"
        (path,) = self.runtime.settings.data.glob(
            f"{folder}/objects/packages/*/{Path(copy.object_name).name}"
        )
        path.chmod(0o600)
        return path

    def content(self, copy: PackageCopy) -> bytes:
        return archives_of(self.runtime)[copy.store].get(copy.object_name)


@pytest.fixture
def office(make):
    return Vaults(make)


def flip(path: Path) -> None:
    """One bit is another."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-512])


def break_head(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"ustar", b"usTar", 1))


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


def many(office, count: int) -> None:
    """So many packages, each with a copy that was read just now; only their rows."""
    row = office.archived()
    with office.runtime.session() as session:
        session.execute(update(PackageCopy).values(lost_at=office.make.clock.now()))
        closure = session.get_one(Closure, row.closure_id)
        for number in range(2, count + 2):
            later = copied(closure, number=number, reopened_at=office.make.clock.now())
            session.add(later)
            session.flush()
            package = copied(row, closure_id=later.id, version=number, object_name=f"packages/{later.id}.tar")
            session.add(package)
            session.flush()
            copy = PackageCopy(package_id=package.id, object_name=package.object_name, mode="none")
            copy.verified_at, copy.turn = office.make.clock.now(), number - 2
            session.add(copy)


def copied(row, **values):
    """Another row of the same table, alike but for these values."""
    same = {column.name: getattr(row, column.name) for column in row.__table__.columns}
    return type(row)(**same | {"id": uuid4()} | values)


def read_today(runtime) -> list[str]:
    """What is due on the vault's day; the rows say then that it was read."""
    with runtime.session() as session:
        due = due_copies(session, runtime.clock.now(), 90)
        for copy_id in due:
            session.get_one(PackageCopy, copy_id).verified_at = runtime.clock.now()
    return due


def test_every_copy_is_read_once_in_ninety_days_and_no_day_has_more_than_its_share(office, runtime, clock):
    many(office, 100)
    read = Counter()
    for _ in range(90):
        clock.move(days=1)
        due = read_today(runtime)
        assert len(due) <= 3  # of 100 in 90 days: two, or one more
        read.update(due)
    assert len(read) == 100
    assert set(read.values()) == {1}


def test_what_was_missed_is_made_up_for_oldest_first_without_a_flood(office, runtime, clock):
    many(office, 90)
    for _ in range(60):
        clock.move(days=1)
        read_today(runtime)
    clock.move(days=60)  # nobody was there
    with runtime.session() as session:
        oldest = session.scalars(
            select(PackageCopy.id).order_by(PackageCopy.verified_at, PackageCopy.id)
        ).first()
        assert count_alarms(session, runtime.settings, clock.now()).not_read == 58
    first = read_today(runtime)
    assert oldest in first
    read = [first]
    for _ in range(60):
        clock.move(days=1)
        read.append(read_today(runtime))
    assert max(map(len, read)) == 2
    with runtime.session() as session:
        assert count_alarms(session, runtime.settings, clock.now()).not_read == 0


def finding(runtime) -> dict[str, str]:
    return next(found for found in diagnose(runtime) if found["part"] == "fixity")


def test_the_alarm_does_not_need_the_worker_that_is_dead(office, runtime):
    office.archived()
    office.order(CHECK_FILES)
    office.look()
    assert finding(runtime)["state"] == "ok"
    office.make.clock.move(hours=38)
    late = finding(runtime)
    assert late["state"] == "warning"
    assert "2 copies were not looked at for more than a day" in late["note"]
    assert "1 stored files were not looked at" in late["note"]
    office.look()
    assert "copies" not in finding(runtime)["note"]
    office.make.clock.move(days=92)
    assert "2 copies are overdue to be read whole" in finding(runtime)["note"]
    first, second = office.copies()
    office.file(first).unlink()
    office.file(second).unlink()
    office.look()
    bad = finding(runtime)
    assert bad["state"] == "failed"
    assert "Of 1 packages no copy is good" in bad["note"]


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
