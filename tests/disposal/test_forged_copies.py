"""Other copies of what is destroyed: those that hold nothing else go, and no others, whatever the rows say."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import delete, insert

from tests.disposal.forging import begin_only, is_whole, order, write
from tests.disposals import Disposals
from tests.killing import put_on_disk
from vault.archive.models import ArchivalPackage, ArchiveIndex, PackageCopy
from vault.bundles.models import Version
from vault.disposal.models import COOLING, ERASING, LOCKED, FoundCopy
from vault.stores import archives_of


@pytest.fixture
def office(make, runtime):
    put_on_disk(runtime)
    return Disposals(make)


def all_packages(office) -> dict[str, bytes]:
    """What lies in the archives, and the indexes beside the objects."""
    archive = archives_of(office.runtime)["first"]
    store = office.runtime.store
    found = {name: archive.get(name) for name in archive.names()}
    return found | {name: store.get(name) for name in store.names("indexes/")}


def forged_copies(office, permanent, recordings):
    """Rows for an inventory that name what is not to go: the kind, place, name, version and row of a copy."""
    store, versions = office.runtime.store, [each for each in office.rows(Version) if each.slot_id]
    places = [("objects", each.object_name) for each in versions[:2]]
    places += [("objects", next(iter(store.names(folder)))) for folder in ("locks/", "ledger/")]
    for index in office.rows(ArchiveIndex):
        if index.disposal == "permanent" or index.closure_id == recordings.closure_id:
            places.append(("objects", index.object_name))
    for place, name in places:
        yield from ({"place": place, "name": name, "kind": kind} for kind in ("index", "object", "package"))
    for package in (permanent, recordings):
        for copy in office.rows(PackageCopy, PackageCopy.package_id == package.id):
            said = {"place": copy.store, "name": copy.object_name, "store_version": copy.store_version}
            for kind, copy_id in (("package", copy.id), ("package", None), ("index", None), ("object", None)):
                yield said | {"copy_id": copy_id, "kind": kind}


@pytest.mark.once
@pytest.mark.parametrize("remains", [None, LOCKED])
@pytest.mark.parametrize("state", [COOLING, ERASING])
def test_a_copy_that_no_inventory_found_is_not_removed(office, runtime, state, remains):
    """Versions, locks, ended slots, other indexes, packages of permanent records and of recordings that nobody listed."""
    _, found = office.archived_and_due()
    other, _ = office.archived_and_due()
    for note in (runtime.settings.data / "archive" / "retention").iterdir():
        note.unlink()  # whatever else keeps a package
    office.carry_out(found["working_copy"])
    disposal = office.sign(found["interview_audio"])
    permanent = next(each for each in office.rows(ArchivalPackage) if each.disposal == "permanent")
    of_other = office.rows(ArchivalPackage, ArchivalPackage.case_id == other.id)
    recordings = next(each for each in of_other if each.disposal == "recording")
    if state == ERASING:
        begin_only(office, disposal)
    own = {each.name for each in office.copies(disposal)}
    before, versions = all_packages(office), [each for each in office.rows(Version) if each.slot_id]
    objects = set(runtime.store.names())
    now = runtime.clock.now()
    for each in forged_copies(office, permanent, recordings):
        row = {"id": uuid4(), "disposal_id": disposal.id, "found_at": now, "remains": remains}
        row |= {"locked_until": now if remains else None, "store_version": None, "copy_id": None} | each
        mine = FoundCopy.disposal_id == disposal.id
        write(runtime, delete(FoundCopy).where(mine), insert(FoundCopy).values(row))
        office.make.wait(minutes=11)
        order(office)
        after = all_packages(office)
        # What is its own is found again, and goes once it has begun.
        assert {name: after.get(name) for name in before.keys() - own} == {
            name: content for name, content in before.items() if name not in own
        }, each
        assert is_whole(office, *versions), each
        gone = {each.object_name for each in office.went(disposal)}
        assert objects - set(runtime.store.names()) <= gone | own, each
        assert remains or not office.certificates(disposal), each
