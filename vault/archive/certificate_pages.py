"""What is shown of certificates: the list of those that one may see, and one, with its stage and why it has no other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Select, false, select

from vault.access.policy import Permission, permits
from vault.access.signing import SigningKey
from vault.archive.canonical import read_canonical
from vault.archive.removal_models import CERTIFICATE_KINDS, FINAL, PROVISIONAL, Certificate
from vault.cases.models import Case
from vault.crypto.encoding import b64
from vault.cursors import cursor_of, is_beyond

if TYPE_CHECKING:
    from vault.runtime import Transaction

NAME = re.compile(rf"({'|'.join(CERTIFICATE_KINDS)})-(\d{{6,9}})(-final)?")


class CertificateRow(BaseModel):
    """One certificate. `other` is the final one of a provisional one, or the provisional one of a final one, by id.

    `waits_for` is why there is no final one yet, as it was found at `looked_at`: `slot`, `copy`, `backup`, `time` or
    `tampered`; `waits_until` when that ends by itself, and `waits_backup` which backup of the keystore it is. `case_id` is
    null for one about several cases.
    """

    id: UUID
    kind: str
    name: str
    stage: str
    case_id: UUID | None
    case_number: str | None
    issued_at: datetime
    other: UUID | None
    waits_for: str | None
    waits_until: datetime | None
    waits_backup: UUID | None
    looked_at: datetime | None


class CertificatePage(CertificateRow):
    """A certificate: what it says, as values and as the `text` (canonical JSON) that is signed.

    `signature` is Ed25519 over `casevault-v1/certificate`, a zero byte and the text, by `key`; `key_hex` is the same key.
    """

    now: datetime
    said: dict[str, Any]
    text: str
    signature: str
    key: str
    key_hex: str


def list_certificates(
    tx: Transaction, after: str | None, limit: int, name: str | None = None
) -> tuple[list[CertificateRow], str | None]:
    """Those that the actor may see, or the one of this name, newest first; and the cursor of the page that follows."""
    query = select(Certificate).where(permits(Permission.PACKAGE_SEE, Certificate, tx.actor, tx.now))
    if name is not None:
        query = _named(query, name)
    if after is not None:
        query = query.where(is_beyond(Certificate.issued_at, Certificate.id, after))
    newest = query.order_by(Certificate.issued_at.desc(), Certificate.id.desc())
    found = tx.session.scalars(newest.limit(limit + 1)).all()
    shown = found[:limit]
    following = cursor_of(shown[-1].issued_at, shown[-1].id) if len(found) > limit else None
    return _rows(tx, shown), following


def certificate_page(tx: Transaction, row: Certificate) -> CertificatePage:
    """One, loaded with the permission to see it."""
    key = tx.session.get_one(SigningKey, row.key_id)
    (shown,) = _rows(tx, [row])
    return CertificatePage(
        **dict(shown),
        now=tx.now,
        said=read_canonical(row.content),
        text=row.content.decode(),
        signature=b64(row.signature),
        key=b64(key.public_key),
        key_hex=key.public_key.hex(),
    )


def certificate_of(tx: Transaction, case_id: UUID) -> UUID | None:
    """The newest certificate of the case."""
    mine = select(Certificate.id).where(Certificate.case_id == case_id)
    return tx.session.scalar(mine.order_by(Certificate.issued_at.desc(), Certificate.id).limit(1))


def _named(query: Select[Certificate], name: str) -> Select[Certificate]:
    found = NAME.fullmatch(name)
    if found is None:
        return query.where(false())
    kind, number, final = found.groups()
    stage = FINAL if final else PROVISIONAL
    return query.where(
        Certificate.kind == kind, Certificate.number == int(number), Certificate.stage == stage
    )


def _rows(tx: Transaction, rows: Sequence[Certificate]) -> list[CertificateRow]:
    ids, case_ids = [row.id for row in rows], {row.case_id for row in rows if row.case_id}
    finals = select(Certificate.provisional_id, Certificate.id).where(Certificate.provisional_id.in_(ids))
    final_of = {each.provisional_id: each.id for each in tx.session.execute(finals)}
    numbers = select(Case.id, Case.number).where(Case.id.in_(case_ids))
    number_of = {each.id: each.number for each in tx.session.execute(numbers)}
    return [
        CertificateRow(
            id=row.id,
            kind=row.kind,
            name=row.name,
            stage=row.stage,
            case_id=row.case_id,
            case_number=number_of.get(row.case_id) if row.case_id else None,
            issued_at=row.issued_at,
            other=row.provisional_id or final_of.get(row.id),
            waits_for=row.waits_for,
            waits_until=row.waits_until,
            waits_backup=row.waits_backup_id,
            looked_at=row.looked_at,
        )
        for row in rows
    ]
