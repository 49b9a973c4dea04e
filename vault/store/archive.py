"""What an archive is besides a store: objects that stay until a date, each known by its version.

A bucket with Object Lock refuses everybody; a folder has read-only files and the vault's own rule, which is called *policy*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from vault.errors import Misconfigured
from vault.store.base import S3_PLACE, Store, key_prefix

GOVERNANCE, COMPLIANCE, POLICY, NONE = "governance", "compliance", "policy", "none"
"""What keeps an object: a lock that an account's owner may lift, one that nobody may, the vault's own rule, nothing."""


STORES = ("first", "second")
FIRST, SECOND = STORES
"""The archives of a vault: where packages are written, and where each has another copy, if there is such a place."""


@dataclass(frozen=True)
class Kept:
    """An object of the archive: its version where there are such, its bytes, what keeps it, and until when.

    `sha256` is what the server itself says of the bytes, where it does.
    """

    name: str
    version: str | None
    size: int
    mode: str
    until: datetime | None
    sha256: bytes | None = None


class Archive(Store, Protocol):
    """A store whose objects are kept. Where it returns a version, every later question names that version."""

    def put_kept(self, name: str, content: bytes, until: datetime) -> Kept:
        """As `put`; nobody removes the object before that time."""

    def finish_kept(self, name: str, until: datetime) -> Kept:
        """As `finish`; nobody removes the object before that time."""

    def kept(self, name: str, version: str | None = None) -> Kept:
        """What stands there now. Raises `NotFound`."""

    def extend_retention(self, name: str, version: str | None, until: datetime) -> Kept:
        """The object is kept until then, or longer if it was already. Never shorter. Raises `NotFound`."""

    def read_version(self, name: str, version: str | None, start: int, end: int) -> Iterator[bytes]:
        """As `read`, of this version, also where the name shows another or none."""

    def delete_version(self, name: str, version: str | None) -> None:
        """This version is gone; nothing happens if it was. Raises `Retained` while it is kept."""


def open_archive(
    spec: str,
    lock: str,
    now: Callable[[], datetime],
    endpoint: str = "",
    region: str = "",
    checksums: str = "",
) -> Archive:
    """The archive that a setting names, as `open_store`; `lock` is GOVERNANCE or COMPLIANCE, for buckets that have locks."""
    from vault.store.disk_archive import DiskArchive

    kind, _, rest = spec.partition(":")
    if place := S3_PLACE.fullmatch(spec):
        from vault.store.s3.client import Service
        from vault.store.s3.retention import S3Archive

        service = Service(key_prefix(place), endpoint, region, checksums)
        return S3Archive(place["bucket"], service, lock)
    if kind == "disk" and rest:
        return DiskArchive(Path(rest), now)
    raise Misconfigured("An archive is named disk:PATH or s3://BUCKET/PREFIX.")
