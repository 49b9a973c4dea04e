"""Guess limits, exact and in the database: counted before the guess is tried, so that racers gain nothing.

A key names what is guessed and from where. Keys are hashed: the table holds no names and no addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import LargeBinary, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from vault.db import Base, upsert
from vault.errors import TooMany
from vault.sentences import counted


class Throttle(Base):
    """Failures in a row under one key, and until when the next try waits."""

    __tablename__ = "throttles"

    key_digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    waits_until: Mapped[datetime]
    touched_at: Mapped[datetime] = mapped_column(index=True)


@dataclass(frozen=True)
class Limit:
    """`free` tries at once, then each waits twice as long as the one before, up to `longest`; after `most` none."""

    free: int = 5
    first: timedelta = timedelta(seconds=10)
    longest: timedelta = timedelta(minutes=15)
    most: int | None = None

    def wait_after(self, failures: int) -> timedelta:
        """How long the next try waits once this many have failed."""
        beyond = failures - self.free
        if beyond < 0:
            return timedelta(0)
        wait: timedelta = self.first * (1 << min(beyond, 20))
        return min(wait, self.longest)


def take_try(session: Session, key: str, limit: Limit, now: datetime) -> None:
    """Count one try before it is made; `TooMany` with the seconds to wait when none is left now.

    Call it in a transaction that commits before the guess is checked.
    """
    row = _counted(session, _digest(key), now)
    if limit.most is not None and row.failures >= limit.most:
        raise _too_many(limit.longest)
    if now < row.waits_until:
        raise _too_many(row.waits_until - now)
    row.failures += 1
    row.touched_at = now
    row.waits_until = now + limit.wait_after(row.failures)
    session.flush()


def _counted(session: Session, digest: bytes, now: datetime) -> Throttle:
    """The key's row, held until this transaction ends; one is made if there is none."""
    query = upsert(session, Throttle).values(key_digest=digest, failures=0, waits_until=now, touched_at=now)
    query = query.on_conflict_do_update(index_elements=[Throttle.key_digest], set_={"touched_at": now})
    found = session.scalars(query.returning(Throttle), execution_options={"populate_existing": True})
    row: Throttle = found.one()
    return row


def forget_tries(session: Session, key: str) -> None:
    """The guess was right: the count starts anew."""
    session.execute(delete(Throttle).where(Throttle.key_digest == _digest(key)))


def give_back_try(session: Session, key: str) -> None:
    """The try was never made (the vault was busy): it does not count."""
    session.execute(
        update(Throttle)
        .where(Throttle.key_digest == _digest(key), Throttle.failures > 0)
        .values(failures=Throttle.failures - 1)
    )


def tries_of(session: Session, key: str) -> int:
    """How many tries in a row have been counted under the key."""
    return session.scalar(select(Throttle.failures).where(Throttle.key_digest == _digest(key))) or 0


def _digest(key: str) -> bytes:
    return sha256(key.encode()).digest()


def _too_many(wait: timedelta) -> TooMany:
    seconds = max(1, int(wait.total_seconds()) + 1)
    if seconds < 120:
        words = counted(
            "Too many attempts. Try again in %(num)s second.",
            "Too many attempts. Try again in %(num)s seconds.",
            seconds,
        )
    else:
        words = counted(
            "Too many attempts. Try again in %(num)s minute.",
            "Too many attempts. Try again in %(num)s minutes.",
            (seconds + 59) // 60,
        )
    return TooMany(words, retry_after=seconds)
