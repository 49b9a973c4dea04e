"""A new epoch: every living slot moves under its key, and the old key goes."""

from uuid import uuid4

import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from vault.crypto.kinds import SlotKind
from vault.errors import Tampered
from vault.keystore.epochs import reading, writing
from vault.keystore.models import Epoch, Slot
from vault.kms.base import open_kms


def epochs_of(keystore) -> list[int]:
    with reading(keystore.engine) as session:
        return list(session.scalars(select(Epoch.number).order_by(Epoch.number)))


def rows_of(keystore) -> dict:
    with reading(keystore.engine) as session:
        return {row.id: row for row in session.scalars(select(Slot))}


@pytest.fixture
def slots(keystore):
    return [keystore.create_slot(SlotKind.VERSION, uuid4()) for _ in range(5)]


def test_after_a_rotation_every_slot_has_its_value_and_another_lock(keystore, slots):
    before = rows_of(keystore)
    assert keystore.rotate_epoch() == 2
    after = rows_of(keystore)
    for slot in slots:
        row = after[slot.id]
        assert row.epoch == 2
        assert row.blob != before[slot.id].blob
        assert keystore.open_slot(slot.id, SlotKind.VERSION, row.subject_id) == slot.key


def test_the_old_epoch_goes_from_the_database_the_journal_and_the_copy(place, keystore, slots):
    with reading(keystore.engine) as session:
        wrapped = session.get(Epoch, 1).wrapped
    assert wrapped in place.bytes_on_disk()
    blobs = [row.blob for row in rows_of(keystore).values()]
    keystore.rotate_epoch()
    assert epochs_of(keystore) == [2]
    assert [epoch.number for epoch in keystore.copy.epochs()] == [2]
    on_disk = place.bytes_on_disk()
    assert wrapped not in on_disk
    assert not any(blob in on_disk for blob in blobs)


def test_a_rotation_of_many_slots_goes_in_slices_and_misses_none(keystore, monkeypatch):
    monkeypatch.setattr("vault.keystore.epochs.BATCH", 7)
    made = {slot.id: slot.key for slot in (keystore.create_slot(SlotKind.LINK, uuid4()) for _ in range(30))}
    keystore.rotate_epoch()
    for slot_id, row in rows_of(keystore).items():
        assert row.epoch == 2
        assert keystore.open_slot(slot_id, SlotKind.LINK, row.subject_id) == made[slot_id]


def test_a_rotation_leaves_the_dead_dead(keystore, slots):
    keystore.destroy_slot(slots[0].id)
    keystore.rotate_epoch()
    assert rows_of(keystore)[slots[0].id].blob is None
    assert {slot.id for slot in keystore.copy.slots()} == {slot.id for slot in slots[1:]}


def test_new_slots_lie_under_the_newest_epoch(keystore):
    keystore.rotate_epoch()
    keystore.rotate_epoch()
    slot = keystore.create_slot(SlotKind.LINK, uuid4())
    assert rows_of(keystore)[slot.id].epoch == 3


def test_a_rotation_that_died_halfway_is_finished_by_the_next(place, keystore, slots):
    keystore.epochs.start()
    assert epochs_of(keystore) == [1, 2]
    another = place.open()
    assert another.status()["epochs_waiting"] == [1]
    assert another.epochs.relock().ended == (1,)
    assert epochs_of(keystore) == [2]
    assert {row.epoch for row in rows_of(keystore).values()} == {2}


def test_an_epoch_that_a_living_slot_names_cannot_go(keystore, slots):
    keystore.epochs.start()
    assert keystore.epochs.drop_unused() == []
    with pytest.raises(IntegrityError), writing(keystore.engine) as session:
        session.execute(delete(Epoch).where(Epoch.number == 1))
    assert epochs_of(keystore) == [1, 2]


def test_a_damaged_slot_holds_up_no_other_and_keeps_its_epoch(keystore, slots):
    damaged = slots[2].id
    with writing(keystore.engine) as session:
        session.get(Slot, damaged).blob = bytes(113)
    with pytest.raises(Tampered, match=str(damaged)):
        keystore.rotate_epoch()
    epochs = {slot_id: row.epoch for slot_id, row in rows_of(keystore).items()}
    assert epochs == {slot.id: 1 if slot.id == damaged else 2 for slot in slots}
    assert epochs_of(keystore) == [1, 2]


def test_a_process_that_knew_the_old_epoch_opens_slots_of_the_new_one(place, keystore, slots):
    another = place.open()
    subject = rows_of(keystore)[slots[0].id].subject_id
    assert another.open_slot(slots[0].id, SlotKind.VERSION, subject) == slots[0].key
    keystore.rotate_epoch()
    assert another.open_slot(slots[0].id, SlotKind.VERSION, subject) == slots[0].key
    made = another.create_slot(SlotKind.LINK, uuid4())
    assert rows_of(keystore)[made.id].epoch == 2


def test_after_a_rewrap_the_old_master_version_can_be_destroyed(place, keystore, slots):
    kms = open_kms(place.kms, place.found())
    kms.rotate()
    assert keystore.rewrap() == 1
    assert keystore.rewrap() == 0
    assert keystore.status()["master_versions_in_use"] == [2]
    assert [epoch.master_version for epoch in keystore.copy.epochs()] == [2]
    kms.destroy_version(1)
    fresh = place.open()
    for slot in slots:
        assert fresh.open_slot(slot.id, SlotKind.VERSION, rows_of(keystore)[slot.id].subject_id) == slot.key


def test_a_backup_older_than_the_destroyed_master_version_opens_nothing(place, keystore, slots):
    subject = rows_of(keystore)[slots[0].id].subject_id
    backup = place.backup()
    keystore = place.open()
    kms = open_kms(place.kms, place.found())
    kms.rotate()
    keystore.rewrap()
    kms.destroy_version(1)

    place.copy = None
    place.put_back(backup)
    with pytest.raises(Tampered):
        place.open().open_slot(slots[0].id, SlotKind.VERSION, subject)
