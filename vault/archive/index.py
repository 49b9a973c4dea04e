"""The index of a package: what its files are called and hold. It is the one place that says so, and lies in it encrypted.

    {"class": …, "case_number": …, "entries": [{…}, …], "format": "casevault-index/1"}

Names sorted, times in UTC, one spelling (`canonical`). `open_aip.py` reads `id`, `file_name` and `sha256` of each entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from vault.archive.canonical import canonical, read_canonical
from vault.archive.package import DisposalClass, read_time, written_time
from vault.errors import Tampered

FORMAT = "casevault-index/1"


@dataclass(frozen=True)
class IndexEntry:
    """One file. `sha256` and `length` (bytes) are of its plaintext; `individuals` are numbers, never names.

    `transcript_of` are the ids of the versions, here or in another package of the case, whose transcript it is.
    """

    id: UUID
    document_id: UUID
    number: int
    file_name: str
    title: str
    document_type: str
    media_type: str
    length: int
    sha256: str
    deposited_at: datetime
    withdrawn_at: datetime | None = None
    duration_ms: int | None = None
    language: str | None = None
    individuals: tuple[str, ...] = ()
    transcript_of: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class Index:
    """All files of one package."""

    case_number: str
    disposal: DisposalClass
    entries: Sequence[IndexEntry]


def write_index(index: Index) -> bytes:
    """One line of canonical JSON, entries in the order of their ids. It is encrypted before it goes anywhere."""
    entries = sorted(index.entries, key=lambda entry: entry.id)
    return canonical(
        {
            "case_number": index.case_number,
            "class": index.disposal.value,
            "entries": [_written(entry) for entry in entries],
            "format": FORMAT,
        }
    )


def read_index(content: bytes) -> Index:
    """What `write_index` wrote; `Tampered` for anything else."""
    values = read_canonical(content)
    try:
        if values["format"] != FORMAT:
            raise Tampered
        entries = [_read(entry) for entry in values["entries"]]
        index = Index(values["case_number"], DisposalClass(values["class"]), entries)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Tampered from None
    if write_index(index) != content:
        raise Tampered
    return index


def _written(entry: IndexEntry) -> dict[str, Any]:
    return {name: _plain(value) for name, value in asdict(entry).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return written_time(value)
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _read(entry: dict[str, Any]) -> IndexEntry:
    if set(entry) != {field.name for field in fields(IndexEntry)}:
        raise Tampered
    known = {
        "id": UUID(entry["id"]),
        "document_id": UUID(entry["document_id"]),
        "deposited_at": read_time(entry["deposited_at"]),
        "withdrawn_at": None if entry["withdrawn_at"] is None else read_time(entry["withdrawn_at"]),
        "individuals": tuple(entry["individuals"]),
        "transcript_of": tuple(map(UUID, entry["transcript_of"])),
    }
    return IndexEntry(**entry | known)
