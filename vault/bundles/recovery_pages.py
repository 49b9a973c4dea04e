"""What is shown of recoveries, to pages and to the API alike: what can be recovered, what is asked for, one request."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, or_, select

from vault.access.policy import Permission, permits
from vault.access.remarks import Remark, office_holder, read_remark
from vault.bundles.models import Bundle
from vault.bundles.recoveries import holds, is_for_pair, open_recovery, possible_receivers
from vault.bundles.recovery_models import PURPOSES, READY, RELEASED, WAITING, Recovery
from vault.bundles.rescuing import is_recoverable
from vault.cases.models import Case
from vault.people.comparing import has_new_key, words_of
from vault.people.desk_models import Desk
from vault.people.desk_pages import OfficeDesks, office_desks
from vault.people.models import Office, Person
from vault.people.queries import offices, own_person
from vault.people.seating import live_pair, officers_of, own_seat

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST = 200
OPEN_STATES = (WAITING, READY, RELEASED)


class RecoveryNote(BaseModel):
    """What a bundle's card says of a recovery that is asked for, or of a reading that is not reviewed yet."""

    id: UUID
    purpose: str
    state: str
    requested_by: str
    receiver: str
    releasable_at: datetime
    may_end: bool


class RecoveryRow(BaseModel):
    """A recovery in a list. `state` is waiting, ready, released, done, withdrawn, refused, stopped or lapsed."""

    id: UUID
    bundle_id: UUID
    case_id: UUID
    case_number: str
    tier: str
    purpose: str
    urgency: str
    state: str
    requested_by: str
    receiver: str
    requested_at: datetime
    releasable_at: datetime
    lapses_at: datetime
    review_due_at: datetime | None
    reviewed_at: datetime | None


class Candidate(BaseModel):
    """A colleague who can be chosen. `fingerprint` is of the public key: six words to compare aloud."""

    person: UUID
    name: str
    has_new_key: bool
    fingerprint: str


class RecoveryPage(RecoveryRow):
    """One recovery: what was said, who did what, and what the actor may do."""

    reason: str | None
    released_by: str | None
    released_at: datetime | None
    officer: str | None
    completed_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None
    end_reason: str | None
    reviewed_by: str | None
    review: str | None
    must_release_again: bool
    officers: list[Candidate]
    person: Candidate | None
    is_receiver: bool
    may_release: bool
    may_complete: bool
    may_end: bool
    may_review: bool


class NewRecoveryPage(BaseModel):
    """What the page for a request needs."""

    bundle_id: UUID
    case_id: UUID
    case_number: str
    tier: str
    is_recoverable: bool
    people: list[Candidate]
    wait_hours: int


class OfficeRecovery(OfficeDesks):
    """An office's desks, and how many of its bundles they can open or cannot yet."""

    recoverable: int
    not_yet: int


class BundleWithout(BaseModel):
    """A bundle that the desks cannot open yet: a member must open it once."""

    bundle_id: UUID
    case_id: UUID
    case_number: str
    tier: str
    created_at: datetime


class RecoveryOverview(BaseModel):
    """The desks and counts; what is asked for and what is to be reviewed only for those of the office."""

    offices: list[OfficeRecovery]
    without: list[BundleWithout]
    recoveries: list[RecoveryRow]
    to_review: list[RecoveryRow]
    wait_hours: int


def recovery_overview(tx: Transaction) -> RecoveryOverview:
    """The own office's, with what is asked for; for administrators all offices, in counts alone."""
    is_everywhere = tx.allows(Permission.OFFICE_MANAGE)
    shown = offices(tx) if is_everywhere else [own_person(tx).office]
    seen = select(Recovery).where(permits(Permission.RECOVERY_SEE, Recovery, tx.actor, tx.now))
    newest = tx.session.scalars(seen.order_by(Recovery.requested_at.desc(), Recovery.id).limit(MOST)).all()
    due = seen.where(Recovery.review_due_at.is_not(None), Recovery.reviewed_at.is_(None))
    return RecoveryOverview(
        offices=[_office_recovery(tx, office) for office in shown],
        without=_without(tx) if tx.allows(Permission.RECOVERY_REVIEW) else [],
        recoveries=[recovery_row(tx, each) for each in newest],
        to_review=[
            recovery_row(tx, each) for each in tx.session.scalars(due.order_by(Recovery.review_due_at))
        ],
        wait_hours=_hours(tx),
    )


def recovery_note(tx: Transaction, bundle: Bundle) -> RecoveryNote | None:
    """What is going on with this bundle, for those who may see it."""
    unreviewed = Recovery.review_due_at.is_not(None) & Recovery.reviewed_at.is_(None)
    going_on = Recovery.completed_at.is_(None) & Recovery.ended_at.is_(None) & (Recovery.lapses_at > tx.now)
    seen = permits(Permission.RECOVERY_SEE, Recovery, tx.actor, tx.now)
    query = select(Recovery).where(Recovery.bundle_id == bundle.id, or_(unreviewed, going_on), seen)
    found = tx.session.scalar(query.order_by(Recovery.requested_at.desc(), Recovery.id).limit(1))
    if found is None:
        return None
    state = found.state_at(tx.now)
    return RecoveryNote(
        id=found.id,
        purpose=found.purpose,
        state=state,
        requested_by=_name(tx, found.owner_id) or "",
        receiver=_name(tx, found.receiver_id) or "",
        releasable_at=found.releasable_at,
        may_end=_may_end(tx, found, state),
    )


def recovery_row(tx: Transaction, recovery: Recovery) -> RecoveryRow:
    """The recovery in a list."""
    return RecoveryRow(
        id=recovery.id,
        bundle_id=recovery.bundle_id,
        case_id=recovery.case_id,
        case_number=tx.session.get_one(Case, recovery.case_id).number,
        tier=tx.session.get_one(Bundle, recovery.bundle_id).tier,
        purpose=recovery.purpose,
        urgency=recovery.urgency,
        state=recovery.state_at(tx.now),
        requested_by=_name(tx, recovery.owner_id) or "",
        receiver=_name(tx, recovery.receiver_id) or "",
        requested_at=recovery.requested_at,
        releasable_at=recovery.releasable_at,
        lapses_at=recovery.lapses_at,
        review_due_at=recovery.review_due_at,
        reviewed_at=recovery.reviewed_at,
    )


def recovery_page(tx: Transaction, recovery: Recovery) -> RecoveryPage:
    """The recovery for its own page."""
    bundle, state = tx.session.get_one(Bundle, recovery.bundle_id), recovery.state_at(tx.now)
    is_stale = state == RELEASED and not holds(tx, recovery, bundle)
    officers = _officers(tx, recovery) if state == READY or is_stale else []
    may_complete = state == RELEASED and not is_stale and recovery.officer_id == tx.actor.id
    to_review = recovery.review_due_at is not None and recovery.reviewed_at is None
    return RecoveryPage(
        **dict(recovery_row(tx, recovery)),
        reason=_said(tx, recovery, recovery.remark_id),
        released_by=_name(tx, recovery.released_by_id),
        released_at=recovery.released_at,
        officer=_name(tx, recovery.officer_id),
        completed_at=recovery.completed_at,
        ended_by=_name(tx, recovery.ended_by_id),
        ended_at=recovery.ended_at,
        end_reason=_said(tx, recovery, recovery.end_remark_id),
        reviewed_by=_name(tx, recovery.reviewed_by_id),
        review=_said(tx, recovery, recovery.review_remark_id),
        must_release_again=is_stale,
        officers=officers,
        person=candidate(tx, tx.session.get_one(Person, recovery.receiver_id)) if may_complete else None,
        is_receiver=recovery.receiver_id == tx.actor.id,
        may_release=bool(officers),
        may_complete=may_complete,
        may_end=_may_end(tx, recovery, state),
        may_review=to_review
        and tx.actor.id not in recovery.done_by
        and tx.allows(Permission.RECOVERY_REVIEW, recovery),
    )


def new_recovery_page(tx: Transaction, bundle: Bundle) -> NewRecoveryPage:
    """The form of a request."""
    found = {person.id: person for each in PURPOSES for person in possible_receivers(tx, bundle, each)}
    people = sorted(found.values(), key=lambda person: (person.display_name, person.id))
    return NewRecoveryPage(
        bundle_id=bundle.id,
        case_id=bundle.case_id,
        case_number=tx.session.get_one(Case, bundle.case_id).number,
        tier=bundle.tier,
        is_recoverable=can_recover(tx, bundle),
        people=[candidate(tx, person) for person in people],
        wait_hours=_hours(tx),
    )


def can_recover(tx: Transaction, bundle: Bundle) -> bool:
    """Whether the present desks can open the bundle."""
    pair = live_pair(tx, bundle.office_id)
    return pair is not None and is_for_pair(bundle, pair)


def may_ask(tx: Transaction, bundle: Bundle) -> bool:
    """Whether the actor could ask for this bundle now."""
    present = open_recovery(tx, bundle.id)
    is_free = present is None or present.state_at(tx.now) not in OPEN_STATES
    return is_free and tx.allows(Permission.RECOVERY_REQUEST, bundle)


def _office_recovery(tx: Transaction, office: Office) -> OfficeRecovery:
    total = select(func.count()).select_from(Bundle).where(Bundle.office_id == office.id)
    recoverable = tx.session.scalar(total.where(is_recoverable())) or 0
    return OfficeRecovery(
        **dict(office_desks(tx, office)),
        recoverable=recoverable,
        not_yet=(tx.session.scalar(total) or 0) - recoverable,
    )


def _without(tx: Transaction) -> list[BundleWithout]:
    seen = permits(Permission.BUNDLE_SEE, Bundle, tx.actor, tx.now)
    query = select(Bundle, Case.number).join(Case, Case.id == Bundle.case_id).where(seen, ~is_recoverable())
    found = tx.session.execute(query.order_by(Case.number, Bundle.created_at, Bundle.id).limit(MOST))
    return [
        BundleWithout(
            bundle_id=bundle.id,
            case_id=bundle.case_id,
            case_number=number,
            tier=bundle.tier,
            created_at=bundle.created_at,
        )
        for bundle, number in found
    ]


def _may_end(tx: Transaction, recovery: Recovery, state: str) -> bool:
    """Who asked and controllers until it is done; members until it is released."""
    if state not in OPEN_STATES or not tx.allows(Permission.RECOVERY_END, recovery):
        return False
    is_theirs = recovery.owner_id == tx.actor.id or tx.allows(Permission.RECOVERY_REVIEW, recovery)
    return is_theirs or state != RELEASED


def _officers(tx: Transaction, recovery: Recovery) -> list[Candidate]:
    """To whom the actor, an officer of desk 1, could release it; nobody for all others."""
    pair = live_pair(tx, recovery.office_id)
    if pair is None or own_seat(tx, pair.first_id) is None:
        return []
    if not tx.allows(Permission.RECOVERY_RELEASE, recovery):
        return []
    return [candidate(tx, person) for person in officers_of(tx, tx.session.get_one(Desk, pair.second_id))]


def candidate(tx: Transaction, person: Person) -> Candidate:
    """The colleague as one who can be chosen."""
    return Candidate(
        person=person.id,
        name=person.display_name,
        has_new_key=has_new_key(tx, person),
        fingerprint=words_of(person),
    )


def _said(tx: Transaction, recovery: Recovery, remark_id: UUID | None) -> str | None:
    remark = tx.session.get(Remark, remark_id) if remark_id else None
    return read_remark(tx, remark, office_holder(tx, recovery.office_id)) if remark else None


def _name(tx: Transaction, person_id: UUID | None) -> str | None:
    person = tx.session.get(Person, person_id) if person_id else None
    return person.display_name if person else None


def _hours(tx: Transaction) -> int:
    return int(tx.settings.recovery_wait.total_seconds()) // 3600
