"""Whoever writes to the database can order much; what two people must approve does not happen for that."""

from __future__ import annotations

from errno import ENOSPC
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, update

from tests.factory import PASSWORD, PDF
from tests.removals import Removals
from vault.archive.removal_models import CERTIFIED, DESTROYING, ERASED, REMOVED, Removal, RemovedVersion
from vault.bundles.models import Bundle
from vault.deployment import deployment_id
from vault.keystore.service import Keystore
from vault.kms.base import open_kms
from vault.people.passwords import change_password
from vault.slots import REFUSED, Destruction, destruction_state, finish_destructions

ANOTHER = "seven grey herons wade slowly"


@pytest.fixture
def office(make):
    return Removals(make)


@pytest.fixture
def closure(office):
    return office.archived({"form.pdf": PDF})


@pytest.fixture
def form(office, closure):
    """The version of the permanent record."""
    return office.versions(closure)["rrf"]


def going(version, removal):
    """The row which says that this version goes."""
    names = ("slot_id", "object_name", "object_length", "object_digest")
    return {name: getattr(version, name) for name in names} | {
        "id": uuid4(),
        "removal_id": removal.id,
        "version_id": version.id,
    }


class NoLedger:
    """A store that has no room for an entry of the ledger: slots wait."""

    def __init__(self, store):
        self.store = store

    def put(self, name, content):
        if name.startswith("ledger/"):
            raise OSError(ENOSPC, "no room")
        return self.store.put(name, content)

    def __getattr__(self, name):
        return getattr(self.store, name)


def begin_only(office, runtime, closure):
    """It has begun, and no slot could die yet."""
    with runtime.session() as session:
        kms = open_kms(runtime.settings.kms, deployment_id(session))
    whole = runtime.keystore
    runtime.keystore = Keystore(whole.engine, kms, NoLedger(runtime.store), None, runtime.clock.now)
    office.cool()
    runtime.keystore = whole
    return office.removal(closure)


def is_here(runtime, version):
    return runtime.keystore.is_live(version.slot_id) and runtime.store.size(version.object_name) is not None


def test_an_order_in_the_database_ends_no_sealed_version_and_no_bundle(
    office, runtime, closure, form, trail, make
):
    with runtime.session() as session:
        bundle = session.scalars(select(Bundle).where(Bundle.id == form.bundle_id)).one()
        for slot in (form.slot_id, bundle.slot_id):
            row = {"id": uuid4(), "slot_id": slot, "state": "destroying", "ordered_at": make.clock.now()}
            session.execute(insert(Destruction).values(row))

    assert [finish_destructions(runtime) for _ in range(2)] == [0, 0]

    assert is_here(runtime, form)
    assert runtime.keystore.is_live(bundle.slot_id)
    with runtime.session() as session:
        assert destruction_state(session, form.slot_id) == REFUSED
    assert trail().count("slot.destruction_refused") == 2
    office.sign(closure)
    office.cool()
    assert office.removal(closure).state == CERTIFIED
    assert not runtime.keystore.is_live(form.slot_id)


@pytest.mark.parametrize("state", [DESTROYING, ERASED, REMOVED])
def test_a_removal_that_was_set_forward_by_hand_removes_and_certifies_nothing(
    office, runtime, closure, form, state, make
):
    removal = office.first(closure)
    forged = {
        "approved_by_id": office.controller.id,
        "approved_mac": bytes(32),
        "approved_at": make.clock.now(),
    }
    forged |= {"approved_slot_id": uuid4(), "cools_until": make.clock.now(), "state": state}
    with runtime.session() as session:
        session.execute(insert(RemovedVersion).values(going(form, removal)))
        session.execute(update(Removal).where(Removal.id == removal.id).values(forged))

    office.sweep()

    assert is_here(runtime, form)
    assert office.removal(closure).error_code in ("unwarranted", "tampered")
    assert not office.certificates(closure)


def test_a_list_that_was_lengthened_once_it_had_begun_ends_no_more_than_was_approved(office, runtime, make):
    closure = office.archived({"form.pdf": PDF})
    other = office.versions(office.archived({"other.pdf": PDF + b" "}))["rrf"]
    removal = office.sign(closure)
    begun = begin_only(office, runtime, closure)
    assert begun.state == DESTROYING
    with runtime.session() as session:
        session.execute(insert(RemovedVersion).values(going(other, removal)))

    office.sweep()

    assert is_here(runtime, other)
    assert office.removal(closure).state == DESTROYING
    assert office.removal(closure).error_code == "tampered"


def test_an_object_goes_only_if_it_is_that_of_its_version(office, runtime, closure, form):
    other = office.versions(office.archived({"other.pdf": PDF + b" "}))["rrf"]
    office.sign(closure)
    begin_only(office, runtime, closure)
    with runtime.session() as session:
        session.execute(update(RemovedVersion).values(object_name=other.object_name))

    office.sweep()

    assert is_here(runtime, other)
    assert (office.removal(closure).state, office.removal(closure).error_code) == (ERASED, "tampered")
    with runtime.session() as session:
        session.execute(update(RemovedVersion).values(object_name=form.object_name))
    office.sweep()
    assert office.removal(closure).state == CERTIFIED


def test_what_has_begun_goes_on_though_a_signer_changes_the_password(office, runtime, closure, form):
    office.sign(closure)
    begin_only(office, runtime, closure)
    change_password(runtime, office.controller, PASSWORD, ANOTHER)

    office.sweep()

    assert office.removal(closure).state == CERTIFIED
    assert not is_here(runtime, form)
