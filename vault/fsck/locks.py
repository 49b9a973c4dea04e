"""K1, K2, K6: where keys of files and bundles are kept, judged by the shape of their locks and the slots that they need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, and_, case, func, or_, select

from vault.access.grants import Grant
from vault.archive.models import ArchiveHeader, Closure
from vault.archive.retrieval_models import RetrievedFile
from vault.bundles.document_types import is_permanent
from vault.bundles.models import Bundle, Document, Version
from vault.crypto.header import HEAD, head_version
from vault.crypto.kinds import SlotKind
from vault.errors import Tampered
from vault.fsck.checks import Check, Checker, Found, Rows
from vault.fsck.looking import Looking
from vault.models import METADATA
from vault.transfers.models import ARCHIVE, CopyMade, Upload

LEAST, FILE_KEY, KEY, GRANTED = 81, 97, 113, 1168
"""Bytes of a lock around nothing, around the key of a file or another, and of a key that is granted."""
NONCE = slice(HEAD - 16, HEAD)
AGE = b"age-encryption.org/v1\n"
FILE_LOCKS = (
    ("versions", "file_lock"),
    ("uploads", "file_lock"),
    ("shared_documents", "file_lock"),
    ("loans", "file_lock"),
    ("dropped_files", "sender_file_lock"),
    ("retrieved_files", "file_lock"),
)
GRANTS = (
    ("dropped_files", "sealed_key"),
    ("dropped_files", "sender_grant"),
    ("retrieved_files", "sealed_key"),
)
BUNDLE_LOCKS = ("bundle_lock", "rescue_lock")


def lock_check(table: Table, names: Sequence[str], code: str, size: int | None = KEY) -> Check:
    """Whether what these columns hold has the shape of a lock: of this size, or of any."""
    bad = [_is_no_lock(table.c[name], size) for name in names]
    key, *others = table.primary_key.columns
    query = select(key, func.max(case((or_(*bad), 1), else_=0)) if others else case((or_(*bad), 1), else_=0))
    return Check(table.name, Rows(query.group_by(key) if others else query), _flagged(code))


def grant_check(table: Table, name: str) -> Check:
    """Whether what this column holds has the shape of a grant."""
    column = table.c[name]
    bad = and_(column.is_not(None), func.length(column) != GRANTED)
    key = next(iter(table.primary_key.columns))
    return Check(table.name, Rows(select(key, case((bad, 1), else_=0))), _flagged("key_not_locked"))


def _is_no_lock(column: Column[Any], size: int | None) -> ColumnElement[bool]:
    length = func.length(column)
    wrong = length != size if size else length <= LEAST
    is_kept = column.is_not(None) if size else length > 0  # that of a session that has ended is emptied
    return and_(is_kept, or_(wrong, func.substr(column, 1, 1) != b"\x01"))


def _flagged(code: str) -> Any:
    def judge(_vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
        yield from ((row[0], code) for row in rows if row[1])

    return judge


def slot_check(of: str, query: Any, kind: SlotKind) -> Check:
    """Whether the slot that a row names, if the keystore knows it, is of this kind and of this row."""

    def judge(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
        slots = vault.slots(row[1] for row in rows)
        for row in rows:
            slot = slots.get(row[1])
            if slot is not None and (slot.kind, slot.subject_id) != (kind, row[0]):
                yield row[0], "slot_of_another"

    return Check(of, Rows(query), judge)


def _heads(_vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    for row in rows:
        try:
            is_own = len(row.head) == HEAD and row.head.startswith(AGE) and head_version(row.head) == row.id
        except Tampered:
            is_own = False
        if not is_own:
            yield row.id, "head_of_another"


def _headers(_vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    for row in rows:
        if (row.of, row.purpose) != (row.version_id, ARCHIVE) or row.starts != AGE:
            yield row.id, "header_not_in_inventory"
        elif row.reopened_at is None and not is_permanent(row.document_type):
            yield row.id, "header_of_disposable"


def _payloads(vault: Looking, rows: Sequence[Any]) -> Iterator[Found]:
    """The files that came back have the nonce of those that they are copies of, and no others share one."""
    found = vault.among(_copies, RetrievedFile.id, [row.id for row in rows])
    originals = {copy: bytes(head)[NONCE] for copy, head in found}
    nonces, digests = vault.aside("nonces"), vault.aside("digests")
    for row in rows:
        nonce = bytes(row.head)[NONCE]
        if not (nonce == originals[row.id] if row.id in originals else nonces.add(nonce)):
            yield row.id, "key_used_twice"
        if not digests.add(bytes(row.object_digest)):
            yield row.id, "payload_twice"


_copies = select(RetrievedFile.id, Version.head).join(Version, Version.id == RetrievedFile.version_id)
_unfinished = Upload.completed_at.is_(None), Upload.dropped_at.is_(None)
_minted = (
    select(
        ArchiveHeader.id,
        ArchiveHeader.version_id,
        func.substr(ArchiveHeader.header, 1, len(AGE)).label("starts"),
        CopyMade.version_id.label("of"),
        CopyMade.purpose,
        Closure.reopened_at,
        Document.document_type,
    )
    .join(CopyMade, CopyMade.id == ArchiveHeader.copy_id)
    .join(Closure, Closure.id == ArchiveHeader.closure_id)
    .join(Version, Version.id == ArchiveHeader.version_id)
    .join(Document, Document.id == Version.document_id)
)

K1 = Checker(
    "K1",
    "A key of a file is stored only in locks that need the slot of its version; its two exits are in the inventory.",
    "No lock is opened: its shape, the slot that it needs, the start of each object that points at its version, and for"
    " each header of an archival package its line in the inventory and a permanent class.",
    (
        *(
            lock_check(METADATA.tables[table], [name], "key_not_locked", FILE_KEY)
            for table, name in FILE_LOCKS
        ),
        *(grant_check(METADATA.tables[table], name) for table, name in GRANTS),
        slot_check("slots of versions", select(Version.id, Version.slot_id), SlotKind.VERSION),
        slot_check(
            "slots of uploads", select(Upload.id, Upload.slot_id).where(*_unfinished), SlotKind.VERSION
        ),
        slot_check(
            "slots of returning files", select(RetrievedFile.id, RetrievedFile.slot_id), SlotKind.VERSION
        ),
        Check("heads of versions", Rows(select(Version.id, Version.head)), _heads),
        Check("archive headers", Rows(_minted), _headers),
    ),
)
K2 = Checker(
    "K2",
    "A bundle's key is stored only in locks that need the slot of the bundle.",
    "No lock is opened: the shape of bundle lock, rescue lock and grants, and the slot that they need.",
    (
        lock_check(Bundle.metadata.tables["bundles"], BUNDLE_LOCKS, "key_not_locked"),
        slot_check("slots of bundles", select(Bundle.id, Bundle.slot_id), SlotKind.BUNDLE),
        grant_check(Grant.metadata.tables["grants"], "sealed"),
    ),
)
K6 = Checker(
    "K6",
    "A key of a file encrypts one payload, once.",
    "Keys are not seen: no two files have one nonce or one ciphertext, but for copies out of a package, which have those of"
    " their originals.",
    (Check("versions", Rows(select(Version.id, Version.head, Version.object_digest)), _payloads),),
)
