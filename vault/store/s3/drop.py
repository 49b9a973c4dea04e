"""A drop in somebody else's bucket: a file goes there in parts of one multipart upload, and is there once it is completed.

It needs no right to remove anything but uploads that were not completed, and leaves nothing there that the owner did not ask
for: no probes, no metadata.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vault.errors import Conflict, NotFound
from vault.store.drop import THERE, Fill
from vault.store.s3.bucket import Bucket, Unknown
from vault.store.s3.client import Service
from vault.store.s3.finishing import part_tags

PART = 8 * 1024 * 1024
"""Bytes of each part but the last: 10,000 of them may be 80 GB. A few of them lie in memory."""
ONCE = {"IfNoneMatch": "*"}


class S3Drop:
    """Keys under one prefix. Where the server does not know conditions, of two who write at once the later one counts."""

    def __init__(self, bucket: str, service: Service) -> None:
        self._bucket = Bucket(bucket, service)

    def write(self, name: str, fill: Fill) -> None:
        key = self._key(name)
        if self._bucket.head(key) is not None:
            raise Conflict(THERE)
        self.tidy(name)
        parts = _Parts(self._bucket, key)
        try:
            fill(parts.take)
            parts.end()
        except BaseException:
            parts.give_up()
            raise

    def size(self, name: str) -> int | None:
        found = self._bucket.head(self._key(name))
        return found.size if found is not None else None

    def read(self, name: str) -> Iterator[bytes]:
        key = self._key(name)
        found = self._bucket.head(key)
        if found is None:
            raise NotFound("There is no such file.")
        return self._bucket.pieces(key, found, 0, found.size)

    def tidy(self, name: str) -> None:
        key = self._key(name)
        for upload in list(self._bucket.uploads(key)):
            if upload["Key"] == key:
                _end(self._bucket, key, upload["UploadId"])

    def _key(self, name: str) -> str:
        return f"{self._bucket.service.prefix}{name}"


class _Parts:
    """What was given so far: parts that the server has, and less than one that waits here."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket, self._key = bucket, key
        self._waiting = bytearray()
        self._upload = ""
        self._sent: list[dict[str, Any]] = []

    def take(self, content: bytes) -> None:
        self._waiting += content
        while len(self._waiting) >= PART:
            self._send(bytes(self._waiting[:PART]))
            del self._waiting[:PART]

    def end(self) -> None:
        """The object is there. Raises `Conflict` if one was."""
        if not self._upload:
            content = bytes(self._waiting)
            self._once("put_object", Key=self._key, Body=content, **self._bucket.service.digests(content))
            return
        if self._waiting:
            self._send(bytes(self._waiting))
        parts = {"MultipartUpload": {"Parts": self._sent}}
        self._once("complete_multipart_upload", **self._named(), **parts)

    def give_up(self) -> None:
        """Nothing of it is left."""
        if self._upload:
            _end(self._bucket, self._key, self._upload)

    def _send(self, content: bytes) -> None:
        if not self._upload:
            asked = {"Key": self._key, **self._bucket.service.algorithm}
            self._upload = self._bucket.ask("create_multipart_upload", **asked)["UploadId"]
        number = len(self._sent) + 1
        asked = {**self._named(), **self._bucket.service.digests(content)}
        answer = self._ask("upload_part", **asked, PartNumber=number, Body=content)
        self._sent.append(part_tags(number, answer))

    def _once(self, what: str, **asked: Any) -> None:
        try:
            self._ask(what, **asked, **ONCE)
        except Unknown:
            self._ask(what, **asked)

    def _ask(self, what: str, **asked: Any) -> dict[str, Any]:
        """An upload that is not there was ended by another run, or completed before its answer was lost."""
        try:
            return self._bucket.ask(what, **asked)
        except NotFound:
            raise Conflict(THERE) from None

    def _named(self) -> dict[str, str]:
        return {"Key": self._key, "UploadId": self._upload}


def _end(bucket: Bucket, key: str, upload: str) -> None:
    try:
        bucket.ask("abort_multipart_upload", Key=key, UploadId=upload)
    except NotFound:
        return  # it was completed, or somebody was faster
