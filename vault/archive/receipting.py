"""Receipts of packages: signed by the worker that has the signing key, then laid beside the tar; the case is archived then.

Who signs sees no object, and who keeps the signature has no key. A receipt says what the package's row says, so signed again
it is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import lazyload, load_only

from vault.access.signing import RECEIPT, SigningKey, sign_for, signed_bytes
from vault.archive.canonical import canonical, read_canonical
from vault.archive.gathering import AGENT
from vault.archive.models import ARCHIVED, RECEIPTED, VERIFIED, ArchivalPackage, PackageCopy
from vault.archive.package import DisposalClass
from vault.archive.packaging import KEEP, SIGN, OtherThere, go_on, package_row, step, stopping
from vault.archive.receipt import Receipt, read_receipt, write_receipt
from vault.archive.settlement import settle_transfer
from vault.cases.models import Case
from vault.crypto.encoding import b64, unb64
from vault.crypto.signature import verify
from vault.db import for_change
from vault.errors import Conflict, Tampered
from vault.jobs import ClaimedJob, handles
from vault.stores import archive_of

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from sqlalchemy.orm import Session

    from vault.runtime import Runtime, Transaction
    from vault.store.archive import Archive


@handles(SIGN)
def sign_receipt(runtime: Runtime, job: ClaimedJob) -> None:
    """The receipt of a package that was read back is signed."""
    with stopping(runtime, job), step(runtime, job) as (tx, row):
        if row.state != VERIFIED:
            return
        key, row.receipt_signature = sign_for(tx, RECEIPT, write_receipt(receipt_of_row(row)))
        row.receipt_key_id, row.state = key.id, RECEIPTED
        tx.record("package.receipted", row, version=row.version, key=key.id)
        go_on(tx, row)


@handles(KEEP)
def keep_receipt(runtime: Runtime, job: ClaimedJob) -> None:
    """The signed receipt lies beside the tar, kept as long; with the last package of a closing its case is archived."""
    with stopping(runtime, job):
        row = package_row(runtime, job)
        if row.state != RECEIPTED:
            return
        with runtime.session() as session:
            content = signed_receipt(session, row)
            copies = select(PackageCopy.kept_until).where(PackageCopy.package_id == row.id)
            until = session.scalar(copies)
        lay_receipt(archive_of(runtime), receipt_name(row), content, until)
        with step(runtime, job) as (tx, row):
            row.state, row.archived_at = ARCHIVED, tx.now
            _settle_case(tx, row)


def receipt_of_row(row: ArchivalPackage) -> Receipt:
    """What the row says of the tar."""
    return Receipt(
        package_id=row.aip_id,
        version=row.version,
        name=f"AIP-{row.aip_id}-v{row.version}",
        disposal=DisposalClass(row.disposal),
        organisation=row.organisation,
        agent=f"{AGENT} {row.agent_version}",
        packaged_at=row.packaged_at,
        size=row.size or 0,
        sha256=(row.sha256 or b"").hex(),
        sha512=(row.sha512 or b"").hex(),
        oxum=row.oxum or "",
    )


def signed_receipt(session: Session, row: ArchivalPackage) -> bytes:
    """The file beside the tar: the receipt's text, the signature over it, the public key. `Tampered` if they do not fit."""
    key = session.scalar(select(SigningKey.public_key).where(SigningKey.id == row.receipt_key_id)) or b""
    text, signature = write_receipt(receipt_of_row(row)), row.receipt_signature or b""
    verify(key, signed_bytes(RECEIPT, text), signature)
    return canonical({"key": b64(key), "receipt": text.decode(), "signature": b64(signature)})


def check_signed_receipt(content: bytes, public_key: bytes) -> Receipt:
    """What a signed receipt says, if this key has signed it; else `Tampered`."""
    try:
        values = read_canonical(content)
        text, signature = values["receipt"].encode(), unb64(values["signature"])
    except (KeyError, TypeError, AttributeError):
        raise Tampered from None
    verify(public_key, signed_bytes(RECEIPT, text), signature)
    return read_receipt(text)


def check_laid(session: Session, archive: Archive, row: ArchivalPackage) -> None:
    """`OtherThere` unless the signed receipt lies beside the tar, just so."""
    if archive.get(receipt_name(row)) != signed_receipt(session, row):
        raise OtherThere("Something else lies in the archive under the name of this receipt.")


def receipt_name(row: ArchivalPackage) -> str:
    """The object beside the tar."""
    return row.object_name.removesuffix(".tar") + ".json"


def lay_receipt(archive: Archive, name: str, content: bytes, until: datetime | None) -> None:
    """The object is there with this content, once. Errors: `OtherThere`."""
    try:
        if archive.size(name) is None:
            archive.put(name, content)
    except Conflict:
        pass  # another run laid it down meanwhile: it is looked at below
    if archive.get(name) != content:
        raise OtherThere("Something else lies in the archive under the name of this receipt.")
    if until is not None:
        archive.extend_retention(name, archive.kept(name).version, until)


def held_case(tx: Transaction, case_id: UUID) -> Case:
    """The case, held until this commit, so that of two last packages one sees the other; what was written is."""
    columns = load_only(Case.office_id, Case.state, Case.changed_at, Case.revision)
    query = select(Case).options(columns, lazyload("*")).where(Case.id == case_id)
    case = tx.session.scalars(query.with_for_update(**for_change(Case))).one()
    tx.session.flush()
    return case


def _settle_case(tx: Transaction, row: ArchivalPackage) -> None:
    case = held_case(tx, row.case_id)
    same = (ArchivalPackage.closure_id == row.closure_id, ArchivalPackage.state != ARCHIVED)
    if tx.session.scalar(select(func.count()).select_from(ArchivalPackage).where(*same)):
        return
    case.state, case.changed_at = ARCHIVED, tx.now
    case.revision += 1
    tx.record("case.archived", case, closure=row.closure_id)
    settle_transfer(tx, case)
