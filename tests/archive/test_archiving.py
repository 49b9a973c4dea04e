"""A closed case is archived by workers without a key: each package once, the same bytes, one receipt, whatever breaks."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import tarfile
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from sqlalchemy import select

from tests.archiving import CONTENTS, Archivings
from tests.factory import PDF
from tests.soundness import assert_clean
from tests.test_races import at_once, errors_in
from vault import jobs
from vault.access.actor import Role
from vault.access.signing import SigningKey
from vault.archive.archiving import archive_case
from vault.archive.commands import archive
from vault.archive.gathering import package_of
from vault.archive.locking import MOVE_ON
from vault.archive.models import ArchivalPackage, PackageCopy
from vault.archive.package import CONTENT
from vault.archive.package_pages import package_page, package_rows
from vault.archive.packaging import write_into_archive
from vault.archive.packing import store_package, write_package
from vault.archive.receipting import check_signed_receipt, receipt_name
from vault.bundles.models import Version
from vault.crypto.agefile import decrypt_file
from vault.crypto.identity import hybrid_identity
from vault.errors import Conflict, Refused, Tampered, VaultError
from vault.jobs import LeaseLost, claim, enqueue, run_job
from vault.store.archive import COMPLIANCE, GOVERNANCE
from vault.stores import archive_of


@pytest.fixture
def office(make):
    return Archivings(make)


@pytest.fixture
def closure(office):
    return office.closed()


def objects(runtime) -> list[str]:
    return sorted(archive_of(runtime).names("packages/"))


def test_a_closed_case_is_archived_in_a_package_for_each_class(office, closure, runtime, trail):
    assert office.archive(closure).state == "archiving"
    assert office.work() == 12
    assert office.state(closure) == "archived"
    archive, seen = archive_of(runtime), {}
    for row in office.packages(closure):
        tar = archive.get(row.object_name)
        assert (len(tar), hashlib.sha256(tar).digest(), hashlib.sha512(tar).digest()) == (
            row.size,
            row.sha256,
            row.sha512,
        )
        with runtime.session() as session:
            key = session.scalars(select(SigningKey.public_key).where(SigningKey.purpose == "receipt")).one()
            copy = session.scalars(select(PackageCopy).filter_by(package_id=row.id)).one()
        receipt = check_signed_receipt(archive.get(receipt_name(row)), key)
        assert (receipt.sha256, receipt.size, receipt.version) == (row.sha256.hex(), row.size, 1)
        with pytest.raises(Tampered):
            check_signed_receipt(archive.get(receipt_name(row)), bytes(32))
        assert copy.mode == ("policy" if row.disposal == "permanent" else "none")
        seen[row.disposal] = opened(tar, office.seeds[1])
    assert seen == {"permanent": [CONTENTS["form.pdf"]], "recording": [None], "temporary": [None]}
    told = trail()
    assert told.count("package.stored") == told.count("package.receipted") == 3
    assert told[-1] == "case.archived"


def opened(tar: bytes, seed: bytes) -> list[bytes | None]:
    """What one archive identity reads in a package: nothing but the tar at hand."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as files:
        inside = [files.extractfile(each).read() for each in files if f"/{CONTENT}/" in f"/{each.name}"]
    found = []
    for file in inside:
        try:
            found.append(decrypt_file([hybrid_identity(seed)], file))
        except VaultError:
            found.append(None)
    return found


def test_who_closed_does_not_archive_and_nobody_reopens_then(office, closure):
    with pytest.raises(Refused, match="Somebody else"):
        office.archive(closure, by=office.archivist)
    office.archive(closure)
    with pytest.raises(Conflict):
        office.reopen(office.case_of(closure))
    stranger = office.make.actor(office.make.person(Role.ARCHIVIST, office=office.make.office()))
    with pytest.raises(VaultError), office.runtime.transaction(stranger) as tx:
        archive_case(tx, closure.case_id)


def object_of(runtime, document):
    with runtime.session() as session:
        return session.scalars(select(Version).filter_by(document_id=document.id)).one()


def flip(runtime, name: str) -> bytes:
    """One bit of a stored object is another; returns what it was."""
    good = runtime.store.get(name)
    bad = bytearray(good)
    bad[-20] ^= 1
    runtime.store.delete(name)
    runtime.store.put(name, bytes(bad))
    return good


def test_a_stored_file_that_changed_stops_its_package_and_is_named_until_it_is_right_again(
    office, runtime, trail
):
    case, (bundle,) = office.case()
    documents = []
    for number, kind in enumerate(("rrf", "consent", "working_copy")):
        office.make.clock.move(seconds=1)
        content = PDF + b"%" * number
        documents.append(office.make.document(office.owner, bundle, content, document_type=kind))
    closure = office.close(case)
    version = object_of(runtime, documents[1])
    good = flip(runtime, version.object_name)
    office.archive(closure)
    office.work()
    stopped, whole = office.packages(closure)
    assert (stopped.state, stopped.error_code, stopped.failed_version_id) == (
        "queued",
        "object-changed",
        version.id,
    )
    assert (whole.state, office.state(closure)) == ("archived", "archiving")
    assert not list(archive_of(runtime).partial_names())
    assert object_of(runtime, documents[1]).check_failed_at
    with runtime.reading(office.archivist) as tx:
        page = package_page(tx, tx.session.get_one(ArchivalPackage, stopped.id))
    assert page.package.has_stopped
    assert page.wrong_file.model_dump() == {
        "document": documents[1].id,
        "bundle_number": 1,
        "document_number": 2,
        "version": 1,
        "may_open": True,
    }
    assert trail().count("archive.failed") == trail().count("fixity.failed") == 1
    runtime.store.delete(version.object_name)
    office.archive(closure)
    office.work()
    assert office.packages(closure)[0].error_code == "object-missing"
    runtime.store.put(version.object_name, good)
    office.archive(closure)
    office.work()
    assert office.state(closure) == "archived"


def test_what_is_read_back_is_what_was_written_or_the_package_is_not_kept(office, runtime):
    closure = office.closed({"form.pdf": PDF})
    office.archive(closure)
    (written,) = office.waiting()
    run_job(runtime, written)
    (row,) = office.packages(closure)
    path = next(runtime.settings.data.glob("archive/objects/**/*.tar"))
    content = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(content[:2000] + b"x" + content[2001:])
    office.work()
    (row,) = office.packages(closure)
    assert (row.state, row.error_code, office.state(closure)) == ("written", "not-whole", "archiving")
    path.unlink()
    office.archive(closure)
    office.work()
    assert office.state(closure) == "archived"
    assert path.read_bytes() == content


def test_an_archive_that_fails_is_asked_again_by_itself_or_at_once_by_somebody(office, runtime):
    closure = office.closed({"form.pdf": PDF})
    office.archive(closure)
    folder = runtime.settings.data / "archive"
    (folder / "partials").rename(folder / "away")
    (folder / "partials").write_bytes(b"")
    (job,) = office.waiting()
    assert not run_job(runtime, job)
    with runtime.reading(office.archivist) as tx:
        (shown,) = package_rows(tx, office.packages(closure))
    assert (shown.error, shown.has_stopped) == ("FileExistsError", False)
    (folder / "partials").unlink()
    (folder / "away").rename(folder / "partials")
    assert office.waiting() == []
    office.archive(closure)
    office.work()
    assert office.state(closure) == "archived"


@pytest.mark.sqlite
def test_who_writes_packages_knows_no_way_to_a_people_half():
    """K7, by what a fresh program has loaded once it can do these jobs."""
    rooms = ("packaging", "receipting", "locking", "bringing_back", "delivering", "accessioning")
    rooms += ("removing", "erasing", "fixity", "repairing")
    program = f"import sys, {', '.join(f'vault.archive.{room}' for room in rooms)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "vault.archive.packing" in loaded
    assert not loaded & {"vault.bundles.opening", "vault.access.holdings", "vault.archive.minting"}
    assert not any(name.startswith(("vault.people", "vault.shares")) for name in loaded)


def test_two_workers_of_one_package_write_it_once_and_the_late_one_commits_nothing(office, runtime, clock):
    closure = office.closed({"form.pdf": PDF})
    office.archive(closure)
    claims = []
    (job_id,) = office.waiting()
    for _ in range(2):
        with runtime.session() as session:
            clock.move(minutes=11)
            claims.append(claim(session, job_id, clock.now()).claimed())
    acts = [lambda job=job: write_into_archive(runtime, job) for job in claims]
    assert errors_in(at_once(*acts)) in ([LeaseLost], [])  # none where it came when all was done
    clock.move(minutes=11)
    assert run_job(runtime, job_id)
    office.work()
    assert objects(runtime) == sorted(names_of(office.packages(closure)))


def names_of(rows) -> list[str]:
    return [name for row in rows for name in (row.object_name, receipt_name(row))]


def test_of_the_last_packages_at_once_one_ends_the_archiving(office, closure, runtime, trail):
    office.archive(closure)
    for _step in range(3):
        for job_id in office.waiting():
            run_job(runtime, job_id)
    last = [lambda job_id=job_id: run_job(runtime, job_id) for job_id in office.waiting()]
    assert len(last) == 3
    assert errors_in(at_once(*last)) == []
    office.make.wait(minutes=2)
    office.work()
    assert office.state(closure) == "archived"
    assert trail().count("case.archived") == 1


def test_a_package_that_lies_there_is_adopted_if_it_is_that_package(office, runtime):
    closure = office.closed({"form.pdf": PDF})
    office.archive(closure)
    archive, (row,) = archive_of(runtime), office.packages(closure)
    archive.put(row.object_name, b"something else")
    office.work()
    assert office.packages(closure)[0].error_code == "other-object"
    archive.delete(row.object_name)
    with runtime.session() as session:
        store_package(package_of(session, runtime.store, row), runtime.store, archive, row.object_name)
    office.archive(closure)
    office.work()
    assert office.state(closure) == "archived"


def test_a_worker_that_is_killed_anywhere_leaves_one_package_and_one_receipt(office, runtime, clock, trail):
    """`kill -9` at every act on the archive's folder in turn, and a second delivery of each job."""
    closure = office.closed({"form.pdf": PDF})
    office.archive(closure)
    (row,) = office.packages(closure)
    with runtime.session() as session:
        expected = write_package(package_of(session, runtime.store, row), runtime.store, io.BytesIO())
    kills = 0
    while office.state(closure) == "archiving":
        kills += killed_at(runtime, kills % 12 + 1)
        clock.move(minutes=11)
        if office.state(closure) == "archiving" and not due(runtime):
            office.archive(closure)  # its workers died eight times: somebody lets it go on
    assert kills > 12
    archive, (row,) = archive_of(runtime), office.packages(closure)
    assert (row.state, office.state(closure)) == ("archived", "archived")
    assert (row.sha256.hex(), row.sha512.hex()) == (expected.tar.sha256, expected.tar.sha512)
    assert hashlib.sha256(archive.get(row.object_name)).digest() == row.sha256
    assert objects(runtime) == sorted(names_of([row]))
    assert not list(archive.partial_names())
    for event in ("package.stored", "package.receipted", "case.archived"):
        assert trail().count(event) == 1
    assert_clean(runtime)


def killed_at(runtime, act: int, *places: str) -> bool:
    """Whether a worker was killed at so manieth an act on the archives, or elsewhere; it had done all its jobs where not."""
    places = places or ("/archive/", "/second/")
    child = os.fork()
    if not child:
        runtime.engine.dispose(close=False)
        runtime.keystore.engine.dispose(close=False)
        acts = itertools.count(1)

        def look(event: str, given: tuple[object, ...]) -> None:
            is_there = any(place in str(each) for each in given for place in places)
            is_act = event.startswith(("open", "os.")) and is_there
            if is_act and next(acts) == act:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(look)
        while waiting := due(runtime):
            for job_id in waiting:
                run_job(runtime, job_id)
                run_job(runtime, job_id)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def due(runtime):
    with runtime.session() as session:
        return jobs.due(session, runtime.clock.now(), 10)


@pytest.mark.sqlite
def test_commands_tell_how_far_packages_are_and_read_them_back(office, runtime):
    closure = office.closed({"form.pdf": PDF})
    office.archive(closure)

    def told(what: str) -> tuple[int, list[dict[str, object]]]:
        done = CliRunner().invoke(archive, [what, "--json"], obj=SimpleNamespace(runtime=runtime))
        return done.exit_code, json.loads(done.output)

    assert [row["state"] for row in told("status")[1]] == ["queued"]
    assert told("verify") == (0, [])
    office.work()
    code, (row,) = told("verify")
    assert (code, row["state"], row["error"]) == (0, "archived", None)
    for path in runtime.settings.data.glob("archive/objects/**/aip-*"):
        path.chmod(0o600)
        content = path.read_bytes()
        path.write_bytes(content.replace(b"ustar", b"usTar", 1).replace(b'"key"', b'"kEy"'))
        code, (row,) = told("verify")
        assert (code, row["error"]) == (1, "not-whole" if path.suffix == ".tar" else "other-object")
        path.write_bytes(content)
    assert told("status")[0] == 0


def test_locks_are_moved_on_every_month_and_not_by_a_wrong_clock(office, closure, runtime, clock):
    office.archive(closure)
    office.work()
    archive, (row, *others) = archive_of(runtime), office.packages(closure)
    places = [row.object_name, receipt_name(row)]

    def moved() -> set[timedelta]:
        with runtime.session() as session:
            enqueue(session, MOVE_ON, None, clock.now())
        office.work()
        return {archive.kept(name).until - clock.now() for name in places}

    whole = runtime.settings.retention
    office.make.wait(days=29)
    assert moved() == {whole - timedelta(days=29)}
    clock.move(days=2)
    assert moved() == {whole - timedelta(days=31)}
    clock.move(days=-2)
    office.make.wait(days=2)
    assert moved() == {whole}
    assert not any(archive.kept(other.object_name).until for other in others)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("server", "lock"), [("moto", GOVERNANCE), ("ceph", GOVERNANCE), ("ceph", COMPLIANCE)]
)
def test_in_a_bucket_its_version_is_known_and_permanent_records_are_locked(
    office, closure, runtime, request, server, lock
):
    """WORM as the jobs leave it. On Ceph somebody with every right of the bucket tries to get round it."""
    server = request.getfixturevalue(server)
    bucket = server.new_bucket(locked=True)
    runtime.settings = replace(runtime.settings, archive_lock=lock, **places(server, bucket))
    office.archive(closure)
    office.work()
    assert office.state(closure) == "archived"
    archive = archive_of(runtime)
    for row in office.packages(closure):
        with runtime.session() as session:
            copy = session.scalars(select(PackageCopy).filter_by(package_id=row.id)).one()
        is_permanent = row.disposal == "permanent"
        assert copy.mode == (lock if is_permanent else "none")
        assert (copy.kept_until is not None) == is_permanent
        kept = archive.kept(row.object_name)
        assert (kept.version, kept.mode) == (copy.store_version, copy.mode)
        assert archive.kept(receipt_name(row)).mode == copy.mode
        assert len(versions_of(server, bucket, row.object_name)) == 1
        if is_permanent and server.kind == "radosgw":
            nobody_removes(server, bucket, f"vault/objects/{row.object_name}", kept)


def places(server, bucket: str) -> dict[str, object]:
    """Settings of an archive in a bucket of the server."""
    checksums = "when_supported" if server.kind == "moto" else "when_required"
    return {
        "archive_store": f"s3://{bucket}/vault",
        "s3_endpoint": server.url,
        "s3_region": "eu-central-1",
        "s3_checksums": checksums,
    }


def versions_of(server, bucket: str, name: str) -> list[dict[str, object]]:
    found = server.client.list_object_versions(Bucket=bucket, Prefix=f"vault/objects/{name}")
    return found["Versions"]


def nobody_removes(server, bucket: str, key: str, kept) -> None:
    where = {"Bucket": bucket, "Key": key, "VersionId": kept.version}
    earlier = {"Mode": kept.mode.upper(), "RetainUntilDate": kept.until - timedelta(days=1)}
    for act in (
        lambda: server.client.delete_object(**where),
        lambda: server.client.put_object_retention(**where, Retention=earlier),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            act()
    if kept.mode == COMPLIANCE:
        with pytest.raises(ClientError, match="AccessDenied"):
            server.client.delete_object(**where, BypassGovernanceRetention=True)
    server.client.delete_object(Bucket=bucket, Key=key)
    assert server.client.head_object(**where)["ContentLength"] == kept.size


@pytest.mark.sqlite
@pytest.mark.parametrize("server", ["moto", "ceph"])
def test_two_workers_at_one_bucket_leave_one_version(office, runtime, clock, request, server):
    server = request.getfixturevalue(server)
    bucket = server.new_bucket(locked=True)
    runtime.settings = replace(runtime.settings, **places(server, bucket))
    closure = office.closed({"form.pdf": PDF})
    office.archive(closure)
    (job_id,) = office.waiting()
    claims = []
    for _ in range(2):
        with runtime.session() as session:
            clock.move(minutes=11)
            claims.append(claim(session, job_id, clock.now()).claimed())
    at_once(*[lambda job=job: write_into_archive(runtime, job) for job in claims])
    clock.move(minutes=11)
    run_job(runtime, job_id)
    office.work()
    assert office.state(closure) == "archived"
    (row,) = office.packages(closure)
    assert len(versions_of(server, bucket, row.object_name)) == 1
