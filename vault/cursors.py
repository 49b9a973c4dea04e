"""Cursors of lists in order of time, newest or oldest first: where the page before ended, by moment and id."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_

from vault.errors import Fault, Invalid

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def cursor_of(moment: datetime, row_id: UUID) -> str:
    """The cursor of the page that follows the row with this moment and id: microseconds, "-", the id's hex digits."""
    return f"{(moment - EPOCH) // timedelta(microseconds=1)}-{row_id.hex}"


def is_beyond(moment: Any, row_id: Any, cursor: str) -> ColumnElement[bool]:
    """True for the rows that follow, given their columns; `Invalid` at /after for what is no cursor."""
    last, last_id = _read(cursor)
    return or_(moment < last, and_(moment == last, row_id < last_id))


def is_later(moment: Any, row_id: Any, cursor: str) -> ColumnElement[bool]:
    """The same for a list that runs from the oldest to the newest."""
    last, last_id = _read(cursor)
    return or_(moment > last, and_(moment == last, row_id > last_id))


def _read(cursor: str) -> tuple[datetime, UUID]:
    moment, _, row_id = cursor.partition("-")
    try:
        return EPOCH + timedelta(microseconds=int(moment)), UUID(hex=row_id)
    except (ValueError, OverflowError):
        fault = Fault("/after", "Give the cursor of the page before.")
        raise Invalid("The page is unknown.", errors=[fault]) from None
