"""The transcripts beside a recording: those of its bundle that are about the same people. Plain text is shown.

Showing the text is opening the transcript, and stands in the log as that. At most 128 KiB are shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.access.policy import Permission, permits
from vault.bundles.models import Document, Version
from vault.bundles.opening import OpenBundle
from vault.crypto.payload import read_range
from vault.store.base import Store
from vault.transfers.reading import Content, open_content, record_opening

if TYPE_CHECKING:
    from vault.runtime import Transaction

TRANSCRIPT, TEXT = "transcript", "text/plain"
MOST_SHOWN = 128 * 1024
"""Bytes."""
MOST_TRANSCRIPTS = 50
_TIME = re.compile(r"\[(?:(\d{1,2}):)?([0-5]?\d):([0-5]\d)(?:[.,]\d{1,3})?\]", re.ASCII)


class TranscriptRow(BaseModel):
    """A transcript of the bundle. `length` in bytes; plain text can be shown."""

    document: UUID
    title: str
    extension: str
    length: int
    is_text: bool


class Piece(BaseModel):
    """A piece of text; a time in it has the place in the recording that it names."""

    text: str
    position_ms: int | None = None


class Shown(BaseModel):
    """What of a transcript is shown: lines of pieces, and whether the file goes on."""

    document: UUID
    title: str
    lines: list[list[Piece]]
    is_cut: bool


@dataclass(frozen=True)
class OpenTranscript:
    """A transcript whose opening has been recorded."""

    content: Content
    title: str
    reading_id: UUID

    @property
    def end(self) -> int:
        """How many bytes are shown."""
        return min(self.content.length, MOST_SHOWN)

    def shown(self, store: Store) -> Shown:
        """The text, read and verified. Call it outside any transaction."""
        found, key = self.content, self.content.file_key.reveal()
        pieces = read_range(
            found.head,
            key,
            found.length,
            0,
            self.end - 1,
            lambda start, end: store.read(found.object_name, start, end),
        )
        text = b"".join(pieces).decode("utf-8-sig", "replace")
        return Shown(
            document=found.document.id,
            title=self.title,
            lines=[pieces_of(line) for line in text.splitlines()],
            is_cut=self.end < found.length,
        )


def transcripts_of(tx: Transaction, opened: OpenBundle, recording: Document) -> list[TranscriptRow]:
    """The bundle's transcripts that name somebody of the recording, or nobody; the newest first."""
    query = (
        select(Document, Version)
        .join(Version, (Version.document_id == Document.id) & (Version.number == Document.current_number))
        .where(
            Document.bundle_id == opened.bundle.id,
            Document.document_type == TRANSCRIPT,
            Document.withdrawn_at.is_(None),
            permits(Permission.DOCUMENT_READ, Document, tx.actor, tx.now),
        )
        .order_by(Document.created_at.desc(), Document.id)
        .limit(MOST_TRANSCRIPTS)
    )
    people = {individual.id for individual in recording.individuals}
    return [
        TranscriptRow(
            document=document.id,
            title=opened.title_of(document),
            extension=version.extension,
            length=version.length,
            is_text=version.media_type == TEXT,
        )
        for document, version in tx.session.execute(query)
        if version.is_available
        and (not document.individuals or people & {individual.id for individual in document.individuals})
    ]


def open_transcript(
    tx: Transaction, rows: Sequence[TranscriptRow], asked: UUID | None
) -> OpenTranscript | None:
    """The asked one of these transcripts, without one asked for the first, if it is plain text; its opening recorded."""
    texts = [row for row in rows if row.is_text and asked in (None, row.document)]
    if not texts:
        return None
    content, opened = open_content(tx, texts[0].document)
    return OpenTranscript(content, opened.title_of(content.document), record_opening(tx, content))


def pieces_of(line: str) -> list[Piece]:
    """The line, apart at times such as [00:12:34] or [12:34]."""
    pieces, at = [], 0
    for found in _TIME.finditer(line):
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        pieces.append(Piece(text=line[at : found.start()]))
        place = ((hours * 60 + minutes) * 60 + seconds) * 1000
        pieces.append(Piece(text=found.group(), position_ms=place))
        at = found.end()
    pieces.append(Piece(text=line[at:]))
    return [piece for piece in pieces if piece.text]
