"""Copies of certificates in the object store, written once and read by a restore alone:

    certificates/<office id>/<id of the office's slot>/<certificate id>

Each is a field lock under the office's slot, for the text has case numbers: the file, and which slot has signed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import select

from vault.access.actor import SYSTEM
from vault.access.remarks import OfficeSlot, office_holder
from vault.access.signing import CERTIFICATE, SigningKey, signing_key
from vault.archive.canonical import canonical, read_canonical
from vault.archive.certificates import certificate_file, check_certificate
from vault.archive.package import read_time
from vault.archive.removal_models import PROVISIONAL, Certificate
from vault.cases.models import Case
from vault.crypto.encoding import unb64
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import lock_text, unlock_text
from vault.crypto.signature import signing_public_key
from vault.deployment import deployment_id
from vault.errors import Conflict, Tampered

if TYPE_CHECKING:
    from vault.runtime import Runtime, Transaction

PREFIX = "certificates/"
LABEL = "certificate.file"


@dataclass(frozen=True)
class Kept:
    """A copy that this vault's key has signed: whose it is, what it says, the file, and key and slot of the signature."""

    id: UUID
    said: dict[str, Any]
    file: dict[str, str]
    key: bytes
    slot_id: UUID


def keep_certificate(runtime: Runtime, certificate_id: UUID) -> None:
    """The object store has this certificate. `Tampered` if it has another one under its id."""
    with runtime.transaction(SYSTEM) as tx:
        row = tx.session.get_one(Certificate, certificate_id)
        signer = tx.session.get_one(SigningKey, row.key_id)
        kept = read_canonical(certificate_file(tx.session, row)) | {"slot": str(signer.slot_id)}
        holder, text = office_holder(tx, row.office_id), canonical(kept).decode()
        mine = select(OfficeSlot.slot_id).where(OfficeSlot.office_id == row.office_id)
        name = f"{PREFIX}{row.office_id}/{tx.session.scalars(mine).one()}/{row.id}"
    try:
        runtime.store.put(name, lock_text(holder.key, holder.id, LABEL, certificate_id, text))
    except Conflict:
        found = runtime.store.get(name)
        if unlock_text(holder.key, holder.id, LABEL, certificate_id, found) != text:
            raise Tampered("Another certificate was kept under this id.") from None
    with runtime.transaction(SYSTEM) as tx:
        tx.session.get_one(Certificate, certificate_id).kept_at = tx.now


def bring_back_certificates(tx: Transaction) -> int:
    """The certificates that the object store has kept and this database does not know; how many.

    One that is not whole, that this vault's key has not signed, or whose case is not known here, stays where it is.
    """
    known = {str(each) for each in tx.session.scalars(select(Certificate.id))}
    names = [name for name in tx.store.names(PREFIX) if name.rpartition("/")[2] not in known]
    kept = [each for each in (_read(tx, name) for name in sorted(names)) if each is not None]
    provisional_first = sorted(kept, key=lambda each: (each.said["stage"] != PROVISIONAL, each.id))
    return sum(_bring_back(tx, each) for each in provisional_first)


def _read(tx: Transaction, name: str) -> Kept | None:
    try:
        office_id, slot_id, certificate_id = map(UUID, name.removeprefix(PREFIX).split("/"))
        holder = tx.keystore.open_slot(slot_id, SlotKind.OFFICE, office_id)
        text = unlock_text(holder, office_id, LABEL, certificate_id, tx.store.get(name))
        file = read_canonical(text.encode())
        signer = UUID(file.pop("slot"))
        said, key = check_certificate(canonical(file))
        seed = tx.keystore.open_slot(signer, SlotKind.SIGNING, deployment_id(tx.session) or UUID(int=0))
    except (Tampered, KeyError, ValueError, TypeError, AttributeError):
        return None
    return Kept(certificate_id, said, file, key, signer) if signing_public_key(seed) == key else None


def _bring_back(tx: Transaction, kept: Kept) -> bool:
    said, named = kept.said, kept.said.get("case")
    case = tx.session.get(Case, UUID(named["id"])) if named else None
    first = _of_act(tx, said, PROVISIONAL)
    is_first = said["stage"] == PROVISIONAL
    kind, _, number = said["number"].removesuffix("-final").partition("-")
    is_taken = _numbered(tx, kind, int(number), said["stage"]) or _of_act(tx, said, said["stage"])
    if (named and case is None) or is_taken or (not is_first and first is None):
        return False
    signer = signing_key(tx, CERTIFICATE)
    if signer is None:
        made = {"slot_id": kept.slot_id, "public_key": kept.key, "made_at": tx.now}
        signer = tx.add(SigningKey(id=uuid4(), purpose=CERTIFICATE, **made))
    if signer.public_key != kept.key:
        return False
    row = Certificate(
        id=kept.id,
        kind=kind,
        number=int(number),
        stage=said["stage"],
        provisional_id=None if is_first else first,
        subject_id=UUID(said["act"]),
        case_id=case.id if case is not None else None,
        office_id=case.office_id if case is not None else UUID(said["office"]),
        content=kept.file["certificate"].encode(),
        key_id=signer.id,
        signature=unb64(kept.file["signature"]),
        issued_at=read_time(said["issued_at"]),
        kept_at=tx.now,
    )
    tx.add(row)
    return True


def _numbered(tx: Transaction, kind: str, number: int, stage: str) -> UUID | None:
    mine = Certificate.kind == kind, Certificate.number == number, Certificate.stage == stage
    return tx.session.scalar(select(Certificate.id).where(*mine))


def _of_act(tx: Transaction, said: dict[str, Any], stage: str) -> UUID | None:
    mine = Certificate.subject_id == UUID(said["act"]), Certificate.stage == stage
    return tx.session.scalar(select(Certificate.id).where(*mine))
