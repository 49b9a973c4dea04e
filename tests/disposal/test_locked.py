"""A copy that its store has locked stays until its day, stands in the certificate, and is removed then."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import insert

from tests.archive.test_archiving import places
from tests.disposals import Disposals
from tests.soundness import assert_clean
from vault.archive.certificates import certificate_file, check_certificate
from vault.archive.finishing import FINISH
from vault.archive.models import ArchivalPackage, PackageCopy
from vault.archive.package import written_time
from vault.disposal.models import FoundCopy
from vault.disposal.removing import AGAIN
from vault.errors import NotFound
from vault.jobs import enqueue, run_job
from vault.store.archive import COMPLIANCE
from vault.stores import archives_of

SECONDS = 30
"""How long the server keeps the package: longer than it takes to carry the list out."""


@pytest.fixture
def office(make):
    return Disposals(make)


def lock(office, until: datetime) -> PackageCopy:
    """The only package of recordings is kept until then."""
    (package,) = office.rows(ArchivalPackage, ArchivalPackage.disposal == "recording")
    (copy,) = office.rows(PackageCopy, PackageCopy.package_id == package.id)
    archives_of(office.runtime)["first"].extend_retention(copy.object_name, copy.store_version, until)
    return copy


def is_there(office, copy) -> bool:
    """Whether its archive has this version."""
    try:
        return archives_of(office.runtime)["first"].kept(copy.object_name, copy.store_version).size > 0
    except NotFound:
        return False


def waits_for(office, disposal) -> str | None:
    """What the final certificate waits for."""
    office.run(FINISH)
    (row,) = [each for each in office.certificates(disposal) if each.stage == "provisional"]
    return row.waits_for


def carried_out(office, talk, until):
    """The recording went, but for the locked package, which the certificate names with its day."""
    disposal = office.sign(talk)
    copy = lock(office, until)
    office.cool()
    assert office.now(disposal).state == "certified"
    (found,) = [each for each in office.copies(disposal) if each.kind == "package"]
    assert (found.remains, found.removed_at) == ("locked", None)
    assert is_there(office, copy)
    with office.runtime.session() as session:
        said, _ = check_certificate(certificate_file(session, office.certificates(disposal)[0]))
    (left,) = said["remaining"]
    assert (left["object"], left["locked_until"]) == (copy.object_name, written_time(found.locked_until))
    assert abs(found.locked_until - until) < timedelta(seconds=1)
    assert waits_for(office, disposal) == "copy"
    assert office.rows(PackageCopy, PackageCopy.id == copy.id)[0].lost_at is None
    return disposal, copy


def assert_removed(office, disposal, copy, trail) -> None:
    """It went, and the certificate waits for it no more."""
    assert not is_there(office, copy)
    (found,) = [each for each in office.copies(disposal) if each.kind == "package"]
    assert (found.remains, found.locked_until) == (None, None)
    assert found.removed_at == office.runtime.clock.now()
    assert office.rows(PackageCopy, PackageCopy.id == copy.id)[0].lost_at
    assert trail().count("disposal.copy_removed") == 1
    assert waits_for(office, disposal) != "copy"
    assert_clean(office.runtime)


@pytest.mark.sqlite
def test_what_a_bucket_keeps_for_compliance_goes_once_its_day_is_over(office, runtime, ceph, trail):
    """The server's clock is the real one, and behind the vault's: each day it is asked again, and refuses until then."""
    bucket = ceph.new_bucket(locked=True)
    runtime.settings = replace(runtime.settings, archive_lock=COMPLIANCE, **places(ceph, bucket))
    _, found = office.archived_and_due()
    until = datetime.now(UTC) + timedelta(seconds=SECONDS)
    disposal, copy = carried_out(office, found["interview_audio"], until)
    office.run(AGAIN)
    assert is_there(office, copy)
    assert waits_for(office, disposal) == "copy"
    time.sleep(max(0, (until - datetime.now(UTC)).total_seconds()) + 1)
    office.run(AGAIN)
    assert_removed(office, disposal, copy, trail)


def test_what_a_folder_keeps_goes_once_its_day_is_over(office, runtime, make, trail):
    _, found = office.archived_and_due()
    until = runtime.clock.now() + timedelta(days=5)
    disposal, copy = carried_out(office, found["interview_audio"], until)
    for days in (1, 1):
        office.run(AGAIN)
        assert is_there(office, copy)
        make.wait(days=days)
    office.run(AGAIN)
    assert_removed(office, disposal, copy, trail)


def test_one_that_may_not_go_does_not_keep_the_others_waiting(office, runtime, make):
    _, found = office.archived_and_due()
    until = runtime.clock.now() + timedelta(days=5)
    disposal, copy = carried_out(office, found["interview_audio"], until)
    (form,) = office.rows(ArchivalPackage, ArchivalPackage.disposal == "permanent")
    forged = {"id": UUID(int=1), "disposal_id": disposal.id, "kind": "package", "place": "first"}
    forged |= {"name": form.object_name, "remains": "locked", "locked_until": until, "found_at": until}
    with runtime.session() as session:
        session.execute(insert(FoundCopy).values(forged))
    make.wait(days=2)
    with runtime.session() as session:
        job_id = enqueue(session, AGAIN, None, runtime.clock.now()).id
    assert not run_job(runtime, job_id), "the first one fails it"
    assert not is_there(office, copy)
    assert archives_of(runtime)["first"].size(form.object_name) == form.size
