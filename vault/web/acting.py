"""Who acts in this request, and the transactions it acts in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app, g

from vault.access.actor import STRANGER, Actor
from vault.runtime import Runtime, Transaction


def runtime() -> Runtime:
    """The process's runtime."""
    found: Runtime = current_app.extensions["runtime"]
    return found


def actor() -> Actor:
    """Who acts: set by `web/signin.py` for people; a stranger otherwise."""
    return g.get("actor", STRANGER)  # type: ignore[no-any-return]


def arrived() -> Actor:
    """Whose session this request carries, also while that owes a second factor. For the few pages about factors alone."""
    return g.get("arrived", STRANGER)  # type: ignore[no-any-return]


@contextmanager
def transaction(acting: Actor | None = None) -> Iterator[Transaction]:
    """One act of this request's actor, or of `acting`; it commits when the block ends, before the first byte leaves."""
    with runtime().transaction(acting or actor()) as tx:
        yield tx


@contextmanager
def reading(acting: Actor | None = None) -> Iterator[Transaction]:
    """A short look that changes nothing."""
    with runtime().reading(acting or actor()) as tx:
        yield tx
