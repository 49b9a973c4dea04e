"""Taking a repository's receipt: the package is received, and with the last one that is due the case is transferred.

Nothing is removed by that. What lies at the drop is looked for by a worker without a key; what does not fit changes nothing
and is told once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select

from vault.access.actor import SYSTEM
from vault.archive.accession import LONGEST, Accession, check_accession, read_accession, wrong
from vault.archive.receipting import held_case
from vault.archive.settlement import settle_transfer
from vault.archive.transfer_models import PackageTransfer
from vault.crypto.kdf import sha256
from vault.db import for_change
from vault.errors import VaultError, WrongReceipt
from vault.jobs import ClaimedJob, handles, renew
from vault.stores import drop_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vault.runtime import Runtime, Transaction
    from vault.store.drop import Drop

ASK = "archive.ask_receipts"


@handles(ASK)
def ask_receipts(runtime: Runtime, job: ClaimedJob) -> None:
    """Each receipt that lies at the drop and fits is taken; of another it is noted, once, why it does not count.

    One that cannot be read keeps no other waiting; the job ends with what was wrong then.
    """
    with runtime.session() as session:
        waiting = select(PackageTransfer.id).where(
            PackageTransfer.delivered_at.is_not(None), PackageTransfer.received_at.is_(None)
        )
        ids = session.scalars(waiting.order_by(PackageTransfer.delivered_at, PackageTransfer.id)).all()
    if not ids:
        return
    drop = drop_of(runtime.settings)
    faults: list[VaultError] = []
    for transfer_id in ids:
        with runtime.session() as session:
            renew(session, job, runtime.clock.now())
            ticket = session.get_one(PackageTransfer, transfer_id).ticket or ""
        try:
            content = receipt_at(drop, ticket)
        except VaultError as fault:
            faults.append(fault)
        else:
            if content is not None:
                _take(runtime, job, transfer_id, content)
    if faults:
        raise faults[0]


def receipt_at(drop: Drop, ticket: str) -> bytes | None:
    """What the receiver has laid beside the submission, one byte more than a receipt may have at most; None yet."""
    name = f"{ticket}.receipt.json"
    if drop.size(name) is None:
        return None
    return b"".join(_until(drop.read(name), LONGEST + 1))


def held_transfer(tx: Transaction, transfer_id: UUID) -> PackageTransfer:
    """The row as it stands now, held until this commit: of two who bring a receipt one sees the other's."""
    query = select(PackageTransfer).where(PackageTransfer.id == transfer_id)
    afresh = {"populate_existing": True}
    held = query.with_for_update(**for_change(PackageTransfer))
    return tx.session.scalars(held, execution_options=afresh).one()


def receive(tx: Transaction, row: PackageTransfer, accession: Accession, recorded_by: UUID | None) -> None:
    """The repository has the package; `recorded_by` typed it in. `WrongReceipt` unless it is for what was delivered."""
    check_accession(row, accession, tx.now.date())
    row.accession_number, row.receiver = accession.number, accession.receiver
    row.received_on, row.received_at, row.recorded_by_id = accession.received_on, tx.now, recorded_by
    row.receipt_key, row.receipt_signature = accession.key, accession.signature
    row.refused_code, row.refused_digest = None, None
    tx.record(
        "package.received",
        row,
        package=row.package_id,
        sha256=(row.sha256 or b"").hex(),
        at="drop" if recorded_by is None else "hand",
    )
    settle_transfer(tx, held_case(tx, row.case_id))


def _take(runtime: Runtime, job: ClaimedJob, transfer_id: UUID, content: bytes) -> None:
    digest = sha256(content)
    with runtime.transaction(SYSTEM) as tx:
        renew(tx.session, job, tx.now)
        row = held_transfer(tx, transfer_id)
        if row.received_at is not None or row.refused_digest == digest:
            return
        try:
            if len(content) > LONGEST:
                raise wrong("unreadable")
            receive(tx, row, read_accession(content), None)
        except WrongReceipt as fault:
            row.refused_code, row.refused_digest = fault.reason, digest
            tx.record("package.receipt_refused", row, package=row.package_id, code=fault.reason)


def _until(pieces: Iterator[bytes], most: int) -> Iterator[bytes]:
    """So many bytes at most."""
    while most > 0 and (piece := next(pieces, b"")):
        yield piece[:most]
        most -= len(piece)
