"""Certificates after they were issued: the final one is made once nothing can bring back what was destroyed, and each is
kept as a write-once object, so that a database that is put back has it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import aliased

from vault.access.actor import SYSTEM
from vault.archive.canonical import read_canonical
from vault.archive.certificate_copies import keep_certificate
from vault.archive.certificates import KEEP, issue_final, require_own
from vault.archive.finality import final_values, outlook_of
from vault.archive.removal_models import PROVISIONAL, WAITS_TAMPERED, Certificate
from vault.clock import ClockState, read_clock
from vault.db import for_change
from vault.errors import Tampered
from vault.jobs import ClaimedJob, handles, renew

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

FINISH = "certificates.finish"


@handles(FINISH)
def finish_certificates(runtime: Runtime, job: ClaimedJob) -> None:
    """Every provisional certificate has its final one, or its row says what it waits for; and all are kept.

    While the clock is not to be trusted nothing is said: some of it goes by time.
    """
    for certificate_id in _unfinished(runtime):
        with runtime.transaction(SYSTEM) as tx:
            renew(tx.session, job, tx.now)
            if read_clock(tx.session, runtime.clock).state is not ClockState.STEADY:
                return
            _look_at(tx, certificate_id)
    for certificate_id in _unkept(runtime):
        with runtime.session() as session:
            renew(session, job, runtime.clock.now())
        keep_certificate(runtime, certificate_id)


@handles(KEEP)
def keep_its_copy(runtime: Runtime, job: ClaimedJob) -> None:
    """The object store has the certificate, too."""
    if job.subject_id is not None:
        keep_certificate(runtime, job.subject_id)


def _look_at(tx: Transaction, certificate_id: UUID) -> None:
    query = select(Certificate).where(Certificate.id == certificate_id)
    row = tx.session.scalars(query.with_for_update(**for_change(Certificate))).one()
    if tx.session.scalar(select(Certificate.id).where(Certificate.provisional_id == row.id)):
        return  # another run was faster
    row.looked_at, row.waits_for, row.waits_until, row.waits_backup_id = tx.now, None, None, None
    try:
        require_own(tx, row)
    except Tampered:
        row.waits_for = WAITS_TAMPERED
        return
    said = read_canonical(row.content)
    outlook = outlook_of(tx, row.kind, row.subject_id, said)
    if outlook.reason is None:
        row.waits_for, row.waits_until = outlook.waits_for, outlook.until
        row.waits_backup_id = outlook.backup_id
        return
    final = issue_final(tx, row, final_values(said, outlook))
    tx.record("certificate.finished", final, kind=final.kind, number=final.number, reason=outlook.reason)


def _unfinished(runtime: Runtime) -> list[UUID]:
    final = aliased(Certificate)
    has_final = select(final.id).where(final.provisional_id == Certificate.id).exists()
    query = select(Certificate.id).where(Certificate.stage == PROVISIONAL, ~has_final)
    with runtime.session() as session:
        return list(session.scalars(query.order_by(Certificate.issued_at, Certificate.id)))


def _unkept(runtime: Runtime) -> list[UUID]:
    """Those without a copy; what is not as it was signed gets none."""
    is_whole = Certificate.waits_for.is_distinct_from(WAITS_TAMPERED)
    query = select(Certificate.id).where(Certificate.kept_at.is_(None), is_whole)
    with runtime.session() as session:
        return list(session.scalars(query.order_by(Certificate.issued_at, Certificate.id)))
