"""What a file is found to be once it has come whole, before it is a version: the blocks that its look asks for are read back
through the store. It may be refused; else what was found is kept with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.crypto.payload import read_range
from vault.errors import WrongType
from vault.inspection.formats import MediaType, sentence
from vault.inspection.looking import look_at
from vault.inspection.marks import REFUSED
from vault.inspection.models import NOT_SCANNED, Inspection
from vault.store.base import Store
from vault.transfers.models import Upload

if TYPE_CHECKING:
    from vault.runtime import Transaction


@dataclass(frozen=True)
class Inspected:
    """What was found: codes of `vault.inspection.marks`, the scanner's word, and how long a recording plays."""

    marks: tuple[str, ...] = ()
    scan: str = NOT_SCANNED
    scan_reason: str | None = "no-scanner"
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


def inspect_stored(store: Store, file: Finished) -> Inspected:
    """What is found in it. It may take seconds: call it outside any transaction.

    Errors: `WrongType` with a sentence for what is not taken; `Tampered` and `NotFound` when the object cannot be read back;
    `Busy`.
    """

    def read(start: int, end: int) -> bytes:
        pieces = read_range(
            file.upload.head,
            file.file_key,
            file.length,
            start,
            end - 1,
            lambda first, last: store.read(file.upload.object_name, first, last),
        )
        return b"".join(pieces)

    seen = look_at(file.media, file.length, read)
    for code in REFUSED:
        if code in seen.codes:
            raise WrongType(sentence(code, file.file_name, ending=file.media.extension))
    return Inspected(marks=seen.codes, duration_ms=seen.duration_ms)


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
