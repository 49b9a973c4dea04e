"""The half of a disposal that reaches slots: all approvals are checked, slots die, and in the end a certificate is signed.

It reaches no object's content and no people half: an approval is checked with the slot that it was made by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import String, Uuid, column, exists, insert, select, table, update

from vault import __version__
from vault.access.actor import SYSTEM
from vault.access.holds import any_on_hold, wait_for_holds
from vault.archive.certificates import Act, issue_certificate
from vault.archive.disposal_certificate import (
    Authority,
    DisposalFacts,
    DisposedDocument,
    DisposedFile,
    Signature,
    disposal_values,
)
from vault.archive.disposal_certificate import FoundCopy as CertifiedCopy
from vault.archive.erasing import end_slots
from vault.archive.finality import Remaining, backup_facts, tells_what_is_left
from vault.archive.removal_models import DISPOSAL
from vault.bundles.models import Document, Version
from vault.cases.models import ACTIVE, STATES, Case
from vault.clock import ClockState, read_clock
from vault.db import Instant
from vault.disposal.approvals import all_hold, are_cold, signatures_of
from vault.disposal.lists import Item, Said, said_of
from vault.disposal.models import (
    CERTIFIED,
    COOLING,
    DISPOSABLE,
    ERASED,
    ERASING,
    LOCKED,
    Disposal,
    DisposalSignature,
    DisposedVersion,
    FoundCopy,
)
from vault.disposal.steps import (
    AT_ONCE,
    CERTIFY,
    ERASE,
    disposal_step,
    end_disposal,
    held_disposal,
    holds_until,
    is_cold,
    mark_disposed,
    state_of,
    stopping_disposal,
)
from vault.disposal.warrants import give_warrant, others_living, require_all_dead, require_warrant
from vault.jobs import ClaimedJob, handles, renew

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from vault.runtime import Runtime, Transaction

SETTLED = (ACTIVE, *STATES[STATES.index("archived") :])
"""States of a case in which nothing is being packed."""
_PEOPLE = table("persons", column("id", Uuid()), column("left_at", Instant()))
_OFFICES = table("offices", column("id", Uuid()), column("name", String()))
_LINKS = table("shares", column("id", Uuid()), column("ended_at", Instant()))
_LENT = table("shared_documents", column("share_id", Uuid()), column("document_id", Uuid()))
_LOANS = table("loans", column("document_id", Uuid()), column("ended_at", Instant()))
_UPLOADS = table(
    "uploads",
    column("document_id", Uuid()),
    column("completed_at", Instant()),
    column("dropped_at", Instant()),
)


@handles(ERASE)
def destroy_slots(runtime: Runtime, job: ClaimedJob) -> None:
    """The slots of what goes are dead, in the ledger and in the keystore, a hundred at a time."""
    disposal_id = job.subject_id
    if disposal_id is None:
        return
    with stopping_disposal(runtime, job, disposal_id):
        if state_of(runtime, disposal_id) == COOLING:
            _begin(runtime, job, disposal_id)
        if state_of(runtime, disposal_id) != ERASING:
            return
        with runtime.transaction(SYSTEM) as tx:
            renew(tx.session, job, tx.now)
            require_warrant(tx, held_disposal(tx, disposal_id))
        while some := _living(runtime, disposal_id):
            end_slots(runtime, job, [slot_id for _, slot_id in some if slot_id is not None])
            with runtime.transaction(SYSTEM) as tx:
                renew(tx.session, job, tx.now)
                mark_disposed(tx, [each for each, _ in some], slot_destroyed_at=tx.now)
        with runtime.transaction(SYSTEM) as tx:
            renew(tx.session, job, tx.now)
            others = others_living(tx, held_disposal(tx, disposal_id))
        end_slots(runtime, job, others)
        with disposal_step(runtime, job, ERASING) as (tx, disposal):
            require_all_dead(tx, disposal)
            if disposal.slots_ended_at is None:
                disposal.slots_ended_at = tx.now
                tx.record("disposal.slots_destroyed", disposal, files=disposal.files)


@handles(CERTIFY)
def certify_disposal(runtime: Runtime, job: ClaimedJob) -> None:
    """The provisional certificate is signed: what was destroyed, by which authority, and what is left."""
    disposal_id = job.subject_id
    if disposal_id is None or state_of(runtime, disposal_id) != ERASED:
        return
    with (
        stopping_disposal(runtime, job, disposal_id),
        disposal_step(runtime, job, ERASED) as (tx, disposal),
    ):
        said = require_all_dead(tx, disposal)
        case_ids = {each.case_id for each in said.items}
        case_id = case_ids.pop() if len(case_ids) == 1 else None
        values = disposal_values(_facts(tx, disposal, said, case_id))
        certificate = issue_certificate(tx, Act(DISPOSAL, disposal.id, case_id, disposal.office_id, values))
        disposal.state = CERTIFIED
        tx.record("certificate.issued", certificate, kind=certificate.kind, number=certificate.number)


@tells_what_is_left(DISPOSAL)
def what_is_left(session: Session, disposal_id: UUID) -> list[Remaining] | None:
    """Copies that a store had locked and that were not removed since."""
    if session.get(Disposal, disposal_id) is None:
        return None
    left = FoundCopy.disposal_id == disposal_id, FoundCopy.remains == LOCKED
    return [
        Remaining(each.name, each.locked_until) for each in session.scalars(select(FoundCopy).where(*left))
    ]


def what_stands_against(
    tx: Transaction, disposal: Disposal, signatures: Sequence[DisposalSignature], said: Said
) -> str | None:
    """Why this must not happen, or None. All that must hold at the moment of the act is asked here, within its transaction,
    and here alone; nobody places a hold until it is over.
    """
    wait_for_holds(tx.session, disposal.office_id)
    ids = said.document_ids
    if any_on_hold(tx.session, ids):
        return "hold"
    if tx.now >= holds_until(disposal):
        return "lapsed"
    if said.digest != disposal.said_digest or _has_changed(tx, disposal, said):
        return "changed"
    if _is_lent(tx, ids):
        return "lent"
    kept = [each.transcript_id for each in said.items if each.transcript_id is not None]
    beside = select(Version.id).join(Document, Document.id == Version.document_id)
    stays = beside.where(Version.id.in_(kept), Document.withdrawn_at.is_(None))
    if set(tx.session.scalars(stays)) != set(kept):
        return "transcript"
    signers = _PEOPLE.c.id.in_([each.person_id for each in signatures]), _PEOPLE.c.left_at.is_not(None)
    if tx.session.scalar(select(_PEOPLE.c.id).where(*signers).limit(1)):
        return "approval"
    return None if all_hold(tx.keystore, disposal, signatures, said) else "approval"


def _has_changed(tx: Transaction, disposal: Disposal, said: Said) -> bool:
    """Whether a document is of another office or type by now, or something is on its way into one."""
    mine = (
        *(Document.id.in_(said.document_ids), Document.office_id == disposal.office_id),
        Document.document_type.in_(DISPOSABLE),
    )
    types = dict(tx.session.execute(select(Document.id, Document.document_type).where(*mine)).all())
    if types != {each.document_id: each.document_type for each in said.items}:
        return True
    begun = (
        *(_UPLOADS.c.document_id.in_(said.document_ids), _UPLOADS.c.completed_at.is_(None)),
        _UPLOADS.c.dropped_at.is_(None),
    )
    return bool(tx.session.scalar(select(exists(select(_UPLOADS.c.document_id).where(*begun)))))


def _is_lent(tx: Transaction, document_ids: Sequence[UUID]) -> bool:
    lent = _LENT.join(_LINKS, _LINKS.c.id == _LENT.c.share_id)
    by_link = select(_LINKS.c.id).select_from(lent).where(_LENT.c.document_id.in_(document_ids))
    by_loan = select(_LOANS.c.document_id).where(_LOANS.c.document_id.in_(document_ids))
    live = by_link.where(_LINKS.c.ended_at.is_(None)), by_loan.where(_LOANS.c.ended_at.is_(None))
    return any(tx.session.scalar(each.limit(1)) is not None for each in live)


def _begin(runtime: Runtime, job: ClaimedJob, disposal_id: UUID) -> None:
    """The point of no return: the rows of what goes are committed, and nobody reads it any more. Or nothing is destroyed."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        disposal = held_disposal(tx, disposal_id)
        is_steady = read_clock(tx.session, runtime.clock).state is ClockState.STEADY
        if disposal.state != COOLING or not is_steady or not is_cold(disposal, tx.now):
            return
        said, signatures = said_of(tx.session, disposal, hold=True), signatures_of(tx.session, disposal.id)
        if reason := what_stands_against(tx, disposal, signatures, said):
            end_disposal(tx, disposal, reason)
            tx.keystore.warrants.withdraw(disposal.id)
            return
        cases = select(Case.state).where(Case.id.in_({each.case_id for each in said.items}))
        if any(state not in SETTLED for state in tx.session.scalars(cases)):
            return  # its packages are being made: the next sweep asks again
        if not are_cold(tx, signatures):
            return
        give_warrant(tx, disposal, signatures, said)
        _commit_list(tx, disposal, said)
        disposal.state, disposal.begun_at, disposal.error_code = ERASING, tx.now, None
        tx.record("disposal.begun", disposal, files=len(said.going), digest=said.digest.hex())


def _commit_list(tx: Transaction, disposal: Disposal, said: Said) -> None:
    rows = [
        {
            "disposal_id": disposal.id,
            "document_id": each.document_id,
            "version_id": each.id,
            "slot_id": each.slot_id,
            "object_name": each.object_name,
            "object_length": each.object_length,
            "object_digest": each.object_digest,
            "written_at": each.written_at,
        }
        for each in said.going
    ]
    tx.session.execute(insert(DisposedVersion), rows)
    gone = update(Version).where(Version.id.in_([each.id for each in said.going]))
    values = {"removed_at": tx.now, "slot_id": None}
    tx.session.execute(gone.values(values), execution_options={"synchronize_session": False})


def _living(runtime: Runtime, disposal_id: UUID) -> list[tuple[UUID, UUID | None]]:
    left = select(DisposedVersion.id, DisposedVersion.slot_id).where(
        DisposedVersion.disposal_id == disposal_id, DisposedVersion.slot_destroyed_at.is_(None)
    )
    with runtime.session() as session:
        return [(each.id, each.slot_id) for each in session.execute(left.limit(AT_ONCE))]


def _facts(tx: Transaction, disposal: Disposal, said: Said, case_id: UUID | None) -> DisposalFacts:
    """All that the certificate says of it, from rows that change no more."""
    rows = tx.session.scalars(select(DisposedVersion).where(DisposedVersion.disposal_id == disposal.id)).all()
    copies = tx.session.scalars(
        select(FoundCopy)
        .where(FoundCopy.disposal_id == disposal.id)
        .order_by(FoundCopy.place, FoundCopy.name)
    ).all()
    numbers = select(Case.number).where(Case.id == case_id)
    name = select(_OFFICES.c.name).where(_OFFICES.c.id == disposal.office_id)
    return DisposalFacts(
        organisation=tx.session.scalars(name).one(),
        office_id=disposal.office_id,
        case_id=case_id,
        case_number=tx.session.scalars(numbers).one() if case_id else None,
        disposal_id=disposal.id,
        list_digest=said.digest,
        authority=Authority(disposal.reference, disposal.dated),
        documents=[_document(each, rows) for each in said.items],
        copies=[_copy(each) for each in copies],
        signatures=[
            Signature(each.person_id, each.place, each.unit, each.role, each.signed_at)
            for each in signatures_of(tx.session, disposal.id)
        ],
        proposed_at=disposal.proposed_at,
        cooled_until=disposal.cools_until or tx.now,
        begun_at=disposal.begun_at or tx.now,
        erased_at=disposal.erased_at or tx.now,
        tool_version=__version__,
        backups=backup_facts(tx, [each.slot_id for each in rows if each.slot_id]),
    )


def _document(item: Item, rows: Sequence[DisposedVersion]) -> DisposedDocument:
    mine = sorted(
        (row for row in rows if row.document_id == item.document_id), key=lambda row: row.version_id
    )
    return DisposedDocument(
        number=item.number,
        document_id=item.document_id,
        case_id=item.case_id,
        document_type=item.document_type,
        class_code=item.class_code,
        rule_version=item.rule_version,
        citation=item.citation,
        due_at=item.due_at,
        transcript_id=item.transcript_id,
        files=[
            DisposedFile(
                version_id=row.version_id,
                object_name=row.object_name,
                digest=row.object_digest,
                length=row.object_length,
                slot_id=row.slot_id,
                written_at=row.written_at,
                slot_destroyed_at=row.slot_destroyed_at,
                removed_at=row.object_removed_at,
            )
            for row in mine
        ],
    )


def _copy(row: FoundCopy) -> CertifiedCopy:
    return CertifiedCopy(
        kind=row.kind,
        place=row.place,
        name=row.name,
        store_version=row.store_version,
        digest=row.digest,
        length=row.length,
        found_at=row.found_at,
        removed_at=row.removed_at,
        remains=row.remains,
        locked_until=row.locked_until,
    )
