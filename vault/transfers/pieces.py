"""Receiving one piece of a resumable upload, and settling the upload when its last byte has come.

    resume (short transaction) → append (none) → sync → note progress (short transaction) → … → settle (short transactions)

What a broken line brought before it broke is acknowledged like the rest. After every few seconds what has come is
acknowledged, so that a slow line loses little and a right that ended stops it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from vault.errors import Conflict, Invalid, TooLarge, UploadBusy, WrongOffset, WrongType
from vault.store.base import Different, Store
from vault.transfers.appending import Appender
from vault.transfers.reading import USE_EVERY, keep_in_use
from vault.transfers.receiving import Transact
from vault.transfers.resumable import Resumed, note_progress, refuse_upload, restart_upload

ACKNOWLEDGE_EVERY = 5.0
"""Seconds."""
LEAST_READ, MOST_READ = 64 * 1024, 1024 * 1024
"""Bytes read at once: the more, the faster the line is."""
FAST, SLOW = 0.05, 1.0
"""Seconds that a read takes: below, the next one is twice as large; above, half."""

Read = Callable[[int], bytes]
"""At most so many bytes of a request's body, b"" at its end; OSError when it breaks off."""


class Broken(Invalid):
    """The body broke off; what came before is acknowledged."""


def receive_piece(transact: Transact, store: Store, resumed: Resumed, read: Read) -> Appender:
    """All that the body brings is stored and acknowledged; returns the appender, which knows the new offset.

    Errors: `Broken`; `UploadBusy` for a second writer; `WrongOffset` for bytes that differ from what lies there (the upload
    then begins anew, at offset 0); what `Appender.take` and `note_progress` raise. What was acknowledged before stays so.
    """
    appender = resumed.appender(store)
    try:
        _receive(transact, resumed, appender, read)
    except Different as fault:
        _begin_anew(transact, store, resumed)
        raise WrongOffset(0) from fault
    except WrongType as refusal:
        with transact() as tx:
            refuse_upload(tx, resumed.upload.id, refusal.code)
        raise
    except Conflict as fault:
        raise UploadBusy from fault
    finally:
        appender.stop()
    return appender


def _receive(transact: Transact, resumed: Resumed, appender: Appender, read: Read) -> None:
    start, broken = appender.offset, None
    watch = _Watch(transact, resumed, appender)
    try:
        for content in _pieces(appender, read):
            appender.take(content)
            watch.after_piece()
        if not appender.missing and read(1):
            raise TooLarge("More bytes came than were announced.")
    except OSError as fault:
        broken = fault
    if appender.offset != start:
        watch.acknowledge()
        appender.keep()
    if broken is not None:
        message = "The connection broke off. What has come is safe: ask how far it is, and go on."
        raise Broken(message) from broken


def _pieces(appender: Appender, read: Read) -> Iterator[bytes]:
    """The body, in reads whose size follows the line, until it ends or the upload is complete."""
    size = LEAST_READ
    while appender.missing:
        begun = time.monotonic()
        content = read(min(size, appender.missing))
        if not content:
            return
        took = time.monotonic() - begun
        if took < FAST:
            size = min(2 * size, MOST_READ)
        elif took > SLOW:
            size = max(size // 2, LEAST_READ)
        yield content


class _Watch:
    """What a long piece does besides: acknowledge what has come, and count as use of session and bundle."""

    def __init__(self, transact: Transact, resumed: Resumed, appender: Appender) -> None:
        self._transact, self._resumed, self._appender = transact, resumed, appender
        self._noted_at = self._used_at = time.monotonic()

    def after_piece(self) -> None:
        """The next bytes are taken."""
        now = time.monotonic()
        if now - self._used_at >= USE_EVERY:
            self._used_at = now
            with self._transact() as tx:
                keep_in_use(tx, self._resumed.upload.bundle_id)
        if now - self._noted_at >= ACKNOWLEDGE_EVERY:
            self.acknowledge()

    def acknowledge(self) -> None:
        """What has come survives whatever happens now."""
        progress = self._appender.progress()
        with self._transact() as tx:
            note_progress(tx, self._resumed, progress)
        self._noted_at = time.monotonic()


def _begin_anew(transact: Transact, store: Store, resumed: Resumed) -> None:
    with transact() as tx:
        left_over = restart_upload(tx, resumed.upload.id, resumed.revision)
    if left_over:
        store.drop(left_over)
