"""Receiving one file from a sender: looked at, begun, written, arrived; or it leaves nothing behind.

As `vault/transfers/receiving` does for members. Every transaction is entered by the visit's cookie anew, so what ends the
request ends the file; while the bytes come, this is asked about once a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from vault.drops.dropping import Offer, begin_drop, complete_drop, end_coming, own_file
from vault.drops.keys import Entry, keys_of_sender, name_of
from vault.drops.models import DroppedFile
from vault.inspection.formats import MediaType
from vault.inspection.inspector import inspect_head
from vault.store.base import Store
from vault.transfers.inspections import Finished, Inspected, checks_for, inspect_stored
from vault.transfers.models import Upload
from vault.transfers.receiving import Transact, first_bytes, written_by
from vault.transfers.uploads import discard_bytes
from vault.transfers.writer import Writer, Written

if TYPE_CHECKING:
    from vault.runtime import Transaction

STILL_OPEN = 1.0
"""Seconds between two looks whether the request is still open."""


@dataclass(frozen=True)
class Door:
    """The way into one request: `transact` begins a transaction of whoever comes, `enter` proves that they may."""

    transact: Transact
    enter: Callable[[Transaction], Entry]

    @contextmanager
    def open(self) -> Iterator[tuple[Transaction, Entry]]:
        """One transaction inside the request. Errors: `Gone`."""
        with self.transact() as tx:
            yield tx, self.enter(tx)


@dataclass(frozen=True)
class Come:
    """A file whose object stands in the store, whole; only `arrive` makes it known, else `give_up` it."""

    upload: Upload
    media: MediaType
    written: Written
    inspected: Inspected


def receive_drop(door: Door, store: Store, offer: Offer, content: Iterator[bytes]) -> Come:
    """Read `content` to its end into the store, encrypted, after a look at its first 64 KiB.

    Errors: those of `begin_drop`, `Invalid` for an empty file, `StorageFull`, and whatever `content` raises; after each of
    them nothing is left but the event.
    """
    head = first_bytes(content)
    media = inspect_head(head, offer.file_name)
    with door.open() as (tx, entry):
        file = begin_drop(tx, entry, offer, media)
        file_key = keys_of_sender(tx, entry, file)[0]
        limit = min(tx.settings.form_limit, entry.request.file_limit)
        writer = Writer(tx.store, file.upload, file_key, limit)
        upload, checks = file.upload, checks_for(tx, file.office_id)
    try:
        written = written_by(writer, chain([head], _while_open(door, content)), offer.file_name)
        finished = Finished(upload, offer.file_name, media, written.length, file_key)
        inspected = inspect_stored(store, finished, checks)
    except BaseException as error:
        give_up(door, store, upload, getattr(error, "code", "broken"))
        raise
    return Come(upload, media, written, inspected)


def arrive(door: Door, store: Store, come: Come) -> tuple[DroppedFile, str]:
    """The file waits to be taken in; with its name. If it may not any more, it is ended and the error goes on.

    After an error that follows the commit it has arrived, and stays.
    """
    try:
        with door.open() as (tx, entry):
            name = name_of(entry, own_file(tx, entry, come.upload.id))
            return complete_drop(tx, entry, come.upload.id, come.media, come.written, come.inspected), name
    except BaseException as error:
        give_up(door, store, come.upload, getattr(error, "code", "broken"))
        raise


def give_up(door: Door, store: Store, upload: Upload, reason: str) -> None:
    """End the file now, unless it has arrived; what a crash leaves of it, its job removes. This needs no open request."""
    with door.transact() as tx:
        has_ended = end_coming(tx, upload.id, reason)
    if has_ended:
        discard_bytes(store, upload)


def _while_open(door: Door, content: Iterator[bytes]) -> Iterator[bytes]:
    """The same pieces, as long as the request is open; sending them counts as use."""
    looked_at = time.monotonic()
    for piece in content:
        if time.monotonic() - looked_at >= STILL_OPEN:
            looked_at = time.monotonic()
            with door.open():
                pass
        yield piece
