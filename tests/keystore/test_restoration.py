"""After a backup was put back: what it forgot is found, the dead die again, the living are found again."""

from itertools import pairwise
from uuid import uuid4

import pytest

from vault.crypto.kinds import SlotKind
from vault.errors import Misconfigured, Tampered
from vault.keystore.restoration import Rebuilt, Successors, find_discrepancies, rebuild, replay


def nothing_known(slot_id) -> str | None:
    return None


def known(states: dict):
    return lambda slot_id: states.get(slot_id)


def test_without_a_restore_nothing_disagrees(keystore):
    slots = [keystore.create_slot(SlotKind.LINK, uuid4()).id for _ in range(2)]
    for slot in slots:
        keystore.destroy_slot(slot)
    found = find_discrepancies(keystore, known(dict.fromkeys(slots, "done")))
    assert (found.unfinished, found.restored) == ((), ())


def test_an_order_that_is_still_open_is_to_be_finished_whether_the_slot_lives_or_not(place, keystore):
    dead = keystore.create_slot(SlotKind.LINK, uuid4()).id
    keystore.destroy_slot(dead)
    backup = place.backup()
    keystore = place.open()
    living = keystore.create_slot(SlotKind.LINK, uuid4()).id
    keystore.destroy_slot(living)
    place.put_back(backup)
    keystore = place.open()
    found = find_discrepancies(keystore, known({dead: "destroying", living: "destroying"}))
    assert [entry.slot_id for entry in found.unfinished] == [dead, living]
    assert found.restored == ()


def test_an_end_that_the_database_does_not_know_seals_the_vault(keystore):
    slot = keystore.create_slot(SlotKind.LINK, uuid4()).id
    keystore.destroy_slot(slot)
    found = find_discrepancies(keystore, nothing_known)
    assert [entry.slot_id for entry in found.restored] == [slot]
    assert found.unfinished == ()


def test_a_slot_that_lives_again_seals_the_vault_until_the_ledger_is_replayed(place, keystore):
    subject = uuid4()
    slot = keystore.create_slot(SlotKind.LINK, subject)
    backup = place.backup()
    place.open().destroy_slot(slot.id)
    place.put_back(backup)

    keystore, done = place.open(), known({slot.id: "done"})
    assert keystore.open_slot(slot.id, SlotKind.LINK, subject) == slot.key
    assert [entry.slot_id for entry in find_discrepancies(keystore, done).restored] == [slot.id]

    assert replay(keystore) == 1
    assert replay(keystore) == 0
    with pytest.raises(Tampered):
        keystore.open_slot(slot.id, SlotKind.LINK, subject)
    assert find_discrepancies(keystore, done).restored == ()
    assert len(list(keystore.ledger())) == 1


def test_a_replay_leaves_no_trace_of_the_slot_in_a_copy_that_was_put_back_too(place, keystore):
    slot = keystore.create_slot(SlotKind.LINK, uuid4())
    backup, path = place.backup(), place.copy / "slots" / str(slot.id)[:2] / f"{slot.id}.json"
    copied = path.read_bytes()
    place.open().destroy_slot(slot.id)
    place.put_back(backup)
    path.write_bytes(copied)
    replay(place.open())
    assert not path.exists()
    assert copied not in place.bytes_on_disk()


def test_the_line_of_successors_is_followed_to_the_slot_that_lives(keystore):
    subject = uuid4()
    line = [keystore.create_slot(SlotKind.PRINCIPAL, subject).id for _ in range(4)]
    for old, new in pairwise(line):
        keystore.destroy_slot(old, new)
    alone = keystore.create_slot(SlotKind.PRINCIPAL, uuid4()).id
    ended = keystore.create_slot(SlotKind.LINK, uuid4()).id
    keystore.destroy_slot(ended)

    successors = Successors(keystore)
    assert [successors.follow(slot) for slot in line] == [line[-1]] * 4
    assert successors.follow(alone) == alone
    assert successors.follow(ended) is None
    assert successors.follow(uuid4()) is None


def test_a_line_that_ends_in_a_dead_slot_or_in_a_ring_leads_nowhere(keystore):
    first, second, third, fourth = (keystore.create_slot(SlotKind.LINK, uuid4()).id for _ in range(4))
    keystore.destroy_slot(first, second)
    keystore.destroy_slot(second)
    keystore.destroy_slot(third, fourth)
    keystore.destroy_slot(fourth, third)
    successors = Successors(keystore)
    assert [successors.follow(slot) for slot in (first, second, third, fourth)] == [None] * 4


def test_an_old_database_finds_the_locks_of_a_replaced_slot(keystore):
    person = uuid4()
    old, new = (keystore.create_slot(SlotKind.PRINCIPAL, person) for _ in range(2))
    keystore.keep_locks(person, new.id, {"user_lock": "AAEC"})
    keystore.destroy_slot(old.id, new.id)

    living = Successors(keystore).follow(old.id)
    assert keystore.open_slot(living, SlotKind.PRINCIPAL, person) == new.key
    assert keystore.kept_locks(person, living) == {"user_lock": "AAEC"}


def test_a_lost_keystore_is_rebuilt_from_its_copy_and_nothing_dead_comes_back(place, keystore):
    subject = uuid4()
    slots = [keystore.create_slot(SlotKind.VERSION, subject) for _ in range(4)]
    keystore.rotate_epoch()
    keystore.destroy_slot(slots[0].id)
    place.lose()

    place.found(keystore.copy.deployment_id())
    rebuilt = rebuild(place.bare())
    assert rebuilt == Rebuilt(epochs=1, slots=3, erased=0, stranded=())
    fresh = place.open()
    for slot in slots[1:]:
        assert fresh.open_slot(slot.id, SlotKind.VERSION, subject) == slot.key
    assert not fresh.is_live(slots[0].id)
    assert rebuild(fresh) == Rebuilt(epochs=0, slots=0, erased=0, stranded=())
    assert find_discrepancies(fresh, known({slots[0].id: "done"})).restored == ()


def test_an_older_keystore_is_brought_forward_from_its_copy(place, keystore):
    subject = uuid4()
    old, dead = (keystore.create_slot(SlotKind.VERSION, subject) for _ in range(2))
    backup = place.backup()
    keystore = place.open()
    young = keystore.create_slot(SlotKind.VERSION, subject)
    keystore.destroy_slot(dead.id)
    keystore.rotate_epoch()
    youngest = keystore.create_slot(SlotKind.VERSION, subject)
    place.put_back(backup)

    bare = place.bare()
    assert rebuild(bare) == Rebuilt(epochs=1, slots=3, erased=0, stranded=())
    assert replay(bare) == 1
    fresh = place.open()
    for slot in (old, young, youngest):
        assert fresh.open_slot(slot.id, SlotKind.VERSION, subject) == slot.key
    assert not fresh.is_live(dead.id)
    assert {slot.id for slot in fresh.copy.slots()} == {old.id, young.id, youngest.id}
    assert (fresh.status()["epoch"], fresh.status()["epochs_waiting"]) == (2, [])


def test_a_slot_that_the_ledger_knows_as_dead_is_not_brought_back_from_an_old_copy(place, keystore):
    slot = keystore.create_slot(SlotKind.VERSION, uuid4())
    path = place.copy / "slots" / str(slot.id)[:2] / f"{slot.id}.json"
    copied = path.read_bytes()
    keystore.destroy_slot(slot.id)
    deployment = place.found()
    place.lose()
    path.write_bytes(copied)

    place.found(deployment)
    bare = place.bare()
    assert rebuild(bare).erased == 1
    assert not bare.is_live(slot.id)
    assert not path.exists()


def test_a_slot_whose_epoch_is_gone_everywhere_is_named(place, keystore):
    slot = keystore.create_slot(SlotKind.VERSION, uuid4())
    path = place.copy / "slots" / str(slot.id)[:2] / f"{slot.id}.json"
    path.write_text(path.read_text().replace('"epoch": 1', '"epoch": 77'))
    deployment = place.found()
    place.lose()
    place.found(deployment)
    assert rebuild(place.bare()).stranded == (slot.id,)


def test_nothing_is_rebuilt_from_no_copy_or_from_anothers(place, keystore):
    stranger = place.bare()
    stranger.copy.found(uuid4())
    with pytest.raises(Misconfigured):
        rebuild(stranger)
    place.copy = None
    with pytest.raises(Misconfigured):
        rebuild(place.bare())
