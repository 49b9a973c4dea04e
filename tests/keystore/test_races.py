"""Rotations, new slots and destructions at the same time, in one process and in several."""

import subprocess
import sys
import threading
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from vault.crypto.kinds import SlotKind
from vault.errors import Tampered
from vault.keystore.epochs import reading
from vault.keystore.models import Epoch, Slot
from vault.keystore.service import Keystore
from vault.kms.keyring import Keyring

ROOT = Path(__file__).parents[2]

CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from vault.crypto.kinds import SlotKind
from vault.keystore.setup import open_keystore
from vault.store.disk import DiskStore

url, kms, store, copy, work, *ids = sys.argv[1:]
keystore = open_keystore(url, kms, DiskStore(Path(store)), Path(copy), lambda: datetime.now(UTC))
if work == "rotate":
    for _ in range(4):
        keystore.rotate_epoch()
if work == "create":
    for _ in range(25):
        slot = keystore.create_slot(SlotKind.LINK, UUID(int=7))
        print(slot.id, slot.key.hex())
if work == "destroy":
    for slot_id in ids:
        keystore.destroy_slot(UUID(slot_id))
"""


class Interrupted(Keyring):
    """A keyring during whose n-th wrapping or unwrapping something else happens, start to end."""

    def __init__(self, place, count: int, act) -> None:
        self._left, self._act = count, act
        super().__init__(place.keyring, place.found())

    def wrap(self, epoch, key):
        self._interrupt()
        return super().wrap(epoch, key)

    def unwrap(self, epoch, wrapped):
        self._interrupt()
        return super().unwrap(epoch, wrapped)

    def _interrupt(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._act()


def interrupted(place, keystore, count: int, act) -> Keystore:
    return Keystore(keystore.engine, Interrupted(place, count, act), place.store, place.copy, place.clock)


def rows_of(keystore) -> dict[UUID, Slot]:
    with reading(keystore.engine) as session:
        return {row.id: row for row in session.scalars(select(Slot))}


def epochs_of(keystore) -> list[int]:
    with reading(keystore.engine) as session:
        return list(session.scalars(select(Epoch.number).order_by(Epoch.number)))


def test_a_slot_destroyed_while_it_is_relocked_stays_dead(place, keystore):
    subject = uuid4()
    doomed, kept = (keystore.create_slot(SlotKind.LINK, subject) for _ in range(2))
    keystore.epochs.start()
    # The first key unwrapped is the new epoch's, the second that of the slots already read.
    relocking = interrupted(place, keystore, 2, lambda: keystore.destroy_slot(doomed.id))
    assert relocking.epochs.relock().damaged == ()
    assert rows_of(keystore)[doomed.id].blob is None
    with pytest.raises(Tampered):
        keystore.open_slot(doomed.id, SlotKind.LINK, subject)
    assert {slot.id for slot in keystore.copy.slots()} == {kept.id}
    assert keystore.open_slot(kept.id, SlotKind.LINK, subject) == kept.key
    assert epochs_of(keystore) == [2]


def test_a_slot_is_never_inserted_under_an_epoch_that_went_meanwhile(place, keystore):
    subject = uuid4()
    creating = interrupted(place, keystore, 1, keystore.rotate_epoch)
    slot = creating.create_slot(SlotKind.LINK, subject)
    assert rows_of(keystore)[slot.id].epoch == 2
    assert epochs_of(keystore) == [2]
    assert [copied.epoch for copied in keystore.copy.slots()] == [2]
    assert place.open().open_slot(slot.id, SlotKind.LINK, subject) == slot.key


def test_a_slot_is_never_inserted_under_an_old_epoch_that_still_stands(place, keystore):
    keystore.create_slot(SlotKind.LINK, uuid4())
    creating = interrupted(place, keystore, 1, keystore.epochs.start)
    slot = creating.create_slot(SlotKind.LINK, uuid4())
    assert epochs_of(keystore) == [1, 2]
    assert rows_of(keystore)[slot.id].epoch == 2


def test_a_rotation_started_during_another_ones_start_makes_its_own_epoch(place, keystore):
    slot = keystore.create_slot(SlotKind.LINK, UUID(int=7))
    rotating = interrupted(place, keystore, 1, keystore.rotate_epoch)
    assert rotating.rotate_epoch() == 3
    assert epochs_of(keystore) == [3]
    assert keystore.open_slot(slot.id, SlotKind.LINK, UUID(int=7)) == slot.key


def test_a_rotation_that_was_overtaken_goes_on_under_the_newer_epoch(place, keystore):
    slot = keystore.create_slot(SlotKind.LINK, UUID(int=7))
    # Wrapped: the key of epoch 2. Unwrapped: that of 2, then that of 1, when the slot has been read already.
    rotating = interrupted(place, keystore, 3, keystore.rotate_epoch)
    assert rotating.rotate_epoch() == 2
    assert epochs_of(keystore) == [3]
    assert rows_of(keystore)[slot.id].epoch == 3
    assert place.open().open_slot(slot.id, SlotKind.LINK, UUID(int=7)) == slot.key


def test_a_slot_read_just_before_its_epoch_goes_still_opens(place, keystore):
    slot = keystore.create_slot(SlotKind.LINK, UUID(int=7))
    reader = interrupted(place, keystore, 1, keystore.rotate_epoch)
    assert reader.open_slot(slot.id, SlotKind.LINK, UUID(int=7)) == slot.key
    assert epochs_of(keystore) == [2]


def test_a_slot_destroyed_by_many_at_once_dies_once(keystore):
    slot, start = keystore.create_slot(SlotKind.LINK, uuid4()), threading.Barrier(6)
    faults = []

    def destroy() -> None:
        start.wait()
        try:
            keystore.destroy_slot(slot.id)
        except Exception as fault:  # noqa: BLE001
            faults.append(fault)

    racers = [threading.Thread(target=destroy) for _ in range(6)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert faults == []
    assert [entry.slot_id for entry in keystore.ledger()] == [slot.id]
    assert not keystore.is_live(slot.id)


def test_processes_that_rotate_create_and_destroy_at_once_lose_and_revive_nothing(place, keystore):
    subject = UUID(int=7)
    kept, doomed = (
        [keystore.create_slot(SlotKind.LINK, subject) for _ in range(25)],
        [keystore.create_slot(SlotKind.LINK, subject) for _ in range(25)],
    )
    doomed_ids = [str(slot.id) for slot in doomed]
    works = (["rotate"], ["rotate"], ["create"], ["destroy", *doomed_ids], ["destroy", *reversed(doomed_ids)])
    folder = str(place.store._objects.parent)
    command = [sys.executable, "-c", CHILD, place.url, place.kms, folder, str(place.copy)]
    children = [
        subprocess.Popen(
            [*command, *work], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for work in works
    ]
    ended = [(child.communicate(timeout=120), child.returncode) for child in children]
    assert [code for _, code in ended] == [0] * 5, [faults for (_, faults), _ in ended]

    born = dict(line.split() for line in ended[2][0][0].splitlines())
    living = {slot.id: slot.key for slot in kept} | {
        UUID(name): bytes.fromhex(key) for name, key in born.items()
    }
    assert len(living) == 50
    fresh = place.open()
    assert {slot_id: fresh.open_slot(slot_id, SlotKind.LINK, subject) for slot_id in living} == living
    assert fresh.live_among([slot.id for slot in doomed]) == set()
    assert {slot.id for slot in fresh.copy.slots()} == set(living)
    assert sorted(entry.slot_id for entry in fresh.ledger()) == sorted(slot.id for slot in doomed)

    fresh.epochs.relock()
    assert epochs_of(fresh) == [9]
    assert {slot.epoch for slot in fresh.copy.slots()} == {9}
    assert [epoch.number for epoch in fresh.copy.epochs()] == [9]
