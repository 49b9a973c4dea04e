"""What a setting may say: each reader takes its text, and raises `ValueError` with what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path


def count(text: str, least: int = 0) -> int:
    """A number of at least `least`."""
    number = int(text)
    if number < least:
        raise ValueError(f"a number of at least {least} is needed")
    return number


def positive(text: str) -> int:
    """A number of at least 1."""
    return count(text, least=1)


def times(unit: timedelta, most: int = 1_000_000) -> Callable[[str], timedelta]:
    """A reader of so many units of time, at least one."""

    def read(text: str) -> timedelta:
        if positive(text) > most:
            raise ValueError(f"a number of at most {most} is needed")
        return int(text) * unit

    return read


seconds, minutes = times(timedelta(seconds=1)), times(timedelta(minutes=1))
hours, days = times(timedelta(hours=1)), times(timedelta(days=1))


def hour(text: str) -> int:
    """An hour of the day."""
    number = int(text)
    if not 0 <= number <= 23:
        raise ValueError("an hour from 0 to 23 is needed")
    return number


def folder(text: str) -> Path:
    """A path, whole."""
    return Path(text).expanduser().resolve()


def one_of(*choices: str) -> Callable[[str], str]:
    """A reader that takes these words alone."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)} is needed")
        return text

    return read
