"""A package goes with the last file that it holds, whichever list that is on, and with every copy that it has then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.disposals import Disposals
from tests.soundness import assert_clean
from vault.archive.certificates import certificate_file, check_certificate
from vault.archive.fixity import LOOK
from vault.archive.models import ArchivalPackage, PackageCopy
from vault.errors import NotFound
from vault.jobs import enqueue
from vault.store.archive import SECOND
from vault.stores import archives_of


@pytest.fixture
def office(make):
    return Disposals(make)


def test_a_package_goes_with_the_later_of_two_lists_that_were_signed_together(office, make, runtime):
    case, bundle, found = office.filled()
    other = make.document(office.owner, bundle, document_type="working_copy", file_name="second.pdf")
    office.archive(office.close(case))
    office.work()
    make.wait(days=31)
    office.scan()
    lists = office.sign(found["working_copy"]), office.sign(other)
    for each in lists:
        assert [row.remains for row in office.copies(each) if row.kind == "package"] == ["shared"]
    office.cool()
    assert [office.now(each).state for each in lists] == ["certified", "certified"]
    (kept,) = copies_of(office)
    gone = {row.kind for each in lists for row in office.copies(each) if row.removed_at}
    assert gone == {"package", "index"}
    assert not is_there(runtime, kept)
    assert_clean(runtime)


def test_a_copy_that_was_made_while_it_cooled_off_goes_too(office, runtime):
    _, found = office.archived_and_due()
    disposal = office.sign(found["working_copy"])
    runtime.settings = replace(runtime.settings, archive_copy=f"disk:{runtime.settings.data / 'second'}")
    with runtime.session() as session:
        enqueue(session, LOOK, None, runtime.clock.now())
    office.work()
    first, second = copies_of(office)
    assert second.store == SECOND
    assert is_there(runtime, second)
    office.cool()
    assert office.now(disposal).state == "certified"
    assert not any(is_there(runtime, each) for each in (first, second))
    with runtime.session() as session:
        said, _ = check_certificate(certificate_file(session, office.certificates(disposal)[0]))
    named = {(each["place"], each["object"]) for each in said["copies_removed"]}
    assert named >= {(each.store, each.object_name) for each in (first, second)}
    assert said["remaining"] == []
    assert_clean(runtime)


def copies_of(office):
    """Of the package of temporary copies, the first archive's first."""
    (package,) = office.rows(ArchivalPackage, ArchivalPackage.disposal == "temporary")
    return sorted(office.rows(PackageCopy, PackageCopy.package_id == package.id), key=lambda each: each.store)


def is_there(runtime, copy):
    """Whether its archive has it."""
    try:
        archives_of(runtime)[copy.store].kept(copy.object_name, copy.store_version)
    except NotFound:
        return False
    return True
