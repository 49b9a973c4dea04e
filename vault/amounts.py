"""Numbers and lengths of time as settings give them; ValueError says what is wrong with one."""

from __future__ import annotations

from datetime import timedelta


def seconds(text: str) -> timedelta:
    """At least one."""
    return timedelta(seconds=positive(text))


def minutes(text: str) -> timedelta:
    """At least one."""
    return timedelta(minutes=positive(text))


def hours(text: str) -> timedelta:
    """At least one."""
    return timedelta(hours=positive(text))


def days(text: str) -> timedelta:
    """At least one."""
    return timedelta(days=positive(text))


def positive(text: str) -> int:
    """A number of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError("a number of at least 1 is needed")
    return number


def count(text: str) -> int:
    """A number of at least 0."""
    number = int(text)
    if number < 0:
        raise ValueError("a number of at least 0 is needed")
    return number


def hour(text: str) -> int:
    """An hour of the day."""
    number = int(text)
    if not 0 <= number <= 23:
        raise ValueError("an hour from 0 to 23 is needed")
    return number
