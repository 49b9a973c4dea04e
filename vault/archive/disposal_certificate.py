"""What a certificate of disposal says: by which authority, what, how, who signed, what is left, and what it does not say.

Whoever carries a disposal out gives the facts; here they get their words and their order. The words are those of NIST
SP 800-88: cryptographic erase is a means to purge. No names of people and no titles: ids, numbers, digests and times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from vault.archive.package import written_time

CIPHER = {"name": "ChaCha20-Poly1305", "key_bits": 256}
METHODS = {"sanitization": "purge", "technique": "cryptographic erase", "standard": "NIST SP 800-88 Rev. 2"}
TECHNIQUE = (
    "Purge by cryptographic erase: each file was encrypted before it was first written, under a 256-bit key of its own,"
    " which lies in this vault only in locks that need the file's slot. That slot was destroyed in the keystore, and the"
    " ledger of ended slots names it. Then the encrypted objects were deleted, with every version and marker, and were"
    " looked for and not found, but for those that are named as remaining."
)
VERIFICATION = (
    "Afterwards the keystore was asked for each slot and did not open it, and each store was asked for each object and each"
    " version of it."
)
LIMITATIONS = (
    "Backups of the keystore may hold the slots until the day that is named here. Whoever has one of those, with backups of"
    " the database and of the objects, and opens the bundle, reads the files. The final certificate says when that is over.",
    "Where the keystore lies on a disk of its own, its bytes were overwritten and its journal emptied. What a disk keeps of"
    " overwritten bytes is not known: there the slot is cleared, no more, until the key of its epoch is destroyed.",
    "A copy of the keystore, or of a master key, that somebody made by hand and never entered is not known.",
    "What had left the vault before, by download, link, loan or export, was not reached. Memory of machines that had the"
    " file open before is not proven to be empty.",
)
REMAINS = {
    "locked": "its store keeps it until that day, and nobody can remove it before; it holds no key",
    "shared": "it is one object with files that were not disposed of; it holds no key",
}


@dataclass(frozen=True)
class Authority:
    """Who allowed it: the reference of the records authority and its date."""

    reference: str
    dated: date


@dataclass(frozen=True)
class DisposedFile:
    """One version. `slot_id` is None where none was left to destroy; the digest and length are of the encrypted object."""

    version_id: UUID
    object_name: str
    digest: bytes
    length: int
    slot_id: UUID | None
    written_at: datetime
    slot_destroyed_at: datetime | None
    removed_at: datetime | None


@dataclass(frozen=True)
class DisposedDocument:
    """One item of the list: which document, by which class and version of the rule, and how it came to be due.

    `transcript_id` is the version that a recording was compared with. Without a rule the authority alone says that it goes.
    """

    number: int
    document_id: UUID
    case_id: UUID
    document_type: str
    class_code: str | None
    rule_version: int | None
    citation: str | None
    due_at: datetime | None
    transcript_id: UUID | None
    files: Sequence[DisposedFile]


@dataclass(frozen=True)
class FoundCopy:
    """Another copy, or a way to one, that the inventory found: a package, an index, a link, a loan, an upload.

    `remains` is None where it is gone, else a word of `REMAINS`.
    """

    kind: str
    place: str
    name: str
    store_version: str | None
    digest: bytes | None
    length: int | None
    found_at: datetime
    removed_at: datetime | None
    remains: str | None = None
    locked_until: datetime | None = None


@dataclass(frozen=True)
class Signature:
    """Who has signed the list, the `place`-th to do so, for which unit, in which role."""

    principal_id: UUID
    place: int
    unit: str
    role: str
    signed_at: datetime


@dataclass(frozen=True)
class DisposalFacts:
    """All that a certificate of disposal says, as the rows have it once they change no more.

    `case_number` is None, as `case_id` is, where the list is about several cases. `backups` is what `backup_facts` gives.
    """

    organisation: str
    office_id: UUID
    case_id: UUID | None
    case_number: str | None
    disposal_id: UUID
    list_digest: bytes
    authority: Authority
    documents: Sequence[DisposedDocument]
    copies: Sequence[FoundCopy]
    signatures: Sequence[Signature]
    proposed_at: datetime
    cooled_until: datetime
    begun_at: datetime
    erased_at: datetime
    tool_version: str
    backups: dict[str, Any] = field(default_factory=dict)


def disposal_values(facts: DisposalFacts) -> dict[str, Any]:
    """The values of the certificate, in the order of the list; the heading comes with the signature."""
    files = [(document, each) for document in facts.documents for each in document.files]
    case = {"id": str(facts.case_id), "number": facts.case_number} if facts.case_id else None
    said = {
        "organisation": facts.organisation,
        "office": str(facts.office_id),
        "disposal": str(facts.disposal_id),
        "list_sha256": facts.list_digest.hex(),
        "authority": {"reference": facts.authority.reference, "date": facts.authority.dated.isoformat()},
        "quantity": {
            "documents": len(facts.documents),
            "files": len(files),
            "bytes": sum(each.length for _, each in files),
        },
        "documents": [_document(each) for each in facts.documents],
        "removed": [_file(document, each) for document, each in files],
        "copies_removed": [_copy(each) for each in facts.copies if each.remains is None],
        "remaining": [_remaining(each) for each in facts.copies if each.remains is not None],
        "approvals": [_signature(each) for each in facts.signatures],
        "holds": {"checked_at": written_time(facts.begun_at), "found": []},
        "proposed_at": written_time(facts.proposed_at),
        "cooled_until": written_time(facts.cooled_until),
        "begun_at": written_time(facts.begun_at),
        "erased_at": written_time(facts.erased_at),
        "method": METHODS | {"cipher": CIPHER},
        "technique": TECHNIQUE,
        "verification": {"statement": VERIFICATION, "verified_at": written_time(facts.erased_at)},
        "tool": {"name": "Casevault", "version": facts.tool_version},
        "limitations": list(LIMITATIONS),
    }
    return said | ({"case": case} if case else {}) | facts.backups


def _document(each: DisposedDocument) -> dict[str, Any]:
    return {
        "number": each.number,
        "document": str(each.document_id),
        "case": str(each.case_id),
        "type": each.document_type,
        "class": each.class_code,
        "rule_version": each.rule_version,
        "citation": each.citation,
        "due_at": _time(each.due_at),
        "transcript": str(each.transcript_id) if each.transcript_id else None,
    }


def _file(document: DisposedDocument, each: DisposedFile) -> dict[str, Any]:
    return {
        "item": document.number,
        "version": str(each.version_id),
        "object": each.object_name,
        "sha256": each.digest.hex(),
        "bytes": each.length,
        "ciphertext_since": written_time(each.written_at),
        "slot": str(each.slot_id) if each.slot_id else None,
        "slot_destroyed_at": _time(each.slot_destroyed_at),
        "removed_at": _time(each.removed_at),
        "result": "removed" if each.removed_at else "key destroyed",
    }


def _copy(each: FoundCopy) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "place": each.place,
        "object": each.name,
        "version": each.store_version,
        "sha256": each.digest.hex() if each.digest else None,
        "bytes": each.length,
        "found_at": written_time(each.found_at),
        "removed_at": _time(each.removed_at),
    }


def _remaining(each: FoundCopy) -> dict[str, Any]:
    reason = {"reason": REMAINS[each.remains or ""], "locked_until": _time(each.locked_until)}
    return {name: value for name, value in _copy(each).items() if name != "removed_at"} | reason


def _signature(each: Signature) -> dict[str, Any]:
    return {
        "principal": str(each.principal_id),
        "place": each.place,
        "unit": each.unit,
        "role": each.role,
        "signed_at": written_time(each.signed_at),
    }


def _time(at: datetime | None) -> str | None:
    return written_time(at) if at is not None else None
