"""What a store is: write-once objects, grown from partials, read by range."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from vault.errors import Invalid, Misconfigured

PIECE = 256 * 1024
"""Bytes: no piece that `read` yields is larger."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9]+)?")
LONGEST_NAME = 200


class Store(Protocol):
    """Names are lower-case ASCII paths of two to four parts, such as `files/<uuid>`. All sizes are bytes.

    Every method raises `Invalid` for a name that is not one. What is done when a method returns
    survives a power cut.
    """

    def begin(self, name: str) -> None:
        """Start an empty partial. Raises `Conflict` if a partial or an object of that name exists."""

    def append(self, name: str, offset: int, content: bytes) -> int:
        """Add bytes at the end of a partial; returns its new size.

        Raises `Conflict` if `offset` is not its size, `NotFound` if there is no such partial, and
        `StorageFull` with the partial left at its old size.
        """

    def partial_size(self, name: str) -> int | None:
        """How much of a partial is stored, or None if there is none."""

    def finish(self, name: str) -> None:
        """Turn a partial into an object. Raises `Conflict` if that exists, `NotFound` without a partial."""

    def drop(self, name: str) -> None:
        """Remove a partial; nothing happens if there is none. Objects are untouched."""

    def put(self, name: str, content: bytes) -> None:
        """Store a small object in one act. Raises `Conflict` if it exists, and `StorageFull`."""

    def get(self, name: str) -> bytes:
        """The whole of a small object. Raises `NotFound`."""

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        """Bytes `start` up to, not including, `end`, in pieces of at most `PIECE`; never a clean short end.

        Raises at once `NotFound`, or `BadRange` if it has no such bytes; later `Tampered` if it shrinks.
        """

    def size(self, name: str) -> int | None:
        """The size of an object, or None if there is none."""

    def names(self, prefix: str = "") -> Iterator[str]:
        """The objects whose name begins with `prefix`, in no order."""

    def partial_names(self, prefix: str = "") -> Iterator[str]:
        """The partials whose name begins so, in no order; `put/…` is what a crash left of a `put`."""

    def delete(self, name: str) -> None:
        """Remove an object; nothing happens if there is none."""


def checked_name(name: str) -> str:
    """The same name; raises `Invalid` for what could leave its folder or clash on some file system."""
    parts = name.split("/")
    if len(name) > LONGEST_NAME or not 2 <= len(parts) <= 4 or not all(map(NAME.fullmatch, parts)):
        raise Invalid("That is no name of an object.")
    return name


def open_store(spec: str) -> Store:
    """The store that a setting names: `disk:PATH` or `memory:`. Raises `Misconfigured` for anything else."""
    from vault.store.disk import DiskStore
    from vault.store.memory import MemoryStore

    kind, _, rest = spec.partition(":")
    if kind == "disk" and rest:
        return DiskStore(Path(rest))
    if kind == "memory" and not rest:
        return MemoryStore()
    raise Misconfigured("A store is named disk:PATH or memory:.")
