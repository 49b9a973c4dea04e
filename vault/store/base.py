"""What a store is: write-once objects, grown from partials, read by range."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from vault.errors import Conflict, Invalid, Misconfigured

PIECE = 4 * (64 * 1024 + 16)
"""Bytes: every piece that `read` yields is so large, but for the last. A whole number of an object's chunks."""
BLOCK = 512
"""Bytes that a disk writes whole or not at all."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9]+)?")
LONGEST_NAME = 200
S3_PLACE = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[A-Za-z0-9][A-Za-z0-9/_.-]*)?)?"
)

Buffer = bytes | bytearray | memoryview


class Store(Protocol):
    """Names are lower-case ASCII paths of two to four parts, such as `files/<uuid>`. All sizes are bytes.

    A thread lets one partial grow at a time before it syncs. Every method raises `Invalid` for a name that is not one, and
    any may raise `StoreUnavailable`. What is done when a method returns
    survives a power cut.
    """

    def begin(self, name: str) -> None:
        """Start an empty partial. Raises `Conflict` if a partial or an object of that name exists."""

    def append(self, name: str, offset: int, content: Buffer, sync: bool = True) -> int:
        """The partial holds the content from `offset` on; returns where it ends. Without `sync` a power cut may undo it.

        A writer that goes on behind a crash may find more than it knows of: what lies at its place must be what it
        brings, or what a crash leaves of that (`could_become`). Raises `Different` if it is not, `Conflict` if the
        partial ends before `offset`, `NotFound` if there is none, and `StorageFull` with the partial as long as it was.
        """

    def sync(self, name: str) -> None:
        """What was appended survives a power cut. Raises `NotFound` without a partial."""

    def partial_size(self, name: str) -> int | None:
        """How much of a partial is stored, or None if there is none."""

    def finish(self, name: str) -> str | None:
        """Turn a partial into an object; returns its version, where the store keeps versions.

        Raises `Conflict` if that exists, `NotFound` without a partial.
        """

    def drop(self, name: str) -> None:
        """Remove a partial; nothing happens if there is none. Objects are untouched."""

    def put(self, name: str, content: bytes) -> str | None:
        """Store a small object in one act; returns its version. Raises `Conflict` if it exists, and `StorageFull`."""

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

    def sweep(self, before: datetime) -> int:
        """Remove what crashes left before that time and nothing will ask for; returns how much there was of it."""


class Different(Conflict):
    """Something else lies where a writer wanted to go on."""


class Retained(Conflict):
    """Retention keeps an object that was to go."""


def could_become(present: bytes, content: Buffer, offset: int) -> bool:
    """Whether `present` is what a crash may have left of `content`: each block of the disk is equal, or zeros, or gone.

    Both lie from `offset` on; whichever is longer, only what both reach is compared.
    """
    size = min(len(present), len(content))
    wanted = memoryview(content)[:size]
    if memoryview(present)[:size] == wanted:
        return True
    edges = [0, *range(BLOCK - offset % BLOCK, size, BLOCK), size]
    blocks = [(present[start:end], wanted[start:end]) for start, end in itertools.pairwise(edges)]
    return all(there == new or not any(there) for there, new in blocks)


def checked_name(name: str) -> str:
    """The same name; raises `Invalid` for what could leave its folder or clash on some file system."""
    parts = name.split("/")
    if len(name) > LONGEST_NAME or not 2 <= len(parts) <= 4 or not all(map(NAME.fullmatch, parts)):
        raise Invalid("That is no name of an object.")
    return name


def open_store(spec: str, endpoint: str = "", region: str = "", checksums: str = "") -> Store:
    """The store that a setting names: `disk:PATH`, `s3://BUCKET/PREFIX` or `memory:`; the rest says how S3 is asked.

    Raises `Misconfigured` for anything else.
    """
    from vault.store.disk import DiskStore
    from vault.store.memory import MemoryStore

    kind, _, rest = spec.partition(":")
    if place := S3_PLACE.fullmatch(spec):
        from vault.store.s3.client import Service
        from vault.store.s3.store import S3Store

        return S3Store(place["bucket"], Service(key_prefix(place), endpoint, region, checksums))
    if kind == "disk" and rest:
        return DiskStore(Path(rest))
    if kind == "memory" and not rest:
        return MemoryStore()
    raise Misconfigured("A store is named disk:PATH, s3://BUCKET/PREFIX or memory:.")


def key_prefix(place: re.Match[str]) -> str:
    """What all keys of that place begin with."""
    return f"{place['prefix'].rstrip('/')}/" if place["prefix"] else ""
