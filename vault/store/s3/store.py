"""Objects in a bucket. Several processes may share it: what an upload has written is known to the bucket alone.

A partial's parts are objects of their own, so that whoever goes on can compare what lies there with what it brings; when
it is finished the server copies them together. What is not synced yet waits in the thread that writes it, less than a part.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

from vault.errors import BadRange, Conflict, NotFound
from vault.store.base import Buffer, checked_name
from vault.store.s3.bucket import Bucket, Found, Lost
from vault.store.s3.client import Service, library
from vault.store.s3.finishing import finish_partial
from vault.store.s3.growth import Growth, parts_prefix, state_key
from vault.store.s3.state import State, parsed, written

REMEMBERED = 16
"""How many names of partials a thread remembers of which it let go of bytes that were not synced."""


class S3Store:
    """A store in a bucket. A thread lets one partial grow at a time without syncing: turning to another lets go of it."""

    def __init__(self, bucket: str, service: Service) -> None:
        """Asks nothing of the server yet. Raises `Misconfigured` without boto3."""
        library()
        self.bucket = Bucket(bucket, service)
        self._mine = _OfThread()

    def begin(self, name: str) -> None:
        self._mine.leave(name)
        if self.bucket.head(self.object_key(name)) is not None:
            raise Conflict("An object of that name exists.")
        self.bucket.create(state_key(self.bucket, name), written(State(uuid4().hex)))

    def append(self, name: str, offset: int, content: Buffer, sync: bool = True) -> int:
        growth = self._mine.growth_of(checked_name(name))
        if growth is None:
            growth = Growth(self.bucket, name)
            self._mine.take(growth)
        with self._writing(growth):
            growth.write(offset, content)
            if sync:
                growth.flush()
        if sync:
            self._mine.leave(name)
        return offset + len(content)

    def sync(self, name: str) -> None:
        growth = self._mine.growth_of(checked_name(name))
        if growth is None:
            if self._mine.has_lost(name):
                raise Conflict("What was written last did not reach the bucket.")
            self._state(name)
            return
        self._flush(growth)

    def partial_size(self, name: str) -> int | None:
        growth = self._mine.growth_of(checked_name(name))
        if growth is not None and growth.is_ahead:
            return growth.end
        try:
            return self._state(name).size
        except NotFound:
            return None

    def finish(self, name: str) -> str | None:
        """Its version, where the bucket keeps them."""
        return self._finished(name).version

    def drop(self, name: str) -> None:
        self._mine.leave(checked_name(name))
        key = self.object_key(name)
        self.bucket.remove(state_key(self.bucket, name))
        self.end_uploads(key)
        self.bucket.remove_all(
            [found["Key"] for found in self.bucket.listed(parts_prefix(self.bucket, name))]
        )

    def put(self, name: str, content: bytes) -> str | None:
        """Its version, where the bucket keeps them."""
        return self.bucket.create(self.object_key(name), bytes(content)).version

    def get(self, name: str) -> bytes:
        return self.bucket.get(self.object_key(name))[0]

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        return self._read(name, start, end, None)

    def size(self, name: str) -> int | None:
        key = self.object_key(name)
        found = self.bucket.head(key)
        if found is not None:
            return found.size
        # Asked for a key, a server says the same of a bucket that is not there. That must not look like a lost object.
        self.bucket.ask("list_objects_v2", Prefix=key, MaxKeys=1)
        return None

    def names(self, prefix: str = "") -> Iterator[str]:
        return self._listed("objects/", prefix)

    def partial_names(self, prefix: str = "") -> Iterator[str]:
        return self._listed("partials/", prefix)

    def delete(self, name: str) -> None:
        """Every version is gone, every marker, and every multipart upload of it. Raises `Retained`."""
        key = self.object_key(name)
        self.bucket.remove(key)
        self.end_uploads(key)

    def sweep(self, before: datetime) -> int:
        """Multipart uploads that nobody completed, parts whose partial is gone, and what a probe left."""
        prefix = self.bucket.service.prefix
        uploads = [each for each in self.bucket.uploads(f"{prefix}objects/") if each["Initiated"] < before]
        for upload in uploads:
            self.abort(upload)
        old = [
            found["Key"]
            for place in ("parts/", "probe/")
            for found in self.bucket.listed(prefix + place)
            if found["LastModified"] < before
        ]
        known: dict[str, bool] = {}
        left = [key for key in old if not self._has_state(key.removeprefix(f"{prefix}parts/"), known)]
        self.bucket.remove_all(left)
        return len(uploads) + len(left)

    def object_key(self, name: str) -> str:
        """Where the object of that name lies."""
        return f"{self.bucket.service.prefix}objects/{checked_name(name)}"

    def end_uploads(self, key: str) -> None:
        """No multipart upload of this key is left."""
        for upload in list(self.bucket.uploads(key)):
            if upload["Key"] == key:
                self.abort(upload)

    def abort(self, upload: dict[str, Any]) -> None:
        """The multipart upload, as the server listed it, is gone with its parts."""
        try:
            self.bucket.ask("abort_multipart_upload", Key=upload["Key"], UploadId=upload["UploadId"])
        except NotFound:
            return  # somebody was faster

    def _finished(self, name: str, **more: Any) -> Found:
        growth = self._mine.growth_of(checked_name(name))
        if growth is not None:
            self._flush(growth)
        self._mine.leave(name)
        return finish_partial(self.bucket, name, self.object_key(name), more)

    def _flush(self, growth: Growth) -> None:
        """All of it is in the bucket. Nothing of it is kept: what others do now is read when it grows on."""
        with self._writing(growth):
            growth.flush()
        self._mine.leave(growth.name)

    @contextmanager
    def _writing(self, growth: Growth) -> Iterator[None]:
        try:
            yield
        except Lost:
            self._mine.leave(growth.name)
            growth.give_up()
            raise
        except BaseException:
            self._mine.let_go()
            raise

    def _has_state(self, part: str, known: dict[str, bool]) -> bool:
        """Whether there is a partial to which this key of a part, without its prefix, belongs."""
        name = part.rpartition("/")[0]
        if name not in known:
            known[name] = self.bucket.head(state_key(self.bucket, name)) is not None
        return known[name]

    def _state(self, name: str) -> State:
        return parsed(self.bucket.get(state_key(self.bucket, name))[0])

    def _read(self, name: str, start: int, end: int, version: str | None) -> Iterator[bytes]:
        key = self.object_key(name)
        found = self.bucket.head(key, version)
        if found is None:
            raise NotFound("There is no such object.")
        if not 0 <= start <= end <= found.size:
            raise BadRange(found.size)
        return self.bucket.pieces(key, found, start, end, version)

    def _listed(self, part: str, prefix: str) -> Iterator[str]:
        place = self.bucket.service.prefix + part
        return (found["Key"].removeprefix(place) for found in self.bucket.listed(place + prefix))


class _OfThread(threading.local):
    """The partial that this thread is writing, and those of which it let go of bytes that nobody has synced."""

    def __init__(self) -> None:
        self._growth: Growth | None = None
        self._process = os.getpid()
        self._lost: deque[str] = deque(maxlen=REMEMBERED)

    def growth_of(self, name: str) -> Growth | None:
        if self._process != os.getpid():
            self.__init__()  # type: ignore[misc]
        return self._growth if self._growth is not None and self._growth.name == name else None

    def take(self, growth: Growth) -> None:
        """This one from now on; what another had in hand is let go of."""
        if self._growth is not None and self._growth.name != growth.name:
            self.let_go()
        self.leave(growth.name)
        self._growth = growth

    def let_go(self) -> None:
        """The one that was written is read anew next time; if something of it was not synced, `sync` will say so."""
        if self._growth is not None and self._growth.is_ahead:
            self._lost.append(self._growth.name)
        self._growth = None

    def leave(self, name: str) -> None:
        """Nothing is known of this one."""
        if self._growth is not None and self._growth.name == name:
            self._growth = None
        while name in self._lost:
            self._lost.remove(name)

    def has_lost(self, name: str) -> bool:
        return name in self._lost
