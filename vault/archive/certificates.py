"""Certificates: what was removed from here and how, in one spelling, signed; anybody checks one without the vault.

The file is canonical JSON: `certificate` (the text that is signed, itself canonical JSON), `signature` and `key`. Each kind
of act says its own values; number, stage, act, time and signature are the same for all. The first one of an act is
provisional; the final one (`finishing`) is a text of its own that names the first by number and SHA-256 of its file.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select

from vault.access.signing import CERTIFICATE, SigningKey, sign_for, signed_bytes
from vault.archive.canonical import canonical, read_canonical
from vault.archive.package import written_time
from vault.archive.removal_models import FINAL, PROVISIONAL, Certificate, name_of
from vault.crypto.encoding import b64, unb64
from vault.crypto.kinds import SlotKind
from vault.crypto.signature import signing_public_key, verify
from vault.db import take_turn
from vault.deployment import deployment_id
from vault.errors import Tampered

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from vault.runtime import Transaction

FORMAT = "casevault-certificate/1"
KEEP = "certificates.keep"


@dataclass(frozen=True)
class Act:
    """What a certificate is about: its kind, the row that was carried out, where that belongs, and what it says of it."""

    kind: str
    subject_id: UUID
    case_id: UUID | None
    office_id: UUID
    values: dict[str, Any]


def issue_certificate(tx: Transaction, act: Act) -> Certificate:
    """The act has its provisional certificate, with the next number of its kind: signed now, or the one that it has."""
    take_turn(tx.session, f"certificates:{act.kind}")
    mine = Certificate.subject_id == act.subject_id, Certificate.stage == PROVISIONAL
    known = tx.session.scalar(select(Certificate).where(*mine))
    if known is not None:
        return known
    of_kind = select(Certificate).where(Certificate.kind == act.kind, Certificate.stage == PROVISIONAL)
    last = tx.session.scalar(of_kind.order_by(Certificate.number.desc()).limit(1))
    previous = {"number": last.name, "sha256": file_digest(tx.session, last)} if last is not None else None
    return _signed(tx, act, {"previous": previous}, last.number + 1 if last is not None else 1)


def issue_final(tx: Transaction, row: Certificate, values: dict[str, Any]) -> Certificate:
    """The act of this provisional certificate has its final one, with the same number: signed now, or the one it has.

    `Tampered` if the provisional one is not what this vault's key has signed.
    """
    take_turn(tx.session, f"certificates:{row.kind}")
    known = tx.session.scalar(select(Certificate).where(Certificate.provisional_id == row.id))
    if known is not None:
        return known
    require_own(tx, row)
    said = read_canonical(row.content)
    named = {"number": row.name, "sha256": file_digest(tx.session, row), "issued_at": said["issued_at"]}
    act = Act(row.kind, row.subject_id, row.case_id, row.office_id, values)
    return _signed(tx, act, {"provisional": named}, row.number, row)


def require_own(tx: Transaction, row: Certificate) -> None:
    """This certificate stands as the key in the keystore has signed it; else `Tampered`, whatever the rows say."""
    certificate_file(tx.session, row)
    key = tx.session.get_one(SigningKey, row.key_id)
    deployment = deployment_id(tx.session) or UUID(int=0)
    if signing_public_key(tx.keystore.open_slot(key.slot_id, SlotKind.SIGNING, deployment)) != key.public_key:
        raise Tampered("A certificate was signed by another key.")


def _signed(
    tx: Transaction, act: Act, named: dict[str, Any], number: int, provisional: Certificate | None = None
) -> Certificate:
    stage = FINAL if provisional is not None else PROVISIONAL
    heading = {
        "act": str(act.subject_id),
        "format": FORMAT,
        "kind": act.kind,
        "number": name_of(act.kind, number, stage),
        "stage": stage,
        "issued_at": written_time(tx.now),
        "vault": str(deployment_id(tx.session)),
    }
    content = canonical(act.values | named | heading)
    key, signature = sign_for(tx, CERTIFICATE, content)
    row = tx.add(
        Certificate(
            kind=act.kind,
            number=number,
            stage=stage,
            provisional_id=provisional.id if provisional is not None else None,
            subject_id=act.subject_id,
            case_id=act.case_id,
            office_id=act.office_id,
            content=content,
            key_id=key.id,
            signature=signature,
            issued_at=tx.now,
        )
    )
    tx.later(KEEP, row.id, dedupe_key=f"{KEEP}:{row.id}")
    return row


def certificate_file(session: Session, row: Certificate) -> bytes:
    """The certificate as it is downloaded. `Tampered` if the signature does not fit."""
    key = session.scalars(select(SigningKey.public_key).where(SigningKey.id == row.key_id)).one()
    verify(key, signed_bytes(CERTIFICATE, row.content), row.signature)
    return _file(row, key)


def file_digest(session: Session, row: Certificate) -> str:
    """SHA-256 of the file, hexadecimal, as another certificate names it."""
    key = session.scalars(select(SigningKey.public_key).where(SigningKey.id == row.key_id)).one()
    return sha256(_file(row, key)).hexdigest()


def check_certificate(content: bytes, public_key: bytes | None = None) -> tuple[dict[str, Any], bytes]:
    """What a certificate says, and the key that has signed it: the one given, or else the one that it names itself.

    `Tampered` for anything else, however like one.
    """
    values = read_canonical(content)
    try:
        text, signature, named = (values.pop(name) for name in ("certificate", "signature", "key"))
        key = public_key or unb64(named)
        said = text.encode()
        verify(key, signed_bytes(CERTIFICATE, said), unb64(signature))
        certificate: dict[str, Any] = read_canonical(said)
        is_ours = certificate["format"] == FORMAT and not values and unb64(named) == key
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Tampered from None
    if not is_ours:
        raise Tampered
    return certificate, key


def check_pair(final: dict[str, Any], provisional: bytes, key: bytes) -> None:
    """This final certificate is that of the provisional one in this file, which the same key has signed; else `Tampered`."""
    said, _ = check_certificate(provisional, key)
    named = final.get("provisional")
    wanted = {
        "number": said["number"],
        "sha256": sha256(provisional).hexdigest(),
        "issued_at": said["issued_at"],
    }
    if final.get("stage") != FINAL or said.get("stage", PROVISIONAL) != PROVISIONAL or named != wanted:
        raise Tampered


def _file(row: Certificate, key: bytes) -> bytes:
    text = row.content.decode()
    return canonical({"certificate": text, "key": b64(key), "signature": b64(row.signature)})
