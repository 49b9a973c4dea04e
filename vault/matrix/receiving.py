"""Accepting a case from another office: every bundle opens for the receiver and for nobody of the old office, at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select

from vault.access.cells import STRICT
from vault.access.clearances import is_cleared
from vault.access.grants import end_grant, give_grant, live_grants, lock_grants
from vault.access.holds import hand_holds_over, keep_on_hold
from vault.access.policy import Permission
from vault.bundles.models import Bookmark, Bundle, Document, Version
from vault.bundles.opening import OpenBundle, bundle_slot, renew_access_key
from vault.bundles.recoveries import end_recovery_of
from vault.cases.assignments import assignments_of, begin_assignment, end_assignment
from vault.cases.models import Case
from vault.crypto.grant import open_grant
from vault.crypto.locks import bundle_lock
from vault.crypto.passwords import NO_PASSWORD
from vault.crypto.secret import Secret, compare
from vault.db import Row, for_change
from vault.drops.endings import end_requests_into
from vault.drops.models import DroppedFile, FileRequest
from vault.drops.taking_in import take_in_all
from vault.errors import Conflict, Refused, Unauthenticated
from vault.matrix.approvals import has_lapsed
from vault.matrix.case_moves import (
    NOT_CLEARED,
    OFFERED,
    WITH_PASSWORD,
    all_bundles,
    check_proposer,
    digest_shown,
    fault_of,
    offered_keys,
    office_of,
    wipe_keys,
)
from vault.matrix.models import CaseMove, OfferedKey
from vault.people.queries import own_person
from vault.people.step_up import Act, require_step_up
from vault.shares.models import Loan, Share
from vault.shares.rekeying import end_lendings_from
from vault.transfers.leftovers import end_uploads_into
from vault.transfers.models import CopyMade, Upload

if TYPE_CHECKING:
    from vault.people.models import Person
    from vault.runtime import Transaction

MOVED = "moved"
OF_A_BUNDLE: tuple[type[Any], ...] = (
    *(Document, Version, Bookmark, Upload, CopyMade, Share, Loan),
    *(FileRequest, DroppedFile),
)
"""Rows that say whose office a bundle's things are in; they all go with the case. What stays is the log, and the reasons
that were given in the old office."""
Along = Callable[["Transaction", Case], None]
_ALONG: list[Along] = []
CHANGED = "The case is not what was offered: a bundle was added or got new keys. It must be offered anew."


def at_move(along: Along) -> None:
    """Have `along` called for each case that moves: it is in its new office, and its bundles, held, get new keys next."""
    _ALONG.append(along)


def accept_move(tx: Transaction, move_id: UUID, seen: str) -> Case:
    """The case belongs to the receiver's office, and its bundles open for the receiver alone. `seen` is what was read.

    Ended: all grants of the old office, its teams, programs and loans; links; unfinished uploads; recoveries; assignments.
    Bundles have new keys. Errors: `NotFound` for anybody else, `Refused`, `Conflict` when it lapsed, is over or is not what
    was read, `StepUpDue`, `Tampered`.
    """
    move = tx.load(CaseMove, move_id, Permission.MOVE_ACCEPT, lock=True)
    case = tx.session.scalars(
        select(Case).where(Case.id == move.case_id).with_for_update(**for_change(Case)),
        execution_options={"populate_existing": True},
    ).one()
    _check(tx, move, case, seen)
    bundles, receiver = _held(tx, case), own_person(tx)
    keys = offered_keys(tx, move.id)
    _check_bundles(tx, bundles, keys, receiver)
    office = office_of(tx, move.office_id)
    facts = (("Case", case.number), ("From", office.code), ("Bundles", str(len(bundles))))
    require_step_up(
        tx, Act("case.receive", "Take over this case from another office", move.id, facts, (seen,))
    )
    opened = [_opened(tx, keys[bundle.id], bundle) for bundle in bundles]
    _keep_holds(tx, case, move.to_office_id)
    case.office_id, case.changed_at = move.to_office_id, tx.now
    case.revision += 1
    for along in _ALONG:
        along(tx, case)
    for each in opened:
        _take_over(tx, each, case, receiver)
    for assigned in assignments_of(tx, case.id):
        end_assignment(tx, assigned)
    begin_assignment(tx, case.id, receiver.id)
    move.accepted_at = tx.now
    wipe_keys(tx, move)
    tx.record("case.moved", move, to_office=move.to_office_id, bundles=len(bundles))
    tx.record("case.received", case, from_office=move.office_id, bundles=len(bundles))
    return case


def _check(tx: Transaction, move: CaseMove, case: Case, seen: str) -> None:
    if move.accepted_at is not None or move.dropped_at is not None or case.office_id != move.office_id:
        raise Conflict("This offer is over.")
    if move.proposed_by_id == tx.actor.id:
        raise Refused("Somebody else must accept what you offered.")
    if has_lapsed(tx, move):
        raise Conflict("This offer has lapsed. It must be made anew.")
    check_proposer(tx, move)
    if not compare(seen.encode(), digest_shown(tx, move).encode()):
        raise Conflict("This is not the offer that you read. Read it again.")


def _held(tx: Transaction, case: Case) -> Sequence[Bundle]:
    """The bundles, held until the case has moved: nobody becomes a member, adds one or makes new keys meanwhile."""
    query = select(Bundle).where(Bundle.case_id == case.id).order_by(Bundle.id)
    held = query.with_for_update(**for_change(Bundle))
    tx.session.scalars(held, execution_options={"populate_existing": True}).all()
    bundles = all_bundles(tx, case.id)
    lock_grants(tx, [bundle.id for bundle in bundles])
    return bundles


def _check_bundles(
    tx: Transaction, bundles: Sequence[Bundle], keys: dict[UUID, OfferedKey], receiver: Person
) -> None:
    """`Conflict` unless each of them can be opened by the receiver now, as it was offered."""
    offered = {bundle_id: key.generation for bundle_id, key in keys.items()}
    if offered != {bundle.id: bundle.generation for bundle in bundles}:
        raise Conflict(CHANGED)
    cleared = bool(tx.session.scalar(select(is_cleared(receiver.id))))
    faults = [
        fault_of(number, WITH_PASSWORD if bundle.profile is not None else NOT_CLEARED)
        for number, bundle in enumerate(bundles, 1)
        if bundle.profile is not None or (bundle.tier == STRICT and not cleared)
    ]
    if faults:
        raise Conflict(
            " ".join(["The case was not taken over.", *(fault.message for fault in faults)]), errors=faults
        )


def _opened(tx: Transaction, key: OfferedKey, bundle: Bundle) -> tuple[OpenBundle, bytes]:
    """The bundle under the offered access key, and that key; `Tampered` for a seal of another offer, person or bundle."""
    session = tx.actor.session
    if session is None or tx.actor.id is None:
        raise Unauthenticated
    principal = own_person(tx).principal
    access_key = open_grant(session.seed.reveal(), principal.kind, principal.id, key.id, OFFERED, key.sealed)
    lock = bundle_lock(bundle.id, bundle.generation)
    bundle_key = lock.open(access_key, bundle_slot(tx, bundle), NO_PASSWORD, blob=bundle.bundle_lock)
    return OpenBundle(bundle, Secret(bundle_key)), access_key


def _keep_holds(tx: Transaction, case: Case, office_id: UUID) -> None:
    """What is on hold stays so: the new office has the holds on the case, those on the old office's classes go along."""
    documents = select(Document.id).where(Document.case_id == case.id).order_by(Document.id)
    keep_on_hold(tx.session, tx.session.scalars(documents).all())
    hand_holds_over(tx.session, case.id, office_id)


def _take_over(tx: Transaction, found: tuple[OpenBundle, bytes], case: Case, receiver: Person) -> None:
    """What the old office holds of the bundle ends; rows change their office; the receiver has new keys."""
    opened, access_key = found
    bundle = opened.bundle
    take_in_all(tx, opened)
    end_requests_into(tx, bundle.id, MOVED)
    end_uploads_into(tx, bundle.id, MOVED)
    end_lendings_from(tx, bundle.id, MOVED)
    end_recovery_of(tx, bundle.id, MOVED)
    for grant in live_grants(tx, bundle.id):
        end_grant(tx, grant)
        tx.record("bundle.member_removed", bundle, member=grant.principal_id, reason=MOVED)
    bundle.office_id = case.office_id
    along: list[tuple[Row, Sequence[str]]] = [(case, ("office_id",))]
    for model in OF_A_BUNDLE:
        for row in tx.session.scalars(select(model).where(model.bundle_id == bundle.id)).all():
            row.office_id = case.office_id
            along.append((row, ("office_id",)))
    tx.session.flush()
    give_grant(tx, receiver.principal, bundle.id, bundle.generation, access_key)
    renew_access_key(tx, opened, NO_PASSWORD, also=along)
    tx.record("bundle.member_added", bundle, member=receiver.id, reason=MOVED)
