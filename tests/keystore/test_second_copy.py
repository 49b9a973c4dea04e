"""The second copy: complete before a slot is used, without it before its end counts."""

import stat
from uuid import uuid4

import pytest

from vault.crypto.kinds import SlotKind
from vault.errors import Misconfigured, Tampered, VaultSealed
from vault.keystore.second_copy import SecondCopy


def copied(keystore) -> set:
    return {slot.id for slot in keystore.copy.slots()}


def test_every_living_slot_is_in_the_copy_and_no_dead_one(keystore):
    slots = [keystore.create_slot(SlotKind.LINK, uuid4()).id for _ in range(3)]
    assert copied(keystore) == set(slots)
    keystore.destroy_slot(slots[0])
    assert copied(keystore) == set(slots[1:])


def test_a_destruction_takes_what_an_interrupted_write_left_too(place, keystore):
    slot = keystore.create_slot(SlotKind.LINK, uuid4())
    whole = place.copy / "slots" / str(slot.id)[:2] / f"{slot.id}.json"
    torn = whole.with_name(f".{whole.name}.0123")
    torn.write_bytes(whole.read_bytes()[:150])
    assert copied(keystore) == {slot.id}
    keystore.destroy_slot(slot.id)
    assert list(whole.parent.iterdir()) == []


def test_while_the_copys_disk_is_missing_no_slot_is_made_or_taken_for_destroyed(place, keystore):
    slot = keystore.create_slot(SlotKind.LINK, uuid4())
    away = place.copy.rename(place.copy.with_name("unplugged"))
    with pytest.raises(Misconfigured, match="disk"):
        keystore.create_slot(SlotKind.LINK, uuid4())
    with pytest.raises(Misconfigured, match="disk"):
        keystore.destroy_slot(slot.id)
    assert keystore.is_live(slot.id)
    assert keystore.status()["slots"] == {"link": 1}
    assert not place.copy.exists()

    away.rename(place.copy)
    keystore.destroy_slot(slot.id)
    assert copied(keystore) == set()
    assert not keystore.is_live(slot.id)
    assert {entry.slot_id for entry in keystore.ledger()} == {slot.id}


def test_a_copy_added_later_is_filled_before_it_counts(place):
    copy, place.copy = place.copy, None
    keystore = place.open()
    slots = [keystore.create_slot(SlotKind.LINK, uuid4()).id for _ in range(3)]
    keystore.destroy_slot(slots[0])
    assert keystore.status()["second_copy"] is False

    place.copy = copy
    keystore = place.open()
    assert copied(keystore) == set(slots[1:])
    assert [epoch.number for epoch in keystore.copy.epochs()] == [1]
    assert keystore.status()["second_copy"] is True


def test_a_copy_whose_filling_was_interrupted_is_filled_again(place):
    copy, place.copy = place.copy, None
    slot = place.open().create_slot(SlotKind.LINK, uuid4())
    place.copy = copy
    SecondCopy(copy).begin()
    (copy / "epochs" / "1.json").write_bytes(b"{")
    keystore = place.open()
    assert copied(keystore) == {slot.id}
    assert [epoch.number for epoch in keystore.copy.epochs()] == [1]


def test_the_copy_of_another_deployment_is_refused(place, keystore):
    SecondCopy(place.copy).found(uuid4())
    with pytest.raises(Misconfigured, match="another"):
        place.open()


def test_an_empty_keystore_never_overwrites_a_full_copy(place, keystore):
    deployment = place.found()
    keystore.create_slot(SlotKind.LINK, uuid4())
    before = place.bytes_on_disk()
    kept = [path.read_bytes() for path in sorted(place.copy.rglob("*.json"))]
    assert all(content in before for content in kept)
    place.lose()
    place.found(deployment)
    with pytest.raises(VaultSealed, match="rebuilt"):
        place.open()
    assert [path.read_bytes() for path in sorted(place.copy.rglob("*.json"))] == kept


def test_a_keystore_put_back_behind_its_copy_starts_no_epoch_the_copy_knows(place, keystore):
    backup = place.backup()
    place.open().rotate_epoch()
    known = (place.copy / "epochs" / "2.json").read_bytes()
    place.put_back(backup)
    with pytest.raises(VaultSealed, match="rebuilt"):
        place.open()
    with pytest.raises(VaultSealed, match="rebuilt"):
        keystore.epochs.start()
    assert (place.copy / "epochs" / "2.json").read_bytes() == known


def test_the_copy_is_private(place, keystore):
    keystore.create_slot(SlotKind.LINK, uuid4())
    paths = [place.copy, *place.copy.rglob("*")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"id": "x"}', b"null"])
def test_a_damaged_file_of_the_copy_is_told(place, keystore, content):
    slot = keystore.create_slot(SlotKind.LINK, uuid4())
    (place.copy / "slots" / str(slot.id)[:2] / f"{slot.id}.json").write_bytes(content)
    with pytest.raises(Tampered, match=str(slot.id)):
        copied(keystore)


def test_without_a_copy_everything_else_works(place):
    place.copy = None
    keystore = place.open()
    subject = uuid4()
    slot = keystore.create_slot(SlotKind.LINK, subject)
    keystore.rotate_epoch()
    assert keystore.open_slot(slot.id, SlotKind.LINK, subject) == slot.key
    keystore.destroy_slot(slot.id)
    assert not keystore.is_live(slot.id)
