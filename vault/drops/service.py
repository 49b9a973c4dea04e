"""Making a file request, and ending it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select

from vault.access.grants import end_grant, give_grant, live_grants
from vault.access.policy import Permission
from vault.access.principals import Principal
from vault.bundles.deposits import individuals_by_number
from vault.bundles.document_types import check_named, document_type
from vault.bundles.drop_keys import make_drop_key
from vault.bundles.models import Bundle
from vault.bundles.opening import open_bundle
from vault.bundles.type_rights import require_addable
from vault.crypto.kinds import SlotKind
from vault.crypto.locks import link_lock, lock_text
from vault.crypto.marks import link_auth, link_auth_stored, link_key
from vault.crypto.passwords import Argon2Profile
from vault.crypto.secret import Secret, random_key
from vault.db import for_change
from vault.drops.closures import BY_WORD
from vault.drops.models import DroppedFile, FileRequest
from vault.drops.programs import LINK_GENERATION, programs_of
from vault.errors import Fault, Invalid
from vault.people.approvals import is_video_approved
from vault.transfers.models import Upload
from vault.transfers.uploads import drop_upload

if TYPE_CHECKING:
    from vault.runtime import Transaction

MEGABYTE = 1024 * 1024
MOST_FILES = 200
NOTE = "request.note"


@dataclass(frozen=True)
class Asking:
    """What is asked for: of whom, of which types, until when, how much; `individuals` are numbers of the case.

    `file_limit` and `bytes_limit` in bytes, of one file and of all; the password as a key; `language` is that of whoever is
    asked. With a `token_id` a program of the office is let in, by its token alone: its name is the token's.
    """

    name: str
    organisation: str
    document_types: Sequence[str]
    individuals: Sequence[str]
    files_limit: int
    bytes_limit: int
    file_limit: int | None = None
    expires_at: datetime | None = None
    note: str | None = None
    password_key: bytes | None = None
    profile: Argon2Profile | None = None
    token_id: UUID | None = None
    email: str | None = None
    language: str | None = None


def create_request(tx: Transaction, bundle_id: UUID, wanted: Asking) -> tuple[FileRequest, Secret | None]:
    """Ask somebody outside for files into the open bundle; the link's secret is returned once, of a program there is none.

    Errors: `NotFound`, `Refused` also for a type that the actor may not add here, `BundleLocked`, `Invalid` for limits
    beyond policy, unknown types, or recordings of nobody.
    """
    bundle = tx.load(Bundle, bundle_id, Permission.REQUEST_CREATE, lock=True)
    tx.require(Permission.DOCUMENT_ADD, bundle)
    opened = open_bundle(tx, bundle)
    types, people = _checked_types(tx, bundle, wanted)
    make_drop_key(tx, bundle, opened.key.reveal())
    request, secret = _new_request(tx, bundle, wanted), None
    if wanted.token_id is not None:
        _let_program_in(tx, request, wanted.token_id)
    else:
        secret = random_key()
        _give_link(tx, request, wanted, secret)
    request.document_types, request.individual_ids = types, people
    tx.add(request)
    tx.record(
        "request.made",
        request,
        types=types,
        expires_at=request.expires_at,
        files_limit=request.files_limit,
        bytes_limit=request.bytes_limit,
        has_password=request.profile is not None,
        for_token=request.token_id,
    )
    return request, Secret(secret) if secret else None


def end_request(tx: Transaction, request_id: UUID, reason: str) -> FileRequest:
    """End a request now: its link opens nothing, unfinished files end, what has arrived stays. Done twice, nothing more."""
    request = tx.load(FileRequest, request_id, Permission.REQUEST_END, lock=True)
    if request.ended_at is None:
        close_request(tx, request, BY_WORD, **tx.remark(reason))
    return request


def close_request(tx: Transaction, request: FileRequest, code: str, **details: str) -> None:
    """The request has ended, its slot dies, and so do the files that have not arrived. Its row is held by whoever calls."""
    request.ended_at, request.end_reason = tx.now, code
    request.revision += 1
    if request.slot_id is not None:
        tx.destroy(request.slot_id)
    for grant in live_grants(tx, request.id):
        end_grant(tx, grant)
    tx.record("request.ended", request, reason=code, **details)
    query = (
        select(Upload)
        .join(DroppedFile, DroppedFile.id == Upload.id)
        .where(DroppedFile.request_id == request.id, DroppedFile.arrived_at.is_(None))
        .where(Upload.completed_at.is_(None), Upload.dropped_at.is_(None))
        .order_by(Upload.id)
        .with_for_update(**for_change(Upload))
    )
    for upload in tx.session.scalars(query, execution_options={"populate_existing": True}).all():
        drop_upload(tx, upload, "request-ended")


def _checked_types(tx: Transaction, bundle: Bundle, wanted: Asking) -> tuple[list[str], list[str]]:
    """The codes and the ids of the individuals, every one of them good for this bundle and this actor."""
    types, video = list(dict.fromkeys(wanted.document_types)), is_video_approved(tx, bundle.office_id)
    if not types:
        raise _unfit("/document_types", "Choose what you ask for.")
    people = individuals_by_number(tx, bundle.case_id, wanted.individuals)
    for code in types:
        try:
            found = document_type(code, video)
        except Invalid as error:
            raise _unfit("/document_types", error.message) from None
        check_named(found.kind, len(people))
        require_addable(tx, bundle, code)
    return types, [str(each.id) for each in people]


def _new_request(tx: Transaction, bundle: Bundle, wanted: Asking) -> FileRequest:
    expires_at, file_limit = _limits(tx, wanted)
    return FileRequest(
        id=uuid4(),
        bundle_id=bundle.id,
        case_id=bundle.case_id,
        office_id=bundle.office_id,
        tier=bundle.tier,
        owner_id=tx.actor.id,
        name=wanted.name,
        organisation=wanted.organisation,
        email=wanted.email,
        language=wanted.language or "en",
        files_limit=wanted.files_limit,
        file_limit=file_limit,
        bytes_limit=wanted.bytes_limit,
        created_at=tx.now,
        expires_at=expires_at,
    )


def _give_link(tx: Transaction, request: FileRequest, wanted: Asking, secret: bytes) -> None:
    """The request has a slot and a link lock, which keeps the share key for whoever has secret and password."""
    share_key = _lock_link(tx, request, link_key(secret, wanted.password_key, request.id))
    request.auth_digest = link_auth_stored(link_auth(secret, request.id))
    if wanted.note:
        request.note_lock = lock_text(share_key, request.id, NOTE, request.id, wanted.note)
    if wanted.profile is not None:
        request.argon2_salt, request.argon2_memory_kib = wanted.profile.salt, wanted.profile.memory_kib
        request.argon2_time, request.argon2_lanes = wanted.profile.time, wanted.profile.lanes


def _lock_link(tx: Transaction, request: FileRequest, link: bytes) -> bytes:
    """A new share key, which the request's link lock keeps for whoever has this link key."""
    share_key, slot = random_key(), tx.keystore.create_slot(SlotKind.LINK, request.id)
    lock = link_lock(request.id, int(request.expires_at.timestamp()))
    request.slot_id, request.link_lock = slot.id, lock.close(link, slot.key, plaintext=share_key)
    return share_key


def _let_program_in(tx: Transaction, request: FileRequest, token_id: UUID) -> None:
    """The request is the token's, with a link key that is granted to it alone: for names, digests and receipts."""
    found = next((each for each in programs_of(tx, request.office_id) if each.id == token_id), None)
    if found is None:
        raise _unfit("/token", "Choose a program of your office that sends files.")
    request.token_id, request.name, request.organisation = found.id, found.name, ""
    link = random_key()
    _lock_link(tx, request, link)
    give_grant(tx, tx.session.get_one(Principal, found.id), request.id, LINK_GENERATION, link)


def _limits(tx: Transaction, wanted: Asking) -> tuple[datetime, int]:
    """The end, in whole seconds as the link lock binds it, and the largest file in bytes."""
    longest = tx.settings.request_longest
    expires_at = (wanted.expires_at or tx.now + tx.settings.request_default).replace(microsecond=0)
    if not tx.now < expires_at <= tx.now + longest:
        raise _unfit("/expires_at", f"Choose a time from now to {longest.days} days ahead.")
    if not 1 <= wanted.files_limit <= MOST_FILES:
        raise _unfit("/files_limit", f"Choose between 1 and {MOST_FILES} files.")
    largest = min(tx.settings.file_limit, tx.settings.bundle_quota)
    if not MEGABYTE <= wanted.bytes_limit <= tx.settings.bundle_quota:
        most = tx.settings.bundle_quota // MEGABYTE
        raise _unfit("/total_mb", f"Choose between 1 and {most} MB.")
    return expires_at, min(wanted.file_limit or largest, largest, wanted.bytes_limit)


def _unfit(pointer: str, message: str) -> Invalid:
    return Invalid("The file request was not made.", errors=[Fault(pointer, message)])
