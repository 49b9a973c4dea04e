"""What was served of a version, reader by reader: byte ranges, and for a recording the minutes they stand for.

A range becomes a span of time by its share of the file, which is exact for sound of an even rate and near it otherwise.
It says what the server handed out; what was played or heard nobody knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select

from vault.bundles.models import Version
from vault.people.models import Person
from vault.transfers.models import Reading
from vault.transfers.reading import merged

if TYPE_CHECKING:
    from vault.runtime import Transaction

NEAR_MS = 1000
"""Spans that are no further apart than this are told as one."""


class ServedRow(BaseModel):
    """What one reader was served. `name` is a colleague's; spans are [start, end] in milliseconds, ranges [first, last]
    byte, both inclusive."""

    reader: UUID
    kind: str
    name: str | None
    ranges: list[tuple[int, int]]
    spans: list[tuple[int, int]]
    first_at: datetime
    last_at: datetime


class ServedList(BaseModel):
    """Who was served what of a version of `length` bytes, the last reader first. `duration_ms` is null where unknown."""

    document: UUID
    version: int
    length: int
    duration_ms: int | None
    items: list[ServedRow]


def served_list(tx: Transaction, version: Version) -> ServedList:
    """All readers of the version. Load its document with the permission first."""
    query = select(Reading).where(Reading.version_id == version.id, Reading.bytes_served > 0)
    readers: dict[UUID, list[Reading]] = {}
    for row in tx.session.scalars(query.order_by(Reading.last_at.desc())):
        readers.setdefault(row.reader_id, []).append(row)
    named = select(Person.id, Person.display_name).where(Person.id.in_(list(readers)))
    names: dict[UUID, str] = dict(tx.session.execute(named).all())
    return ServedList(
        document=version.document_id,
        version=version.number,
        length=version.length,
        duration_ms=version.duration_ms,
        items=[_row(version, names.get(reader), rows) for reader, rows in readers.items()],
    )


def spans_of(
    ranges: Sequence[tuple[int, int]], length: int, duration_ms: int | None
) -> list[tuple[int, int]]:
    """The times that byte ranges of a file of `length` bytes stand for; none without a duration."""
    spans: list[tuple[int, int]] = []
    for first, last in ranges if duration_ms else []:
        start = first * (duration_ms or 0) // length
        end = -(-(last + 1) * (duration_ms or 0) // length)
        if spans and start - spans[-1][1] <= NEAR_MS:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def is_whole(ranges: Sequence[Sequence[int]], length: int) -> bool:
    """Whether the ranges, both ends inclusive, cover all bytes."""
    reached = 0
    for first, last in sorted((each[0], each[1]) for each in ranges):
        if first > reached:
            return False
        reached = max(reached, last + 1)
    return reached >= length


def _row(version: Version, name: str | None, rows: Sequence[Reading]) -> ServedRow:
    found: list[list[int]] = []
    for row in rows:
        found = merged(found, row.ranges)
    ranges = [(first, last) for first, last in found]
    return ServedRow(
        reader=rows[0].reader_id,
        kind=rows[0].reader_kind,
        name=name,
        ranges=ranges,
        spans=spans_of(ranges, version.length, version.duration_ms),
        first_at=min(row.first_at for row in rows),
        last_at=max(row.last_at for row in rows),
    )
