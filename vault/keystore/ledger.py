"""The erasure ledger: which slot died, and which one took its place, as numbered objects in the object store.

An entry is written before its slot dies and is never changed, so it outlives a restored keystore. A repeated
destruction may write a second entry for a slot; the first one counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vault.errors import Conflict, Tampered
from vault.store.base import Store

PREFIX = "ledger/"
AT_ONCE = 16
"""Entries that are asked for together."""


@dataclass(frozen=True)
class LedgerEntry:
    """A slot whose end was ordered, and its successor if it has one."""

    number: int
    slot_id: UUID
    successor_id: UUID | None
    at: datetime


class Ledger:
    """The entries of one object store. Numbers begin at 1 and leave no gap."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next: int | None = None

    def append(self, slot_id: UUID, successor_id: UUID | None, at: datetime) -> LedgerEntry:
        """The entry is stored; its number is the next that nobody else took."""
        number = self._next or 1 + max(self._numbers(), default=0)
        while True:
            entry = LedgerEntry(number, slot_id, successor_id, at)
            try:
                self._store.put(_name(number), _written(entry))
            except Conflict:
                number += 1
            else:
                self._next = number + 1
                return entry

    def entries(self) -> Iterator[LedgerEntry]:
        """Every entry, in order. Raises `Tampered` for an object that is none."""
        numbers = sorted(self._numbers())
        # Side by side: every process reads all of them when it starts, and a bucket is slow to answer.
        with ThreadPoolExecutor(AT_ONCE) as pool:
            contents = list(pool.map(self._store.get, map(_name, numbers)))
        return iter([_parsed(*entry) for entry in zip(numbers, contents, strict=True)])

    def ends(self) -> dict[UUID, LedgerEntry]:
        """The entry that counts for each slot, in order."""
        ends: dict[UUID, LedgerEntry] = {}
        for entry in self.entries():
            ends.setdefault(entry.slot_id, entry)
        return ends

    def _numbers(self) -> Iterator[int]:
        for name in self._store.names(PREFIX):
            number = name.removeprefix(PREFIX)
            if not number.isdecimal() or _name(int(number)) != name:
                raise Tampered("The erasure ledger holds an object that is no entry.")
            yield int(number)


def _name(number: int) -> str:
    return f"{PREFIX}{number:012d}"


def _written(entry: LedgerEntry) -> bytes:
    successor = str(entry.successor_id) if entry.successor_id else None
    content = {"slot": str(entry.slot_id), "successor": successor, "at": entry.at.isoformat()}
    return json.dumps(content, sort_keys=True).encode()


def _parsed(number: int, content: bytes) -> LedgerEntry:
    try:
        fields = json.loads(content)
        successor = UUID(fields["successor"]) if fields["successor"] is not None else None
        return LedgerEntry(number, UUID(fields["slot"]), successor, datetime.fromisoformat(fields["at"]))
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise Tampered("An entry of the erasure ledger is damaged.") from fault
