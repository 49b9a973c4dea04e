"""Recovery of a bundle by two desks: asking, waiting, releasing, ending, reviewing. Completing it is in `recovering`.

A controller or supervisor asks, with a reason, for one colleague: to *recover* the bundle, or to *read* it in an
emergency. Members are told on its pages; it waits, except in an emergency; then an officer of desk 1 releases that desk's
half to one officer of desk 2. It can be withdrawn by who asked, refused by a controller, stopped by a member before it is
released; it lapses when nobody completed it in time. The approval is a MAC over all that was asked (docs/format.md).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.grants import end_grant, give_grant, live_grants
from vault.access.policy import MATRIX, Permission
from vault.access.principals import Principal, principal_slot
from vault.access.remarks import checked_reason
from vault.access.teams import open_team_seed
from vault.bundles.members import cleared_for
from vault.bundles.models import Bundle
from vault.bundles.recovery_models import (
    EMERGENCY,
    LAPSED,
    PURPOSES,
    READ,
    READY,
    RECOVER,
    RELEASED,
    URGENCIES,
    WAITING,
    Recovery,
)
from vault.bundles.recovery_notices import tell_of_recovery
from vault.cases.models import Case
from vault.crypto.encoding import fields, u32, u64
from vault.crypto.kdf import sha256
from vault.crypto.kinds import PrincipalKind
from vault.crypto.marks import approval_mac
from vault.crypto.rescue import open_half
from vault.crypto.secret import compare
from vault.db import for_change
from vault.errors import Conflict, Fault, Invalid, Refused, Tampered
from vault.people.comparing import require_compared
from vault.people.desk_models import FIRST, Desk, DeskPair
from vault.people.models import Person, PersonRole
from vault.people.seating import live_pair, officers_of, require_officer
from vault.people.step_up import Act, require_step_up

if TYPE_CHECKING:
    from vault.runtime import Transaction

HALF = 0
"""The generation of the grant that hands a half over."""
RECEIVES = {RECOVER: Permission.BUNDLE_OPEN, READ: Permission.LOAN_READ}
"""What the roles of the person must ever be able to do for whom a bundle is recovered or read."""
WORDS = {RECOVER: "New keys for its members and the colleague", READ: "Every document is lent for an hour"}
CHANGED = "The bundle has other keys than when desk 1 released it, or the request was changed. Desk 1 must release it again."
NO_LOCK = "The present recovery desks cannot open this bundle: a member must open it once."


def request_recovery(
    tx: Transaction, bundle_id: UUID, receiver_id: UUID, purpose: str, urgency: str, reason: str
) -> Recovery:
    """Both desks are asked for this bundle; members see it at once. Errors: `Invalid`, `Conflict` while one is open."""
    bundle = tx.load(Bundle, bundle_id, Permission.RECOVERY_REQUEST, lock=True)
    if purpose not in PURPOSES or urgency not in URGENCIES:
        raise _unfit("purpose" if purpose not in PURPOSES else "urgency", "Choose one of the list.")
    receiver = receiver_of(tx, bundle, purpose, receiver_id)
    pair = live_pair(tx, bundle.office_id)
    if pair is None or not is_for_pair(bundle, pair):
        raise Conflict(NO_LOCK)
    present = open_recovery(tx, bundle.id)
    if present is not None and present.state_at(tx.now) != LAPSED:
        raise Conflict("A recovery of this bundle is asked for already.")
    if present is not None:
        _end(tx, present, LAPSED)
    remark = tx.remark(checked_reason(reason))
    waits_until = tx.now if urgency == EMERGENCY else tx.now + tx.settings.recovery_wait
    recovery = Recovery(
        bundle_id=bundle.id,
        case_id=bundle.case_id,
        office_id=bundle.office_id,
        owner_id=tx.actor.id,
        receiver_id=receiver.id,
        purpose=purpose,
        urgency=urgency,
        requested_at=tx.now,
        releasable_at=waits_until,
        lapses_at=waits_until + tx.settings.approval,
        remark_id=UUID(remark["remark"]),
    )
    tx.add(recovery)
    asked = {"receiver": receiver.id, "purpose": purpose, "urgency": urgency}
    tx.record("recovery.requested", recovery, **asked, **remark)
    tell_of_recovery(tx, recovery, bundle, "recovery-begun")
    return recovery


def release_recovery(
    tx: Transaction, recovery_id: UUID, officer_id: UUID, compared: bool = False
) -> Recovery:
    """Desk 1's half of this bundle is granted to one officer of desk 2, by an officer of desk 1.

    Errors: `Refused` for who is none, `Conflict` before the time, when over, released already or not recoverable,
    `Invalid` for an officer who is none or whose six words were not compared, `StepUpDue`.
    """
    recovery = tx.load(Recovery, recovery_id, Permission.RECOVERY_RELEASE, lock=True)
    bundle, pair = held_bundle(tx, recovery), live_pair(tx, recovery.office_id)
    if pair is None or not is_for_pair(bundle, pair):
        raise Conflict(NO_LOCK)
    require_officer(tx, pair.first_id)
    _require_time(tx, recovery, bundle)
    officer = _officer(tx, pair, officer_id)
    if officer.id == tx.actor.id:
        raise Refused("One person is never two: somebody else completes it.")
    require_compared(tx, officer, compared)
    recovery.officer_id, recovery.released_by_id, recovery.pair_id = officer.id, tx.actor.id, pair.id
    recovery.generation, recovery.lock_digest = bundle.generation, sha256(bundle.rescue_lock or b"")
    require_step_up(tx, _act(tx, recovery, "recovery.release", "Release this desk's half of a bundle's key"))
    half = open_half(
        open_team_seed(tx, pair.first_id), bundle.id, bundle.generation, FIRST, bundle.rescue_file_1 or b""
    )
    end_handing_over(tx, recovery)
    give_grant(tx, officer.principal, recovery.id, HALF, half)
    recovery.released_at = tx.now
    recovery.release_mac = _mac(tx, recovery, tx.now)
    tx.record("recovery.released", recovery, officer=officer.id, purpose=recovery.purpose)
    return recovery


def claim_release(
    tx: Transaction, recovery_id: UUID, purpose: str, compared: bool
) -> tuple[Recovery, Bundle]:
    """A released recovery and its bundle, both held, for the officer of desk 2 who was named; the act is proved.

    Errors: `Refused` for anybody else, `Conflict` when it is over or what was released is not this, `StepUpDue`.
    """
    recovery = tx.load(Recovery, recovery_id, Permission.RECOVERY_COMPLETE, lock=True)
    bundle = held_bundle(tx, recovery)
    if recovery.officer_id is None or recovery.state_at(tx.now) != RELEASED or recovery.purpose != purpose:
        raise Conflict("Desk 1 has not released this, or it is over.")
    pair = tx.session.get_one(DeskPair, recovery.pair_id)
    require_officer(tx, pair.second_id)
    if tx.actor.id != recovery.officer_id or tx.actor.id == recovery.released_by_id:
        raise Refused("Only the officer whom desk 1 named can complete this.")
    if pair.ended_at is not None or not holds(tx, recovery, bundle):
        raise Conflict(CHANGED)
    require_compared(tx, receiver_of(tx, bundle, purpose, recovery.receiver_id), compared)
    require_step_up(tx, _act(tx, recovery, "recovery.complete", "Open a bundle with both desks' halves"))
    return recovery, bundle


def end_recovery(tx: Transaction, recovery_id: UUID, reason: str) -> Recovery:
    """Withdrawn by who asked, refused by a controller, or stopped by a member, who can do so until it is released.

    Errors: `NotFound`, `Refused`, `Conflict` when it is over, `Invalid` without a reason.
    """
    recovery = tx.load(Recovery, recovery_id, Permission.RECOVERY_END, lock=True)
    state = recovery.state_at(tx.now)
    if state not in (WAITING, READY, RELEASED):
        raise Conflict("This recovery is over.")
    if recovery.owner_id == tx.actor.id:
        how = "withdrawn"
    elif tx.allows(Permission.RECOVERY_REVIEW, recovery):
        how = "refused"
    elif state == RELEASED:
        raise Conflict("It is released: ask your Personal Data Controller to refuse it.")
    else:
        how = "stopped"
    remark = tx.remark(checked_reason(reason))
    recovery.end_remark_id = UUID(remark["remark"])
    _end(tx, recovery, how, **remark)
    return recovery


def review_reading(tx: Transaction, recovery_id: UUID, remark: str) -> Recovery:
    """A controller who is none of those who did it has looked at an emergency reading. Errors: `Refused`, `Conflict`."""
    recovery = tx.load(Recovery, recovery_id, Permission.RECOVERY_REVIEW, lock=True)
    if recovery.review_due_at is None or recovery.reviewed_at is not None:
        raise Conflict("Nothing is to be reviewed here.")
    if tx.actor.id in recovery.done_by:
        raise Refused(
            "Somebody else reviews it: not who asked, not the reader, and neither of the two officers."
        )
    kept = tx.remark(checked_reason(remark))
    recovery.reviewed_at, recovery.reviewed_by_id = tx.now, tx.actor.id
    recovery.review_remark_id = UUID(kept["remark"])
    tx.record("recovery.reviewed", recovery, **kept)
    return recovery


def open_recovery(tx: Transaction, bundle_id: UUID) -> Recovery | None:
    """The bundle's request that is neither completed nor ended by word; its time may be over."""
    query = select(Recovery).where(Recovery.bundle_id == bundle_id, Recovery.ended_at.is_(None))
    return tx.session.scalar(query.where(Recovery.completed_at.is_(None)))


def possible_receivers(tx: Transaction, bundle: Bundle, purpose: str) -> list[Person]:
    """Colleagues for whom the bundle could be recovered or read, by name."""
    may = [role.value for rule in MATRIX[RECEIVES[purpose]] for role in rule.roles]
    roles = select(PersonRole.person_id).where(PersonRole.role.in_(may))
    query = select(Person).where(
        Person.office_id == bundle.office_id, Person.is_in(tx.now), Person.id.in_(roles), cleared_for(bundle)
    )
    found = tx.session.scalars(query.order_by(Person.display_name, Person.id))
    return [each for each in found if each.principal.has_keys and each.principal.kind == PrincipalKind.PERSON]


def receiver_of(tx: Transaction, bundle: Bundle, purpose: str, person_id: UUID) -> Person:
    """The colleague whom it is for, if it still may be; `Invalid` otherwise."""
    for person in possible_receivers(tx, bundle, purpose):
        if person.id == person_id:
            return person
    raise _unfit(
        "receiver", "Choose a colleague of this office who may open this bundle and is cleared for it."
    )


def holds(tx: Transaction, recovery: Recovery, bundle: Bundle) -> bool:
    """Whether the release is of this very request and of the lock that the bundle has now."""
    if recovery.released_at is None or recovery.release_mac is None or bundle.rescue_lock is None:
        return False
    of_now = (bundle.rescue_pair_id, bundle.rescue_generation, bundle.generation, sha256(bundle.rescue_lock))
    released = (recovery.pair_id, recovery.generation, recovery.generation, recovery.lock_digest)
    try:
        mac = _mac(tx, recovery, recovery.released_at)
    except Tampered:
        return False
    return of_now == released and compare(mac, recovery.release_mac)


def end_recovery_of(tx: Transaction, bundle_id: UUID, how: str) -> None:
    """What is asked of the desks about this bundle is over, because the bundle is not theirs any more."""
    recovery = open_recovery(tx, bundle_id)
    if recovery is not None:
        _end(tx, recovery, how)


def end_handing_over(tx: Transaction, recovery: Recovery) -> None:
    """Nobody holds a half by this recovery any more."""
    for grant in live_grants(tx, recovery.id):
        end_grant(tx, grant)
    tx.session.flush()


def held_bundle(tx: Transaction, recovery: Recovery) -> Bundle:
    """The bundle that a recovery is of, held until this transaction ends."""
    query = select(Bundle).where(Bundle.id == recovery.bundle_id).with_for_update(**for_change(Bundle))
    return tx.session.scalars(query, execution_options={"populate_existing": True}).one()


def is_for_pair(bundle: Bundle, pair: DeskPair) -> bool:
    """Whether these desks can open the bundle together."""
    return bundle.rescue_pair_id == pair.id and bundle.rescue_generation == bundle.generation


def _require_time(tx: Transaction, recovery: Recovery, bundle: Bundle) -> None:
    state = recovery.state_at(tx.now)
    if state == WAITING:
        raise Conflict("The waiting time is not over.")
    if state == RELEASED and holds(tx, recovery, bundle):
        raise Conflict("This is released already.")
    if state not in (READY, RELEASED):
        raise Conflict("This recovery is over.")


def _officer(tx: Transaction, pair: DeskPair, officer_id: UUID) -> Person:
    desk = tx.session.get_one(Desk, pair.second_id)
    found = next((person for person in officers_of(tx, desk) if person.id == officer_id), None)
    if found is None:
        raise _unfit("officer", "Choose an officer of the oversight desk who can sign in.")
    return found


def _end(tx: Transaction, recovery: Recovery, how: str, **details: str) -> None:
    recovery.ended_at, recovery.end_reason = tx.now, how
    recovery.ended_by_id = tx.actor.id if how != LAPSED else None
    end_handing_over(tx, recovery)
    tx.record("recovery.lapsed" if how == LAPSED else "recovery.ended", recovery, how=how, **details)


def _act(tx: Transaction, recovery: Recovery, name: str, sentence: str) -> Act:
    """What the page shows, bound to every byte of the request."""
    people = {
        each: tx.session.get(Person, each) for each in (recovery.receiver_id, recovery.officer_id) if each
    }
    shown = {each: person.display_name for each, person in people.items() if person is not None}
    facts = (
        ("Case", tx.session.get_one(Case, recovery.case_id).number),
        ("What for", WORDS[recovery.purpose]),
        ("For whom", shown.get(recovery.receiver_id, "")),
        ("Officer of desk 2", shown.get(recovery.officer_id or recovery.id, "")),
    )
    return Act(name, sentence, recovery.id, facts, (sha256(_request(recovery)).hex(),))


def _mac(tx: Transaction, recovery: Recovery, at: datetime) -> bytes:
    """The approval of docs/format.md, by who released."""
    approver = tx.session.get(Principal, recovery.released_by_id)
    if approver is None:
        raise Tampered
    slot = principal_slot(tx.keystore, approver)
    return approval_mac(slot, approver.id, recovery.id, _request(recovery), int(at.timestamp()))


def _request(recovery: Recovery) -> bytes:
    """All that was asked and what was released, in one spelling."""
    people = (recovery.owner_id, recovery.receiver_id, recovery.officer_id, recovery.pair_id)
    times = (recovery.requested_at, recovery.releasable_at, recovery.lapses_at)
    return fields(
        b"recovery",
        recovery.id.bytes,
        recovery.bundle_id.bytes,
        u32(recovery.generation or 0),
        recovery.lock_digest or b"",
        recovery.purpose.encode(),
        recovery.urgency.encode(),
        recovery.remark_id.bytes,
        *(each.bytes if each else b"" for each in people),
        *(u64(int(each.timestamp())) for each in times),
    )


def _unfit(field: str, message: str) -> Invalid:
    return Invalid(message, errors=[Fault(f"/{field}", message)])
