"""Reading: a version is opened when grant, lock, seal and sizes agree; what was served is kept, range by range.

One `document.opened` per session and version; a row of readings says which bytes went out, as far as the server handed
them on. Shares use the same steps for a recipient, with an event of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from sqlalchemy import select

from vault.access.policy import Permission, permits
from vault.bundles.document_types import RECORDING, STRICT
from vault.bundles.models import Bundle, Document, Version
from vault.bundles.opening import OpenBundle, open_bundle, open_until
from vault.bundles.seals import check_sealed
from vault.cases.models import Case
from vault.crypto.payload import check_size, read_range
from vault.crypto.secret import Secret
from vault.errors import NotFound, Tampered, Unauthenticated
from vault.people.models import Person, PersonSession
from vault.people.sessions import is_live, touch_session
from vault.people.step_up import require_fresh_factor
from vault.people.tokens import token_lives
from vault.runtime import refusal_about
from vault.store.base import Store
from vault.transfers.models import Reading
from vault.transfers.names import download_name

if TYPE_CHECKING:
    from vault.runtime import Transaction

MOST_RANGES = 200
USE_EVERY = 60.0
"""Seconds between two notes that a running transfer makes of session and bundle being in use."""


@dataclass(frozen=True)
class Content:
    """A version that was found whole, with what a stream needs (`web.streams.Sendable`). Lengths are bytes.

    `file_name` is the name that a download gets; the sender's own name never is.
    """

    document: Document
    version: Version
    file_key: Secret
    file_name: str

    @property
    def etag(self) -> str:
        """The entity tag, without quotes: a version's bytes never change."""
        return str(self.version.id)

    @property
    def head(self) -> bytes:
        """The object's first 126 bytes, as the database keeps them."""
        return self.version.head

    @property
    def length(self) -> int:
        """Of the plaintext."""
        return self.version.length

    @property
    def object_name(self) -> str:
        """Where the object lies in the store."""
        return self.version.object_name

    @property
    def object_length(self) -> int:
        """Of the object."""
        return self.version.object_length

    @property
    def object_digest(self) -> bytes:
        """SHA-256 of the object, raw."""
        return self.version.object_digest

    @property
    def media_type(self) -> str:
        """What it is, as found when it was deposited."""
        return self.version.media_type


def open_content(
    tx: Transaction,
    document_id: UUID,
    number: int | None = None,
    permission: Permission = Permission.DOCUMENT_READ,
) -> tuple[Content, OpenBundle]:
    """A version of the document, the current one without a `number`, and its open bundle. Nothing is recorded yet.

    Errors: `NotFound`, `Refused`, `BundleLocked`, `StepUpDue` for what is protected, `Archived` when the version was
    removed from here, `Tampered` (recorded) when it is not what was sealed.
    """
    document = tx.load(Document, document_id, permission)
    version = find_version(tx, document, number)
    ask_afresh(tx, document, version)
    opened = open_bundle(tx, tx.load(Bundle, document.bundle_id, permission))
    return content_of(tx, document, version, *opened.file_keys(tx, version)), opened


def open_to_send(tx: Transaction, document_id: UUID, number: int | None = None) -> Content:
    """A version to be sent as it is. A recording plays for those who may view it; other files are downloads."""
    content, _opened = open_content(tx, document_id, number)
    tx.require(_to_send(content.document), content.document)
    return content


def _to_send(document: Document) -> Permission:
    return Permission.DOCUMENT_READ if document.kind == RECORDING else Permission.DOCUMENT_DOWNLOAD


def ask_afresh(tx: Transaction, document: Document, version: Version) -> None:
    """`StepUpDue` for what is strictly confidential, unless the session has proved a factor or been served it just now."""
    if document.tier == STRICT:
        require_fresh_factor(tx, _last_served(tx, version))


def _last_served(tx: Transaction, version: Version) -> datetime | None:
    """When this session was last served the version: what plays or is read on is not asked about again."""
    session_id = tx.actor.session.id if tx.actor.session else None
    own = (
        Reading.version_id == version.id,
        Reading.reader_id == tx.actor.id,
        Reading.session_id == session_id,
    )
    return tx.session.scalar(select(Reading.last_at).where(*own))


def find_version(tx: Transaction, document: Document, number: int | None = None) -> Version:
    """A sealed version of the document, the current one without a `number`; `NotFound` when there is none."""
    version = tx.session.scalar(
        select(Version).where(
            Version.document_id == document.id, Version.number == (number or document.current_number)
        )
    )
    if version is None or version.seal is None:
        raise NotFound
    return version


def content_of(
    tx: Transaction, document: Document, version: Version, file_key: bytes, slot: bytes
) -> Content:
    """The version's content under its file key and slot. `Tampered`, with its refusal, unless seal, head and sizes agree."""
    try:
        check_sealed(version, file_key, slot)
        check_size(version.length, version.object_length)
        check_size(version.length, tx.store.size(version.object_name) or 0)
    except Tampered:
        refusal = refusal_about(version, "fixity.failed", reason="seal")
        raise Tampered(refusal=refusal) from None
    case_number = tx.session.scalars(select(Case.number).where(Case.id == document.case_id)).one()
    name = download_name(case_number, document.document_type, version.number, version.extension)
    return Content(document, version, Secret(file_key), name)


def begin_reading(tx: Transaction, version: Version) -> tuple[UUID, bool]:
    """The row that keeps what this session (or visit) is served of the version, and whether it is the first time."""
    session_id = tx.actor.session.id if tx.actor.session else None
    known = select(Reading.id).where(
        Reading.version_id == version.id,
        Reading.reader_id == tx.actor.id,
        Reading.session_id == session_id if session_id else Reading.session_id.is_(None),
    )
    found = tx.session.scalar(known)
    if found is None:
        # Two first requests at once: the second waits here, and then sees the first one's row.
        tx.session.execute(select(Version.id).where(Version.id == version.id).with_for_update())
        found = tx.session.scalar(known)
    if found is not None:
        return found, False
    row = Reading(
        id=uuid4(),
        version_id=version.id,
        reader_kind=tx.actor.kind,
        reader_id=tx.actor.id,
        session_id=session_id,
        ranges=[],
        bytes_served=0,
        first_at=tx.now,
        last_at=tx.now,
    )
    return tx.add(row).id, True


def record_opening(tx: Transaction, content: Content, **details: str) -> UUID:
    """The reading's id; the event stands in the log once per session and version."""
    reading_id, is_first = begin_reading(tx, content.version)
    if is_first:
        version = content.version
        tx.record("document.opened", content.document, version=version.id, number=version.number, **details)
    return reading_id


def record_look(tx: Transaction, content: Content) -> None:
    """Pages or words of the version are shown, none of its bytes: an event as for any opening, a reading without ranges."""
    record_served(tx, record_opening(tx, content, way="pages"), [])


def reader_of(store: Store, content: Content) -> Callable[[int, int], bytes]:
    """Its plaintext from a place up to, not including, another: read and verified. Call it outside any transaction."""

    def read(start: int, end: int) -> bytes:
        pieces = read_range(
            content.head,
            content.file_key.reveal(),
            content.length,
            start,
            end - 1,
            lambda first, last: store.read(content.object_name, first, last),
        )
        return b"".join(pieces)

    return read


def record_served(tx: Transaction, reading_id: UUID, ranges: Sequence[tuple[int, int]]) -> None:
    """Add what a stream handed out: [first, last] byte of plaintext, both inclusive."""
    row = tx.session.get_one(Reading, reading_id, with_for_update=True)
    row.ranges = merged(row.ranges, ranges)
    row.bytes_served += sum(end - start + 1 for start, end in ranges)
    row.last_at = tx.now


def merged(known: Sequence[Sequence[int]], more: Sequence[Sequence[int]]) -> list[list[int]]:
    """All ranges in order, joined where they touch; beyond 200, across the smallest gaps, which says a little more."""
    joined: list[list[int]] = []
    for start, end in sorted((first, last) for first, last in [*known, *more]):
        if joined and start <= joined[-1][1] + 1:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    while len(joined) > MOST_RANGES:
        place = min(range(1, len(joined)), key=lambda at: joined[at][0] - joined[at - 1][1])
        joined[place - 1][1] = joined.pop(place)[1]
    return joined


def may_go_on(tx: Transaction, document_id: UUID, bundle_id: UUID) -> bool:
    """Whether a running stream may go on: the right, the session and the open bundle are as they were."""
    document = tx.session.get(Document, document_id)
    bundle = tx.session.get(Bundle, bundle_id)
    if document is None or bundle is None or document.bundle_id != bundle.id:
        return False
    return tx.allows(_to_send(document), document) and session_lives(tx) and _is_open(tx, bundle)


def may_all_go_on(tx: Transaction, document_ids: Set[UUID], bundle_id: UUID) -> bool:
    """Whether a running stream of all these documents may go on; one that was withdrawn or moved meanwhile ends it."""
    bundle = tx.session.get(Bundle, bundle_id)
    if bundle is None:
        return False
    readable = permits(Permission.DOCUMENT_DOWNLOAD, Document, tx.actor, tx.now)
    query = select(Document.id).where(
        Document.bundle_id == bundle.id, Document.withdrawn_at.is_(None), readable
    )
    allowed = document_ids <= set(tx.session.scalars(query))
    return allowed and session_lives(tx) and _is_open(tx, bundle)


def session_lives(tx: Transaction) -> bool:
    """Whether neither time nor word has ended the actor's session, nor taken a role, since the request began."""
    if tx.actor.session is None:
        return False
    if tx.actor.kind == "token":
        return token_lives(tx)
    row, person = tx.session.get(PersonSession, tx.actor.session.id), tx.session.get(Person, tx.actor.id)
    if row is None or person is None or not person.roles >= tx.actor.roles:
        return False
    return is_live(row, person, tx.now, tx.settings)


def require_session(tx: Transaction) -> None:
    """`Unauthenticated` when the session ended while the request was running."""
    if not session_lives(tx):
        raise Unauthenticated("You were signed out meanwhile. Sign in and send the file again.")


def keep_in_use(tx: Transaction, bundle_id: UUID) -> None:
    """A running stream counts as use: neither the session nor the open bundle idles meanwhile.

    Errors: `Unauthenticated`, `NotFound` or `BundleLocked` when one of them has ended already.
    """
    require_session(tx)
    if tx.actor.session is not None:
        touch_session(tx.session, tx.actor.session.id, tx.now)
    open_bundle(tx, tx.load(Bundle, bundle_id, Permission.BUNDLE_OPEN))


def _is_open(tx: Transaction, bundle: Bundle) -> bool:
    """A bundle without a password is open for its members; with one, while this session's unlocking stands."""
    return bundle.profile is None or open_until(tx, bundle) is not None
