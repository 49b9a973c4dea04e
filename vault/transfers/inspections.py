"""What a file is found to be once it has come whole, before it is a version: the blocks that its look asks for are read back
through the store. It may be refused; else what was found is kept with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from vault.crypto.payload import read_range
from vault.errors import Infected, NotScanned, WrongType
from vault.inspection.formats import MediaType, sentence
from vault.inspection.looking import look_at
from vault.inspection.marks import REFUSED
from vault.inspection.models import CLEAN, NOT_SCANNED, Inspection
from vault.inspection.scanner import INFECTED, NO_SCANNER, TOO_LARGE, Scan, Scanner
from vault.people.models import Office
from vault.store.base import Store
from vault.transfers.models import Upload

if TYPE_CHECKING:
    from vault.runtime import Transaction

TRY_AGAIN = 60
"""Seconds."""


@dataclass(frozen=True)
class Inspected:
    """What was found: codes of `vault.inspection.marks`, the scanner's word, and how long a recording plays."""

    marks: tuple[str, ...] = ()
    scan: str = NOT_SCANNED
    scan_reason: str | None = NO_SCANNER
    duration_ms: int | None = None


UNSEEN = Inspected()
"""Nothing was asked."""


@dataclass(frozen=True)
class Finished:
    """A file whose object stands in the store, whole: its name, what it is, its bytes of plaintext, its key."""

    upload: Upload
    file_name: str
    media: MediaType
    length: int
    file_key: bytes


@dataclass(frozen=True)
class Checks:
    """Who looks: the virus scanner, and whether the office stores nothing that it has not seen."""

    scanner: Scanner
    is_required: bool


def checks_for(tx: Transaction, office_id: UUID) -> Checks:
    """What a file for this office goes through now."""
    office = tx.session.get_one(Office, office_id)
    return Checks(Scanner(tx.settings.clamd), office.scan_required_at is not None)


def inspect_stored(store: Store, file: Finished, checks: Checks) -> Inspected:
    """What is found in it. It may take seconds, of a large file minutes: call it outside any transaction.

    Errors: `WrongType` with a sentence for what is not taken, `Infected`; `NotScanned` when the office wants a scan
    and there is none; `Tampered` and `NotFound` when the object cannot be read back; `Busy`.
    """

    def read(start: int, end: int) -> Iterator[bytes]:
        return read_range(
            file.upload.head,
            file.file_key,
            file.length,
            start,
            end - 1,
            lambda first, last: store.read(file.upload.object_name, first, last),
        )

    seen = look_at(file.media, file.length, lambda start, end: b"".join(read(start, end)))
    for code in REFUSED:
        if code in seen.codes:
            raise WrongType(sentence(code, file.file_name, ending=file.media.extension))
    scan = checks.scanner.scan(read(0, file.length))
    _check_scan(scan, file.file_name, checks.is_required)
    return Inspected(seen.codes, scan.verdict, scan.reason, seen.duration_ms)


def _check_scan(scan: Scan, file_name: str, is_required: bool) -> None:
    if scan.verdict == INFECTED:
        raise Infected(sentence("infected", file_name))
    if scan.verdict == CLEAN or not is_required:
        return
    if scan.reason == TOO_LARGE:
        raise WrongType(sentence("unscannable", file_name))
    raise NotScanned(sentence("unscanned", file_name), retry_after=TRY_AGAIN)


def note_inspection(tx: Transaction, upload: Upload, found: Inspected) -> None:
    """What was found is kept with the file, in the same commit as the file itself."""
    tx.add(
        Inspection(
            id=upload.id,
            scan=found.scan,
            scan_reason=found.scan_reason,
            marks=list(found.marks),
            inspected_at=tx.now,
        )
    )
