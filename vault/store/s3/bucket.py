"""One bucket: calls whose faults are our errors, and writes that two writers cannot both win."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from uuid import uuid4

from vault.errors import Conflict, NotFound, StorageFull, StoreUnavailable, Tampered
from vault.store.base import PIECE, Retained
from vault.store.s3.client import Service, client_of

log = logging.getLogger(__name__)

ABSENT = frozenset(
    {"404", "NoSuchKey", "NoSuchVersion", "NoSuchUpload", "ObjectLockConfigurationNotFoundError"}
)
BEATEN = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict", "OperationAborted"})
FULL = frozenset({"507", "QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "ServiceQuotaExceeded"})
DENIED = frozenset({"403", "AccessDenied", "AccessForbidden", "ObjectLocked"})
UNKNOWN_HERE = frozenset({"501", "NotImplemented", "MethodNotAllowed"})
TRIES = 4
RETRY_AFTER = 10
AT_ONCE = 8
"""Requests that one act makes side by side."""
MARK = "casevault-mark"
"""Metadata: whose write this is, for whoever does not know whether his own came through."""


class Lost(Conflict):
    """Somebody else wrote there first."""


class Denied(StoreUnavailable):
    """The server forbids it: a right is missing, or retention keeps the object."""


class Unknown(StoreUnavailable):
    """The server does not know such a request."""


@dataclass(frozen=True)
class Found:
    """What lies under a key: bytes, entity tag, version where the bucket keeps them, and whose write it is."""

    size: int
    etag: str
    version: str | None
    mark: str


class Version(NamedTuple):
    """One version of a key, or a marker that it was deleted."""

    id: str
    is_marker: bool


class Bucket:
    """A bucket, asked by any thread."""

    def __init__(self, name: str, service: Service) -> None:
        self.name, self.service = name, service
        self._is_versioned: bool | None = None
        self._is_conditional: bool | None = None

    def ask(self, what: str, **asked: Any) -> dict[str, Any]:
        """The server's answer. Errors: `NotFound`, `Lost`, `StorageFull`, `Denied`, `StoreUnavailable`."""
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

        try:
            answer: dict[str, Any] = getattr(client_of(self.service), what)(Bucket=self.name, **asked)
        except ClientError as fault:
            raise meant(fault.response) from None
        except BotoCoreError as fault:
            raise unavailable(type(fault).__name__) from None
        return answer

    def head(self, key: str, version: str | None = None) -> Found | None:
        """What lies there, or None."""
        try:
            answer = self.ask("head_object", Key=key, **_of(version))
        except NotFound:
            return None
        return _found(answer, answer["ContentLength"])

    def get(self, key: str, version: str | None = None) -> tuple[bytes, Found]:
        """All of a small object. Raises `NotFound`."""
        from botocore.exceptions import BotoCoreError

        answer = self.ask("get_object", Key=key, **_of(version))
        try:
            with closing(answer["Body"]) as body:
                content: bytes = body.read()
        except (BotoCoreError, OSError) as fault:
            raise unavailable(type(fault).__name__) from None
        return content, _found(answer, len(content))

    def pieces(
        self, key: str, found: Found, start: int, end: int, version: str | None = None
    ) -> Iterator[bytes]:
        """The bytes of what was found, in PIECEs; a line that breaks is taken up where it broke.

        Raises `NotFound` if it is gone before the first byte, `Tampered` if it is gone or another later.
        """
        from botocore.exceptions import BotoCoreError

        at, failures = start, 0
        while at < end:
            try:
                wanted = {"Range": f"bytes={at}-{end - 1}", "IfMatch": found.etag, **_of(version)}
                with closing(self.ask("get_object", Key=key, **wanted)["Body"]) as body:
                    while at < end and (piece := body.read(min(PIECE, end - at))):
                        at, failures = at + len(piece), 0
                        yield piece
            except NotFound:
                if at == start:
                    raise
                raise Tampered("The object is gone.") from None
            except Lost:
                raise Tampered("The object is another than it was.") from None
            except (BotoCoreError, OSError) as fault:
                failures += 1
                if failures == TRIES:
                    raise unavailable(type(fault).__name__) from None

    def create(self, key: str, content: bytes, mark: str = "", **more: Any) -> Found:
        """The object is there, written by us. Raises `Conflict` if one was."""
        mark = mark or uuid4().hex
        if not self.is_conditional:
            return self._create_and_look(key, content, mark, more)
        for _ in range(TRIES):
            try:
                return self._put(key, content, mark, more | {"IfNoneMatch": "*"})
            except Lost:
                found = self.head(key)
            if found is not None:
                if found.mark != mark:
                    raise Conflict("An object of that name exists.")
                return found  # the answer to our own first try was lost
        raise unavailable("conflicts that nobody wins")

    def replace(self, key: str, content: bytes, before: Found) -> Found:
        """The object has this content, if it was what we had read. Raises `Lost` if it was not, `NotFound` if it is gone."""
        mark = uuid4().hex
        if self.is_conditional:
            try:
                # Without its quotation marks: some servers compare what stands between them with what was sent.
                written = self._put(key, content, mark, {"IfMatch": before.etag.strip('"')})
            except Lost:
                found = self.head(key)
                if found is None:
                    raise NotFound("There is no such object.") from None
                if found.mark != mark:
                    raise
                written = found
        else:
            self._must_be(key, before.mark)
            written = self._put(key, content, mark, {})
            self._must_be(key, mark)
        if self.is_versioned and before.version:
            self.ask("delete_object", Key=key, VersionId=before.version)
        return written

    def remove(self, key: str) -> None:
        """Nothing is left of the key: every version, every marker. Raises `Retained` where retention keeps one."""
        if not self.is_versioned:
            self.ask("delete_object", Key=key)
            return
        for version in self.versions(key):
            self.remove_version(key, version.id)

    def remove_version(self, key: str, version: str) -> None:
        """This version is gone. Raises `Retained` where retention keeps it."""
        try:
            self.ask("delete_object", Key=key, VersionId=version)
        except Denied as fault:
            raise Retained("Retention keeps this object, or the vault has no right to remove it.") from fault

    def remove_all(self, keys: Iterable[str]) -> None:
        """Nothing is left of any of them."""
        side_by_side(self.remove, keys)

    def versions(self, key: str) -> list[Version]:
        """All versions of the key, newest first, then all markers."""
        found: dict[bool, list[Version]] = {False: [], True: []}
        asked: dict[str, Any] = {"Prefix": key}
        while True:
            answer = self.ask("list_object_versions", **asked)
            for is_marker, part in ((False, "Versions"), (True, "DeleteMarkers")):
                mine = (each for each in answer.get(part, ()) if each["Key"] == key)
                found[is_marker] += [Version(each["VersionId"], is_marker) for each in mine]
            if not answer.get("IsTruncated") or answer.get("NextKeyMarker", "") > key:
                return found[False] + found[True]
            asked |= {
                "KeyMarker": answer["NextKeyMarker"],
                "VersionIdMarker": answer.get("NextVersionIdMarker", ""),
            }

    def listed(self, prefix: str) -> Iterator[dict[str, Any]]:
        """What the server says of each key that begins so."""
        asked: dict[str, Any] = {"Prefix": prefix}
        while True:
            answer = self.ask("list_objects_v2", **asked)
            yield from answer.get("Contents", ())
            if not answer.get("IsTruncated"):
                return
            asked["ContinuationToken"] = answer["NextContinuationToken"]

    def uploads(self, prefix: str) -> Iterator[dict[str, Any]]:
        """What the server says of each multipart upload under keys that begin so, and that was not completed."""
        asked: dict[str, Any] = {"Prefix": prefix}
        while True:
            answer = self.ask("list_multipart_uploads", **asked)
            yield from answer.get("Uploads", ())
            if not answer.get("IsTruncated"):
                return
            asked |= {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}

    def behind(self, now: datetime) -> timedelta:
        """How far the server's clock is behind `now`; less than nothing if it is ahead."""
        answer = self.ask("get_bucket_versioning")
        said: str = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        return now - parsedate_to_datetime(said)

    @property
    def is_versioned(self) -> bool:
        """Whether a delete leaves the old versions. Asked once."""
        if self._is_versioned is None:
            answer = self.ask("get_bucket_versioning")
            self._is_versioned = bool(answer.get("Status"))
        return self._is_versioned

    @property
    def is_conditional(self) -> bool:
        """Whether of two writers the server lets only one win (If-None-Match, If-Match). Tried once, with an object."""
        if self._is_conditional is None:
            self._is_conditional = self._tried()
        return self._is_conditional

    def _tried(self) -> bool:
        key = f"{self.service.prefix}probe/{uuid4()}"
        try:
            first = self._put(key, b"first", "", {"IfNoneMatch": "*"})
            second = self._put(key, b"second", "", {"IfMatch": first.etag.strip('"')})
            return all(
                self._is_beaten(key, condition)
                for condition in ({"IfNoneMatch": "*"}, {"IfMatch": first.etag.strip('"')})
            ) and bool(second.etag)
        except (Lost, Unknown):
            return False
        finally:
            self.remove(key)

    def _is_beaten(self, key: str, condition: dict[str, str]) -> bool:
        try:
            self._put(key, b"third", "", condition)
        except Lost:
            return True
        return False

    def _create_and_look(self, key: str, content: bytes, mark: str, more: dict[str, Any]) -> Found:
        """As good as it gets where the server lets both win: look, write, look whose write is the first."""
        found = self.head(key)
        if found is not None:
            if found.mark != mark:
                raise Conflict("An object of that name exists.")
            return found
        written = self._put(key, content, mark, more)
        if written.version is None:
            self._must_be(key, mark)
            return written
        first = [each for each in self.versions(key) if not each.is_marker][-1]
        if first.id != written.version:
            self.remove_version(key, written.version)
            raise Conflict("An object of that name exists.")
        return written

    def _must_be(self, key: str, mark: str) -> None:
        found = self.head(key)
        if found is None:
            raise NotFound("There is no such object.")
        if found.mark != mark:
            raise Lost("Somebody else wrote there.")

    def _put(self, key: str, content: bytes, mark: str, more: dict[str, Any]) -> Found:
        asked = {"Metadata": {MARK: mark}, **self.service.digests(content), **more}
        return _found(self.ask("put_object", Key=key, Body=content, **asked), len(content), mark)

    def put_fresh(self, key: str, content: bytes) -> None:
        """The content is there under a name that nobody else uses."""
        self._put(key, content, "", {})


def meant(response: dict[str, Any]) -> Exception:
    """What a server's refusal means to us."""
    code = str(response.get("Error", {}).get("Code", "")) or "unknown"
    status = str(response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    if code in ABSENT:
        return NotFound("There is no such object.")
    if code in BEATEN or status == "412":
        return Lost("Somebody else wrote there first.")
    if code in FULL or status == "507":
        return StorageFull("The object store has no room.")
    if code in UNKNOWN_HERE or status == "501":
        return unavailable(code, Unknown)
    return unavailable(code, Denied if code in DENIED else StoreUnavailable)


def unavailable(why: str, kind: type[StoreUnavailable] = StoreUnavailable) -> StoreUnavailable:
    """The error, which names no place and no key; why stands in the log of the program."""
    log.warning("the object store does not do as it is asked: %s", why)
    message = "The object store does not answer as it should. What was stored before is safe."
    return kind(message, retry_after=RETRY_AFTER)


def side_by_side(act: Any, items: Iterable[Any]) -> list[Any]:
    """The results of an act upon each, in order, several at a time."""
    wanted = list(items)
    if len(wanted) < 2:
        return [act(item) for item in wanted]
    with ThreadPoolExecutor(min(AT_ONCE, len(wanted))) as pool:
        return list(pool.map(act, wanted))


def _of(version: str | None) -> dict[str, str]:
    return {"VersionId": version} if version else {}


def _found(answer: dict[str, Any], size: int, mark: str | None = None) -> Found:
    version = answer.get("VersionId")
    mark = answer.get("Metadata", {}).get(MARK, "") if mark is None else mark
    return Found(size, answer.get("ETag", ""), None if version == "null" else version, mark)
