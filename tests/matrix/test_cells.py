"""Cells of an office's matrix: what they narrow, when, and who decides."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from tests.matrix.conftest import REASON
from vault.access.actor import SYSTEM, Role
from vault.access.cells import LEVELS, STRICT, Cell
from vault.access.policy import NEEDS, Permission
from vault.bundles.members import add_member
from vault.bundles.models import Document
from vault.errors import Conflict, Invalid, NotFound, Refused
from vault.matrix.approvals import digest_of
from vault.matrix.service import Spot, approve_cell, facts_of, propose_cell, withdraw_cell
from vault.people.models import Person
from vault.people.service import change_roles, lock_sign_in
from vault.people.sessions import actor_of
from vault.people.tokens import Wanted, create_service

RRF = Spot(Role.CASEWORKER, "rrf", "confidential")
STRICT_RRF = Spot(Role.CASEWORKER, "rrf", STRICT)


def may(act, actor, document) -> set[Permission]:
    with act(actor) as tx:
        row = tx.session.get_one(Document, document.id)
        return {permission for permission in NEEDS if tx.allows(permission, row)}


def test_a_cell_leaves_what_its_level_says_and_nothing_beyond(office, narrow, act):
    plain, strict = office.documents["confidential"], office.documents[STRICT]
    for level in LEVELS[:-1]:
        narrow(Role.CASEWORKER, level)
        left = {each for each, needed in NEEDS.items() if LEVELS.index(needed) <= LEVELS.index(level)}
        assert may(act, office.worker, plain) == left
        assert may(act, office.worker, strict) == set(NEEDS)
        assert may(act, office.supervisor, plain) == set(NEEDS)


def test_a_role_may_never_do_more_than_the_default(office, narrow, act):
    for level in ("add", "share"):
        with pytest.raises(Invalid):
            narrow(Role.REVIEWER, level)
    with pytest.raises(Invalid):
        narrow(Role.ADMINISTRATOR, "view")
    assert Permission.DOCUMENT_ADD not in may(act, office.reviewer, office.documents["confidential"])


def test_what_was_narrowed_is_opened_again(office, narrow, act):
    narrow(Role.REVIEWER, "none")
    with pytest.raises(NotFound), act(office.reviewer) as tx:
        tx.load(Document, office.documents["confidential"].id, Permission.DOCUMENT_READ)

    narrow(Role.REVIEWER, "download")
    with act(office.reviewer) as tx:
        tx.load(Document, office.documents["confidential"].id, Permission.DOCUMENT_DOWNLOAD)


def test_somebody_with_several_roles_gets_the_best_of_them(make, office, narrow, act, clock):
    both = make.actor(None, Role.CASEWORKER, Role.REVIEWER)
    with act(office.worker) as tx:
        add_member(tx, office.bundles["confidential"].id, both.id)
    narrow(Role.CASEWORKER, "none")
    document = office.documents["confidential"]
    assert may(act, both, document) == {Permission.DOCUMENT_READ, Permission.DOCUMENT_DOWNLOAD}
    narrow(Role.REVIEWER, "view")
    assert may(act, both, document) == {Permission.DOCUMENT_READ}


def test_a_change_takes_effect_at_its_time_and_can_be_taken_back_before(office, narrow, act, clock):
    document = office.documents["confidential"]
    cell = narrow(Role.CASEWORKER, "view", at=clock.now() + timedelta(minutes=30))
    assert may(act, office.worker, document) == set(NEEDS)
    clock.move(minutes=31)
    assert may(act, office.worker, document) == {Permission.DOCUMENT_READ}
    with pytest.raises(Conflict), act(office.controller) as tx:
        withdraw_cell(tx, cell.id, REASON)

    later = narrow(Role.CASEWORKER, "share", at=clock.now() + timedelta(minutes=30))
    with act(office.controller) as tx:
        withdraw_cell(tx, later.id, REASON)
    clock.move(minutes=40)
    assert may(act, office.worker, document) == {Permission.DOCUMENT_READ}
    narrow(Role.CASEWORKER, "share")
    assert may(act, office.worker, document) == set(NEEDS)


def test_one_open_change_for_each_cell(office, narrow, act, clock):
    narrow(Role.CASEWORKER, "view", at=clock.now() + timedelta(hours=1))
    with pytest.raises(Conflict, match="to come"):
        narrow(Role.CASEWORKER, "none")
    with act(office.controller) as tx:
        propose_cell(tx, STRICT_RRF, "view", REASON)
    with pytest.raises(Conflict, match="waits"), act(office.second) as tx:
        propose_cell(tx, STRICT_RRF, "none", REASON)


def test_what_is_so_already_or_cannot_be_is_refused(office, act, clock):
    wrong = [
        (RRF, "share", REASON, None),
        (RRF, "everything", REASON, None),
        (RRF, "view", " ", None),
        (RRF, "view", REASON, clock.now() - timedelta(hours=1)),
        (RRF, "view", REASON, clock.now() + timedelta(days=400)),
        (Spot(Role.CASEWORKER, "poem", "confidential"), "view", REASON, None),
        (Spot(Role.CASEWORKER, "rrf", "secret"), "view", REASON, None),
    ]
    for spot, level, reason, at in wrong:
        with pytest.raises(Invalid), act(office.controller) as tx:
            propose_cell(tx, spot, level, reason, at)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CONTROLLER])
def test_nobody_but_a_controller_proposes(role, make, act):
    with pytest.raises(Refused), act(make.actor(None, role)) as tx:
        propose_cell(tx, RRF, "view", REASON)


def test_a_strict_cell_waits_for_a_second_person_and_changes_nothing_until_then(make, office, act, trail):
    document = office.documents[STRICT]
    with act(office.controller) as tx:
        cell = propose_cell(tx, STRICT_RRF, "none", REASON)
    assert may(act, office.worker, document) == set(NEEDS)
    make.confirmed(office.second, lambda tx: approve_cell(tx, cell.id, digest_of(facts_of(cell))))
    assert may(act, office.worker, document) == set()
    assert trail()[-3:] == ["matrix.proposed", "proof.given", "matrix.settled"]


def test_one_person_in_two_sessions_is_not_two_people(make, office, act):
    with act(office.controller) as tx:
        cell = propose_cell(tx, STRICT_RRF, "none", REASON)
        person = tx.session.get_one(Person, office.controller.id)
    with pytest.raises(Refused), act(make.actor(person)) as tx:
        approve_cell(tx, cell.id, digest_of(facts_of(cell)))


def test_a_supervisor_is_the_second_person_where_there_is_one_controller(make, office, act):
    with act(office.controller) as tx:
        cell = propose_cell(tx, STRICT_RRF, "none", REASON)
    seen = digest_of(facts_of(cell))
    with pytest.raises(Refused), act(office.supervisor) as tx:
        approve_cell(tx, cell.id, seen)
    with act(SYSTEM) as tx:
        lock_sign_in(tx, office.second.id)
    with pytest.raises(Refused), act(office.worker) as tx:
        approve_cell(tx, cell.id, seen)
    approved = make.confirmed(office.supervisor, lambda tx: approve_cell(tx, cell.id, seen))
    assert approved.approved_by_id == office.supervisor.id


def test_neither_an_expired_controller_nor_a_service_keeps_a_supervisor_from_approving(make, office, act):
    with act(office.controller) as tx:
        cell = propose_cell(tx, STRICT_RRF, "none", REASON)
    with act(SYSTEM) as tx:
        create_service(tx, Wanted("Archive", ["read"]), make.home.id, Role.CONTROLLER)
        tx.session.get_one(Person, office.second.id).expires_at = tx.now
    seen = digest_of(facts_of(cell))
    approved = make.confirmed(office.supervisor, lambda tx: approve_cell(tx, cell.id, seen))
    assert approved.approved_by_id == office.supervisor.id


def test_an_approval_is_of_what_was_read(office, act, runtime):
    with act(office.controller) as tx:
        cell = propose_cell(tx, STRICT_RRF, "none", REASON)
    seen = digest_of(facts_of(cell))
    with runtime.session() as session:
        session.execute(update(Cell).where(Cell.id == cell.id).values(level="add"))
    with pytest.raises(Conflict), act(office.second) as tx:
        approve_cell(tx, cell.id, seen)


def test_an_approval_of_another_proposal_is_refused(office, act):
    with act(office.controller) as tx:
        first = propose_cell(tx, STRICT_RRF, "none", REASON)
        withdraw_cell(tx, first.id, REASON)
        anew = propose_cell(tx, STRICT_RRF, "none", REASON)
    seen = digest_of(facts_of(first))
    for cell in (first, anew):
        with pytest.raises(Conflict), act(office.second) as tx:
            approve_cell(tx, cell.id, seen)


def test_an_approval_is_not_given_twice(office, narrow, act):
    cell = narrow(Role.CASEWORKER, "none", STRICT)
    with pytest.raises(Conflict), act(office.second) as tx:
        approve_cell(tx, cell.id, digest_of(facts_of(cell)))


def test_a_proposal_lapses_and_a_clock_set_back_does_not_wake_it(make, office, act, clock, trail):
    with act(office.controller) as tx:
        cell = propose_cell(tx, STRICT_RRF, "none", REASON)
    make.wait(hours=72)
    clock.move(hours=-70)
    with pytest.raises(Conflict, match="lapsed"), act(office.second) as tx:
        approve_cell(tx, cell.id, digest_of(facts_of(cell)))
    with act(office.controller) as tx:
        propose_cell(tx, STRICT_RRF, "view", REASON)
    assert "matrix.lapsed" in trail()


def test_an_approver_who_was_demoted_meanwhile_is_refused(office, act):
    with act(office.controller) as tx:
        cell = propose_cell(tx, STRICT_RRF, "none", REASON)
    with act(SYSTEM) as tx:
        change_roles(tx, office.second.id, [Role.REVIEWER])
    with act(SYSTEM) as tx:
        now = actor_of(tx.session.get_one(Person, office.second.id))
    with pytest.raises(Refused), act(now) as tx:
        approve_cell(tx, cell.id, digest_of(facts_of(cell)))


def test_the_database_knows_that_two_are_two(office, act, runtime):
    with act(office.controller) as tx:
        cell = propose_cell(tx, STRICT_RRF, "none", REASON)
    for change in ({"approved_by_id": office.controller.id}, {"settled_at": runtime.clock.now()}):
        with pytest.raises(IntegrityError), runtime.session() as session:
            session.execute(update(Cell).where(Cell.id == cell.id).values(**change))


def test_the_database_keeps_one_cell_in_force_and_one_waiting(office, narrow, act, runtime):
    narrow(Role.CASEWORKER, "view")
    with act(office.controller) as tx:
        propose_cell(tx, STRICT_RRF, "none", REASON)
    with runtime.session() as session:
        rows = [dict(row) for row in session.execute(select(Cell.__table__)).mappings()]
    for row in rows:
        with pytest.raises(IntegrityError), runtime.session() as session:
            session.execute(insert(Cell).values({**row, "id": uuid4()}))


def test_a_foreign_cell_looks_missing(make, office, narrow, act):
    cell = narrow(Role.CASEWORKER, "view")
    abroad = make.actor(make.person(Role.CONTROLLER, office=make.office()))
    with pytest.raises(NotFound), act(abroad) as tx:
        approve_cell(tx, cell.id, digest_of(facts_of(cell)))
    with pytest.raises(NotFound), act(abroad) as tx:
        withdraw_cell(tx, cell.id, REASON)


def test_another_office_goes_by_its_own_matrix(make, office, narrow, act):
    narrow(Role.CASEWORKER, "none")
    abroad = make.actor(make.person(office=make.office()))
    document = make.document(abroad, make.bundle(abroad))
    assert may(act, abroad, document) == set(NEEDS)
