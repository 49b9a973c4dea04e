"""Jobs of transfers: abandoned uploads are cleared away; missing and cut objects are noticed."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import select

from tests.transfers.conftest import Desk, text_of
from tests.transfers.test_round_trip import assert_nothing_left
from vault.bundles.models import Bundle, Version
from vault.bundles.opening import open_bundle
from vault.errors import Conflict
from vault.inspection.formats import BY_ENDING
from vault.jobs import Job, enqueue, run_job
from vault.transfers import fixity, leftovers
from vault.transfers.models import Upload
from vault.transfers.uploads import Wanted, begin_upload, complete_upload, drop_upload, writer_for


def run(desk: Desk, name: str) -> int:
    """Queue the job and run it with all that it queues; returns how many ran."""
    with desk.runtime.session() as session:
        enqueue(session, name, None, desk.runtime.clock.now())
    count = 0
    while True:
        with desk.runtime.session() as session:
            waiting = session.scalars(select(Job.id).where(Job.state == "queued")).all()
        if not waiting:
            return count
        for job_id in waiting:
            assert run_job(desk.runtime, job_id)
            count += 1


def begin(desk: Desk, finish: bool = False):
    """An upload whose sender has gone, its object finished or not."""
    with desk.runtime.transaction(desk.actor) as tx:
        opened = open_bundle(tx, tx.session.get_one(Bundle, desk.bundle_id))
        upload = begin_upload(tx, opened, Wanted("form.txt", "rrf"), BY_ENDING["txt"].media)
        writer = writer_for(tx, opened, upload)
    writer.begin()
    writer.write(text_of(1_500_000))
    return upload, writer.finish() if finish else None


@pytest.mark.parametrize("finish", [False, True])
def test_an_abandoned_upload_is_dropped_when_its_time_is_over(desk, trail, finish):
    upload, _ = begin(desk, finish)

    desk.make.wait(days=6, hours=23)
    run(desk, leftovers.DROP)
    assert desk.runtime.keystore.is_live(upload.slot_id)

    desk.make.wait(hours=2)
    run(desk, leftovers.DROP)
    assert_nothing_left(desk)
    assert trail()[-1] == "upload.dropped"
    assert run(desk, leftovers.DROP) == 1


def test_nothing_is_dropped_while_the_clock_is_ahead(desk, clock):
    upload, _ = begin(desk)
    clock.move(days=30)

    run(desk, leftovers.DROP)

    assert desk.runtime.keystore.is_live(upload.slot_id)


def test_many_abandoned_uploads_are_dropped_in_slices(desk, monkeypatch):
    monkeypatch.setattr(leftovers, "AT_ONCE", 2)
    for _number in range(5):
        begin(desk)
    desk.make.wait(days=8)

    run(desk, leftovers.DROP)

    assert_nothing_left(desk)


def test_what_crashes_left_in_store_and_archive_goes_after_a_day_if_the_clock_is_right(desk, watched, clock):
    begin(desk)
    left = [watched.path / "partials" / "put~0f", desk.runtime.settings.data / "archive/partials/put~0f"]
    run(desk, leftovers.SWEEP)
    for each in left:
        each.write_bytes(b"torn")
        os.utime(each, (clock.now().timestamp(),) * 2)
    desk.make.wait(hours=23)
    run(desk, leftovers.SWEEP)
    clock.move(hours=2)
    run(desk, leftovers.SWEEP)
    assert all(each.exists() for each in left)
    clock.move(hours=-2)
    desk.make.wait(hours=2)
    run(desk, leftovers.SWEEP)
    assert not any(each.exists() for each in left)
    assert len(list(watched.partial_names())) == 1


def test_a_completed_upload_is_never_dropped(desk):
    version = desk.store(text_of(100)).version
    desk.make.wait(days=8)

    run(desk, leftovers.DROP)
    with desk.runtime.transaction(desk.actor) as tx:
        drop_upload(tx, tx.session.get_one(Upload, version.id), "test")

    assert desk.runtime.keystore.is_live(version.slot_id)
    assert desk.runtime.store.size(version.object_name)


def test_a_dropped_or_unfinished_upload_cannot_be_completed(desk):
    upload, written = begin(desk, finish=True)
    unfinished, _ = begin(desk)
    with desk.runtime.transaction(desk.actor) as tx:
        drop_upload(tx, tx.session.get_one(Upload, upload.id), "test")

    for each in (upload, unfinished):
        with pytest.raises(Conflict):
            complete(desk, each, written)


def complete(desk, upload, written):
    with desk.runtime.transaction(desk.actor) as tx:
        opened = open_bundle(tx, tx.session.get_one(Bundle, desk.bundle_id))
        return complete_upload(tx, opened, upload.id, BY_ENDING["txt"].media, written)


def test_one_key_encrypts_one_payload(desk):
    with desk.runtime.transaction(desk.actor) as tx:
        opened = open_bundle(tx, tx.session.get_one(Bundle, desk.bundle_id))
        upload = begin_upload(tx, opened, Wanted("form.txt", "rrf"), BY_ENDING["txt"].media)
        first, second = writer_for(tx, opened, upload), writer_for(tx, opened, upload)
    first.begin()

    with pytest.raises(Conflict):
        second.begin()


def versions(desk) -> dict[str, Version]:
    with desk.runtime.session() as session:
        return {str(version.id): version for version in session.scalars(select(Version))}


def test_sound_objects_pass_the_light_check(desk, trail):
    desk.store(text_of(10))
    desk.store(text_of(200_000))

    run(desk, fixity.CHECK)

    assert trail()[-1] == "fixity.checked"
    assert all(version.checked_at and not version.check_failed_at for version in versions(desk).values())


def test_a_missing_and_a_cut_object_are_noticed_once_and_forgiven_when_they_are_back(desk, trail):
    store = desk.runtime.store
    missing, cut, good = (desk.store(text_of(1000 + number)).version for number in range(3))
    kept = store.get(missing.object_name)
    store.delete(missing.object_name)
    shorter = store.get(cut.object_name)[:-1]
    store.delete(cut.object_name)
    store.put(cut.object_name, shorter)

    run(desk, fixity.CHECK)
    run(desk, fixity.CHECK)

    found = versions(desk)
    assert found[str(missing.id)].check_failed_at
    assert found[str(cut.id)].check_failed_at
    assert not found[str(good.id)].check_failed_at
    assert trail().count("fixity.failed") == 2

    store.put(missing.object_name, kept)
    run(desk, fixity.CHECK)
    assert not versions(desk)[str(missing.id)].check_failed_at


def test_the_light_check_goes_on_in_slices_until_all_are_seen(desk, monkeypatch, trail):
    monkeypatch.setattr(fixity, "AT_ONCE", 2)
    for number in range(5):
        desk.store(text_of(100 + number))

    assert run(desk, fixity.CHECK) == 3

    assert all(version.checked_at for version in versions(desk).values())
    assert trail().count("fixity.checked") == 3


def test_a_version_without_a_seal_is_not_checked(desk, trail):
    version = desk.store(text_of(100)).version
    with desk.runtime.session() as session:
        session.get_one(Version, version.id).seal = None

    run(desk, fixity.CHECK)

    assert "fixity.checked" not in trail()
