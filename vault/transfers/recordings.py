"""What is shown of a recording: the player's facts, its bookmarks, its transcripts, and what of it was served."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.policy import Permission
from vault.bundles.bookmarks import bookmarks_of, label_of
from vault.bundles.models import Document
from vault.bundles.opening import OpenBundle
from vault.inspection.dictation import PLAYED
from vault.people.models import Person
from vault.transfers.pages import case_of
from vault.transfers.reading import Content
from vault.transfers.served import ServedList, served_list
from vault.transfers.transcripts import Shown, TranscriptRow, transcripts_of

if TYPE_CHECKING:
    from vault.runtime import Transaction

HOUR_MS = 3600 * 1000


class BookmarkRow(BaseModel):
    """A named place in a recording, `position_ms` milliseconds from its beginning; the label may be empty."""

    id: UUID
    position_ms: int
    label: str
    made_by: str
    made_at: datetime
    may_remove: bool


class BookmarkList(BaseModel):
    """The bookmarks of a recording, in the order of their places."""

    items: list[BookmarkRow]


class RecordingPage(BaseModel):
    """A recording to listen to. `length` in bytes, `hourly` in bytes for an hour of it; `served` only for those who may
    see the log; what is decoded here, and what its recorder has locked."""

    bundle: UUID
    document: UUID
    title: str
    case_number: str
    individuals: list[str]
    version: int
    media_type: str
    length: int
    duration_ms: int | None
    hourly: int | None
    is_playable: bool
    is_decoded: bool
    is_locked: bool = False
    is_withdrawn: bool
    bookmarks: list[BookmarkRow]
    transcripts: list[TranscriptRow]
    shown: Shown | None = None
    start_ms: int | None = None
    served: ServedList | None = None


def recording_page(tx: Transaction, opened: OpenBundle, content: Content, is_playable: bool) -> RecordingPage:
    """The page of a recording."""
    document, version = content.document, content.version
    duration = version.duration_ms
    return RecordingPage(
        bundle=opened.bundle.id,
        document=document.id,
        title=opened.title_of(document),
        case_number=case_of(tx, opened.bundle).number,
        individuals=[individual.number for individual in document.individuals],
        version=version.number,
        media_type=content.media_type,
        length=content.length,
        duration_ms=duration,
        hourly=content.length * HOUR_MS // duration if duration else None,
        is_playable=is_playable,
        is_decoded=content.media_type in PLAYED,
        is_withdrawn=document.withdrawn_at is not None,
        bookmarks=bookmark_list(tx, opened, document).items,
        transcripts=transcripts_of(tx, opened, document),
        served=served_list(tx, version) if tx.allows(Permission.AUDIT_SEE, document) else None,
    )


def bookmark_list(tx: Transaction, opened: OpenBundle, document: Document) -> BookmarkList:
    """All bookmarks of a recording of the open bundle."""
    found = bookmarks_of(tx, document)
    query = select(Person.id, Person.display_name).where(Person.id.in_({each.owner_id for each in found}))
    names: dict[UUID, str] = dict(tx.session.execute(query).all())
    may_change = tx.allows(Permission.DOCUMENT_CHANGE, document)
    return BookmarkList(
        items=[
            BookmarkRow(
                id=each.id,
                position_ms=each.position_ms,
                label=label_of(opened, each),
                made_by=names[each.owner_id],
                made_at=each.made_at,
                may_remove=may_change or each.owner_id == tx.actor.id,
            )
            for each in found
        ]
    )
