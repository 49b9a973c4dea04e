"""The erasure ledger: written before a slot dies, never changed, numbered without a gap."""

import json
import threading
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from vault.crypto.kinds import SlotKind
from vault.errors import StorageFull, Tampered
from vault.keystore.ledger import Ledger
from vault.keystore.service import Keystore
from vault.kms.base import open_kms
from vault.store.memory import MemoryStore

AT = datetime(2026, 3, 1, tzinfo=UTC)


def test_an_entry_names_the_slot_its_successor_and_the_instant():
    store, slot, successor = MemoryStore(), uuid4(), uuid4()
    Ledger(store).append(slot, successor, AT)
    Ledger(store).append(successor, None, AT)
    assert json.loads(store.get("ledger/000000000001")) == {
        "slot": str(slot),
        "successor": str(successor),
        "at": "2026-03-01T00:00:00+00:00",
    }
    read = [(entry.number, entry.slot_id, entry.successor_id, entry.at) for entry in Ledger(store).entries()]
    assert read == [(1, slot, successor, AT), (2, successor, None, AT)]


def test_of_two_entries_for_one_slot_the_first_counts():
    ledger, slot, first, second = Ledger(MemoryStore()), uuid4(), uuid4(), uuid4()
    ledger.append(slot, first, AT)
    ledger.append(slot, second, AT)
    assert ledger.ends()[slot].successor_id == first


def test_writers_at_once_leave_no_gap_and_lose_no_entry():
    store, slots = MemoryStore(), [uuid4() for _ in range(60)]

    def write(some) -> None:
        ledger = Ledger(store)
        for slot in some:
            ledger.append(slot, None, AT)

    writers = [threading.Thread(target=write, args=(slots[start::4],)) for start in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    entries = list(Ledger(store).entries())
    assert [entry.number for entry in entries] == list(range(1, 61))
    assert {entry.slot_id for entry in entries} == set(slots)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b'{"slot": "x", "successor": null, "at": "2026-03-01"}']
)
def test_a_damaged_entry_is_never_skipped(content):
    store = MemoryStore()
    store.put("ledger/000000000001", content)
    with pytest.raises(Tampered):
        list(Ledger(store).entries())


@pytest.mark.parametrize("name", ["ledger/1", "ledger/x", "ledger/000000000001/x"])
def test_an_object_that_is_no_entry_is_never_skipped(name):
    store = MemoryStore()
    store.put(name, b"{}")
    with pytest.raises(Tampered):
        list(Ledger(store).entries())


def test_a_slot_that_cannot_be_entered_in_the_ledger_does_not_die(place, keystore):
    kms = open_kms(place.kms, place.found())
    full = Keystore(keystore.engine, kms, MemoryStore(capacity=10), place.copy, place.clock)
    subject = uuid4()
    slot = keystore.create_slot(SlotKind.LINK, subject)
    with pytest.raises(StorageFull):
        full.destroy_slot(slot.id)
    assert keystore.open_slot(slot.id, SlotKind.LINK, subject) == slot.key
    assert slot.id in {copied.id for copied in keystore.copy.slots()}


def test_the_end_of_a_slot_that_the_keystore_does_not_know_is_entered_all_the_same(keystore):
    unknown = uuid4()
    keystore.destroy_slot(unknown)
    assert [entry.slot_id for entry in keystore.ledger()] == [unknown]
