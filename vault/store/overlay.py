"""A store as it is read, while what is written stays in memory and is forgotten: for trying something beside a vault."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from vault.errors import Conflict
from vault.store.base import Buffer, Store
from vault.store.memory import MemoryStore

READ_ONLY = "This view of the store removes nothing."


class Overlay:
    """Objects of the store beneath and, over them, those that were put here. Nothing beneath is ever changed."""

    def __init__(self, beneath: Store) -> None:
        self._beneath = beneath
        self._over: Store = MemoryStore()

    def begin(self, name: str) -> None:
        self._new(name)
        self._over.begin(name)

    def append(self, name: str, offset: int, content: Buffer, sync: bool = True) -> int:
        return self._over.append(name, offset, content, sync)

    def sync(self, name: str) -> None:
        self._over.sync(name)

    def partial_size(self, name: str) -> int | None:
        return self._over.partial_size(name)

    def finish(self, name: str) -> str | None:
        return self._over.finish(name)

    def drop(self, name: str) -> None:
        self._over.drop(name)

    def put(self, name: str, content: bytes) -> str | None:
        self._new(name)
        return self._over.put(name, content)

    def get(self, name: str) -> bytes:
        return self._holder(name).get(name)

    def read(self, name: str, start: int, end: int) -> Iterator[bytes]:
        return self._holder(name).read(name, start, end)

    def size(self, name: str) -> int | None:
        return self._holder(name).size(name)

    def names(self, prefix: str = "") -> Iterator[str]:
        yield from self._beneath.names(prefix)
        yield from self._over.names(prefix)

    def partial_names(self, prefix: str = "") -> Iterator[str]:
        return self._over.partial_names(prefix)

    def delete(self, name: str) -> None:
        if self._beneath.size(name) is not None:
            raise Conflict(READ_ONLY)
        self._over.delete(name)

    def sweep(self, before: datetime) -> int:
        return self._over.sweep(before)

    def _holder(self, name: str) -> Store:
        return self._over if self._over.size(name) is not None else self._beneath

    def _new(self, name: str) -> None:
        if self._beneath.size(name) is not None:
            raise Conflict("An object of that name exists.")
