"""A bundle as one ZIP file: the current versions of what the actor may read, as they are, put together while they leave.

Nothing is compressed, so the length is known before the first byte. Every seal and size is checked before the first byte,
every chunk before it is sent: a file that does not verify stops the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from zipstream import ZipStream  # type: ignore[import-untyped]

from vault.access.policy import Permission
from vault.bundles.document_types import STRICT, is_permanent
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import DISPOSED, MOVED, OpenBundle, open_bundle
from vault.bundles.queries import files_of
from vault.cases.models import Case
from vault.crypto.payload import read_range
from vault.errors import Archived, Conflict, Disposed, Fault, NotFound, Tampered, TooLarge
from vault.people.step_up import require_fresh_factor
from vault.runtime import refusal_about
from vault.store.base import Store
from vault.transfers.names import case_name
from vault.transfers.reading import Content, content_of, may_all_go_on, record_opening

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST = 1000
"""Files in one ZIP: each is looked at, and recorded, before the first byte."""


@dataclass(frozen=True)
class Parcel:
    """What goes into one ZIP: versions that were found whole, each under a name of its own; `name` is the ZIP's."""

    bundle: Bundle
    name: str
    contents: Sequence[Content]

    @property
    def document_ids(self) -> frozenset[UUID]:
        """The documents in it."""
        return frozenset(content.document.id for content in self.contents)


def open_for_download(tx: Transaction, bundle_id: UUID) -> OpenBundle:
    """The bundle, open, for somebody who may read. Errors: `NotFound`, `Refused`, `BundleLocked`, `StepUpDue`."""
    bundle = tx.load(Bundle, bundle_id, Permission.DOCUMENT_READ)
    if bundle.tier == STRICT:
        require_fresh_factor(tx)
    return open_bundle(tx, bundle)


def find_parcel(tx: Transaction, opened: OpenBundle, kind: str | None = None) -> Parcel:
    """What lies here and the actor may download, and is not withdrawn, oldest first; with `kind` of that kind alone.

    It looks at every file, so it is for a transaction that only reads. Errors: `Conflict` when there is nothing,
    `Archived` or `Disposed` when all of it is gone, `TooLarge` beyond 1,000 files, `Tampered` (says which, and has its
    refusal) when one of them is not what was sealed.
    """
    bundle = opened.bundle
    found = [
        (document, version)
        for document, version in files_of(tx, bundle, Permission.DOCUMENT_DOWNLOAD)
        if document.withdrawn_at is None and kind in (None, document.kind)
    ]
    files = [each for each in found if each[1].removed_at is None]
    if not found:
        raise Conflict("There is nothing to download in this bundle.")
    if not files:
        is_record = any(is_permanent(document.document_type) for document, _ in found)
        raise Archived(MOVED) if is_record else Disposed(DISPOSED)
    if len(files) > MOST:
        raise TooLarge(f"A ZIP file takes at most {MOST} documents. Download them one by one.")
    contents = [
        _checked(tx, opened, *each, f"Document {n} of {len(files)}") for n, each in enumerate(files, 1)
    ]
    case = tx.session.get_one(Case, bundle.case_id)
    return Parcel(bundle, f"{case_name(case.number)}_{kind or 'bundle'}.zip", _named_apart(contents))


def record_download(tx: Transaction, parcel: Parcel) -> list[UUID]:
    """The readings of its contents, in their order; the log says what was opened, and that it was all at once.

    `NotFound` when something of it may not be read any more.
    """
    if not may_all_go_on(tx, parcel.document_ids, parcel.bundle.id):
        raise NotFound
    readings = [record_opening(tx, content) for content in parcel.contents]
    tx.record(
        "bundle.downloaded",
        parcel.bundle,
        documents=len(parcel.contents),
        length=sum(content.length for content in parcel.contents),
    )
    return readings


class Zip:
    """The ZIP file of a parcel, made once: its `length` in bytes, its `pieces`, and how much of each content they held."""

    def __init__(self, parcel: Parcel, store: Store) -> None:
        self._stream = ZipStream(sized=True)
        self.handed = [0] * len(parcel.contents)
        for place, content in enumerate(parcel.contents):
            pieces = self._plaintext(content, store, place)
            self._stream.add(pieces, content.file_name, size=content.length)

    @property
    def length(self) -> int:
        """Of the whole file, before any of it is made."""
        return len(self._stream)

    def pieces(self) -> Iterator[bytes]:
        """The whole file; `Tampered` in place of a chunk that does not verify."""
        yield from self._stream

    def _plaintext(self, content: Content, store: Store, place: int) -> Iterator[bytes]:
        read = partial(store.read, content.object_name)
        key, last = content.file_key.reveal(), content.length - 1
        for piece in read_range(content.head, key, content.length, 0, last, read):
            self.handed[place] += len(piece)
            yield piece


def _checked(
    tx: Transaction, opened: OpenBundle, document: Document, version: Version, place: str
) -> Content:
    try:
        return content_of(tx, document, version, *opened.file_keys(tx, version))
    except Tampered as error:
        message = f"{place} does not verify. Nothing was sent. Tell your administrator."
        raise Tampered(
            message,
            errors=[Fault(f"/documents/{document.id}", message)],
            refusal=error.refusal or refusal_about(version, "fixity.failed", reason="seal"),
        ) from None


def _named_apart(contents: Sequence[Content]) -> list[Content]:
    """The same, the second of a name with `-2` behind its stem, and so on."""
    seen: Counter[str] = Counter()
    apart = []
    for content in contents:
        seen[content.file_name] += 1
        stem, _, ending = content.file_name.rpartition(".")
        count = seen[content.file_name]
        name = content.file_name if count == 1 else f"{stem}-{count}.{ending}"
        apart.append(replace(content, file_name=name))
    return apart
