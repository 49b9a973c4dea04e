"""Bringing a restored vault forward: the ledger of slots that died is replayed onto databases already put back.

Keystore first (rebuilt from its second copy where that is newer), then every slot of the ledger dies again, then the log is
compared with its checkpoints, then each row whose slot is dead takes the locks of the successor that lives. Live links are
suspended until their owners look at them, every session ends, and if the database is older, every sign-in is locked until
somebody has looked at the roles. All of it can be repeated.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, Uuid, select, update
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from vault.access.actor import SYSTEM
from vault.access.grants import Grant
from vault.access.principals import Principal
from vault.access.remarks import Remark
from vault.access.teams import MANY
from vault.archive.certificate_copies import bring_back_certificates
from vault.audit.checkpoints import Head, keep_checkpoint, named_checkpoints
from vault.audit.comparison import Compared, compare_log
from vault.backups.models import Restore
from vault.bundles.models import Bookmark, Bundle, Document, Unlocking, Version
from vault.cases.models import Case
from vault.db import Instant
from vault.deployment import deployment_id
from vault.disposal.repeating import destroy_again
from vault.drops.models import FileRequest
from vault.errors import Misconfigured
from vault.keystore.restoration import Successors, rebuild, replay
from vault.keystore.service import Keystore
from vault.matrix.recertification import TIME_LEFT, begin_for, open_round
from vault.people.factor_models import Factor, RecoveryCode
from vault.people.models import Enrolment, Office, Person, PersonSession
from vault.people.service import shut_sign_in
from vault.runtime import Runtime, Transaction
from vault.shares.models import Loan, Share
from vault.shares.request_models import ShareBatch, ShareRequest
from vault.slots import DONE, Destruction
from vault.transfers.models import CopyMade, Upload

SLOTTED: tuple[type[Any], ...] = (Principal, Bundle, Version)
OF_CASES: tuple[type[Any], ...] = (Bookmark, Case, CopyMade, Document, Loan, Share, Upload)
KEPT: tuple[type[Any], ...] = (*SLOTTED, *OF_CASES, Factor, Grant, Remark)
TABLES: dict[str, type[Any]] = {model.__tablename__: model for model in KEPT}


@dataclass(frozen=True)
class Restored:
    """What a restore found and did, in numbers.

    `lost_from` to `lost_to` are the entries of the log that are known to be lost, `slots_missing` the rows whose slot
    nobody has any more: what they lock is lost.
    """

    slots_rebuilt: int
    slots_killed: int
    slots_missing: int
    backups_adopted: int
    rows_followed: int
    rows_ended: int
    links_suspended: int
    sessions_ended: int
    sign_ins_locked: int
    rounds_begun: int
    log_size: int
    lost: int
    lost_from: int | None
    lost_to: int | None
    certificates_back: int


def restore_vault(
    runtime: Runtime, vouch: Callable[[Keystore], Head | None] = lambda _keystore: None
) -> Restored:
    """Replay ledger and lock objects; afterwards the vault may open again. `vouch` is asked, as soon as the keystore is
    whole, for the head of the log that a backup's manifest tells, where the database comes from one.

    Raises `Tampered` if the log is not the one that was signed.
    """
    rebuilt = rebuild_keystore(runtime.keystore)
    vouched = vouch(runtime.keystore)
    adopted = runtime.keystore.backups.adopt()
    killed = replay(runtime.keystore) + destroy_again(runtime)
    successors = Successors(runtime.keystore)
    with runtime.transaction(SYSTEM) as tx:
        compared = _compare(tx, vouched)
        forgotten = _acknowledge_ledger(tx)
        followed, ended, missing = _follow_all(tx, successors)
        suspended = _suspend_links(tx)
        sessions = _end_sessions(tx)
        _withdraw_one_time_words(tx)
        is_older = vouched is not None or forgotten > 0 or compared.lost > 0
        rounds = _begin_rounds(tx) if is_older else 0
        result = Restored(
            slots_rebuilt=rebuilt,
            slots_killed=killed,
            slots_missing=missing,
            backups_adopted=adopted,
            rows_followed=followed,
            rows_ended=ended,
            links_suspended=suspended,
            sessions_ended=sessions,
            sign_ins_locked=_lock_sign_ins(tx) if is_older else 0,
            rounds_begun=rounds,
            log_size=compared.size,
            lost=compared.lost,
            lost_from=compared.lost_from,
            lost_to=compared.lost_to,
            certificates_back=bring_back_certificates(tx),
        )
        tx.record("vault.restored", **asdict(result))
        _note_restore(tx, compared)
    keep_checkpoint(runtime)
    runtime.is_sealed = False
    return result


def rebuild_keystore(keystore: Keystore) -> int:
    """Slots brought back from the second copy; 0 without one."""
    return rebuild(keystore).slots if keystore.copy.deployment_id() is not None else 0


def _compare(tx: Transaction, vouched: Head | None) -> Compared:
    deployment = deployment_id(tx.session)
    if deployment is None:
        raise Misconfigured("This vault was never set up. Run: casevault db upgrade")
    return compare_log(tx.session, tx.keystore, tx.store, deployment, vouched)


def _note_restore(tx: Transaction, compared: Compared) -> None:
    """Checkpoints from before this moment may tell of entries that are lost."""
    until = max([tx.now, *(each.at for each in named_checkpoints(tx.store))])
    row = Restore(restored_at=tx.now, known_until=until, log_size=compared.size, lost=compared.lost)
    tx.session.add(row)


def _begin_rounds(tx: Transaction) -> int:
    """Each office goes through who has what: what was given or taken since the backup is not known any more.

    A round that was open begins to run anew; nothing is removed because decisions were lost. Returns how many are new.
    """
    begun = 0
    for office_id in tx.session.scalars(select(Office.id).order_by(Office.id)).all():
        still_open = open_round(tx, office_id)
        if still_open is not None:
            still_open.due_at = tx.now + TIME_LEFT
        else:
            begin_for(tx, office_id)
            begun += 1
    return begun


def _lock_sign_ins(tx: Transaction) -> int:
    """Nobody signs in with roles that may have been taken away since: each account is looked at and unlocked.

    Returns how many were open.
    """
    is_open = (Person.left_at.is_(None), Person.sign_in_locked_at.is_(None))
    people = tx.session.scalars(select(Person).where(*is_open)).all()
    for person in people:
        shut_sign_in(tx, person, reason="restored")
    return len(people)


def _acknowledge_ledger(tx: Transaction) -> int:
    """The database knows of every end that the ledger remembers; returns how many it had forgotten."""
    forgotten = 0
    for slot_id, entry in tx.keystore.ends().items():
        known = tx.session.scalar(select(Destruction).where(Destruction.slot_id == slot_id))
        if known is None:
            known = Destruction(slot_id=slot_id, successor_id=entry.successor_id, ordered_at=entry.at)
            tx.session.add(known)
            forgotten += 1
        known.state, known.done_at = DONE, known.done_at or tx.now
    tx.session.flush()
    return forgotten


def _follow_all(tx: Transaction, successors: Successors) -> tuple[int, int, int]:
    """Rows brought to their living slot, rows whose line of slots has ended, and rows whose slot nobody knows."""
    followed = ended = missing = 0
    for model in SLOTTED:
        for row in tx.session.scalars(select(model).where(model.slot_id.is_not(None))).all():
            if tx.keystore.is_live(row.slot_id):
                continue
            has_ended = successors.knows(row.slot_id)
            missing += not has_ended
            line = successors.line(row.slot_id)
            kept = [tx.keystore.kept_locks(row.id, slot_id) for slot_id in line]
            if not kept or kept[-1] is None:
                ended += 1
                # A slot that nobody knows is lost, not removed: the object is still there.
                if isinstance(row, Version) and row.slot_id and successors.has_ended(row.slot_id):
                    row.removed_at = row.removed_at or tx.now
                continue
            # Each step in turn: what one changed, as titles under a new key, the next need not repeat.
            for slot_id, content in zip(line, kept, strict=True):
                if content is not None:
                    _take(tx.session, row, slot_id, content)
            followed += 1
    for upload in tx.session.scalars(select(Upload).where(Upload.completed_at.is_(None))).all():
        if upload.dropped_at is None and upload.slot_id and not tx.keystore.is_live(upload.slot_id):
            upload.dropped_at = tx.now
            ended += 1
    return followed, ended, missing


def _take(session: Session, row: Any, slot_id: UUID, kept: dict[str, Any]) -> None:
    row.slot_id = slot_id
    _set(row, kept["row"]["columns"])
    for other in kept["also"]:
        model = TABLES[other["table"]]
        found = session.get(model, UUID(other["id"]))
        if found is None and model is Grant:
            found = Grant(id=UUID(other["id"]))
            session.add(found)
        if found is not None:
            _set(found, other["columns"])
    if isinstance(row, Bundle) or (isinstance(row, Principal) and row.kind in MANY):
        _end_other_grants(session, row, kept["also"])
    session.flush()


def _end_other_grants(session: Session, row: Bundle | Principal, also: Sequence[dict[str, Any]]) -> None:
    """Who was no member any more when the bundle or team got this slot is none now."""
    members = {UUID(other["id"]) for other in also if other["table"] == Grant.__tablename__}
    row.rekey_pending_at = None
    live = select(Grant).where(Grant.subject_id == row.id, Grant.ended_at.is_(None))
    for grant in session.scalars(live):
        if grant.id not in members:
            grant.ended_at = grant.granted_at


def _set(row: Any, columns: dict[str, Any]) -> None:
    for name, value in columns.items():
        setattr(row, name, _read(type(row).__table__.c[name].type, value))


def _read(kind: TypeEngine[Any], value: Any) -> Any:
    """A value as its column keeps it; JSON knew only text and numbers."""
    if value is None:
        return None
    if isinstance(kind, LargeBinary):
        return b64decode(value)
    if isinstance(kind, Uuid):
        return UUID(value)
    if isinstance(kind, Instant):
        return datetime.fromisoformat(value)
    return value


def _suspend_links(tx: Transaction) -> int:
    """Links that the database holds to be live wait for their owners; those whose slot died have ended.

    So have loans and file requests. Described links are taken back: they may have been made after the backup.
    """
    count = 0
    for share in tx.session.scalars(select(Share).where(Share.ended_at.is_(None))).all():
        if tx.keystore.is_live(share.slot_id):
            share.suspended_at = share.suspended_at or tx.now
            count += 1
        else:
            share.ended_at = tx.now
    for request in tx.session.scalars(select(FileRequest).where(FileRequest.ended_at.is_(None))).all():
        if request.slot_id is not None and not tx.keystore.is_live(request.slot_id):
            request.ended_at = tx.now
    for loan in tx.session.scalars(select(Loan).where(Loan.ended_at.is_(None))).all():
        if not tx.keystore.is_live(loan.slot_id):
            loan.ended_at = tx.now
    for described in (ShareRequest, ShareBatch):
        still_open = (described.used_at.is_(None), described.dropped_at.is_(None))
        tx.session.execute(update(described).where(*still_open).values(dropped_at=tx.now))
    return count


def _end_sessions(tx: Transaction) -> int:
    tx.session.execute(Unlocking.__table__.delete())  # type: ignore[attr-defined]
    ended = tx.session.execute(
        update(PersonSession)
        .where(PersonSession.ended_at.is_(None))
        .values(ended_at=tx.now, end_reason="restored")
    )
    return int(ended.rowcount)  # type: ignore[attr-defined]


def _withdraw_one_time_words(tx: Transaction) -> None:
    """An enrolment link or a recovery code that was used after the backup would otherwise work once more."""
    tx.session.execute(RecoveryCode.__table__.delete())  # type: ignore[attr-defined]
    unused = (Enrolment.used_at.is_(None), Enrolment.withdrawn_at.is_(None))
    tx.session.execute(update(Enrolment).where(*unused).values(withdrawn_at=tx.now))
