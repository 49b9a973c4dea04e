"""Receiving one file: looked at, begun, written, completed; or it leaves nothing behind.

No transaction spans the bytes. A short one begins the upload, a short one completes or drops it; between the two the
writer encrypts into the store. Completing waits until the caller knows that the request did not break off.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING
from uuid import UUID

from vault.access.policy import Permission
from vault.bundles.deposits import find_duplicate
from vault.bundles.models import Bundle, Version
from vault.bundles.opening import OpenBundle, open_bundle
from vault.errors import StorageFull, TooLarge
from vault.inspection.formats import HEAD_BYTES, MediaType
from vault.inspection.inspector import inspect_head
from vault.sentences import said
from vault.store.base import Store
from vault.transfers.inspections import Finished, Inspected, checks_for, inspect_stored
from vault.transfers.models import Upload
from vault.transfers.reading import USE_EVERY, keep_in_use, require_session
from vault.transfers.uploads import (
    Wanted,
    begin_upload,
    complete_upload,
    discard_bytes,
    drop_upload,
    upload_keys,
    writer_for,
)
from vault.transfers.writer import Writer, Written

if TYPE_CHECKING:
    from vault.runtime import Transaction

Transact = Callable[[], AbstractContextManager["Transaction"]]


@dataclass(frozen=True)
class Arrived:
    """A file whose object stands in the store, whole; only `settle` makes it a version, else `abandon` it."""

    upload: Upload
    media: MediaType
    written: Written
    inspected: Inspected


@dataclass(frozen=True)
class Stored:
    """What became of a file: its version, and an older one of the bundle with the same content, if there is."""

    version: Version
    same_as: Version | None


def receive_file(
    transact: Transact, store: Store, bundle_id: UUID, wanted: Wanted, content: Iterator[bytes]
) -> Arrived:
    """Read `content` to its end into the store, encrypted, after a look at its first 64 KiB.

    Errors: `Invalid` for an empty file, `WrongType` before any byte is stored, `TooLarge`, `StorageFull`, and whatever
    `content` raises; after each of them nothing is left but the event.
    """
    head = first_bytes(content)
    media = inspect_head(head, wanted.file_name)
    with transact() as tx:
        opened = open_for_adding(tx, bundle_id)
        upload = begin_upload(tx, opened, wanted, media)
        writer = writer_for(tx, opened, upload)
        file_key = upload_keys(tx, opened, upload)[0]
        checks = checks_for(tx, upload.office_id)
    try:
        whole = chain([head], _in_use(transact, bundle_id, content))
        written = written_by(writer, whole, wanted.file_name)
        finished = Finished(upload, wanted.file_name, media, written.length, file_key)
        inspected = inspect_stored(store, finished, checks)
    except BaseException as error:
        abandon(transact, store, upload, getattr(error, "code", "broken"))
        raise
    return Arrived(upload, media, written, inspected)


def settle(transact: Transact, store: Store, arrived: Arrived) -> Stored:
    """The arrived file is a sealed version. If it may not be one any more, it is dropped and the error goes on."""
    upload = arrived.upload
    try:
        with transact() as tx:
            require_session(tx)
            opened = open_for_adding(tx, upload.bundle_id)
            same = find_duplicate(tx, opened, arrived.written.plaintext_digest)
            version = complete_upload(
                tx, opened, upload.id, arrived.media, arrived.written, arrived.inspected
            )
    except BaseException as error:
        abandon(transact, store, upload, getattr(error, "code", "broken"))
        raise
    return Stored(version, same)


def abandon(transact: Transact, store: Store, upload: Upload, reason: str) -> None:
    """Drop the upload now; what a crash leaves of it, its job removes."""
    with transact() as tx:
        row = tx.session.get_one(Upload, upload.id, with_for_update=True)
        if row.completed_at is not None:
            return
        drop_upload(tx, row, reason)
    discard_bytes(store, upload)


def open_for_adding(tx: Transaction, bundle_id: UUID) -> OpenBundle:
    """The bundle, open, for somebody who may add documents. Errors: `NotFound`, `Refused`, `BundleLocked`."""
    return open_bundle(tx, tx.load(Bundle, bundle_id, Permission.DOCUMENT_ADD))


def first_bytes(content: Iterator[bytes]) -> bytes:
    """At least the first 64 KiB, or all there is."""
    head = bytearray()
    for piece in content:
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    return bytes(head)


def _in_use(transact: Transact, bundle_id: UUID, content: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces; sending them counts as use, or a slow line would sign its user out."""
    noted_at = time.monotonic()
    for piece in content:
        if time.monotonic() - noted_at >= USE_EVERY:
            noted_at = time.monotonic()
            with transact() as tx:
                keep_in_use(tx, bundle_id)
        yield piece


def written_by(writer: Writer, content: Iterator[bytes], file_name: str) -> Written:
    """All of `content` is in the store. Errors: those of the writer, with the file's name."""
    try:
        writer.begin()
        for piece in content:
            writer.write(piece)
        return writer.finish()
    except TooLarge:
        size = writer.limit // (1024 * 1024)
        words = "%(file)s was not stored: it is larger than %(size)s MB."
        raise TooLarge(said(words, file=file_name, size=size)) from None
    except StorageFull:
        words = (
            "%(file)s was not stored: the store is full. What was stored before is safe."
            " Tell your administrator."
        )
        raise StorageFull(said(words, file=file_name)) from None
