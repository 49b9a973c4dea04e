"""The indexes of a closing: per disposal class what the files are called and hold, encrypted to the archive identities.

The object comes before the row that names it. Of a closing that did not come about it stays behind, named by no row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from vault.archive.checklist import Checklist, is_transcript_of
from vault.archive.index import Index, IndexEntry, write_index
from vault.archive.minting import Filed, filed_in
from vault.archive.models import ArchiveIndex, Closure
from vault.archive.package import DisposalClass
from vault.bundles.document_types import DOCUMENT_TYPES, RECORDING
from vault.crypto.agefile import encrypt_file
from vault.crypto.kdf import sha256
from vault.transfers.transcripts import TRANSCRIPT

if TYPE_CHECKING:
    from vault.runtime import Transaction


def write_indexes(tx: Transaction, closure: Closure, checklist: Checklist) -> None:
    """One index for each class that the case has files of; withdrawn documents stand in it as such."""
    files = filed_in(tx, checklist)
    by_class: dict[str, list[IndexEntry]] = defaultdict(list)
    for filed in files:
        disposal = DOCUMENT_TYPES[filed.document.document_type].disposal
        by_class[disposal].append(_entry(filed, _transcribed(filed, files)))
    recipients = [each.recipient for each in checklist.identities]
    for disposal, entries in sorted(by_class.items()):
        index = Index(checklist.case.number, DisposalClass(disposal), entries)
        file, name = encrypt_file(recipients, write_index(index)), f"indexes/{uuid4()}"
        tx.store.put(name, file)
        tx.add(
            ArchiveIndex(
                closure_id=closure.id,
                disposal=disposal,
                files=len(entries),
                object_name=name,
                object_length=len(file),
                object_digest=sha256(file),
            )
        )


def _transcribed(filed: Filed, files: Sequence[Filed]) -> tuple[UUID, ...]:
    """The versions of recordings whose transcript this is."""
    if filed.document.document_type != TRANSCRIPT:
        return ()
    return tuple(
        other.version.id
        for other in files
        if other.document.kind == RECORDING and is_transcript_of(filed.document, other.document)
    )


def _entry(filed: Filed, transcribed: tuple[UUID, ...]) -> IndexEntry:
    document, version, opened = filed
    return IndexEntry(
        id=version.id,
        document_id=document.id,
        number=version.number,
        file_name=opened.file_name_of(version),
        title=opened.title_of(document),
        document_type=document.document_type,
        media_type=version.media_type,
        length=version.length,
        sha256=opened.digest_of(version),
        deposited_at=version.deposited_at,
        withdrawn_at=document.withdrawn_at,
        duration_ms=version.duration_ms,
        language=document.language,
        individuals=tuple(person.number for person in document.individuals),
        transcript_of=transcribed,
    )
