"""Archive identities: proposed by a controller, confirmed by a second person who compared them, retired, never deleted."""

from __future__ import annotations

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from tests.closings import HOLDERS, Closings
from vault.access.actor import Role
from vault.access.principals import Principal
from vault.archive.identities import propose_identity, retire_identity, vouched_identities
from vault.archive.models import ArchiveIdentity
from vault.crypto import bech32
from vault.crypto.header import age_header, parse_header, unwrap
from vault.crypto.identity import age_recipient, hybrid_identity, new_seed, public_key, x25519_public
from vault.crypto.kdf import sha256
from vault.errors import Conflict, Invalid, NotFound, Refused, StepUpDue, Tampered


@pytest.fixture
def office(make):
    return Closings(make, identities=0)


def vouched(office, act) -> list[str]:
    with act(office.controller) as tx:
        return [each.recipient for each in vouched_identities(tx, office.make.home.id)]


def test_a_second_person_confirms_it_and_then_it_counts(office, act, trail):
    seed = new_seed()
    identity = office.propose(seed)
    assert vouched(office, act) == []
    with pytest.raises(Refused):
        office.confirm(identity, by=office.controller)
    with pytest.raises(Invalid):
        office.confirm(identity, compared=False)

    office.confirm(identity)

    (recipient,) = vouched(office, act)
    assert unwrap(parse_header(age_header(bytes(16), [recipient])), [hybrid_identity(seed)]) == bytes(16)
    events = [name for name in trail() if name.startswith("identity.")]
    assert events == ["identity.proposed", "identity.confirmed"]
    with pytest.raises(Conflict):
        office.confirm(identity)


def test_only_a_controller_adds_one_and_only_a_hybrid_key_of_its_own(office, act):
    recipient = age_recipient(public_key(new_seed()))
    for role in (Role.SUPERVISOR, Role.ARCHIVIST, Role.ADMINISTRATOR):
        with pytest.raises(Refused), act(office.make.actor(None, role)) as tx:
            propose_identity(tx, recipient, HOLDERS[0])
    with pytest.raises(StepUpDue), act(office.controller) as tx:
        propose_identity(tx, recipient, HOLDERS[0])
    plain = bech32.encode("age", x25519_public(new_seed()))
    for wrong, holder in ((plain, "x"), (recipient[:-1], "x"), (recipient, " ")):
        with pytest.raises(Invalid), act(office.controller) as tx:
            propose_identity(tx, wrong, holder)
    seed = new_seed()
    office.propose(seed)
    with pytest.raises(Conflict):
        office.propose(seed, HOLDERS[1])


def test_one_that_nobody_confirms_lapses_and_is_proposed_anew(office, make, act, trail):
    seed = new_seed()
    identity = office.propose(seed)
    make.wait(hours=73)
    office.controller, office.second = (
        make.actor(make.person(Role.CONTROLLER)),
        make.actor(make.person(Role.CONTROLLER)),
    )
    with pytest.raises(Conflict):
        office.confirm(identity)
    office.identity(seed)
    assert len(vouched(office, act)) == 1
    assert "identity.lapsed" in trail()


def test_a_retired_one_is_kept_and_nothing_is_encrypted_to_it(office, make, act):
    identity = office.identity(new_seed())
    for actor, error in ((office.archivist, Refused), (foreigner(make), NotFound)):
        with pytest.raises(error), act(actor) as tx:
            retire_identity(tx, identity.id, "the safe was sold")
    make.confirmed(office.controller, lambda tx: retire_identity(tx, identity.id, "the safe was sold"))
    assert vouched(office, act) == []
    with act(office.controller) as tx:
        kept = tx.session.get_one(ArchiveIdentity, identity.id)
        principal = tx.session.get_one(Principal, identity.id)
        assert kept.retired_at == tx.now
        assert (principal.slot_id, principal.directory_mac) == (None, None)
        assert principal.public_key
    with pytest.raises(Conflict):
        make.confirmed(office.controller, lambda tx: retire_identity(tx, identity.id, "again"))


def foreigner(make):
    return make.actor(make.person(Role.CONTROLLER, office=make.office()))


def test_a_key_that_somebody_put_into_the_database_is_not_used(office, runtime, act, tamper):
    identity = office.identity(new_seed())
    other = public_key(new_seed())
    with runtime.session() as session:
        principal = session.get_one(Principal, identity.id)
    tamper(principal, public_key=other)
    with pytest.raises(Tampered):
        vouched(office, act)
    tamper(principal, public_key=other, slot_id=None)
    with pytest.raises(Conflict):
        vouched(office, act)


def test_whoever_writes_to_the_database_confirms_nothing_and_passes_no_other_key_off_as_one(
    office, runtime, act, tamper
):
    identity = office.identity(new_seed())
    proposed = office.propose(new_seed())
    by = {"confirmed_by_id": office.second.id, "confirmed_at": proposed.proposed_at}
    tamper(proposed, **by, confirmation_mac=identity.confirmation_mac)
    with pytest.raises(Conflict):
        vouched(office, act)
    tamper(proposed, retired_at=proposed.proposed_at)
    assert len(vouched(office, act)) == 1
    tamper(identity, holder="my own pocket")
    with pytest.raises(Tampered):
        vouched(office, act)
    with runtime.session() as session:
        own = session.get_one(Principal, office.controller.id)
        row = ArchiveIdentity(id=own.id, office_id=identity.office_id, holder=identity.holder, **by)
        row.key_digest, row.proposed_by_id = sha256(own.public_key), own.id
        row.proposed_at, row.confirmation_mac = proposed.proposed_at, identity.confirmation_mac
        session.add(row)
    tamper(identity, holder=identity.holder)
    with pytest.raises(Tampered):
        vouched(office, act)


def test_the_database_holds_that_there_are_two_people(office, runtime):
    identity = office.identity(new_seed())
    for values in ({"confirmed_at": None}, {"confirmed_by_id": identity.proposed_by_id}):
        with pytest.raises(IntegrityError), runtime.session() as session:
            session.execute(update(ArchiveIdentity).values(values))
