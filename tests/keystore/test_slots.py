"""A slot is made, opens for what it was made for, and dies."""

import stat
from base64 import b64encode
from uuid import uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from vault.crypto.kinds import SlotKind
from vault.errors import Conflict, Misconfigured, Tampered, VaultSealed
from vault.keystore.epochs import EpochKeys, reading, writing
from vault.keystore.models import Slot
from vault.keystore.service import Keystore
from vault.kms.base import open_kms


def row_of(keystore, slot_id) -> Slot:
    with reading(keystore.engine) as session:
        return session.get(Slot, slot_id)


def test_a_slot_opens_to_the_bytes_it_was_made_with(place, keystore):
    subject = uuid4()
    slot = keystore.create_slot(SlotKind.BUNDLE, subject)
    assert len(slot.key) == 32
    assert keystore.open_slot(slot.id, SlotKind.BUNDLE, subject) == slot.key
    assert place.open().open_slot(slot.id, SlotKind.BUNDLE, subject) == slot.key
    assert keystore.is_live(slot.id)


def test_two_slots_of_one_subject_have_nothing_in_common(keystore):
    subject = uuid4()
    first, second = (keystore.create_slot(SlotKind.PRINCIPAL, subject) for _ in range(2))
    assert first.id != second.id
    assert first.key != second.key


def test_a_slot_opens_for_no_other_kind_subject_or_id(keystore):
    subject = uuid4()
    slot = keystore.create_slot(SlotKind.VERSION, subject)
    other = keystore.create_slot(SlotKind.VERSION, uuid4())
    for asked in (
        (slot.id, SlotKind.LINK, subject),
        (slot.id, SlotKind.VERSION, uuid4()),
        (other.id, SlotKind.VERSION, subject),
        (uuid4(), SlotKind.VERSION, subject),
    ):
        with pytest.raises(Tampered):
            keystore.open_slot(*asked)


def test_a_row_that_was_changed_by_hand_opens_nothing(keystore):
    subject, stranger = uuid4(), uuid4()
    slot = keystore.create_slot(SlotKind.VERSION, subject)
    theirs = keystore.create_slot(SlotKind.VERSION, stranger)
    changes = (
        {"kind": int(SlotKind.LINK)},
        {"subject_id": stranger},
        {"blob": row_of(keystore, theirs.id).blob},
        {"blob": bytes(113)},
        {"blob": row_of(keystore, slot.id).blob[:-1]},
    )
    for change in changes:
        row = row_of(keystore, slot.id)
        kept = {name: getattr(row, name) for name in change}
        with writing(keystore.engine) as session:
            for name, value in change.items():
                setattr(session.get(Slot, slot.id), name, value)
        changed = row_of(keystore, slot.id)
        with pytest.raises(Tampered):
            keystore.open_slot(slot.id, SlotKind(changed.kind), changed.subject_id)
        with writing(keystore.engine) as session:
            for name, value in kept.items():
                setattr(session.get(Slot, slot.id), name, value)
    assert keystore.open_slot(slot.id, SlotKind.VERSION, subject) == slot.key


def test_a_new_slot_does_not_print_its_key(keystore):
    slot = keystore.create_slot(SlotKind.LINK, uuid4())
    assert str(slot.id) in repr(slot)
    for written in (slot.key.hex(), b64encode(slot.key).decode(), repr(slot.key)):
        assert written not in repr(slot)


def test_no_key_lies_open_on_any_disk(place, keystore):
    slots = [keystore.create_slot(SlotKind.VERSION, uuid4()) for _ in range(5)]
    _, epoch_key = keystore.epochs.current()
    keystore.rotate_epoch()
    on_disk = place.bytes_on_disk()
    for key in [epoch_key, *(slot.key for slot in slots)]:
        for written in (key, key.hex().encode(), b64encode(key).rstrip(b"=")):
            assert written not in on_disk


def test_a_destroyed_slot_opens_no_more_and_leaves_a_tombstone(place, keystore):
    subject, successor = uuid4(), uuid4()
    slot = keystore.create_slot(SlotKind.LINK, subject)
    keystore.destroy_slot(slot.id, successor)
    for opened in (keystore, place.open()):
        with pytest.raises(Tampered):
            opened.open_slot(slot.id, SlotKind.LINK, subject)
        assert not opened.is_live(slot.id)
    row = row_of(keystore, slot.id)
    assert (row.blob, row.epoch, row.successor_id) == (None, None, successor)
    assert row.destroyed_at is not None


def test_destroying_twice_is_destroying_once(keystore):
    slot = keystore.create_slot(SlotKind.LINK, uuid4())
    keystore.destroy_slot(slot.id)
    before = row_of(keystore, slot.id).destroyed_at
    keystore.destroy_slot(slot.id)
    assert row_of(keystore, slot.id).destroyed_at == before
    assert [entry.slot_id for entry in keystore.ledger()] == [slot.id]


@pytest.mark.sqlite  # PostgreSQL keeps old rows until it vacuums: there the epoch's rotation ends them
def test_a_destroyed_slots_bytes_are_in_no_file(place, keystore):
    slots = [keystore.create_slot(SlotKind.VERSION, uuid4()) for _ in range(400)]
    blobs = {slot.id: row_of(keystore, slot.id).blob for slot in slots}
    assert all(blob in place.bytes_on_disk() for blob in blobs.values())

    doomed = [slot for number, slot in enumerate(slots) if number % 3]
    for slot in doomed:
        keystore.destroy_slot(slot.id)
    on_disk = place.bytes_on_disk()
    for slot in doomed:
        assert blobs[slot.id] not in on_disk
        assert blobs[slot.id][33:97] not in on_disk
        assert b64encode(blobs[slot.id]) not in on_disk
    assert wal_of(place) == b""
    for slot in slots:
        assert (slot in doomed) != (blobs[slot.id] in on_disk)


def wal_of(place) -> bytes:
    (wal,) = (place.folder / "keystore").glob("*-wal")
    return wal.read_bytes()


def test_what_lives_and_what_died_is_told_for_many_at_once(keystore):
    subject = uuid4()
    slots = [keystore.create_slot(SlotKind.LINK, subject).id for _ in range(4)]
    keystore.destroy_slot(slots[1])
    assert keystore.live_among([*slots, uuid4()]) == {slots[0], slots[2], slots[3]}
    assert set(keystore.live_slots()) == {(slots[n], SlotKind.LINK, subject) for n in (0, 2, 3)}


def test_a_row_lives_whole_or_is_dead_whole(keystore):
    slot = keystore.create_slot(SlotKind.LINK, uuid4())
    for change in ({"blob": None}, {"epoch": None}, {"successor_id": uuid4()}):
        with writing(keystore.engine) as session, pytest.raises(IntegrityError):
            session.execute(update(Slot).where(Slot.id == slot.id).values(change))


def test_locks_are_kept_once_beside_the_slot_they_hang_on(place, keystore):
    subject, slot = uuid4(), uuid4()
    content = {"lock": "AAEC", "generation": 3, "password_salt": None}
    assert keystore.kept_locks(subject, slot) is None
    keystore.keep_locks(subject, slot, content)
    assert keystore.kept_locks(subject, slot) == content
    assert list(place.store.names(f"locks/{subject}/")) == [f"locks/{subject}/{slot}"]
    with pytest.raises(Conflict):
        keystore.keep_locks(subject, slot, {"lock": "other"})
    assert keystore.kept_locks(subject, slot) == content


def test_a_damaged_lock_object_is_told_from_a_missing_one(place, keystore):
    subject, slot = uuid4(), uuid4()
    place.store.put(f"locks/{subject}/{slot}", b"{")
    with pytest.raises(Tampered):
        keystore.kept_locks(subject, slot)


def test_the_status_counts_and_names_no_slot(keystore):
    slots = [keystore.create_slot(SlotKind.VERSION, uuid4()) for _ in range(3)]
    keystore.create_slot(SlotKind.OFFICE, uuid4())
    keystore.destroy_slot(slots[0].id)
    status = keystore.status()
    assert status["slots"] == {"version": 2, "office": 1}
    assert status["slots_destroyed"] == 1
    assert (status["epoch"], status["epochs_waiting"]) == (1, [])
    assert (status["master_versions"], status["master_versions_in_use"]) == ([1], [1])
    assert status["second_copy"] is True
    assert not any(str(slot.id) in repr(status) for slot in slots)


@pytest.mark.sqlite
def test_the_keystore_file_is_private(place, keystore):
    keystore.create_slot(SlotKind.LINK, uuid4())
    folder = place.folder / "keystore"
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_keystore_that_was_not_prepared_makes_no_slot(place):
    prepared = place.open()
    kms = open_kms(place.kms, uuid4())
    with writing(prepared.engine) as session:
        session.execute(Slot.metadata.tables["epochs"].delete())
    bare = Keystore(prepared.engine, kms, place.store, None, place.clock)
    with pytest.raises(VaultSealed):
        bare.create_slot(SlotKind.LINK, uuid4())


def test_the_keyring_of_another_deployment_opens_nothing(place, keystore):
    subject = uuid4()
    slot = keystore.create_slot(SlotKind.LINK, subject)
    stranger = Keystore(keystore.engine, open_kms(place.kms, uuid4()), place.store, None, place.clock)
    with pytest.raises(Tampered):
        stranger.open_slot(slot.id, SlotKind.LINK, subject)


def test_a_keystore_belongs_to_one_deployment(place):
    first = place.found()
    assert place.found(first) == first
    with pytest.raises(Misconfigured):
        place.found(uuid4())


def test_an_epoch_key_is_unwrapped_once_and_forgotten_after_its_lifetime(place, keystore):
    kms = open_kms(place.kms, place.found())
    wrapped = kms.wrap(9, b"k" * 32)
    keeping, forgetting = EpochKeys(kms), EpochKeys(kms, lifetime=0)
    for keys in (keeping, forgetting):
        assert keys.open(9, wrapped) == b"k" * 32
    place.keyring.unlink()
    assert keeping.open(9, wrapped) == b"k" * 32
    with pytest.raises(Misconfigured):
        forgetting.open(9, wrapped)
    keeping.forget([9])
    with pytest.raises(Misconfigured):
        keeping.open(9, wrapped)


def test_every_slot_kind_can_be_made(keystore):
    for kind in SlotKind:
        subject = uuid4()
        slot = keystore.create_slot(kind, subject)
        assert keystore.open_slot(slot.id, kind, subject) == slot.key
    with reading(keystore.engine) as session:
        assert set(session.scalars(select(Slot.kind))) == set(map(int, SlotKind))
