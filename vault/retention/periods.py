"""When a time that began at one moment is over, by the calendar."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta

MOST = {"days": 36_500, "months": 1_200, "years": 100}
"""The longest periods: a hundred years."""


def ends_at(began_at: datetime, period: int, unit: str) -> datetime:
    """So many days, months or years later at the same time of day (UTC); the last day of a month that is too short."""
    if unit == "days":
        return began_at + timedelta(days=period)
    months = began_at.month - 1 + period * (12 if unit == "years" else 1)
    year, month = began_at.year + months // 12, months % 12 + 1
    return began_at.replace(year=year, month=month, day=min(began_at.day, monthrange(year, month)[1]))
