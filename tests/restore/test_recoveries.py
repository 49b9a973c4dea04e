"""Last night's database after a recovery: no bundle is lost, and none opens as it did before."""

from __future__ import annotations

import pytest

from tests.desks import Desks
from tests.factory import PASSWORD
from tests.restore.test_restore import NEW_PASSWORD, sign_in
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.bundles.recovery_models import EMERGENCY, Recovery
from vault.bundles.service import unlock_bundle
from vault.crypto.passwords import derive
from vault.errors import BundleLocked, Conflict, NotFound
from vault.people.desks import seat_member, unseat_member

LOST = "nine slow barges pass the lock"


@pytest.fixture
def office(machine):
    """Both desks, a sealed bundle, its owner, and a colleague for whom it is released already."""
    make = machine.make
    desks, owner, receiver = Desks(make), make.actor(), make.actor()
    bundle = make.bundle(owner, password=LOST)
    make.assign(bundle, receiver)
    recovery = desks.release(desks.request(bundle, receiver, urgency=EMERGENCY))
    return desks, owner, receiver, bundle, recovery


def opened(machine, actor, bundle, password: str | None = None):
    with machine.runtime.transaction(actor) as tx:
        row = tx.session.get_one(Bundle, bundle.id)
        if password is not None:
            unlock_bundle(tx, bundle.id, derive(password, row.profile))
        return open_bundle(tx, row).title


def test_a_recovered_bundle_stays_recovered_and_what_was_released_opens_nothing_again(machine, office):
    desks, owner, receiver, bundle, recovery = office
    profile = machine.settings.new_profile()
    machine.back_up("database")
    desks.complete(recovery, new_key=derive(NEW_PASSWORD, profile), profile=profile)
    machine.put_back("database")
    machine.restore()

    receiver, owner = (sign_in(machine, each.id, PASSWORD) for each in (receiver, owner))
    for actor in (receiver, owner):
        with pytest.raises(BundleLocked):
            opened(machine, actor, bundle, LOST)
        assert opened(machine, actor, bundle, NEW_PASSWORD) == "Main file"
    auditor = sign_in(machine, desks.auditor.id, PASSWORD)
    with machine.runtime.session() as session:
        assert session.get_one(Recovery, recovery.id).completed_at is None
    with pytest.raises(Conflict, match="other keys"):
        desks.complete(recovery, by=auditor)
    with pytest.raises(NotFound):
        opened(machine, auditor, bundle)
    clerk = sign_in(machine, desks.clerk.id, PASSWORD)
    again = desks.complete(desks.release(recovery, by=clerk), by=auditor)
    assert again.completed_at is not None
    assert opened(machine, receiver, bundle) == "Main file"


def test_a_bundle_that_was_never_locked_anew_is_recoverable_after_a_restore(machine, office):
    desks, _, receiver, bundle, recovery = office
    machine.back_up("database")
    later = machine.make.actor()
    desks.confirmed(desks.clerk, seat_member, desks.first.id, later.id)
    with machine.runtime.transaction(desks.controller) as tx:
        unseat_member(tx, desks.first.id, later.id)
    machine.put_back("database")
    machine.restore()
    auditor, receiver = (sign_in(machine, each.id, PASSWORD) for each in (desks.auditor, receiver))
    desks.complete(recovery, by=auditor)
    assert opened(machine, receiver, bundle) == "Main file"


def test_who_left_a_desk_after_the_backup_acts_for_it_no_more(machine, office):
    desks, _, _, _, recovery = office
    third = machine.make.actor()
    desks.confirmed(desks.clerk, seat_member, desks.first.id, third.id)
    machine.back_up("database")
    with machine.runtime.transaction(desks.controller) as tx:
        unseat_member(tx, desks.first.id, third.id)
    machine.put_back("database")
    machine.restore()
    with pytest.raises((NotFound, Conflict)):
        desks.release(recovery, by=sign_in(machine, third.id, PASSWORD))
