"""Certificates: what was removed from here and how, in one spelling, signed; anybody checks one without the vault.

The file is canonical JSON: `certificate` (the text that is signed, itself canonical JSON), `signature` and `key`. Each kind
of act says its own values; number, time and signature are the same for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import func, select

from vault.access.signing import CERTIFICATE, SigningKey, sign_for, signed_bytes
from vault.archive.canonical import canonical, read_canonical
from vault.archive.package import written_time
from vault.archive.removal_models import Certificate, name_of
from vault.crypto.encoding import b64, unb64
from vault.crypto.signature import verify
from vault.db import take_turn
from vault.deployment import deployment_id
from vault.errors import Tampered

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from vault.runtime import Transaction

FORMAT = "casevault-certificate/1"


@dataclass(frozen=True)
class Act:
    """What a certificate is about: its kind, the row that was carried out, where that belongs, and what it says of it."""

    kind: str
    subject_id: UUID
    case_id: UUID
    office_id: UUID
    values: dict[str, Any]


def issue_certificate(tx: Transaction, act: Act) -> Certificate:
    """The act has its certificate, with the next number of its kind: signed now, or the one that it has already."""
    take_turn(tx.session, f"certificates:{act.kind}")
    known = tx.session.scalar(select(Certificate).where(Certificate.subject_id == act.subject_id))
    if known is not None:
        return known
    last = tx.session.scalar(select(func.max(Certificate.number)).where(Certificate.kind == act.kind)) or 0
    heading = {
        "format": FORMAT,
        "kind": act.kind,
        "number": name_of(act.kind, last + 1),
        "issued_at": written_time(tx.now),
        "vault": str(deployment_id(tx.session)),
    }
    content = canonical(act.values | heading)
    key, signature = sign_for(tx, CERTIFICATE, content)
    return tx.add(
        Certificate(
            kind=act.kind,
            number=last + 1,
            subject_id=act.subject_id,
            case_id=act.case_id,
            office_id=act.office_id,
            content=content,
            key_id=key.id,
            signature=signature,
            issued_at=tx.now,
        )
    )


def certificate_file(session: Session, row: Certificate) -> bytes:
    """The certificate as it is downloaded. `Tampered` if the signature does not fit."""
    key = session.scalars(select(SigningKey.public_key).where(SigningKey.id == row.key_id)).one()
    verify(key, signed_bytes(CERTIFICATE, row.content), row.signature)
    text = row.content.decode()
    return canonical({"certificate": text, "key": b64(key), "signature": b64(row.signature)})


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
