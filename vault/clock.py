"""The vault's clock: never before the stored high-water mark, and wary of jumps.

`now` is the later of the system's time and the mark. A system clock more than five minutes behind the mark raises an
alarm. A system clock more than an hour past it is *ahead*: reading and expiry go by it, but the mark stays and nothing
is destroyed by time until an administrator confirms. A clock that was wrong is then simply put right. A job moves the
mark on while the vault runs, so that a quiet night is no jump; an hour switched off is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from vault.db import Base, upsert
from vault.jobs import handles

BEHIND = timedelta(minutes=5)
AHEAD = timedelta(hours=1)


class ClockState(StrEnum):
    """How the system's time stands to the mark."""

    STEADY = "steady"
    BEHIND = "behind"
    AHEAD = "ahead"


class ClockMark(Base):
    """The one row that keeps the latest instant at which something was committed."""

    __tablename__ = "clock_mark"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    high_water_at: Mapped[datetime]


_MARK = select(ClockMark.high_water_at).where(ClockMark.id == 1)


class Clock:
    """The system's UTC time. Tests use one that can be set."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class Reading:
    """One look at the clock: the instant to use, how it stands to the mark, and the mark."""

    now: datetime
    state: ClockState
    mark: datetime | None


def read_clock(session: Session, clock: Clock) -> Reading:
    """The instant of a transaction."""
    system = clock.now()
    mark = session.scalar(_MARK)
    if mark is None:
        return Reading(system, ClockState.STEADY, None)
    if system < mark - BEHIND:
        return Reading(mark, ClockState.BEHIND, mark)
    if system > mark + AHEAD:
        return Reading(system, ClockState.AHEAD, mark)
    return Reading(max(system, mark), ClockState.STEADY, mark)


def advance_mark(session: Session, reading: Reading, confirmed: bool = False) -> None:
    """Keep the instant as the new mark; while the clock is ahead only a confirmation moves it."""
    query = upsert(session, ClockMark).values(id=1, high_water_at=reading.now)
    if reading.state is ClockState.STEADY or confirmed:
        # Another transaction may have moved the mark further meanwhile.
        later = ClockMark.high_water_at < reading.now
        moved = query.on_conflict_do_update(
            index_elements=[ClockMark.id], set_={"high_water_at": reading.now}, where=later
        )
        session.execute(moved)
    else:
        session.execute(query.on_conflict_do_nothing())


@handles("clock.keep_pace")
def keep_pace(runtime: Any, _job: object) -> None:
    """The mark has moved on with a steady clock, although nobody changed anything."""
    with runtime.session() as session:
        advance_mark(session, read_clock(session, runtime.clock))
