"""Small real parts that tests may move: a clock, a bell."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from vault.clock import Clock

START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class SettableClock(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime = START) -> None:
        self.instant = start

    def now(self) -> datetime:
        return self.instant

    def move(self, **by: float) -> datetime:
        """Jump: `clock.move(minutes=31)`. Over an hour the vault holds its clock to be ahead; see `make.wait`."""
        self.instant += timedelta(**by)
        return self.instant


class RecordingBell:
    """A bell that nobody hears; it keeps what was rung."""

    def __init__(self) -> None:
        self.rung: list[UUID] = []
        self.sweeps = 0

    def ring(self, job_id: UUID) -> None:
        self.rung.append(job_id)

    def ring_sweep(self) -> None:
        self.sweeps += 1
