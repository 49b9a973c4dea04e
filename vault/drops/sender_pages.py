"""What a sender sees: what is asked for, and his own files; nothing else of the bundle, and no content ever."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from vault.access.signing import SigningKey
from vault.bundles.document_types import DOCUMENT_TYPES
from vault.cases.models import Case
from vault.crypto.encoding import b64url
from vault.drops.keys import ANNOUNCED, FINGERPRINT, Entry, name_of
from vault.drops.models import DroppedFile, DropReceipt
from vault.drops.programs import Program
from vault.drops.queries import files_of, room_left
from vault.drops.receipts import digest_of, newest_receipt
from vault.drops.resuming import said_of
from vault.drops.service import NOTE
from vault.errors import NotFound
from vault.inspection.formats import BY_ENDING, DOCUMENT, IMAGE
from vault.people.models import Office
from vault.transfers.uploads import FAMILIES

if TYPE_CHECKING:
    from vault.drops.visits import Visit
    from vault.runtime import Transaction


class AskedType(BaseModel):
    """A kind of document that is asked for; `endings` of file names, without a dot."""

    code: str
    name: str
    endings: list[str]


class OwnFile(BaseModel):
    """A file of the sender. `length` and `offset` in bytes; `state` is coming, arrived or ended."""

    id: UUID
    file_name: str
    document_type: str
    type_name: str
    length: int | None
    offset: int
    state: str
    sha256: str | None
    arrived_at: datetime | None
    reason: str | None


class ComingPage(BaseModel):
    """A file in pieces. Lengths in bytes; `reason` is a code of errors.md. A program reads nothing of what has arrived.

    `state`: receiving, checking (all has come), stored (it has arrived), refused.
    """

    id: UUID
    document_type: str
    file_name: str | None
    fingerprint: str | None
    sha256: str | None
    offset: int
    length: int
    expires_at: datetime
    state: str
    reason: str | None


class ComingList(BaseModel):
    """The sender's files in pieces that are not complete, oldest first."""

    items: list[ComingPage]


class SenderPage(BaseModel):
    """What is asked for, how much of it may still come, and the sender's own files. Sizes in bytes; `form_limit` is that of
    a file sent by a plain form."""

    id: UUID
    office: str
    case_number: str
    types: list[AskedType]
    files_limit: int
    files_left: int
    file_limit: int
    form_limit: int
    bytes_left: int
    expires_at: datetime
    note: str | None
    claim_code: str
    items: list[OwnFile]
    unfinished: list[ComingPage]
    has_receipt: bool


class SignedReceipt(BaseModel):
    """A receipt: what it says, the text that was signed, the signature and the public key (base64url)."""

    id: UUID
    deployment: UUID
    request: UUID
    made_at: datetime
    files: list[ReceiptFile]
    text: str
    signature: str
    public_key: str


class ReceiptPage(SignedReceipt):
    """A receipt as a sender who was asked by a link sees it."""

    office: str
    case_number: str


class ReceiptFile(BaseModel):
    """One file in a receipt."""

    name: str
    length: int
    sha256: str
    arrived_at: datetime


class DropResult(BaseModel):
    """What became of one file of a form: `arrived`, or `refused` with a stable code and a sentence."""

    file: str
    state: str
    id: UUID | None = None
    length: int | None = None
    code: str | None = None
    reason: str | None = None


class DropResults(BaseModel):
    """What became of the files of one form, in their order."""

    items: list[DropResult]


def sender_page(tx: Transaction, visit: Visit) -> SenderPage:
    """The page of one visit."""
    request = visit.request
    files_left, bytes_left = room_left(tx, request)
    note = visit.read_text(NOTE, request.id, request.note_lock) if request.note_lock else None
    return SenderPage(
        id=request.id,
        office=tx.session.get_one(Office, request.office_id).name,
        case_number=tx.session.get_one(Case, request.case_id).number,
        types=[_asked(code) for code in request.document_types],
        files_limit=request.files_limit,
        files_left=files_left,
        file_limit=request.file_limit,
        form_limit=min(request.file_limit, tx.settings.form_limit),
        bytes_left=bytes_left,
        expires_at=request.expires_at,
        note=note,
        claim_code=visit.claim_code(),
        items=[_own(visit, file) for file in files_of(tx, visit)],
        unfinished=coming_list(tx, visit).items,
        has_receipt=newest_receipt(tx, visit) is not None,
    )


def coming_page(tx: Transaction, entry: Entry, file_id: UUID) -> ComingPage:
    """One file in pieces of this sender; `NotFound` for anybody else's."""
    file = tx.session.get(DroppedFile, file_id)
    if file is None or file.request_id != entry.request.id or file.sender_id != entry.sender_id:
        raise NotFound
    if file.upload.length is None:
        raise NotFound
    return _coming(tx, entry, file)


def coming_list(tx: Transaction, entry: Entry) -> ComingList:
    """Those that the sender may go on with, or that wait to be checked."""
    pages = [_coming(tx, entry, file) for file in files_of(tx, entry) if file.upload.length is not None]
    return ComingList(items=[page for page in pages if page.state in ("receiving", "checking")])


def receipt_page(tx: Transaction, visit: Visit, found: tuple[DropReceipt, SigningKey, str]) -> ReceiptPage:
    """One receipt, to be read, printed or checked."""
    request = visit.request
    return ReceiptPage(
        **dict(signed_receipt(found)),
        office=tx.session.get_one(Office, request.office_id).name,
        case_number=tx.session.get_one(Case, request.case_id).number,
    )


def signed_receipt(found: tuple[DropReceipt, SigningKey, str]) -> SignedReceipt:
    """One receipt, without a word that was not signed."""
    receipt, key, text = found
    said = json.loads(text)
    return SignedReceipt(
        id=receipt.id,
        deployment=said["deployment"],
        request=receipt.request_id,
        made_at=said["made_at"],
        files=[ReceiptFile(**file) for file in said["files"]],
        text=text,
        signature=b64url(receipt.signature),
        public_key=b64url(key.public_key),
    )


def _asked(code: str) -> AskedType:
    families = FAMILIES.get(code, (DOCUMENT, IMAGE))
    endings = sorted(ending for ending, known in BY_ENDING.items() if known.media.family in families)
    return AskedType(code=code, name=DOCUMENT_TYPES[code].name, endings=endings)


def _coming(tx: Transaction, entry: Entry, file: DroppedFile) -> ComingPage:
    upload = file.upload
    is_readable = not isinstance(entry, Program) or file.sender_grant is not None
    return ComingPage(
        id=file.id,
        document_type=upload.document_type,
        file_name=name_of(entry, file) if is_readable else None,
        fingerprint=said_of(entry, file, FINGERPRINT, upload.fingerprint_lock) if is_readable else None,
        sha256=said_of(entry, file, ANNOUNCED, upload.digest_lock) if is_readable else None,
        offset=upload.offset,
        length=upload.length or 0,
        expires_at=upload.expires_at,
        state=_coming_state(tx, file),
        reason=upload.refusal,
    )


def _coming_state(tx: Transaction, file: DroppedFile) -> str:
    upload = file.upload
    if upload.dropped_at is not None:
        return "refused"
    if file.arrived_at is not None:
        return "stored"
    if upload.offset == upload.length:
        return "checking"
    return "receiving" if tx.now < upload.expires_at else "refused"


def _own(visit: Visit, file: DroppedFile) -> OwnFile:
    upload = file.upload
    state = file.state if file.state in ("coming", "ended") else "arrived"
    return OwnFile(
        id=file.id,
        file_name=name_of(visit, file),
        document_type=upload.document_type,
        type_name=DOCUMENT_TYPES[upload.document_type].name,
        length=upload.length,
        offset=upload.offset,
        state=state,
        sha256=digest_of(visit, file),
        arrived_at=file.arrived_at,
        reason=upload.refusal if state == "ended" else None,
    )
