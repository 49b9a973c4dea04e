"""What is shown of file requests to the members of a bundle, on pages and to programs alike."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.policy import Permission
from vault.bundles.document_types import DOCUMENT_TYPES, RECORDING, enabled_types
from vault.bundles.models import Bundle
from vault.bundles.type_rights import addable_types
from vault.cases.models import Case
from vault.drops.models import DroppedFile, FileRequest
from vault.drops.posting import request_url
from vault.drops.programs import programs_of
from vault.drops.queries import files_for, requests_of
from vault.drops.service import MEGABYTE
from vault.drops.taking_in import waiting_in
from vault.people.approvals import is_video_approved

if TYPE_CHECKING:
    from vault.bundles.opening import OpenBundle
    from vault.crypto.secret import Secret
    from vault.runtime import Transaction


class CameFile(BaseModel):
    """A file that came, without its name: coming, waiting, taken_in (then a document), failed, or ended."""

    id: UUID
    state: str
    document_type: str
    type_name: str
    length: int | None
    offset: int
    begun_at: datetime
    arrived_at: datetime | None
    document: UUID | None


class RequestPage(BaseModel):
    """A file request as members see it; the secret is not in it. Limits in bytes; `state` is open, expired or ended."""

    id: UUID
    bundle_id: UUID
    case_id: UUID
    case_number: str
    name: str
    organisation: str
    email: str | None
    language: str
    token: UUID | None
    document_types: list[str]
    type_names: list[str]
    files_limit: int
    file_limit: int
    bytes_limit: int
    state: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    has_password: bool
    has_note: bool
    coming: int
    waiting: int
    taken_in: int
    now: datetime
    files: list[CameFile]
    may_open: bool
    may_end: bool


class RequestList(BaseModel):
    """The requests of a bundle, newest first; how many files wait to be taken in, whoever sent them."""

    items: list[RequestPage]
    bundle_id: UUID
    case_number: str
    waiting: int
    may_ask: bool


class NewRequestPage(BaseModel):
    """The answer to making a request: the link's address, once; for a program, where it sends to. `is_mailed`: whether the
    link was sent, if that was asked for."""

    id: UUID
    url: str
    bundle_id: UUID
    name: str
    organisation: str
    token: UUID | None
    type_names: list[str]
    files_limit: int
    file_limit: int
    bytes_limit: int
    expires_at: datetime
    has_password: bool
    email: str | None
    can_mail: bool
    is_mailed: bool | None = None


class TypeChoice(BaseModel):
    """A document type that may be asked for."""

    code: str
    name: str
    is_recording: bool


class ProgramChoice(BaseModel):
    """A service of the office whose token sends files and nothing else."""

    id: UUID
    name: str


class RequestFormPage(BaseModel):
    """What the page for a new request needs; sizes in MB."""

    bundle_id: UUID
    bundle_title: str
    case_number: str
    types: list[TypeChoice]
    individuals: list[str]
    programs: list[ProgramChoice]
    expires_at: str
    longest_days: int
    file_mb: int
    total_mb: int
    can_mail: bool


def request_page(tx: Transaction, request: FileRequest) -> RequestPage:
    """One request with what came."""
    files = files_for(tx, request.id)
    states = [file.state for file in files]
    return RequestPage(
        id=request.id,
        bundle_id=request.bundle_id,
        case_id=request.case_id,
        case_number=_case_number(tx, request),
        name=request.name,
        organisation=request.organisation,
        email=request.email,
        language=request.language,
        token=request.token_id,
        document_types=request.document_types,
        type_names=names_of(request),
        files_limit=request.files_limit,
        file_limit=request.file_limit,
        bytes_limit=request.bytes_limit,
        state=_state(request, tx.now),
        created_at=request.created_at,
        expires_at=request.expires_at,
        ended_at=request.ended_at,
        end_reason=request.end_reason,
        has_password=request.profile is not None,
        has_note=request.note_lock is not None,
        coming=states.count("coming"),
        waiting=states.count("waiting"),
        taken_in=states.count("taken_in"),
        now=tx.now,
        files=[_came(file) for file in files],
        may_open=tx.allows(Permission.BUNDLE_OPEN, request),
        may_end=_state(request, tx.now) == "open" and tx.allows(Permission.REQUEST_END, request),
    )


def request_list(tx: Transaction, bundle: Bundle) -> RequestList:
    """All requests of a bundle that the actor may see."""
    return RequestList(
        items=[request_page(tx, request) for request in requests_of(tx, bundle.id)],
        bundle_id=bundle.id,
        case_number=_case_number(tx, bundle),
        waiting=waiting_in(tx, bundle.id),
        may_ask=tx.allows(Permission.REQUEST_CREATE, bundle),
    )


def new_request_page(
    tx: Transaction, request: FileRequest, secret: Secret | None, is_mailed: bool | None = None
) -> NewRequestPage:
    """The link, to be shown once."""
    return NewRequestPage(
        id=request.id,
        url=request_url(tx, request, secret),
        bundle_id=request.bundle_id,
        name=request.name,
        organisation=request.organisation,
        token=request.token_id,
        type_names=names_of(request),
        files_limit=request.files_limit,
        file_limit=request.file_limit,
        bytes_limit=request.bytes_limit,
        expires_at=request.expires_at,
        has_password=request.profile is not None,
        email=request.email,
        can_mail=bool(tx.settings.smtp_url) and request.email is not None,
        is_mailed=is_mailed,
    )


def request_form_page(tx: Transaction, opened: OpenBundle) -> RequestFormPage:
    """The page for a new request."""
    bundle, settings = opened.bundle, tx.settings
    may = addable_types(tx, bundle)
    offered = [each for each in enabled_types(is_video_approved(tx, bundle.office_id)) if each.code in may]
    return RequestFormPage(
        bundle_id=bundle.id,
        bundle_title=opened.title,
        case_number=_case_number(tx, bundle),
        types=[
            TypeChoice(code=each.code, name=each.name, is_recording=each.kind == RECORDING)
            for each in offered
        ],
        individuals=[each.number for each in tx.session.get_one(Case, bundle.case_id).individuals],
        programs=[ProgramChoice(id=each.id, name=each.name) for each in programs_of(tx, bundle.office_id)],
        expires_at=(tx.now + settings.request_default).strftime("%Y-%m-%dT%H:%M"),
        longest_days=settings.request_longest.days,
        file_mb=settings.file_limit // MEGABYTE,
        total_mb=min(1000, settings.bundle_quota // MEGABYTE),
        can_mail=bool(settings.smtp_url),
    )


def names_of(request: FileRequest) -> list[str]:
    """The names of the types that a request asks for."""
    return [DOCUMENT_TYPES[code].name for code in request.document_types]


def _came(file: DroppedFile) -> CameFile:
    upload = file.upload
    state = "failed" if file.failure and file.state == "waiting" else file.state
    return CameFile(
        id=file.id,
        state=state,
        document_type=upload.document_type,
        type_name=DOCUMENT_TYPES[upload.document_type].name,
        length=upload.length,
        offset=upload.offset,
        begun_at=file.begun_at,
        arrived_at=file.arrived_at,
        document=upload.document_id if state == "taken_in" else None,
    )


def _state(request: FileRequest, now: datetime) -> str:
    if now >= request.expires_at and request.end_reason in (None, "expired"):
        return "expired"
    return "ended" if request.ended_at is not None else "open"


def _case_number(tx: Transaction, row: FileRequest | Bundle) -> str:
    return tx.session.get_one(Case, row.case_id).number
