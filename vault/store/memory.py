"""Objects in the memory of one process: for tests and trials. Gone when the process ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from threading import RLock

from vault.errors import BadRange, Conflict, NotFound, StorageFull
from vault.store.base import PIECE, Buffer, Different, checked_name, could_become


class MemoryStore:
    """A store that forgets. `capacity` is the number of bytes it takes, partials included."""

    def __init__(self, capacity: int | None = None) -> None:
        self._capacity = capacity
        self._objects: dict[str, bytes] = {}
        self._partials: dict[str, bytearray] = {}
        self._turn = RLock()

    def begin(self, name: str) -> None:
        with self._turn:
            if checked_name(name) in self._partials or name in self._objects:
                raise Conflict("That upload has begun already.")
            self._partials[name] = bytearray()

    def append(self, name: str, offset: int, content: Buffer, sync: bool = True) -> int:  # noqa: ARG002
        with self._turn:
            partial = self._partial(name)
            if len(partial) < offset:
                raise Conflict("The partial does not end there.")
            if not could_become(bytes(partial[offset : offset + len(content)]), content, offset):
                raise Different("Something else lies there.")
            self._make_room(offset + len(content) - len(partial))
            partial[offset : offset + len(content)] = content
            return offset + len(content)

    def sync(self, name: str) -> None:
        self._partial(name)

    def partial_size(self, name: str) -> int | None:
        partial = self._partials.get(checked_name(name))
        return None if partial is None else len(partial)

    def finish(self, name: str) -> None:
        with self._turn:
            partial = self._partial(name)
            if name in self._objects:
                raise Conflict("An object of that name exists.")
            self._objects[name] = bytes(partial)
            del self._partials[name]

    def drop(self, name: str) -> None:
        self._partials.pop(checked_name(name), None)

    def put(self, name: str, content: bytes) -> None:
        with self._turn:
            if checked_name(name) in self._objects:
                raise Conflict("An object of that name exists.")
            self._make_room(len(content))
            self._objects[name] = bytes(content)

    def get(self, name: str) -> bytes:
        try:
            return self._objects[checked_name(name)]
        except KeyError:
            raise NotFound("There is no such object.") from None

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        content = self.get(name)
        if not 0 <= start <= end <= len(content):
            raise BadRange(len(content))
        return (content[at : min(at + PIECE, end)] for at in range(start, end, PIECE))

    def size(self, name: str) -> int | None:
        content = self._objects.get(checked_name(name))
        return None if content is None else len(content)

    def names(self, prefix: str = "") -> Iterator[str]:
        return (name for name in list(self._objects) if name.startswith(prefix))

    def partial_names(self, prefix: str = "") -> Iterator[str]:
        return (name for name in list(self._partials) if name.startswith(prefix))

    def delete(self, name: str) -> None:
        self._objects.pop(checked_name(name), None)

    def sweep(self, before: datetime) -> int:  # noqa: ARG002 - it does not outlive a crash
        return 0

    def _partial(self, name: str) -> bytearray:
        try:
            return self._partials[checked_name(name)]
        except KeyError:
            raise NotFound("There is no such upload.") from None

    def _make_room(self, wanted: int) -> None:
        used = sum(map(len, self._objects.values())) + sum(map(len, self._partials.values()))
        if self._capacity is not None and used + wanted > self._capacity:
            raise StorageFull("The object store has no room.")
