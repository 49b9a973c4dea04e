"""The slot of a bundle or of a sealed version dies by a warrant, or because another lives in its place."""

from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from vault.crypto.kinds import SlotKind
from vault.errors import Tampered, Unwarranted
from vault.keystore.epochs import reading, writing
from vault.keystore.models import Slot
from vault.keystore.restoration import replay

DIGEST = bytes(range(32))


@pytest.fixture
def sealed(keystore):
    """A version's slot, and the version."""
    version = uuid4()
    slot = keystore.create_slot(SlotKind.VERSION, version).id
    keystore.warrants.require(slot)
    return slot, version


def test_a_row_is_not_enough_for_a_sealed_version_or_a_bundle(keystore, sealed):
    for slot in (sealed[0], keystore.create_slot(SlotKind.BUNDLE, uuid4()).id):
        with pytest.raises(Unwarranted):
            keystore.destroy_slot(slot)
        assert keystore.is_live(slot)
    assert not list(keystore.ledger())

    for kind in (SlotKind.VERSION, SlotKind.LINK, SlotKind.PRINCIPAL):
        unsealed = keystore.create_slot(kind, uuid4()).id
        keystore.destroy_slot(unsealed)
        assert not keystore.is_live(unsealed)


def test_a_warrant_is_for_the_slots_that_it_names(keystore, sealed):
    (slot, version), request = sealed, uuid4()
    other = keystore.create_slot(SlotKind.VERSION, uuid4(), is_sealed=True).id
    for wrong in ({slot: uuid4()}, {slot: version, uuid4(): uuid4()}, {slot: version, other: version}):
        with pytest.raises(Tampered):
            keystore.warrants.give(request, DIGEST, wrong)
        assert keystore.warrants.digest_of(request) is None
    keystore.warrants.give(request, DIGEST, {slot: version})
    keystore.warrants.give(request, DIGEST, {slot: version})
    with pytest.raises(Tampered):
        keystore.warrants.give(request, bytes(32), {slot: version})
    with pytest.raises(Unwarranted):
        keystore.destroy_slot(other)

    keystore.destroy_slot(slot)
    keystore.warrants.give(request, DIGEST, {slot: version})
    with pytest.raises(Tampered):
        keystore.warrants.give(uuid4(), DIGEST, {slot: version})

    assert (keystore.warrants.ended_by(request), keystore.warrants.digest_of(request)) == ({slot}, DIGEST)
    keystore.warrants.refuse(request)
    assert (keystore.warrants.ended_by(request), keystore.warrants.digest_of(request)) == ({slot}, DIGEST)


@pytest.mark.parametrize("given_before", [True, False])
def test_a_request_that_was_refused_lets_nothing_die(keystore, sealed, given_before):
    (slot, version), request = sealed, uuid4()
    if given_before:
        keystore.warrants.give(request, DIGEST, {slot: version})
    keystore.warrants.refuse(request)
    keystore.warrants.refuse(request)

    with pytest.raises(Tampered):
        keystore.warrants.give(request, DIGEST, {slot: version})
    with pytest.raises(Unwarranted):
        keystore.destroy_slot(slot)


def test_a_successor_lives_and_is_of_the_same_kind_and_subject(keystore, sealed):
    slot, version = sealed
    strangers = [
        slot,
        uuid4(),
        keystore.create_slot(SlotKind.VERSION, uuid4()).id,
        keystore.create_slot(SlotKind.LINK, version).id,
    ]
    for stranger in strangers:
        with pytest.raises(Unwarranted):
            keystore.destroy_slot(slot, stranger)

    second, third = (keystore.create_slot(SlotKind.VERSION, version, is_sealed=True).id for _ in range(2))
    keystore.destroy_slot(second, third)
    keystore.destroy_slot(slot, second)
    with pytest.raises(Unwarranted):
        keystore.destroy_slot(third, slot)
    assert [keystore.is_live(each) for each in (slot, second, third)] == [False, False, True]


def test_what_came_after_it_may_have_ended_by_a_warrant(keystore, sealed):
    slot, version = sealed
    heir = keystore.create_slot(SlotKind.VERSION, version, is_sealed=True).id
    keystore.warrants.give(uuid4(), DIGEST, {heir: version})
    keystore.destroy_slot(heir)

    keystore.destroy_slot(slot, heir)

    assert not keystore.is_live(slot)


def test_a_keystore_that_was_put_back_asks_for_every_version(keystore):
    unsealed = keystore.create_slot(SlotKind.VERSION, uuid4()).id
    replay(keystore)

    with pytest.raises(Unwarranted):
        keystore.destroy_slot(unsealed)


def test_the_tables_refuse_a_warrant_that_is_not_there(keystore, sealed):
    with pytest.raises(IntegrityError), writing(keystore.engine) as session:
        session.get(Slot, sealed[0]).warrant_id = uuid4()
    with reading(keystore.engine) as session:
        assert session.get(Slot, sealed[0]).warrant_id is None
