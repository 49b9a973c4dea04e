"""How far a file is, on standard error: bytes that the vault has acknowledged, the rate, the time that is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

UNITS = ("bytes", "kB", "MB", "GB", "TB")


class Progress:
    """One line for one file: rewritten on a terminal, else a new one for each tenth."""

    def __init__(
        self, name: str, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name, self._stream, self._clock = name, stream or sys.stderr, clock
        self._begun: tuple[float, int] | None = None
        self._tenth = -1

    def __call__(self, count: int, length: int) -> None:
        """So many bytes of it are safe."""
        now = self._clock()
        if self._begun is None or count < self._begun[1]:
            self._begun = (now, count)
        words = [f"{100 * count // length} %", f"{size(count)} of {size(length)} are safe"]
        seconds, sent = now - self._begun[0], count - self._begun[1]
        if seconds > 0 and sent > 0:
            rate = sent / seconds
            words.append(f"{size(int(rate))}/s")
            if count < length:
                words.append(f"{duration((length - count) / rate)} left")
        self._show(f"{self._name}: {', '.join(words)}", 10 * count // length)

    def end(self) -> None:
        """The line stays as it is, and what follows begins a new one."""
        if self._stream.isatty() and self._begun is not None:
            self._stream.write("\n")

    def _show(self, line: str, tenth: int) -> None:
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[K{line}")
        elif tenth != self._tenth:
            self._tenth = tenth
            self._stream.write(f"{line}\n")
        self._stream.flush()


def size(count: int) -> str:
    """Bytes in words, as in 12.3 MB."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{count} bytes" if not unit else f"{value:.1f} {UNITS[unit]}"


def duration(seconds: float) -> str:
    """Time in words, as in 3 min 20 s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
