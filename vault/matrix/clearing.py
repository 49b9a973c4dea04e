"""Clearing somebody for what is strictly confidential, with a second person; ending a clearance, alone and at once."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.clearances import Clearance, open_clearance
from vault.access.policy import Permission
from vault.access.remarks import checked_reason
from vault.db import take_turn
from vault.errors import Conflict, NotFound, Refused
from vault.matrix.approvals import digest_of, has_lapsed, require_second
from vault.people.models import Person
from vault.people.step_up import Act

if TYPE_CHECKING:
    from vault.runtime import Transaction


def propose_clearance(tx: Transaction, person_id: UUID, reason: str) -> Clearance:
    """The person is to be cleared; somebody else approves. `Conflict` for one who is, is proposed already, or has left."""
    person = tx.load(Person, person_id, Permission.CLEARANCE_CHANGE)
    take_turn(tx.session, f"clearance of {person.id}")
    present = open_clearance(tx.session, person.id)
    if present is not None and present.settled_at is None and has_lapsed(tx, present):
        _end(tx, present)
        tx.record("clearance.lapsed", person)
    elif present is not None:
        raise Conflict("This person is cleared already, or it waits for approval.")
    if person.left_at is not None:
        raise Conflict("This person has left.")
    remark = tx.remark(checked_reason(reason))
    clearance = tx.add(
        Clearance(
            person_id=person.id,
            proposed_by_id=tx.actor.id,
            proposed_at=tx.now,
            remark_id=UUID(remark["remark"]),
        )
    )
    tx.record("clearance.proposed", person, clearance=clearance.id, **remark)
    return clearance


def approve_clearance(tx: Transaction, person_id: UUID, seen: str) -> Clearance:
    """The person is cleared from now on. `seen` is the digest of what was read.

    Errors: as `require_second`; `Refused` for the person themselves; `Conflict` when nothing waits.
    """
    person = tx.load(Person, person_id, Permission.ACCESS_APPROVE, lock=True)
    clearance = open_clearance(tx.session, person.id)
    if clearance is None or clearance.settled_at is not None:
        raise Conflict("Nothing waits for approval here.")
    if clearance.person_id == tx.actor.id:
        raise Refused("Nobody approves their own clearance.")
    shown = (("Person", person.display_name), ("User name", person.username))
    act = Act("clearance.approve", "Clear this person for what is strictly confidential", person.id, shown)
    require_second(tx, clearance, facts_of(clearance), seen, act)
    clearance.approved_by_id = tx.actor.id
    clearance.approved_at = clearance.settled_at = tx.now
    tx.record("clearance.given", person, clearance=clearance.id)
    return clearance


def end_clearance(tx: Transaction, person_id: UUID, reason: str) -> Clearance:
    """The clearance, or its proposal, is over at once: strictly confidential bundles, and links on them, open no more.

    `NotFound` for somebody without one. Grants stay; taking a member off a bundle is what renews its keys.
    """
    person = tx.load(Person, person_id, Permission.CLEARANCE_CHANGE, lock=True)
    clearance = open_clearance(tx.session, person.id)
    if clearance is None:
        raise NotFound
    remark = tx.remark(checked_reason(reason))
    _end(tx, clearance)
    clearance.end_remark_id = UUID(remark["remark"])
    tx.record("clearance.ended", person, clearance=clearance.id, **remark)
    return clearance


def close_clearance(tx: Transaction, person: Person) -> None:
    """The person is cleared no more, nor proposed. Whoever calls has checked that it may."""
    clearance = open_clearance(tx.session, person.id)
    if clearance is not None:
        _end(tx, clearance)
        tx.record("clearance.ended", person, clearance=clearance.id)


def facts_of(clearance: Clearance) -> dict[str, str]:
    """All that the proposal says."""
    return {
        "request": str(clearance.id),
        "person": str(clearance.person_id),
        "proposed_by": str(clearance.proposed_by_id),
        "proposed_at": clearance.proposed_at.isoformat(),
    }


def digest_shown(clearance: Clearance) -> str:
    """What a second person sends back."""
    return digest_of(facts_of(clearance))


def _end(tx: Transaction, clearance: Clearance) -> None:
    clearance.ended_at, clearance.ended_by_id = tx.now, tx.actor.id
    tx.session.flush()
