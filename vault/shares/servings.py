"""What a link's recipient was served, document by document: all visits together.

It says what the server handed out; whether it was read, played or heard nobody knows.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.bundles.document_types import DOCUMENT_TYPES
from vault.bundles.models import Version
from vault.shares.models import Opening, Share, SharedDocument
from vault.shares.register import VISITOR
from vault.transfers.models import Reading
from vault.transfers.reading import merged
from vault.transfers.served import is_whole, spans_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.runtime import Transaction


class ServedDocument(BaseModel):
    """How much of one lent version left. `bytes_served` counts again what was sent again; `is_whole` is true when each byte
    was sent at least once. `spans` are [start, end] of a recording in milliseconds; null where its duration is unknown.
    """

    document: UUID
    document_type: str
    type_name: str
    version: int
    length: int
    bytes_served: int
    is_whole: bool
    duration_ms: int | None
    spans: list[tuple[int, int]] | None
    first_at: datetime | None
    last_at: datetime | None


def served_documents(tx: Transaction, share: Share) -> list[ServedDocument]:
    """Each document of the link in its order, also one of which nothing was served. Load the share first."""
    query = (
        select(Reading)
        .join(Opening, (Opening.id == Reading.reader_id) & (Reading.reader_kind == VISITOR))
        .where(Opening.share_id == share.id, Reading.bytes_served > 0)
    )
    readings: dict[UUID, list[Reading]] = defaultdict(list)
    for reading in tx.session.scalars(query):
        readings[reading.version_id].append(reading)
    return [_row(tx, lent, readings[lent.version_id]) for lent in share.documents]


def _row(tx: Transaction, lent: SharedDocument, readings: Sequence[Reading]) -> ServedDocument:
    found: list[list[int]] = []
    for reading in readings:
        found = merged(found, reading.ranges)
    version = tx.session.get_one(Version, lent.version_id)
    duration, ranges = version.duration_ms, [(first, last) for first, last in found]
    return ServedDocument(
        document=version.document_id,
        document_type=lent.document_type,
        type_name=DOCUMENT_TYPES[lent.document_type].name,
        version=version.number,
        length=version.length,
        bytes_served=sum(reading.bytes_served for reading in readings),
        is_whole=bool(readings) and is_whole(found, version.length),
        duration_ms=duration,
        spans=spans_of(ranges, version.length, duration) if duration else None,
        first_at=min((reading.first_at for reading in readings), default=None),
        last_at=max((reading.last_at for reading in readings), default=None),
    )
