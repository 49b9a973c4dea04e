"""An office with a caseworker's bundle of each tier, controllers and a supervisor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from vault.access.actor import Actor, Role
from vault.access.cells import STRICT, Cell
from vault.bundles.members import add_member
from vault.bundles.models import Bundle, Document
from vault.matrix.approvals import digest_of
from vault.matrix.service import Spot, approve_cell, facts_of, propose_cell

REASON = "Agreed in the meeting of 3 November"


@dataclass
class Office:
    """Who is there, and what they keep."""

    worker: Actor
    reviewer: Actor
    controller: Actor
    second: Actor
    supervisor: Actor
    bundles: dict[str, Bundle]
    documents: dict[str, Document]


@pytest.fixture
def office(make, act) -> Office:
    people = {
        "worker": make.actor(),
        "reviewer": make.actor(None, Role.REVIEWER),
        "controller": make.actor(None, Role.CONTROLLER),
        "second": make.actor(None, Role.CONTROLLER),
        "supervisor": make.actor(None, Role.SUPERVISOR),
    }
    worker, case = people["worker"], make.case(people["worker"])
    bundles = {tier: make.bundle(worker, case, tier=tier) for tier in ("confidential", STRICT)}
    documents = {tier: make.document(worker, bundle, document_type="rrf") for tier, bundle in bundles.items()}
    with act(worker) as tx:
        for bundle in bundles.values():
            for name in ("reviewer", "supervisor"):
                add_member(tx, bundle.id, people[name].id)
    return Office(**people, bundles=bundles, documents=documents)


@pytest.fixture
def narrow(office, act, make) -> Callable[..., Cell]:
    """`narrow(role, level)`: the cell of registration forms is at this level now, with everybody's approval."""

    def decide(
        role: Role, level: str, tier: str = "confidential", document_type: str = "rrf", at=None
    ) -> Cell:
        with act(office.controller) as tx:
            cell = propose_cell(tx, Spot(role, document_type, tier), level, REASON, at)
        if tier == STRICT:
            seen = digest_of(facts_of(cell))
            return make.confirmed(office.second, lambda tx: approve_cell(tx, cell.id, seen))
        return cell

    return decide
