"""What an archive promises: nobody removes what is kept, no date is moved back. On moto only where moto is right."""

from __future__ import annotations

import stat
import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from tests.buckets import Server
from tests.fakes import SettableClock
from tests.store.test_store import race_for_one_name
from vault.errors import Conflict, Misconfigured, NotFound
from vault.store.archive import COMPLIANCE, GOVERNANCE, NONE, POLICY, Archive, open_archive
from vault.store.base import Retained
from vault.store.disk_archive import DiskArchive
from vault.store.s3.retention import S3Archive
from vault.store.s3.state import PART

NAME = "aip/00000000-0000-4000-8000-000000000001"
YEAR = timedelta(days=365)
MODES = {"disk": POLICY, "moto": GOVERNANCE, "ceph": GOVERNANCE}


@pytest.fixture
def until() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + YEAR


@pytest.fixture(params=MODES)
def archive(request, tmp_path) -> Archive:
    if request.param == "disk":
        return DiskArchive(tmp_path, SettableClock().now)
    return request.getfixturevalue(request.param).new_archive()


def mode_of(archive: Archive) -> str:
    return POLICY if isinstance(archive, DiskArchive) else GOVERNANCE


def test_what_is_put_is_kept_under_its_version(archive, until):
    kept = archive.put_kept(NAME, b"a package", until)
    assert kept == archive.kept(NAME, kept.version) == archive.kept(NAME)
    assert (kept.size, kept.mode, kept.until) == (9, mode_of(archive), until)
    assert bool(kept.version) is isinstance(archive, S3Archive)
    with pytest.raises(Retained):
        archive.delete_version(NAME, kept.version)
    with pytest.raises(Retained):
        archive.delete(NAME)
    assert b"".join(archive.read_version(NAME, kept.version, 0, 9)) == b"a package"
    with pytest.raises(Conflict):
        archive.put_kept(NAME, b"another", until)
    assert archive.kept(NAME) == kept


def test_what_grew_is_kept_as_well(archive, until):
    content = bytes(range(256)) * (PART // 256) + b"more than one part"
    archive.begin(NAME)
    archive.append(NAME, 0, content)
    kept = archive.finish_kept(NAME, until)
    assert (kept.size, kept.mode, kept.until) == (len(content), mode_of(archive), until)
    assert archive.kept(NAME, kept.version) == kept
    assert (
        b"".join(archive.read_version(NAME, kept.version, PART - 9, PART + 9)) == content[PART - 9 : PART + 9]
    )
    with pytest.raises(Retained):
        archive.delete_version(NAME, kept.version)


def test_retention_is_moved_on_and_never_back(archive, until):
    version = archive.put_kept(NAME, b"a package", until).version
    assert archive.extend_retention(NAME, version, until + YEAR).until == until + YEAR
    assert archive.extend_retention(NAME, version, until).until == until + YEAR
    with pytest.raises(NotFound):
        archive.extend_retention("aip/never", None, until)


def test_what_a_crash_left_without_a_date_gets_one(archive, until):
    version = archive.put(NAME, b"a package")
    assert archive.kept(NAME, version).mode == NONE
    kept = archive.extend_retention(NAME, version, until)
    assert (kept.mode, kept.until) == (mode_of(archive), until)


def test_of_many_racers_for_one_name_exactly_one_wins_where_the_server_lets_all(ceph):
    archive = ceph.new_archive()
    assert not archive.bucket.is_conditional
    race_for_one_name(archive)


def test_a_folder_lets_go_after_the_date_and_its_files_are_read_only(tmp_path):
    clock = SettableClock()
    archive = DiskArchive(tmp_path, clock.now)
    archive.put_kept(NAME, b"a package", clock.now() + YEAR)
    files = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o440]
    clock.move(days=365)
    archive.delete(NAME)
    assert archive.size(NAME) is None
    assert not list((tmp_path / "retention").iterdir())


def test_a_bucket_lets_go_after_the_date(ceph):
    archive = ceph.new_archive()
    version = archive.put_kept(NAME, b"a package", datetime.now(UTC) + timedelta(seconds=2)).version
    with pytest.raises(Retained):
        archive.delete_version(NAME, version)
    time.sleep(2.1)
    archive.delete_version(NAME, version)
    with pytest.raises(NotFound):
        archive.kept(NAME, version)


def test_a_marker_hides_the_name_and_not_the_version(server, until):
    archive = server.new_archive()
    version = archive.put_kept(NAME, b"a package", until).version
    asked = {"Bucket": archive.bucket.name, "Key": archive.object_key(NAME)}
    marker = server.client.delete_object(**asked)
    assert archive.size(NAME) is None
    assert archive.kept(NAME, version).until == until
    assert b"".join(archive.read_version(NAME, version, 0, 9)) == b"a package"
    archive.delete_version(NAME, marker["VersionId"])
    assert archive.kept(NAME).version == version


def test_what_somebody_wrote_over_it_is_another_version(server, until):
    archive = server.new_archive()
    version = archive.put_kept(NAME, b"a package", until).version
    asked = {"Bucket": archive.bucket.name, "Key": archive.object_key(NAME)}
    server.client.put_object(**asked, Body=b"forged!!!")
    assert archive.get(NAME) == b"forged!!!"
    assert b"".join(archive.read_version(NAME, version, 0, 9)) == b"a package"


def refused(
    act, *, codes=("AccessDenied", "InvalidRequest", "InvalidArgument", "InvalidBucketState")
) -> None:
    with pytest.raises(ClientError) as caught:
        act()
    assert caught.value.response["Error"]["Code"] in codes, caught.value


@pytest.mark.parametrize("mode", [GOVERNANCE, COMPLIANCE])
def test_the_server_refuses_whoever_has_all_rights_to_the_bucket(ceph: Server, mode, until):
    archive, owner = ceph.new_archive(mode), ceph.client
    version = archive.put_kept(NAME, b"a package", until).version
    bucket = {"Bucket": archive.bucket.name}
    object_ = bucket | {"Key": archive.object_key(NAME)}
    locked = object_ | {"VersionId": version}
    earlier = {"Mode": mode.upper(), "RetainUntilDate": until - timedelta(days=30)}
    past = {"Mode": mode.upper(), "RetainUntilDate": datetime.now(UTC) - YEAR}
    refused(lambda: owner.delete_object(**locked))
    refused(lambda: owner.put_object_retention(**locked, Retention=earlier))
    refused(lambda: owner.put_object_retention(**locked, Retention=past))
    refused(lambda: owner.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Suspended"}))
    several = owner.delete_objects(
        **bucket, Delete={"Objects": [{"Key": object_["Key"], "VersionId": version}]}
    )
    assert [each["Code"] for each in several["Errors"]] == ["AccessDenied"]
    if mode == COMPLIANCE:
        weaker = {"Mode": "GOVERNANCE", "RetainUntilDate": until}
        bypass = {"BypassGovernanceRetention": True}
        refused(lambda: owner.put_object_retention(**locked, Retention=weaker))
        refused(lambda: owner.put_object_retention(**locked, Retention=earlier, **bypass))
        refused(lambda: owner.delete_object(**locked, **bypass))
    assert archive.kept(NAME, version).until == until


def test_a_stronger_lock_stays_whatever_the_setting_says(ceph, until):
    strong = ceph.new_archive(COMPLIANCE)
    version = strong.put_kept(NAME, b"a package", until).version
    weak = S3Archive(strong.bucket.name, ceph.service, GOVERNANCE)
    assert weak.extend_retention(NAME, version, until + YEAR).mode == COMPLIANCE


def test_a_bucket_without_locks_keeps_nothing_and_says_so(server, until):
    archive = server.new_archive(locked=False)
    kept = archive.put_kept(NAME, b"a package", until)
    assert (kept.mode, kept.until, archive.lock.is_there) == (NONE, None, False)
    archive.delete_version(NAME, kept.version)
    assert archive.size(NAME) is None


def test_an_archive_is_opened_by_its_setting(tmp_path):
    clock = SettableClock()
    assert isinstance(open_archive(f"disk:{tmp_path}/archive", GOVERNANCE, clock.now), DiskArchive)
    assert isinstance(open_archive("s3://bucket", COMPLIANCE, clock.now), S3Archive)
    for spec in ("memory:", "disk:", "ftp://x"):
        with pytest.raises(Misconfigured):
            open_archive(spec, GOVERNANCE, clock.now)
