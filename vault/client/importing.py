"""Importing: each file of the map is sent to its bundle, one after the other, and the report says what became of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from vault.client.folder import Folder
from vault.client.journal import DONE, KNOWN, REFUSED, STORED, UNFINISHED, Entry, Journal
from vault.client.places import Places
from vault.client.progress import Progress
from vault.client.sending import Sending, Wanted
from vault.client.session import Session
from vault.client.sheet import Row
from vault.client.source import Source, shown
from vault.errors import BundleLocked, Busy, StorageFull, TooMany, VaultError

LONG = 4 * 1024 * 1024
"""Bytes from which on a file's progress is told."""
CHANGED, SKIPPED = "changed", "done before"
AGAIN = (Busy, TooMany, BundleLocked, StorageFull)
"""Errors that say nothing about the file."""
STOPPING = (Busy, TooMany, StorageFull)
"""And of those the ones that the next file would meet too."""


@dataclass
class Import:
    """One run. `counts` are files by what became of them; `is_stopped` says that some were not looked at."""

    session: Session
    folder: Folder
    places: Places
    journal: Journal
    say: Callable[[str], None]
    counts: Counter[str] = field(default_factory=Counter)
    is_stopped: bool = False

    def run(self, rows: Sequence[Row]) -> None:
        """Every row has its line in the report, unless the vault cannot be reached any more."""
        for place, row in enumerate(rows, 1):
            state, error = self._settle(row)
            self.counts[state] += 1
            reason = f": {error.message or error.code}" if error else ""
            self.say(f"[{place}/{len(rows)}] {state} {shown(row.file)}{reason}")
            if isinstance(error, STOPPING):
                self.is_stopped = True
                self.say("Stopped here. Run the same command again to go on.")
                return

    def _settle(self, row: Row) -> tuple[str, VaultError | None]:
        before = self.journal.entries.get(row.key)
        try:
            entry = self._send(row, before)
        except (VaultError, OSError) as fault:
            error = (
                fault
                if isinstance(fault, VaultError)
                else VaultError(f"It cannot be read: {fault.strerror}.")
            )
            state = UNFINISHED if isinstance(error, AGAIN) else REFUSED
            bundle = before.bundle if before else ""
            entry = Entry(*row.key, state, bundle=bundle, error=error.message or error.code, at=_now())
            self.journal.write(entry)
            return state, error
        if entry is None:
            return SKIPPED, None
        self.journal.write(entry)
        return entry.state, VaultError(entry.error) if entry.error else None

    def _send(self, row: Row, before: Entry | None) -> Entry | None:
        """What became of the file now; None when an earlier run has stored it as it is."""
        with Source(self.folder.find(row.file)) as source:
            digest = source.digest()
            if before is not None and before.state in (*DONE, CHANGED):
                if (before.bytes, before.sha256) == (str(source.size), digest):
                    return None
                words = f"The file was changed since it was stored as document {before.document}. It was not sent."
                return replace(before, state=CHANGED, error=words, at=_now())
            bundle = self.places.bundle_of(row, self.journal.bundles_of(row.case))
            wanted = Wanted(bundle, row.document_type, row.individuals, row.language, row.title)
            progress = Progress(source.name)
            told = progress if source.size >= LONG else (lambda _count, _of: None)
            try:
                sent = Sending(self.session, source, wanted, digest, told).run()
            finally:
                progress.end()
        return Entry(
            *row.key,
            KNOWN if sent.state == "known" else STORED,
            str(sent.length),
            sent.sha256,
            bundle,
            sent.document,
            str(sent.version),
            sent.version_id or "",
            at=_now(),
        )


def _now() -> str:
    """By this machine's clock: the report is about this machine's files."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
