"""The half of a removal that reaches slots: two approvals are checked, slots die, and in the end a certificate is signed.

It reaches no object's content and no people half: an approval is checked with the slot that it was made by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Uuid, column, insert, select, table, update

from vault.access.actor import SYSTEM
from vault.access.holds import any_on_hold, wait_for_holds
from vault.access.signing import SigningKey
from vault.archive.certificates import Act, issue_certificate
from vault.archive.copies import standing_copies
from vault.archive.finality import backup_facts
from vault.archive.models import ArchivalPackage, Closure
from vault.archive.package import written_time
from vault.archive.receipt import write_receipt
from vault.archive.receipting import receipt_of_row
from vault.archive.removal_approvals import Said, both_hold, documents_of, said_of
from vault.archive.removal_models import (
    CERTIFIED,
    CHECKED,
    COOLING,
    DESTROYING,
    ERASED,
    MIGRATION,
    REMOVED,
    Removal,
    RemovedVersion,
)
from vault.archive.removing import (
    AT_ONCE,
    CERTIFY,
    ERASE,
    end_removal,
    go_on_removing,
    held_removal,
    holds_until,
    mark_versions,
    removal_step,
    state_of,
    stopping_removal,
    unchecked,
)
from vault.archive.warrants import give_warrant, require_all_dead, require_warrant
from vault.bundles.models import Version
from vault.cases.models import IN_ARCHIVE, Case
from vault.clock import ClockState, read_clock
from vault.crypto.encoding import b64
from vault.db import Instant
from vault.jobs import ClaimedJob, handles, renew
from vault.slots import DONE, Destruction, finish_destruction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vault.runtime import Runtime, Transaction

TECHNIQUE = (
    "Cryptographic erase: for each file the one slot that its locks in this vault need was destroyed in the keystore, and"
    " the ledger of ended slots names it. Then the encrypted object was deleted from the object store with every version"
    " and marker of it, and was looked for and not found."
)
LIMITATIONS = (
    "Only the active copies in this vault were removed. The records live on, encrypted, in the package of permanent records"
    " that is named here; whoever holds an archive identity of the office reads them.",
    "Backups of the keystore may hold the slots until the day that is named here. Whoever has one of those, with backups of"
    " the database and of the objects, and opens the bundle, reads the files.",
    "Recordings and temporary copies of the case were not removed: their packages hold no key.",
    "What had left the vault before, by download, link, loan or export, was not reached.",
)
_PEOPLE = table("persons", column("id", Uuid()), column("left_at", Instant()))


@handles(ERASE)
def destroy_slots(runtime: Runtime, job: ClaimedJob) -> None:
    """The slots of what goes are dead, in the ledger and in the keystore, a hundred at a time."""
    removal_id = job.subject_id
    if removal_id is None:
        return
    with stopping_removal(runtime, job, removal_id):
        if state_of(runtime, removal_id) == CHECKED:
            _begin(runtime, job, removal_id)
        if state_of(runtime, removal_id) != DESTROYING:
            return
        _look_once_more(runtime, job, removal_id)
        while some := _living(runtime, removal_id):
            _destroy(runtime, job, some)
        with removal_step(runtime, job, DESTROYING) as (tx, removal):
            require_all_dead(tx, removal)
            removal.state = ERASED
            tx.record("case.slots_destroyed", removal, files=removal.files)


@handles(CERTIFY)
def certify_removal(runtime: Runtime, job: ClaimedJob) -> None:
    """The certificate of migration is signed: what was removed here, and where the record lives."""
    removal_id = job.subject_id
    if removal_id is None or state_of(runtime, removal_id) != REMOVED:
        return
    with stopping_removal(runtime, job, removal_id), removal_step(runtime, job, REMOVED) as (tx, removal):
        require_all_dead(tx, removal)
        values = _certified(tx, removal)
        act = Act(MIGRATION, removal.id, removal.case_id, removal.office_id, values)
        certificate = issue_certificate(tx, act)
        removal.state = CERTIFIED
        tx.record("certificate.issued", certificate, kind=certificate.kind, number=certificate.number)


def what_stands_against(tx: Transaction, removal: Removal, said: Said) -> str | None:
    """Why this removal must not happen, or None. All that must hold at the moment of the act is asked here, within its
    transaction, and here alone; nobody places a hold until it is over.
    """
    wait_for_holds(tx.session, removal.office_id)
    if any_on_hold(tx.session, documents_of(tx.session, said)):
        return "hold"
    case = tx.session.execute(select(Case.state).where(Case.id == removal.case_id)).scalar_one()
    standing = select(Closure.id).where(Closure.id == removal.closure_id, Closure.reopened_at.is_(None))
    if case not in IN_ARCHIVE or tx.session.scalar(standing) is None:
        return "case"
    if tx.now >= holds_until(removal):
        return "lapsed"
    if said.digest != removal.said_digest:
        return "changed"
    signers = _PEOPLE.c.id.in_((removal.proposed_by_id, removal.approved_by_id))
    if tx.session.scalar(select(_PEOPLE.c.id).where(signers, _PEOPLE.c.left_at.is_not(None)).limit(1)):
        return "approval"
    return None if both_hold(tx.keystore, removal, said) else "approval"


def _begin(runtime: Runtime, job: ClaimedJob, removal_id: UUID) -> None:
    """The point of no return: the rows of what goes are committed, and nobody reads it any more. Or nothing is removed."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        removal = held_removal(tx, removal_id)
        if removal.state != CHECKED or read_clock(tx.session, runtime.clock).state is not ClockState.STEADY:
            return
        said = said_of(tx.session, removal.case_id, removal.closure_id, hold=True)
        if reason := what_stands_against(tx, removal, said):
            end_removal(tx, removal, reason)
            tx.keystore.warrants.refuse(removal.id)
            return
        if unchecked(tx, removal):
            removal.state = COOLING
            go_on_removing(tx, removal)
            return
        give_warrant(tx, removal, said)
        _commit_list(tx, removal, said)
        removal.state, removal.begun_at, removal.error_code = DESTROYING, tx.now, None
        tx.record("case.removal_begun", removal, files=len(said.going), digest=said.digest.hex())


def _look_once_more(runtime: Runtime, job: ClaimedJob, removal_id: UUID) -> None:
    """Whatever happened since it began: what the rows name is what two people approved."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        require_warrant(tx, held_removal(tx, removal_id))


def _commit_list(tx: Transaction, removal: Removal, said: Said) -> None:
    rows = [
        {
            "removal_id": removal.id,
            "version_id": each.id,
            "slot_id": each.slot_id,
            "object_name": each.object_name,
            "object_length": each.object_length,
            "object_digest": each.object_digest,
        }
        for each in said.going
    ]
    tx.session.execute(insert(RemovedVersion), rows)
    gone = update(Version).where(Version.id.in_([each.id for each in said.going]))
    values = {"removed_at": tx.now, "slot_id": None}
    tx.session.execute(gone.values(values), execution_options={"synchronize_session": False})


def _living(runtime: Runtime, removal_id: UUID) -> list[tuple[UUID, UUID | None]]:
    left = select(RemovedVersion.id, RemovedVersion.slot_id).where(
        RemovedVersion.removal_id == removal_id, RemovedVersion.slot_destroyed_at.is_(None)
    )
    with runtime.session() as session:
        return [(each.id, each.slot_id) for each in session.execute(left.limit(AT_ONCE))]


def _destroy(runtime: Runtime, job: ClaimedJob, some: list[tuple[UUID, UUID | None]]) -> None:
    end_slots(runtime, job, [slot_id for _, slot_id in some if slot_id is not None])
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        mark_versions(tx, [each for each, _ in some], slot_destroyed_at=tx.now)


def end_slots(runtime: Runtime, job: ClaimedJob, slots: Sequence[UUID]) -> None:
    """Ordered and done: the order is committed, then each slot dies. What a killed run left is finished, or raises."""
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        for slot_id in slots:
            tx.destroy(slot_id)
    ordered = select(Destruction.slot_id).where(Destruction.slot_id.in_(slots), Destruction.state != DONE)
    with runtime.session() as session:
        left = session.scalars(ordered).all()
    for slot_id in left:
        finish_destruction(runtime, slot_id, None)


def _certified(tx: Transaction, removal: Removal) -> dict[str, Any]:
    """All that the certificate says of it, from rows that change no more."""
    closed = select(Closure.number, Closure.closed_on, Closure.closed_by_id).where(
        Closure.id == removal.closure_id
    )
    closure = tx.session.execute(closed).one()
    rows = tx.session.scalars(
        select(ArchivalPackage)
        .where(ArchivalPackage.closure_id == removal.closure_id)
        .order_by(ArchivalPackage.disposal)
    ).all()
    gone = select(RemovedVersion).where(RemovedVersion.removal_id == removal.id)
    removed = tx.session.scalars(gone.order_by(RemovedVersion.version_id)).all()
    return {
        "organisation": rows[0].organisation,
        "office": str(removal.office_id),
        "case": {"id": str(removal.case_id), "number": rows[0].case_number},
        "closure": {
            "id": str(removal.closure_id),
            "number": closure.number,
            "closed_on": closure.closed_on.isoformat(),
        },
        "packages": [_package(tx, row) for row in rows],
        "removed": [_removed(each) for each in removed],
        "approvals": _approvals(removal, closure.closed_by_id),
        "cooled_until": _time(removal.cools_until),
        "technique": TECHNIQUE,
        "limitations": list(LIMITATIONS),
        **backup_facts(tx, [each.slot_id for each in removed if each.slot_id]),
    }


def _approvals(removal: Removal, closer_id: UUID) -> list[dict[str, Any]]:
    signed = (
        (removal.proposed_by_id, removal.proposed_at),
        (removal.approved_by_id, removal.approved_at),
    )
    return [
        {
            "principal": str(person_id),
            "role": "closer" if person_id == closer_id else "archivist",
            "signed_at": _time(at),
        }
        for person_id, at in signed
    ]


def _package(tx: Transaction, row: ArchivalPackage) -> dict[str, Any]:
    copies = tx.session.scalars(standing_copies(row.id))
    key = select(SigningKey.public_key).where(SigningKey.id == row.receipt_key_id)
    return {
        "id": str(row.aip_id),
        "version": row.version,
        "disposal": row.disposal,
        "copies": [
            {"archive": each.store, "object": each.object_name, "version": each.store_version}
            for each in copies
        ],
        "receipt": {
            "text": write_receipt(receipt_of_row(row)).decode(),
            "signature": b64(row.receipt_signature or b""),
            "key": b64(tx.session.scalars(key).one()),
        },
        "sha256": (row.sha256 or b"").hex(),
        "sha512": (row.sha512 or b"").hex(),
        "size": row.size,
    }


def _removed(each: RemovedVersion) -> dict[str, Any]:
    return {
        "version": str(each.version_id),
        "sha256": each.object_digest.hex(),
        "bytes": each.object_length,
        "slot": str(each.slot_id) if each.slot_id else None,
        "slot_destroyed_at": _time(each.slot_destroyed_at),
        "removed_at": _time(each.object_removed_at),
        "result": "removed",
    }


def _time(at: datetime | None) -> str | None:
    return written_time(at) if at is not None else None
