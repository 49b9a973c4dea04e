"""What is shown of transfers, to pages and to the API alike."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.bundles.document_types import RECORDING, enabled_types
from vault.bundles.type_rights import addable_types
from vault.cases.models import Case
from vault.inspection.formats import AUDIO, BY_ENDING, DOCUMENT, IMAGE, VIDEO
from vault.people.approvals import is_video_approved
from vault.transfers.reading import Content
from vault.transfers.upload_pages import UploadPage, unfinished_page

if TYPE_CHECKING:
    from vault.bundles.models import Bundle, Document
    from vault.bundles.opening import OpenBundle
    from vault.runtime import Transaction
    from vault.transfers.receiving import Stored


class FileResult(BaseModel):
    """What became of one file: `stored`, or `refused` with a stable code and a sentence. `length` in bytes."""

    file: str
    state: str
    document: UUID | None = None
    version: int | None = None
    length: int | None = None
    same_as: UUID | None = None
    code: str | None = None
    reason: str | None = None

    @classmethod
    def of(cls, file: str, stored: Stored) -> FileResult:
        """A file that is a version now."""
        version, same = stored.version, stored.same_as
        return cls(
            file=file,
            state="stored",
            document=version.document_id,
            version=version.number,
            length=version.length,
            same_as=same.document_id if same else None,
        )


class Receipt(BaseModel):
    """What became of the files of one form, in their order."""

    bundle: UUID
    items: list[FileResult]


class Choice(BaseModel):
    """A value and the words for it."""

    value: str
    label: str


class UploadForm(BaseModel):
    """What the page for new files needs. `limit` is in MB, for each file of a plain form; `file_limit` in bytes, for each
    that is sent in pieces. `guesses` are types by the endings that suggest them, `recordings` the types that name people.
    """

    bundle: UUID
    bundle_title: str
    case_number: str
    types: list[Choice]
    individuals: list[str]
    guesses: dict[str, str]
    recordings: list[str]
    limit: int
    file_limit: int
    endings: str
    unfinished: list[UploadPage]


class VersionForm(BaseModel):
    """What the page for a further version needs; `limit` in MB, `file_limit` in bytes."""

    bundle: UUID
    document: UUID
    title: str
    document_type: str
    version: int
    limit: int
    file_limit: int
    endings: str
    unfinished: list[UploadPage]


class ExportForm(BaseModel):
    """What the page for an export needs, or for cleaning."""

    bundle: UUID
    document: UUID
    title: str
    version: int
    length: int
    file_name: str


MEBIBYTE = 1024 * 1024
SUGGESTED = {AUDIO: "interview_audio", VIDEO: "interview_video"}
"""The type that a file's family suggests, where it is in use."""


def upload_form(tx: Transaction, opened: OpenBundle) -> UploadForm:
    """The page for new files of an open bundle."""
    case, video = case_of(tx, opened.bundle), is_video_approved(tx, opened.bundle.office_id)
    addable = addable_types(tx, opened.bundle)
    types = [each for each in enabled_types(video) if each.code in addable]
    return UploadForm(
        bundle=opened.bundle.id,
        bundle_title=opened.title,
        case_number=case.number,
        types=[Choice(value=each.code, label=each.name) for each in types],
        individuals=[individual.number for individual in case.individuals],
        guesses=_guesses({each.code for each in types}),
        recordings=[each.code for each in types if each.kind == RECORDING],
        limit=tx.settings.form_limit // MEBIBYTE,
        file_limit=tx.settings.file_limit,
        endings=_endings(video),
        unfinished=_unfinished(tx, opened),
    )


def version_form(tx: Transaction, opened: OpenBundle, document: Document) -> VersionForm:
    """The page for a further version of a document."""
    return VersionForm(
        bundle=opened.bundle.id,
        document=document.id,
        title=opened.title_of(document),
        document_type=document.document_type,
        version=document.current_number + 1,
        limit=tx.settings.form_limit // MEBIBYTE,
        file_limit=tx.settings.file_limit,
        endings=_endings(is_video_approved(tx, opened.bundle.office_id)),
        unfinished=[each for each in _unfinished(tx, opened) if each.document == document.id],
    )


def export_form(opened: OpenBundle, content: Content) -> ExportForm:
    """The page for an export, or for cleaning."""
    return ExportForm(
        bundle=opened.bundle.id,
        document=content.document.id,
        title=opened.title_of(content.document),
        version=content.version.number,
        length=content.length,
        file_name=content.file_name,
    )


def _endings(video: bool) -> str:
    """What a file chooser offers."""
    families = (DOCUMENT, IMAGE, AUDIO, VIDEO) if video else (DOCUMENT, IMAGE, AUDIO)
    known = sorted(ending for ending, accepted in BY_ENDING.items() if accepted.media.family in families)
    return ",".join(f".{ending}" for ending in known)


def case_of(tx: Transaction, bundle: Bundle) -> Case:
    """The case of a bundle."""
    return tx.session.get_one(Case, bundle.case_id)


def _unfinished(tx: Transaction, opened: OpenBundle) -> list[UploadPage]:
    return [each for each in unfinished_page(tx).items if each.bundle == opened.bundle.id]


def _guesses(types: set[str]) -> dict[str, str]:
    families = {ending: accepted.media.family for ending, accepted in BY_ENDING.items()}
    return {end: SUGGESTED[family] for end, family in families.items() if SUGGESTED.get(family) in types}
