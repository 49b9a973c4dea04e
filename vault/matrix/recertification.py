"""Recertification: once in a while an office goes through who has what, and says of each line keep or remove.

A round lists every role, clearance, team seat and the number of bundle memberships of everybody who is here. Supervisors
and controllers of the office share the list; nobody decides about themselves. What nobody decided in time is removed by
the vault (`matrix/overdue.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import func, select

from vault.access.clearances import Clearance
from vault.access.grants import Grant
from vault.access.policy import Permission
from vault.bundles.models import Bundle
from vault.crypto.kinds import PrincipalKind
from vault.db import take_turn
from vault.errors import Conflict, Fault, Invalid, NotFound, Refused
from vault.matrix.models import KEEP, KINDS, REMOVE, Recertification, RecertificationLine
from vault.matrix.queries import holders
from vault.matrix.removals import remove_named
from vault.matrix.service import own_office
from vault.people.models import Person, Team
from vault.people.step_up import Act, require_step_up

if TYPE_CHECKING:
    from vault.runtime import Transaction

TIME_LEFT = timedelta(days=14)
"""From the beginning of a round to the day on which what is not decided is removed."""


def begin_round(tx: Transaction) -> Recertification:
    """The actor's office goes through its list from now on. `Conflict` while a round is open."""
    office_id = own_office(tx, Permission.RECERTIFICATION_BEGIN)
    if open_round(tx, office_id) is not None:
        raise Conflict("A recertification is open already.")
    return begin_for(tx, office_id)


def begin_for(tx: Transaction, office_id: UUID) -> Recertification:
    """The round and its lines. Whoever calls has checked that it may, and that none is open."""
    take_turn(tx.session, f"recertification of {office_id}")
    begun = tx.add(
        Recertification(
            office_id=office_id, began_at=tx.now, begun_by_id=tx.actor.id, due_at=tx.now + TIME_LEFT
        )
    )
    people = [each for each in holders(tx, office_id) if each.principal.kind == PrincipalKind.PERSON]
    lines = [
        RecertificationLine(round_id=begun.id, office_id=office_id, person_id=person.id, **facts)
        for person in people
        for facts in _holdings(tx, person)
    ]
    tx.session.add_all(lines)
    tx.session.flush()
    tx.record("recertification.begun", begun, lines=len(lines), due_at=begun.due_at)
    return begun


def decide_lines(
    tx: Transaction, round_id: UUID, keep: Collection[UUID], remove: Collection[UUID]
) -> Recertification:
    """These lines are kept, those removed, at once. The round closes with its last line.

    Errors: `NotFound` for lines of elsewhere, `Refused` for one's own, `Conflict` for what is decided or closed already,
    `StepUpDue` before something is removed.
    """
    found = tx.load(Recertification, round_id, Permission.ACCESS_RECERTIFY, lock=True)
    if found.closed_at is not None:
        raise Conflict("This recertification is closed.")
    lines = _chosen(tx, found, keep, remove)
    removed = [line for line in lines if line.id in set(remove)]
    if removed:
        require_step_up(tx, _act(tx, found, removed))
    for line in lines:
        settle_line(tx, line, REMOVE if line in removed else KEEP)
    close_if_done(tx, found)
    return found


def settle_line(tx: Transaction, line: RecertificationLine, decision: str) -> None:
    """The line is decided, and what it names is gone if it is to be."""
    line.decision, line.decided_at, line.decided_by_id = decision, tx.now, tx.actor.id
    line.held_back = remove_named(tx, line) if decision == REMOVE else None
    tx.record(
        "recertification.decided",
        line,
        person=line.person_id,
        what=line.role or line.kind,
        decision=decision,
        held_back=line.held_back,
    )


def close_if_done(tx: Transaction, found: Recertification) -> None:
    """The round is closed once no line is open."""
    tx.session.flush()
    if not open_lines(tx, found.id):
        found.closed_at = tx.now
        tx.record("recertification.closed", found)


def open_round(tx: Transaction, office_id: UUID) -> Recertification | None:
    """The office's round that is not closed."""
    query = select(Recertification).where(
        Recertification.office_id == office_id, Recertification.closed_at.is_(None)
    )
    return tx.session.scalar(query)


def lines_of(tx: Transaction, round_id: UUID) -> Sequence[RecertificationLine]:
    """All lines of a round."""
    return tx.session.scalars(
        select(RecertificationLine).where(RecertificationLine.round_id == round_id)
    ).all()


def open_lines(tx: Transaction, round_id: UUID) -> list[RecertificationLine]:
    """Those that nobody has decided, in the order in which they would be removed."""
    undecided = [line for line in lines_of(tx, round_id) if line.decision is None]
    return sorted(undecided, key=lambda line: (KINDS.index(line.kind), line.id))


def _holdings(tx: Transaction, person: Person) -> Iterator[dict[str, Any]]:
    """What the person has, a line each."""
    for role in sorted(person.roles):
        yield {"kind": "role", "role": role.value}
    cleared = select(Clearance.id).where(
        Clearance.person_id == person.id, Clearance.settled_at.is_not(None), Clearance.ended_at.is_(None)
    )
    if tx.session.scalar(cleared) is not None:
        yield {"kind": "clearance"}
    own = Grant.principal_id == person.id, Grant.ended_at.is_(None)
    seats = (
        select(Team.id)
        .join(Grant, Grant.subject_id == Team.id)
        .where(*own, Team.office_id == person.office_id)
    )
    for team_id in tx.session.scalars(seats.order_by(Team.name)):
        yield {"kind": "team", "team_id": team_id}
    counted = select(func.count()).select_from(Bundle).join(Grant, Grant.subject_id == Bundle.id)
    count = tx.session.scalar(counted.where(*own, Bundle.office_id == person.office_id))
    if count:
        yield {"kind": "bundles", "bundles": count}


def _chosen(
    tx: Transaction, found: Recertification, keep: Collection[UUID], remove: Collection[UUID]
) -> list[RecertificationLine]:
    if (not keep and not remove) or set(keep) & set(remove):
        message = "Choose keep or remove for at least one line."
        raise Invalid(message, errors=[Fault("/decisions", message)])
    known = {line.id: line for line in lines_of(tx, found.id)}
    if not known.keys() >= {*keep, *remove}:
        raise NotFound
    lines = [known[each] for each in {*keep, *remove}]
    if any(line.person_id == tx.actor.id for line in lines):
        raise Refused("Somebody else must decide about you.")
    if any(line.decision is not None for line in lines):
        raise Conflict("Somebody has decided one of these lines meanwhile. Load the list again.")
    return sorted(lines, key=lambda line: (KINDS.index(line.kind), line.id))


def _act(tx: Transaction, found: Recertification, lines: Sequence[RecertificationLine]) -> Act:
    """What the page shows before something is taken away."""
    facts = tuple(
        (tx.session.get_one(Person, line.person_id).display_name, line.role or line.kind) for line in lines
    )
    bound = tuple(str(line.id) for line in lines)
    return Act("recertification.remove", "Take this away from these people", found.id, facts, bound)
