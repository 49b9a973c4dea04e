"""An archive in a bucket: where it has Object Lock, each object has a date before which the server lets nobody remove it.

The vault never asks to lift a lock, and needs no right to. Legal holds are another person's.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vault.errors import NotFound
from vault.store.archive import COMPLIANCE, NONE, Kept
from vault.store.s3.bucket import Unknown
from vault.store.s3.client import Service
from vault.store.s3.store import S3Store


@dataclass(frozen=True)
class Lock:
    """What a bucket says of its locks: whether it has them, and what it locks without being asked."""

    is_there: bool
    by_default: str


class S3Archive(S3Store):
    """A bucket's store whose objects stay; `mode` is of the locks that are made here."""

    def __init__(self, bucket: str, service: Service, mode: str) -> None:
        super().__init__(bucket, service)
        self._mode = mode
        self._lock: Lock | None = None

    @property
    def lock(self) -> Lock:
        """Asked once."""
        if self._lock is None:
            self._lock = lock_of(self)
        return self._lock

    def put_kept(self, name: str, content: bytes, until: datetime) -> Kept:
        more = self._asked(until) if self.bucket.is_conditional else {}
        written = self.bucket.create(self.object_key(name), bytes(content), **more)
        return self.extend_retention(name, written.version, until)

    def finish_kept(self, name: str, until: datetime) -> Kept:
        more = self._asked(until) if self.bucket.is_conditional else {}
        return self.extend_retention(name, self._finished(name, **more).version, until)

    def kept(self, name: str, version: str | None = None) -> Kept:
        named = {"VersionId": version} if version else {}
        answer = self.bucket.ask("head_object", Key=self.object_key(name), ChecksumMode="ENABLED", **named)
        mode = str(answer.get("ObjectLockMode", NONE)).lower()
        version = version or answer.get("VersionId")
        until = answer.get("ObjectLockRetainUntilDate")
        return Kept(name, version, answer["ContentLength"], mode, until, _whole_sha256(answer))

    def extend_retention(self, name: str, version: str | None, until: datetime) -> Kept:
        present = self.kept(name, version)
        is_long = present.until is not None and present.until >= until.replace(microsecond=0)
        if is_long or not self.lock.is_there:
            return present
        mode = COMPLIANCE if COMPLIANCE in (present.mode, self._mode) else self._mode
        self.bucket.ask(
            "put_object_retention",
            Key=self.object_key(name),
            VersionId=present.version,
            Retention={"Mode": mode.upper(), "RetainUntilDate": until},
        )
        return self.kept(name, present.version)

    def read_version(self, name: str, version: str | None, start: int, end: int) -> Iterator[bytes]:
        return self._read(name, start, end, version)

    def delete_version(self, name: str, version: str | None) -> None:
        if version is None:
            self.delete(name)
        else:
            self.bucket.remove_version(self.object_key(name), version)

    def _asked(self, until: datetime) -> dict[str, Any]:
        if not self.lock.is_there:
            return {}
        return {"ObjectLockMode": self._mode.upper(), "ObjectLockRetainUntilDate": until}


def _whole_sha256(answer: dict[str, Any]) -> bytes | None:
    """What the server says of an object that was put in one act; of one in parts it knows no digest of the whole."""
    said = str(answer.get("ChecksumSHA256", ""))
    return base64.b64decode(said) if said and "-" not in said else None


def lock_of(store: S3Store) -> Lock:
    """What the bucket says of locks; a server that knows none says so, too."""
    try:
        answer = store.bucket.ask("get_object_lock_configuration")
    except (NotFound, Unknown):
        return Lock(False, "")
    found = answer.get("ObjectLockConfiguration", {})
    rule = found.get("Rule", {}).get("DefaultRetention", {})
    return Lock(found.get("ObjectLockEnabled") == "Enabled", str(rule.get("Mode", "")).lower())
