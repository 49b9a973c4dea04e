"""What is shown of documents and their versions, and of a bundle's history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.policy import Permission, permits
from vault.audit.queries import AuditEvent, sentence
from vault.bundles.document_types import DOCUMENT_TYPES, RECORDING, enabled_types, is_permanent
from vault.bundles.documents import withdrawal_reason
from vault.bundles.models import Document, Version
from vault.bundles.opening import OpenBundle
from vault.bundles.queries import files_of, open_targets, versions_of
from vault.cases.models import Case, Individual
from vault.inspection.findings import UNKNOWN, Findings, findings_of
from vault.inspection.outlines import SHOWN
from vault.people.models import Person

if TYPE_CHECKING:
    from vault.runtime import Transaction


class VersionRow(BaseModel):
    """One deposited file; `length` in bytes, `duration_ms` only of a recording, where it is known. It can be read when
    it is available. `removed_at`: what lay here went to the archive then, or was disposed of."""

    id: UUID
    number: int
    file_name: str
    media_type: str
    extension: str
    length: int
    duration_ms: int | None
    deposited_at: datetime
    removed_at: datetime | None
    is_available: bool
    inspection: Findings


class VersionList(BaseModel):
    """All versions of a document, newest first."""

    items: list[VersionRow]


class FileRow(BaseModel):
    """A document or recording of an open bundle with its current version; individuals by number."""

    id: UUID
    bundle_id: UUID
    document_type: str
    type_name: str
    kind: str
    language: str | None
    title: str
    individuals: list[str]
    version: VersionRow
    withdrawn_at: datetime | None
    revision: int
    may_download: bool
    is_disposed: bool = False


class FileList(BaseModel):
    """What lies in an open bundle."""

    items: list[FileRow]


class DocumentPage(FileRow):
    """A document with its versions, and what the actor may do with it. `highest_tier` is the highest that it ever had;
    `form_left_at`, when a Resettlement Registration Form got another type: links on it are made by what it was, too.
    `may_look`: it can be shown without being downloaded."""

    case_id: UUID
    case_number: str
    bundle_title: str
    uploaded_by: str
    created_at: datetime
    tier: str
    highest_tier: str
    form_left_at: datetime | None
    withdrawal_reason: str | None
    versions: list[VersionRow]
    may_change: bool
    may_withdraw: bool
    may_move: bool
    may_export: bool
    may_lend: bool
    may_look: bool


class Choice(BaseModel):
    """Something to choose in a form."""

    value: str
    label: str


class DocumentForm(DocumentPage):
    """The page for describing a document anew."""

    types: list[Choice]
    known_individuals: list[str]


class Target(BaseModel):
    """An open bundle that takes documents."""

    bundle: UUID
    case_number: str
    title: str


class MoveForm(DocumentPage):
    """The page for moving a document: the bundles that are open now."""

    targets: list[Target]


class HistoryRow(BaseModel):
    """One event in plain words; `who` is a colleague's name, `kind` says what else acted."""

    number: int
    at: datetime
    who: str | None
    kind: str
    what: str


def version_row(opened: OpenBundle, version: Version, found: Findings = UNKNOWN) -> VersionRow:
    """One version of an open bundle, and what was found in it."""
    return VersionRow(
        id=version.id,
        number=version.number,
        file_name=opened.file_name_of(version),
        media_type=version.media_type,
        extension=version.extension,
        length=version.length,
        duration_ms=version.duration_ms,
        deposited_at=version.deposited_at,
        removed_at=version.removed_at,
        is_available=version.is_available,
        inspection=found,
    )


def file_row(
    opened: OpenBundle, document: Document, version: VersionRow, may_download: bool = True
) -> FileRow:
    """One document of an open bundle, with its current version."""
    return FileRow(
        id=document.id,
        bundle_id=document.bundle_id,
        document_type=document.document_type,
        type_name=DOCUMENT_TYPES[document.document_type].name,
        kind=document.kind,
        language=document.language,
        title=opened.title_of(document),
        individuals=[individual.number for individual in document.individuals],
        version=version,
        withdrawn_at=document.withdrawn_at,
        revision=document.revision,
        may_download=may_download and version.is_available,
        is_disposed=version.removed_at is not None and not is_permanent(document.document_type),
    )


def file_rows(tx: Transaction, opened: OpenBundle) -> list[FileRow]:
    """What the actor may read of the open bundle."""
    downloadable = permits(Permission.DOCUMENT_DOWNLOAD, Document, tx.actor, tx.now)
    ids = select(Document.id).where(Document.bundle_id == opened.bundle.id, downloadable)
    allowed = set(tx.session.scalars(ids))
    files = files_of(tx, opened.bundle)
    found = findings_of(tx.session, [version.id for _, version in files])
    return [
        file_row(opened, document, version_row(opened, version, found[version.id]), document.id in allowed)
        for document, version in files
    ]


def version_rows(tx: Transaction, opened: OpenBundle, document: Document) -> list[VersionRow]:
    """All versions of a document, newest first."""
    versions = versions_of(tx, document)
    found = findings_of(tx.session, [version.id for version in versions])
    return [version_row(opened, version, found[version.id]) for version in versions]


def document_page(tx: Transaction, opened: OpenBundle, document: Document) -> DocumentPage:
    """The document for its own page."""
    versions = version_rows(tx, opened, document)
    current = next(version for version in versions if version.number == document.current_number)
    row = file_row(opened, document, current, tx.allows(Permission.DOCUMENT_DOWNLOAD, document))
    stays = document.withdrawn_at is None and not row.is_disposed
    return DocumentPage(
        **dict(row),
        case_id=document.case_id,
        case_number=tx.session.get_one(Case, document.case_id).number,
        bundle_title=opened.title,
        uploaded_by=tx.session.get_one(Person, document.owner_id).display_name,
        created_at=document.created_at,
        tier=document.tier,
        highest_tier=document.highest_tier,
        form_left_at=document.form_left_at,
        withdrawal_reason=withdrawal_reason(tx, document, opened),
        versions=versions,
        may_change=stays and tx.allows(Permission.DOCUMENT_CHANGE, document),
        may_withdraw=stays and tx.allows(Permission.DOCUMENT_WITHDRAW, document),
        may_move=stays and tx.allows(Permission.DOCUMENT_MOVE, document),
        may_look=current.is_available and current.extension in SHOWN,
        may_lend=stays and current.is_available and tx.allows(Permission.LOAN_CREATE, document),
        may_export=stays
        and current.is_available
        and is_permanent(document.document_type)
        and tx.allows(Permission.DOCUMENT_EXPORT, document),
    )


def document_form(tx: Transaction, opened: OpenBundle, document: Document) -> DocumentForm:
    """The document with what can be chosen for it: types of its kind, individuals of its case."""
    own = DOCUMENT_TYPES[document.document_type]
    types = [own] if own.kind == RECORDING else [each for each in enabled_types() if each.kind == own.kind]
    numbers = select(Individual.number).where(Individual.case_id == document.case_id)
    return DocumentForm(
        **dict(document_page(tx, opened, document)),
        types=[Choice(value=entry.code, label=entry.name) for entry in types],
        known_individuals=list(tx.session.scalars(numbers.order_by(Individual.number))),
    )


def move_form(tx: Transaction, opened: OpenBundle, document: Document) -> MoveForm:
    """The document with the bundles that it could be moved to now."""
    targets = [
        Target(
            bundle=target.bundle.id,
            case_number=tx.session.get_one(Case, target.bundle.case_id).number,
            title=target.title,
        )
        for target in open_targets(tx, opened.bundle)
    ]
    return MoveForm(**dict(document_page(tx, opened, document)), targets=targets)


def history_rows(tx: Transaction, events: Sequence[AuditEvent]) -> list[HistoryRow]:
    """The events in plain words, with the names of colleagues."""
    names = _names(tx, {event.actor_id for event in events if event.actor_id is not None})
    return [
        HistoryRow(
            number=event.number,
            at=event.at,
            who=names.get(event.actor_id) if event.actor_id else None,
            kind=event.actor_kind,
            what=sentence(event),
        )
        for event in events
    ]


def _names(tx: Transaction, ids: Iterable[UUID]) -> dict[UUID, str]:
    query = select(Person.id, Person.display_name).where(Person.id.in_(list(ids)))
    return dict(tx.session.execute(query).all())
