"""Settling: an upload whose last byte has come is checked, and is a sealed version; or it is refused and nothing stays.

It may be done again until it is done: the object may be finished already, and the digests, which do not survive a
process, are made anew by reading the object back once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from uuid import UUID

from vault.bundles.deposits import find_duplicate
from vault.crypto.header import HEAD
from vault.crypto.kdf import Sha256
from vault.crypto.payload import CHUNK, object_length, read_range
from vault.crypto.secret import compare
from vault.errors import Conflict, Invalid, NotFound, Tampered, UploadBusy, UploadEnded, WrongType
from vault.inspection.formats import MediaType
from vault.inspection.inspector import promised_media
from vault.store.base import Store
from vault.transfers.digests import KEPT
from vault.transfers.inspections import Finished, checks_for, inspect_stored
from vault.transfers.models import Upload
from vault.transfers.reading import require_session
from vault.transfers.receiving import Stored, Transact, open_for_adding
from vault.transfers.resumable import Resumed, refuse_upload, resume_upload
from vault.transfers.uploads import complete_upload
from vault.transfers.writer import Written

AT_ONCE = 512 * 1024 * 1024
"""Bytes: a longer file that must be read back is settled after the answer, which says "checking"."""
FINAL = (Invalid, WrongType, Conflict, Tampered)
"""Errors that no second try mends: the upload is refused."""

_under_way: set[UUID] = set()
_turn = Lock()


def must_wait(upload: Upload) -> bool:
    """Whether settling takes longer than a sender should wait for an answer."""
    length = upload.length or 0
    return length > AT_ONCE and not KEPT.has(upload.id, upload.object_name, chunks_of(length))


def chunks_of(length: int) -> int:
    """Chunks of a payload of so many bytes of plaintext."""
    return max(1, -(-length // CHUNK))


def settle_upload(transact: Transact, store: Store, upload_id: UUID) -> Stored:
    """The complete upload is a version. Errors as `complete_upload`; `Conflict` when the file changed meanwhile.

    After an error that no second try mends the upload is dropped; after any other it waits, whole. `UploadBusy` while
    this process settles it already.
    """
    with settling_alone(upload_id):
        return _settle(transact, store, upload_id)


@contextmanager
def settling_alone(upload_id: UUID) -> Iterator[None]:
    """Nobody else in this process settles the upload meanwhile; `UploadBusy` if somebody does."""
    with _turn:
        if upload_id in _under_way:
            raise UploadBusy
        _under_way.add(upload_id)
    try:
        yield
    finally:
        with _turn:
            _under_way.discard(upload_id)


def _settle(transact: Transact, store: Store, upload_id: UUID) -> Stored:
    with transact() as tx:
        resumed = resume_upload(tx, upload_id)
        checks = checks_for(tx, resumed.upload.office_id)
    try:
        written = finished_object(store, resumed)
        media = promised_media(resumed.file_name)
        inspected = inspect_stored(store, finished_file(resumed, media, written.length), checks)
        with transact() as tx:
            require_session(tx)
            opened = open_for_adding(tx, resumed.upload.bundle_id)
            check_announced(resumed.digest, written)
            same = find_duplicate(tx, opened, written.plaintext_digest)
            version = complete_upload(tx, opened, upload_id, media, written, inspected)
    except UploadEnded:
        raise
    except FINAL as error:
        with transact() as tx:
            refuse_upload(tx, upload_id, error.code)
        raise
    return Stored(version, same)


def finished_file(resumed: Resumed, media: MediaType, length: int) -> Finished:
    """The upload as what looks at it needs it, once its object stands."""
    return Finished(resumed.upload, resumed.file_name, media, length, resumed.file_key.reveal())


def finished_object(store: Store, resumed: Resumed) -> Written:
    """The object stands in the store under its name; its lengths and digests."""
    upload = resumed.upload
    length, name = upload.length or 0, upload.object_name
    size = object_length(length)
    if upload.stale_object_name:
        store.drop(upload.stale_object_name)
    with suppress(NotFound):  # another process may be faster
        if store.partial_size(name) == size:
            store.finish(name)
    if store.size(name) != size:
        raise Tampered
    kept = KEPT.take(upload.id, name, chunks_of(length))
    if kept is not None:
        return Written(length, size, kept.object_digest(), kept.plaintext_digest())
    return _read_back(store, resumed, length, size)


def _read_back(store: Store, resumed: Resumed, length: int, size: int) -> Written:
    """The digests of an object that other processes, or this one before a break, have written. Every chunk verifies."""
    upload, whole, plaintext = resumed.upload, Sha256(), Sha256()
    if not compare(b"".join(store.read(upload.object_name, 0, HEAD)), upload.head):
        raise Tampered
    whole.update(upload.head)

    def read(start: int, end: int) -> Iterator[bytes]:
        for piece in store.read(upload.object_name, start, end):
            whole.update(piece)
            yield piece

    for piece in read_range(upload.head, resumed.file_key.reveal(), length, 0, length - 1, read):
        plaintext.update(piece)
    return Written(length, size, whole.digest(), plaintext.digest())


def check_announced(announced: str | None, written: Written) -> None:
    """`Conflict` when the file is not what its sender announced."""
    if announced is not None and announced != written.plaintext_digest.hex():
        raise Conflict("The file changed while it was being sent. Nothing was stored. Send it again.")
