"""Several decide at once: one decision stands, whatever the database."""

from __future__ import annotations

from sqlalchemy import func, select

from tests.matrix.conftest import REASON
from tests.test_races import at_once, errors_in
from vault.access.actor import Role
from vault.access.cells import STRICT, Cell, in_force
from vault.errors import Conflict
from vault.matrix.approvals import digest_of
from vault.matrix.clearing import approve_clearance, digest_shown, end_clearance, propose_clearance
from vault.matrix.service import Spot, approve_cell, facts_of, propose_cell, withdraw_cell

SPOT = Spot(Role.CASEWORKER, "rrf", STRICT)


def test_of_two_approvals_at_once_one_holds(make, act):
    first, second, third = (make.actor(None, Role.CONTROLLER) for _ in range(3))
    with act(first) as tx:
        cell = propose_cell(tx, SPOT, "none", REASON)
    seen = digest_of(facts_of(cell))

    def approve(actor):
        make.confirmed(actor, lambda tx: approve_cell(tx, cell.id, seen))

    assert errors_in(at_once(lambda: approve(second), lambda: approve(third))) == [Conflict]


def test_an_approval_and_a_withdrawal_at_once_leave_one_of_them(make, act):
    first, second = (make.actor(None, Role.CONTROLLER) for _ in range(2))
    with act(first) as tx:
        cell = propose_cell(tx, SPOT, "none", REASON)

    def approve():
        make.confirmed(second, lambda tx: approve_cell(tx, cell.id, digest_of(facts_of(cell))))

    def withdraw():
        with act(first) as tx:
            withdraw_cell(tx, cell.id, REASON)

    assert errors_in(at_once(approve, withdraw)) == [Conflict]


def test_of_changes_of_one_cell_at_once_one_is_in_force(make, act, runtime):
    controllers = [make.actor(None, Role.CONTROLLER) for _ in range(2)]
    spot = Spot(Role.CASEWORKER, "rrf", "confidential")

    def propose(actor, level):
        with act(actor) as tx:
            propose_cell(tx, spot, level, REASON)

    levels = ("none", "view", "download", "add")
    acts = [lambda a=controllers[n % 2], w=level: propose(a, w) for n, level in enumerate(levels)]
    assert errors_in(at_once(*acts)) == []
    with runtime.session() as session:
        now = runtime.clock.now()
        assert session.scalar(select(func.count()).select_from(Cell).where(in_force(now))) == 1


def test_a_clearance_that_is_approved_and_ended_at_once_is_over(make, act):
    first, second = (make.actor(None, Role.CONTROLLER) for _ in range(2))
    person = make.person(cleared=False)
    with act(first) as tx:
        seen = digest_shown(propose_clearance(tx, person.id, REASON))

    def approve():
        make.confirmed(second, lambda tx: approve_clearance(tx, person.id, seen))

    def end():
        with act(first) as tx:
            end_clearance(tx, person.id, REASON)

    assert set(errors_in(at_once(approve, end))) <= {Conflict}
    with act(first) as tx:
        assert propose_clearance(tx, person.id, REASON).settled_at is None
