"""What two people sign before active copies go, and whether their approvals hold. No people half is needed for it.

An approval is the MAC of docs/format.md by the slot that its person had then: with the slot it dies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ColumnElement, select

from vault.archive.canonical import canonical
from vault.archive.gathering import codes_of
from vault.archive.models import ArchivalPackage, ArchiveHeader
from vault.archive.removal_models import Removal, RemovedVersion
from vault.bundles.document_types import PERMANENT
from vault.bundles.models import Document, Version
from vault.crypto.kdf import sha256
from vault.crypto.kinds import SlotKind
from vault.crypto.marks import approval_mac
from vault.crypto.secret import compare
from vault.errors import Tampered

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from vault.keystore.service import Keystore

FORMAT = "casevault-removal/1"


@dataclass(frozen=True)
class Going:
    """One version whose active copy goes: its slot and its object."""

    id: UUID
    slot_id: UUID | None
    object_name: str
    object_length: int
    object_digest: bytes


@dataclass(frozen=True)
class Said:
    """All that is signed: the closing of a case, its packages, and every version that goes, by id."""

    case_id: UUID
    closure_id: UUID
    packages: tuple[dict[str, Any], ...]
    going: tuple[Going, ...]

    @property
    def content(self) -> bytes:
        """In one spelling."""
        values = {
            "format": FORMAT,
            "case": str(self.case_id),
            "closure": str(self.closure_id),
            "packages": list(self.packages),
            "versions": [
                {"id": str(each.id), "sha256": each.object_digest.hex(), "size": each.object_length}
                for each in self.going
            ],
        }
        return canonical(values)

    @property
    def digest(self) -> bytes:
        """SHA-256 of it: what is signed is what was read."""
        return sha256(self.content)

    @property
    def length(self) -> int:
        """Bytes of all objects that go."""
        return sum(each.object_length for each in self.going)


def said_of(session: Session, case_id: UUID, closure_id: UUID, hold: bool = False) -> Said:
    """What would be signed now. With `hold` nobody changes those versions until the transaction ends."""
    columns = (Version.id, Version.slot_id, Version.object_name, Version.object_length, Version.object_digest)
    query = (
        select(*columns)
        .join(Document, Document.id == Version.document_id)
        .where(Version.case_id == case_id, *is_packed(closure_id))
        .order_by(Version.id)
    )
    found = session.execute(query.with_for_update(of=Version, key_share=True) if hold else query)
    return Said(case_id, closure_id, _packages(session, closure_id), tuple(Going(*each) for each in found))


def said_of_rows(session: Session, removal: Removal) -> Said:
    """What the rows of a removal that has begun say was signed."""
    row = RemovedVersion
    columns = (row.version_id, row.slot_id, row.object_name, row.object_length, row.object_digest)
    found = session.execute(
        select(*columns).where(row.removal_id == removal.id).order_by(row.version_id)
    ).all()
    packages = _packages(session, removal.closure_id)
    return Said(removal.case_id, removal.closure_id, packages, tuple(Going(*each) for each in found))


def _packages(session: Session, closure_id: UUID) -> tuple[dict[str, Any], ...]:
    query = select(ArchivalPackage).where(ArchivalPackage.closure_id == closure_id)
    rows = session.scalars(query.order_by(ArchivalPackage.id))
    return tuple(
        {"id": str(row.id), "sha256": (row.sha256 or b"").hex(), "size": row.size or 0} for row in rows
    )


def documents_of(session: Session, said: Said) -> Sequence[UUID]:
    """The documents whose versions go."""
    going = Version.id.in_([each.id for each in said.going])
    return session.scalars(select(Version.document_id).where(going).distinct()).all()


def is_packed(closure_id: UUID) -> tuple[ColumnElement[bool], ...]:
    """True for versions of permanent records that lie in a package of this closing, and here as well."""
    packed = select(ArchiveHeader.version_id).where(ArchiveHeader.closure_id == closure_id)
    return (
        Version.seal.is_not(None),
        Version.removed_at.is_(None),
        Version.id.in_(packed),
        Document.document_type.in_(codes_of(PERMANENT)),
    )


def approval_of(
    keystore: Keystore, slot_id: UUID, approver_id: UUID, removal_id: UUID, said: Said, at: datetime
) -> bytes:
    """One person's approval; `Tampered` once that slot is gone, or if it is another's."""
    slot = keystore.open_slot(slot_id, SlotKind.PRINCIPAL, approver_id)
    return approval_mac(slot, approver_id, removal_id, said.content, int(at.timestamp()))


def both_hold(keystore: Keystore, removal: Removal, said: Said) -> bool:
    """Whether two different people have signed just this, and each approval still verifies."""
    signed = (
        (removal.proposed_by_id, removal.proposed_slot_id, removal.proposed_at, removal.proposed_mac),
        (removal.approved_by_id, removal.approved_slot_id, removal.approved_at, removal.approved_mac),
    )
    if removal.proposed_by_id == removal.approved_by_id:
        return False
    return all(_holds(keystore, removal.id, said, *each) for each in signed)


def _holds(
    keystore: Keystore,
    removal_id: UUID,
    said: Said,
    approver_id: UUID | None,
    slot_id: UUID | None,
    at: datetime | None,
    mac: bytes | None,
) -> bool:
    if approver_id is None or slot_id is None or at is None or mac is None:
        return False
    try:
        expected = approval_of(keystore, slot_id, approver_id, removal_id, said, at)
    except Tampered:
        return False
    return compare(expected, mac)
