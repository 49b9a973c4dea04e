"""Receiving one piece of a resumable upload, and settling the upload when its last byte has come.

    resume (short transaction) → append (none) → sync → note progress (short transaction) → … → settle (short transactions)

What a broken line brought before it broke is acknowledged like the rest. After every few seconds what has come is
acknowledged, so that a slow line loses little and a right that ended stops it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vault.errors import Conflict, Invalid, TooLarge, UploadBusy, WrongOffset, WrongType
from vault.store.base import Different, Store
from vault.transfers.appending import Appender
from vault.transfers.reading import USE_EVERY, keep_in_use
from vault.transfers.receiving import Transact
from vault.transfers.resumable import (
    Resumed,
    begin_object,
    note_progress,
    refuse_upload,
    require_right,
    restart_upload,
)

if TYPE_CHECKING:
    from vault.runtime import Transaction

ACKNOWLEDGE_EVERY = 5.0
"""Seconds."""
RIGHT_STANDS = 1.0
"""Seconds after which a right is checked again."""
LEAST_READ, MOST_READ = 64 * 1024, 1024 * 1024
"""Bytes read at once: the more, the faster the line is."""
FAST, SLOW = 0.05, 1.0
"""Seconds that a read takes: below, the next one is twice as large; above, half."""

Read = Callable[[int], bytes]
"""At most so many bytes of a request's body, b"" at its end; OSError when it breaks off."""


@dataclass(frozen=True)
class Sender:
    """Who sends, as far as a piece asks: that sending is use, whether the right still stands, how an upload begins anew, and
    how one is refused, with a code."""

    keep_in_use: Callable[[Transaction, Resumed], None]
    require_right: Callable[[Transaction, Resumed], None]
    restart: Callable[[Transaction, Resumed], str | None]
    refuse: Callable[[Transaction, Resumed, str], None]


MEMBER = Sender(
    lambda tx, resumed: keep_in_use(tx, resumed.upload.bundle_id),
    require_right,
    lambda tx, resumed: restart_upload(tx, resumed.upload.id, resumed.revision),
    lambda tx, resumed, code: refuse_upload(tx, resumed.upload.id, code),
)
"""A member, who has the bundle open."""


class Broken(Invalid):
    """The body broke off; what came before is acknowledged."""


def receive_piece(
    transact: Transact, store: Store, resumed: Resumed, read: Read, sender: Sender = MEMBER
) -> Appender:
    """All that the body brings is stored and acknowledged; returns the appender, which knows the new offset.

    Errors: `Broken`; `UploadBusy` for a second writer; `WrongOffset` for bytes that differ from what lies there (the upload
    then begins anew, at offset 0); what `Appender.take` and `note_progress` raise. What was acknowledged before stays so.
    """
    appender = resumed.appender(store, partial(_begin_object, transact, resumed))
    try:
        _receive(_Watch(transact, resumed, appender, sender), read)
    except Different as fault:
        _begin_anew(transact, store, resumed, sender)
        raise WrongOffset(0) from fault
    except WrongType as refusal:
        with transact() as tx:
            sender.refuse(tx, resumed, refusal.code)
        raise
    except Conflict as fault:
        raise UploadBusy from fault
    finally:
        appender.stop()
    return appender


def _receive(watch: _Watch, read: Read) -> None:
    appender = watch.appender
    start, line = appender.offset, _Line(read)
    for content in line.pieces(appender):
        appender.take(content)
        watch.after_piece()
    if not appender.missing and line.brings_more():
        raise TooLarge("More bytes came than were announced.")
    if appender.offset != start:
        watch.acknowledge()
        appender.keep()
    if line.fault is not None:
        message = "The connection broke off. What has come is safe: ask how far it is, and go on."
        raise Broken(message) from line.fault


class _Line:
    """The body of a request; `fault` says why it ended too early. A fault of the disk is none of the line."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.fault: OSError | None = None

    def pieces(self, appender: Appender) -> Iterator[bytes]:
        """In reads whose size follows the line, until it ends or breaks or the upload is complete."""
        size = LEAST_READ
        while appender.missing:
            begun = time.monotonic()
            content = self._read_on(min(size, appender.missing))
            if not content:
                return
            took = time.monotonic() - begun
            if took < FAST:
                size = min(2 * size, MOST_READ)
            elif took > SLOW:
                size = max(size // 2, LEAST_READ)
            yield content

    def brings_more(self) -> bool:
        """Whether there is a byte too many."""
        return self.fault is None and bool(self._read_on(1))

    def _read_on(self, size: int) -> bytes:
        try:
            return self._read(size)
        except OSError as fault:
            self.fault = fault
            return b""


class _Watch:
    """What a long piece does besides: acknowledge what has come, and count as use of session and bundle."""

    def __init__(self, transact: Transact, resumed: Resumed, appender: Appender, sender: Sender) -> None:
        self._transact, self._resumed, self.appender, self._sender = transact, resumed, appender, sender
        self._noted_at = self._used_at = self._checked_at = time.monotonic()

    def after_piece(self) -> None:
        """The next bytes are taken."""
        now = time.monotonic()
        if now - self._used_at >= USE_EVERY:
            self._used_at = now
            with self._transact() as tx:
                self._sender.keep_in_use(tx, self._resumed)
        if now - self._noted_at >= ACKNOWLEDGE_EVERY:
            self.acknowledge()

    def acknowledge(self) -> None:
        """What has come survives whatever happens now. The right to it was checked when the piece began, or is now."""
        progress, now = self.appender.progress(), time.monotonic()
        with self._transact() as tx:
            if now - self._checked_at > RIGHT_STANDS:
                self._sender.require_right(tx, self._resumed)
                self._checked_at = now
            note_progress(tx, self._resumed, progress)
        self._noted_at = time.monotonic()


def _begin_object(transact: Transact, resumed: Resumed) -> None:
    with transact() as tx:
        begin_object(tx, resumed)


def _begin_anew(transact: Transact, store: Store, resumed: Resumed, sender: Sender) -> None:
    with transact() as tx:
        left_over = sender.restart(tx, resumed)
    if left_over:
        store.drop(left_over)
