"""What a package is made of: plain values, each from a row. Nothing here knows a key, a name of a person or of a file.

`packaged_at` is fixed once, before the package is first made: with the rows it is all that the bytes depend on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cached_property
from uuid import UUID, uuid5

from vault.crypto.header import POINTER, parse_header
from vault.errors import Invalid

OBJID = re.compile(r"[AS]IP-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-v[1-9][0-9]{0,5}")
REPRESENTATION = "data/representations/rep1"
CONTENT = f"{REPRESENTATION}/data"
METS = "data/METS.xml"
REPRESENTATION_METS = f"{REPRESENTATION}/METS.xml"
REPRESENTATION_PREMIS = f"{REPRESENTATION}/metadata/preservation/premis.xml"
PREMIS = "data/metadata/preservation/premis.xml"
DUBLIN_CORE = "data/metadata/descriptive/dc.xml"
INDEX = "data/metadata/descriptive/index.json.age"
RETENTION = "data/metadata/other/retention.json"
DOCUMENTATION = "data/documentation"
SCHEMAS = "data/schemas"

_ONE_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]{1,200}")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,80}")
_AGE = "mlkem768x25519"


class DisposalClass(Enum):
    """What becomes of the files. Only permanent ones carry headers; the others open by the vault's keystore alone (K1)."""

    PERMANENT = "permanent"
    RECORDING = "recording"
    TEMPORARY = "temporary"


@dataclass(frozen=True)
class PackedFile:
    """One version of a document: the stored object, and the age header that replaces its bytes 0…109 (None: as it is).

    `id` is the version's, `object_digest` the SHA-256 of the object, `object_length` its bytes; `media_type` the content's.
    In a submission the object is the file as it lies in the archival package, header and all.
    """

    id: UUID
    header: bytes | None
    object_name: str
    object_length: int
    object_digest: bytes
    media_type: str
    deposited_at: datetime

    @property
    def path(self) -> str:
        """Where it lies in the bag."""
        return f"{CONTENT}/{self.id}.age"

    @property
    def size(self) -> int:
        """Bytes in the package."""
        return self.object_length - (POINTER - len(self.header) if self.header is not None else 0)


@dataclass(frozen=True)
class Package:
    """One package of a case: the files of one disposal class, at one closing.

    `organisation` and `agent` (a program and its version) are named in it, and no person is. `index` is an age file.
    A submission is made of an archival package of permanent records and has the same files: `made_of` is the SHA-256 of
    that one's tar, in hex, and None for an archival package itself. Raises `Invalid` for values that cannot be packed.
    """

    id: UUID
    version: int
    case_number: str
    disposal: DisposalClass
    organisation: str
    closed_on: date
    packaged_at: datetime
    agent: tuple[str, str]
    index: bytes
    files: Sequence[PackedFile]
    made_of: str | None = None

    def __post_init__(self) -> None:
        parse_header(self.index)
        for text in (self.case_number, self.organisation, *self.agent):
            if not _ONE_LINE.fullmatch(text) or text != text.strip():
                raise Invalid("A package names its case, organisation and program in one line each.")
        if not OBJID.fullmatch(self.name) or not self.files:
            raise Invalid("A package has a version from 1 on, and at least one file.")
        if len({file.id for file in self.files}) != len(self.files):
            raise Invalid("A package holds each version once.")
        if self.is_submission and self.disposal is not DisposalClass.PERMANENT:
            raise Invalid("Only permanent records are handed over.")
        for file in self.files:
            _check(file, self.disposal is DisposalClass.PERMANENT and not self.is_submission)

    @property
    def is_submission(self) -> bool:
        """Whether it is made for a records repository (SIP), and not for the archive (AIP)."""
        return self.made_of is not None

    @property
    def kind(self) -> str:
        """The type of package, as OAIS names it."""
        return "SIP" if self.is_submission else "AIP"

    @property
    def name(self) -> str:
        """The folder in the tar, and without `.tar` the tar's own name."""
        return f"{self.kind}-{self.id}-v{self.version}"

    @cached_property
    def in_order(self) -> list[PackedFile]:
        """The files by their paths."""
        return sorted(self.files, key=lambda file: file.path)

    def identifier(self, what: str) -> UUID:
        """The same id each time for the same thing in this package (RFC 9562 version 5)."""
        return uuid5(self.id, f"v{self.version}/{what}")


def written_time(moment: datetime) -> str:
    """UTC to the second, as XML and the index have it; `Invalid` for a time without a zone."""
    if moment.tzinfo is None:
        raise Invalid("A time in a package says its zone.")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(text: str) -> datetime:
    """What `written_time` wrote; ValueError for anything else."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _check(file: PackedFile, has_header: bool) -> None:
    if (file.header is not None) != has_header:
        raise Invalid("Files of permanent packages have headers, and no others have.")
    if file.header is not None:
        header = parse_header(file.header)
        if header.size != len(file.header) or any(stanza.kind != _AGE for stanza in header.stanzas):
            raise Invalid("A file in a permanent package opens for archive identities alone.")
    if not _MEDIA_TYPE.fullmatch(file.media_type) or len(file.object_digest) != 32:
        raise Invalid("A file in a package has a media type and a SHA-256.")
