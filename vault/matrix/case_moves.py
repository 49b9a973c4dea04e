"""A case moves between offices: offered by a supervisor or controller of the old one, accepted by a named one of the new.

Whoever offers it has every bundle open and seals its access key to the receiver, for this offer alone: it counts as no
grant, and the receiver reads nothing before accepting. Accepting opens every bundle, ends everything that the old office
holds, hands all rows over and makes new keys, in one transaction. So nobody is left without a bundle, and nobody keeps one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select

from vault.access.actor import Role
from vault.access.cells import STRICT
from vault.access.clearances import is_cleared
from vault.access.holdings import open_own_grant
from vault.access.policy import MATRIX, Permission
from vault.access.principals import vouched_key
from vault.access.remarks import checked_reason
from vault.bundles.models import Bundle
from vault.bundles.queries import OPEN, look_into
from vault.cases.models import Case
from vault.crypto.grant import seal_grant
from vault.crypto.kinds import PrincipalKind
from vault.db import take_turn
from vault.errors import Conflict, Fault, Invalid, Refused
from vault.matrix.approvals import digest_of, has_lapsed
from vault.matrix.models import CaseMove, OfferedKey
from vault.people.accounts import find_office, find_person
from vault.people.models import Office, Person
from vault.people.step_up import Act, require_step_up

if TYPE_CHECKING:
    from vault.runtime import Transaction

OFFERED = 0
"""The generation in the seal of an offered key, whose subject is the offer's own row."""
LEADS: frozenset[Role] = frozenset().union(*(rule.roles for rule in MATRIX[Permission.MOVE_ACCEPT]))
ALREADY, NOT_OPEN, WITH_PASSWORD, NOT_CLEARED = (
    "This case is offered to another office already.",
    "is not open for you: open it, or have a member add you",
    "has a password: remove it first, for nobody of the other office knows it",
    "is strictly confidential, and the receiver is not cleared for it",
)


def propose_move(tx: Transaction, case_id: UUID, office_code: str, username: str, reason: str) -> CaseMove:
    """The case is offered to this supervisor or controller of that office; until it is accepted nothing changes.

    Errors: `Refused`, `Invalid` for a receiver who is none, `Conflict` with the bundles (by their number in the case) that
    could be left without a reader, or while another offer waits; `StepUpDue`.
    """
    case = tx.load(Case, case_id, Permission.CASE_MOVE, lock=True)
    receiver = _receiver(tx, case, office_code, username)
    reason = checked_reason(reason)
    take_turn(tx.session, f"move of case {case.id}")
    _clear_lapsed(tx, case)
    bundles = all_bundles(tx, case.id)
    _check_bundles(tx, bundles, receiver)
    facts = (("Case", case.number), ("Office", receiver.office.code), ("Receiver", receiver.username))
    bound = tuple(f"{bundle.id}:{bundle.generation}" for bundle in bundles)
    require_step_up(tx, Act("case.move", "Offer this case to another office", case.id, facts, bound))
    remark = tx.remark(reason)
    move = tx.add(
        CaseMove(
            case_id=case.id,
            office_id=case.office_id,
            to_office_id=receiver.office_id,
            receiver_id=receiver.id,
            proposed_by_id=tx.actor.id,
            proposed_at=tx.now,
            remark_id=UUID(remark["remark"]),
        )
    )
    for bundle in bundles:
        tx.add(_offered(tx, move, bundle, receiver))
    tx.record("case.move_proposed", move, to_office=receiver.office_id, receiver=receiver.id, **remark)
    return move


def drop_move(tx: Transaction, move_id: UUID) -> CaseMove:
    """The offer is over: taken back by the old office, or declined by the receiver. Its sealed keys are gone.

    A key was sealed to somebody who is no member: whoever opens a bundle next makes new ones.
    """
    move = tx.load(CaseMove, move_id, Permission.MOVE_SEE, lock=True)
    if move.accepted_at is not None or move.dropped_at is not None:
        raise Conflict("This offer is over.")
    _drop(tx, move)
    return move


def all_bundles(tx: Transaction, case_id: UUID) -> Sequence[Bundle]:
    """Every bundle of the case, oldest first: the order of their numbers."""
    query = select(Bundle).where(Bundle.case_id == case_id).order_by(Bundle.created_at, Bundle.id)
    return tx.session.scalars(query).all()


def offered_keys(tx: Transaction, move_id: UUID) -> dict[UUID, OfferedKey]:
    """The keys of an offer, by bundle."""
    found = tx.session.scalars(select(OfferedKey).where(OfferedKey.move_id == move_id))
    return {each.bundle_id: each for each in found}


def facts_of(tx: Transaction, move: CaseMove) -> dict[str, str]:
    """All that the offer says: what is accepted is what was read."""
    keys = sorted(offered_keys(tx, move.id).values(), key=lambda key: key.bundle_id)
    return {
        "request": str(move.id),
        "case": str(move.case_id),
        "from": str(move.office_id),
        "to": str(move.to_office_id),
        "receiver": str(move.receiver_id),
        "proposed_by": str(move.proposed_by_id),
        "proposed_at": move.proposed_at.isoformat(),
        "bundles": " ".join(f"{key.bundle_id}:{key.generation}" for key in keys),
    }


def digest_shown(tx: Transaction, move: CaseMove) -> str:
    """What the receiver sends back."""
    return digest_of(facts_of(tx, move))


def waiting_move(tx: Transaction, case_id: UUID) -> CaseMove | None:
    """The offer of this case that is not over."""
    query = select(CaseMove).where(CaseMove.case_id == case_id)
    return tx.session.scalar(query.where(CaseMove.accepted_at.is_(None), CaseMove.dropped_at.is_(None)))


def wipe_keys(tx: Transaction, move: CaseMove) -> None:
    """What was sealed for the offer is gone."""
    for key in offered_keys(tx, move.id).values():
        key.sealed = b""
    tx.session.flush()


def fault_of(number: int, words: str) -> Fault:
    """What is wrong with one bundle of a case, by its number."""
    return Fault(f"/{number}", f"Bundle {number} {words}.")


def _drop(tx: Transaction, move: CaseMove) -> None:
    move.dropped_at, move.dropped_by_id = tx.now, tx.actor.id
    for bundle_id in offered_keys(tx, move.id):
        bundle = tx.session.get_one(Bundle, bundle_id)
        bundle.rekey_pending_at = bundle.rekey_pending_at or tx.now
    wipe_keys(tx, move)
    tx.record("case.move_dropped", move)


def _clear_lapsed(tx: Transaction, case: Case) -> None:
    waiting = waiting_move(tx, case.id)
    if waiting is None:
        return
    if not has_lapsed(tx, waiting):
        raise Conflict(ALREADY)
    _drop(tx, waiting)


def _check_bundles(tx: Transaction, bundles: Sequence[Bundle], receiver: Person) -> None:
    """`Conflict` naming each bundle that would be left without a reader."""
    cleared = bool(tx.session.scalar(select(is_cleared(receiver.id))))
    faults = []
    for number, bundle in enumerate(bundles, 1):
        if bundle.profile is not None:
            faults.append(fault_of(number, WITH_PASSWORD))
        elif look_into(tx, bundle).state != OPEN or not tx.allows(Permission.BUNDLE_MANAGE, bundle):
            faults.append(fault_of(number, NOT_OPEN))
        if bundle.tier == STRICT and not cleared:
            faults.append(fault_of(number, NOT_CLEARED))
    if faults:
        words = " ".join(fault.message for fault in faults)
        raise Conflict(
            f"The case was not offered: a bundle could be left without a reader. {words}", errors=faults
        )


def _receiver(tx: Transaction, case: Case, office_code: str, username: str) -> Person:
    """The same words whoever it is not: nobody learns who works elsewhere."""
    office, person = find_office(tx, office_code), find_person(tx, username)
    if (
        office is None
        or person is None
        or person.office_id != office.id
        or office.id == case.office_id
        or not can_receive(tx, person)
    ):
        message = "Give the code of another office, and the user name of a supervisor or controller there."
        raise Invalid(message, errors=[Fault("/username", message)])
    return person


def can_receive(tx: Transaction, person: Person) -> bool:
    """Whether this person could accept a case tomorrow: here, with keys, in a role that leads."""
    is_person = person.principal.kind == PrincipalKind.PERSON
    return is_person and person.state_at(tx.now) == "active" and not person.roles.isdisjoint(LEADS)


def check_proposer(tx: Transaction, move: CaseMove) -> None:
    """`Refused` when whoever offered the case may not offer it any more."""
    proposer = tx.session.get_one(Person, move.proposed_by_id)
    may = proposer.state_at(tx.now) == "active" and not proposer.roles.isdisjoint(LEADS)
    if not may or proposer.office_id != move.office_id:
        raise Refused("Whoever offered this case may not do so any more. It must be offered anew.")


def office_of(tx: Transaction, office_id: UUID) -> Office:
    """An office by its id."""
    return tx.session.get_one(Office, office_id)


def _offered(tx: Transaction, move: CaseMove, bundle: Bundle, receiver: Person) -> OfferedKey:
    access_key = open_own_grant(tx, bundle.id, bundle.generation)
    row = OfferedKey(id=uuid4(), move_id=move.id, bundle_id=bundle.id, generation=bundle.generation)
    public = vouched_key(tx.keystore, receiver.principal)
    row.sealed = seal_grant(public, receiver.principal.kind, receiver.id, row.id, OFFERED, access_key)
    return row
