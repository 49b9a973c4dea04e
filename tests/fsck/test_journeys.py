"""After what people do, nothing is found and nothing is left over."""

from __future__ import annotations

from tests.drops.conftest import sender
from tests.factory import PDF
from tests.removals import Removals
from tests.restore.conftest import machine, new_machine
from tests.retrievals import Retrievals
from tests.soundness import assert_clean, left_over
from vault.access.actor import Role
from vault.backups.service import back_up_database, back_up_keystore
from vault.bundles.members import add_member
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.people.leaving import record_leaving
from vault.reinstatement import choose, reinstate
from vault.shares.service import revoke_share

__all__ = ["machine", "new_machine", "sender"]


def assert_spotless(runtime) -> None:
    assert_clean(runtime)
    assert left_over(runtime) == set()


def test_a_case_that_is_archived_and_removed(make, runtime):
    assert_spotless(runtime)
    office = Removals(make)
    closure = office.archived()
    assert_spotless(runtime)
    office.sign(closure)
    office.cool()
    assert office.removal(closure).state == "certified"
    assert_spotless(runtime)


def test_files_that_come_back_out_of_a_package(make, runtime, tmp_path):
    office = Retrievals(make)
    closure = office.archived({"form.pdf": PDF})
    retrieval, order = office.ordered(closure)
    office.bring(retrieval, office.answer(order, tmp_path / "safe"))
    assert_spotless(runtime)
    office.work()
    assert_spotless(runtime)
    office.open(office.bundle_of(closure))
    assert office.stands(retrieval).returned_at
    assert_spotless(runtime)


def test_a_link_that_is_revoked_and_a_colleague_who_leaves(make, runtime):
    owner, colleague = make.actor(), make.actor()
    bundle = make.bundle(owner, password="a password of the bundle")
    document = make.document(owner, bundle)
    with runtime.transaction(owner) as tx:
        add_member(tx, bundle.id, colleague.id)
    lent = make.share(owner, [document])
    make.token(owner)
    assert_spotless(runtime)
    with runtime.transaction(owner) as tx:
        revoke_share(tx, lent.share.id, "sent to the wrong mission")
    make.confirmed(make.actor(None, Role.ADMINISTRATOR), lambda tx: record_leaving(tx, owner.id))
    assert_spotless(runtime)


def test_a_file_that_somebody_outside_sends(make, runtime, sender):
    owner = make.actor()
    bundle = make.bundle(owner)
    assert sender(make.request(owner, bundle, types=("identity_copy",))).send().status_code == 303
    assert_spotless(runtime)
    with runtime.transaction(owner) as tx:
        open_bundle(tx, tx.session.get_one(Bundle, bundle.id))
    assert_spotless(runtime)


def test_backups_that_are_put_back(machine, tmp_path):
    make = machine.make
    owner = make.actor()
    document = make.document(owner, make.bundle(owner))
    places = {
        "database": back_up_database(machine.runtime, tmp_path / "dumps", same_disk=True)[0].place,
        "keystore": back_up_keystore(machine.runtime, tmp_path / "slots", same_disk=True).place,
    }
    lent = make.share(owner, [document])
    with machine.runtime.transaction(owner) as tx:
        revoke_share(tx, lent.share.id, "sent to the wrong mission")
    assert_spotless(machine.runtime)
    with machine.stopped():
        chosen = choose(*(tmp_path / each for each in places.values()))
        reinstate(machine.settings, chosen, clock=machine.clock, may_replace=True)
    assert_clean(machine.runtime)
