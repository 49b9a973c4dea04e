"""What people sign before anything is destroyed, in one spelling: the authority, the documents, and every file of them.

No people half is needed to say it: the worker that has the keystore says it again, from rows, and compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import Select, select

from vault.archive.canonical import canonical
from vault.archive.package import written_time
from vault.bundles.models import Version
from vault.crypto.kdf import sha256
from vault.disposal.models import Disposal, DisposalItem, DisposedVersion
from vault.errors import Tampered

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

FORMAT = "casevault-disposal/1"


class Heading(NamedTuple):
    """Whose list it is, by which authority, and how many people sign it."""

    office_id: UUID
    reference: str
    dated: date
    signers: int


class Going(NamedTuple):
    """One version that is destroyed: its slot and its object."""

    id: UUID
    document_id: UUID
    slot_id: UUID | None
    object_name: str
    object_length: int
    object_digest: bytes
    written_at: datetime


class Item(NamedTuple):
    """One document: of which case and type, by which rule, since when it is due, and the transcript that stays."""

    number: int
    document_id: UUID
    case_id: UUID
    document_type: str
    class_code: str
    rule_version: int
    citation: str
    due_at: datetime
    transcript_id: UUID | None


@dataclass(frozen=True)
class Said:
    """All that is signed."""

    heading: Heading
    items: tuple[Item, ...]
    going: tuple[Going, ...]

    @property
    def content(self) -> bytes:
        """Canonical JSON."""
        values = {
            "format": FORMAT,
            "office": str(self.heading.office_id),
            "authority": {"reference": self.heading.reference, "date": self.heading.dated.isoformat()},
            "signers": self.heading.signers,
            "documents": self._documents(),
        }
        return canonical(values)

    @property
    def documents_digest(self) -> bytes:
        """SHA-256 of the documents and files alone: what was read before an authority was named."""
        return sha256(canonical({"format": FORMAT, "documents": self._documents()}))

    @property
    def digest(self) -> bytes:
        """SHA-256 of it: what is signed is what was read."""
        return sha256(self.content)

    @property
    def length(self) -> int:
        """Bytes of all objects that go."""
        return sum(each.object_length for each in self.going)

    @property
    def document_ids(self) -> list[UUID]:
        """The documents of the list."""
        return [each.document_id for each in self.items]

    def _documents(self) -> list[dict[str, object]]:
        files: dict[UUID, list[dict[str, object]]] = {each.document_id: [] for each in self.items}
        for each in sorted(self.going, key=lambda each: each.id):
            file: dict[str, object] = {
                "id": str(each.id),
                "sha256": each.object_digest.hex(),
                "size": each.object_length,
            }
            files.setdefault(each.document_id, []).append(file)
        return [_spelt(each, files[each.document_id]) for each in self.items]


def said_of(session: Session, disposal: Disposal, hold: bool = False) -> Said:
    """What the list says now: any version more or less makes it another. With `hold` nobody changes those meanwhile."""
    items = items_of(session, disposal.id)
    return Said(heading_of(disposal), items, going_of(session, [each.document_id for each in items], hold))


def said_of_rows(session: Session, disposal: Disposal) -> Said:
    """What the rows of a disposal that has begun say was signed. `Tampered` for one of no item, or without a slot."""
    row = DisposedVersion
    columns = (row.version_id, row.document_id, row.slot_id, row.object_name, row.object_length)
    query = select(*columns, row.object_digest, row.written_at).where(row.disposal_id == disposal.id)
    found = tuple(Going(*each) for each in session.execute(query.order_by(row.version_id)))
    items = items_of(session, disposal.id)
    listed = {each.document_id for each in items}
    if any(each.document_id not in listed or each.slot_id is None for each in found):
        raise Tampered("What is to be destroyed is not what was approved.")
    return Said(heading_of(disposal), items, found)


def heading_of(disposal: Disposal) -> Heading:
    """Of a list."""
    return Heading(disposal.office_id, disposal.reference, disposal.dated, disposal.signers)


def items_of(session: Session, disposal_id: UUID) -> tuple[Item, ...]:
    """In the order of the list."""
    columns = [getattr(DisposalItem, name) for name in Item._fields]
    query = select(*columns).where(DisposalItem.disposal_id == disposal_id)
    return tuple(Item(*each) for each in session.execute(query.order_by(DisposalItem.number)))


def going_of(session: Session, document_ids: Iterable[UUID], hold: bool = False) -> tuple[Going, ...]:
    """Every version of the documents that lies here, sealed or not."""
    query = _present(list(document_ids)).order_by(Version.id)
    found = session.execute(query.with_for_update(of=Version, key_share=True) if hold else query)
    return tuple(Going(*each) for each in found)


def _present(document_ids: Sequence[UUID]) -> Select[UUID, UUID, UUID | None, str, int, bytes, datetime]:
    columns = (Version.id, Version.document_id, Version.slot_id, Version.object_name, Version.object_length)
    return select(*columns, Version.object_digest, Version.deposited_at).where(
        Version.document_id.in_(document_ids), Version.removed_at.is_(None)
    )


def _spelt(item: Item, files: list[dict[str, object]]) -> dict[str, object]:
    values = item._asdict() | {"due_at": written_time(item.due_at), "files": files}
    return {name: str(value) if isinstance(value, UUID) else value for name, value in values.items()}
