"""Verification: the whole log recomputed, without trusting anything that can be recomputed.

Columns are compared as they are stored, not as they read: an id in capitals would be the same id and still be
missed by a search.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Dialect, Row, Table, func, select, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.types import NullType

from vault.audit import models
from vault.audit.leaf import COLUMNS, read_leaf
from vault.audit.tree import HASH_LENGTH, Frontier, leaf_hash

BATCH = 500
UNSTORABLE = object()

Converter = Callable[[Any], Any]


@dataclass(frozen=True)
class Verdict:
    """What a verification found. `size` and `root` (hex) are what the head claims, as far as it can be read;
    they are true when the status is ok. `first_bad` is set where one entry can be named."""

    status: Literal["ok", "tampered", "undecided"]
    size: int
    root: str
    first_bad: int | None
    reason: str

    @property
    def exit_code(self) -> int:
        """0 ok, 1 tampered, 2 cannot decide."""
        return {"ok": 0, "tampered": 1, "undecided": 2}[self.status]


@dataclass(frozen=True)
class Kept:
    """The size and root (32 bytes) of the log as somebody wrote them down earlier, elsewhere."""

    size: int
    root: bytes

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.root) != HASH_LENGTH:
            raise ValueError("a kept root is a size from 0 and 32 bytes")


class Broken(Exception):
    """The log does not verify; raised inside this module only."""

    def __init__(self, reason: str, first_bad: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.first_bad = first_bad


def verify_log(session: Session, kept: Kept | None = None) -> Verdict:
    """Recompute every entry and the tree, and compare with the head and with a kept root.

    Memory does not grow with the log. Entries appended meanwhile are counted, not read. Changes nothing; the
    caller records that it happened.
    """
    size, root = 0, ""
    try:
        head = _read_head(session)
        if head is None:
            return Verdict("undecided", 0, "", None, "The log has no head to compare with.")
        size = head.size if isinstance(head.size, int) else 0
        root = _octets(head.root).hex()
        _check(session, head, kept)
    except Broken as broken:
        return Verdict("tampered", size, root, broken.first_bad, broken.reason)
    except DBAPIError as error:
        reason = f"The database could not be read to the end ({type(error.orig).__name__})."
        return Verdict("undecided", size, root, None, reason)
    return Verdict("ok", size, root, None, f"All {size} entries and the head agree.")


def _check(session: Session, head: Row[Any], kept: Kept | None) -> None:
    """Broken unless every entry, the head and the kept root agree."""
    frontier, kept_root, last_at = Frontier(), Frontier().root(), None
    dialect = session.get_bind().dialect
    converters = _converters(models.entries, dialect)
    if not isinstance(head.size, int) or head.size < 0:
        raise Broken("The head of the log does not hold a size.")
    with closing(_stream(session, head.size)) as rows:
        for row in rows:
            frontier.append(_check_entry(row, frontier.size, converters))
            last_at = row.at
            if kept is not None and frontier.size == kept.size:
                kept_root = frontier.root()
    if frontier.size < head.size:
        raise Broken(f"Entry {frontier.size} is missing: the head counts {head.size}.", frontier.size)
    _check_tail(session, frontier.size)
    _check_head(head, frontier, last_at)
    if kept is not None:
        _check_kept(kept, frontier, kept_root)


def _check_entry(row: Row[Any], number: int, converters: dict[str, Converter]) -> bytes:
    """The leaf hash of the entry; Broken unless it is entry `number` and agrees with itself."""
    if row.number != number:
        if isinstance(row.number, int) and row.number > number:
            raise Broken(f"Entry {number} is missing.", number)
        raise Broken(f"An entry is numbered {row.number}, which no entry can be.", row.number)
    leaf = _octets(row.leaf)
    try:
        columns, _details = read_leaf(leaf)
    except ValueError:
        raise Broken(f"The leaf of entry {number} is not in the form it was written in.", number) from None
    for name in COLUMNS:
        if _stored(converters[name], columns[name]) != getattr(row, name):
            raise Broken(f"Entry {number}: the column {name} does not agree with the leaf.", number)
    digest = leaf_hash(leaf)
    if digest != _octets(row.leaf_digest):
        raise Broken(f"The digest of entry {number} is not that of its leaf.", number)
    return digest


def _check_head(head: Row[Any], frontier: Frontier, last_at: Any) -> None:
    if head.at != last_at:
        raise Broken("The head's time is not that of the last entry.")
    try:
        claimed = Frontier.from_bytes(head.size, _octets(head.frontier))
    except ValueError:
        raise Broken("The frontier of the head does not fit its size.") from None
    if claimed.root() != _octets(head.root):
        raise Broken("The frontier and the root of the head contradict each other.")
    for (first, last), said, found in zip(frontier.spans(), claimed.hashes, frontier.hashes, strict=True):
        if said != found:
            pinned = first if first == last else None
            named = f"Entry {first}" if first == last else f"One of the entries {first} to {last}"
            raise Broken(f"{named} was rewritten together with its digest, or the head was.", pinned)


def _check_tail(session: Session, size: int) -> None:
    """No entry stands beyond the head. One statement: an append meanwhile is seen whole or not at all."""
    counted, highest = session.execute(
        select(
            select(models.head.c.size).where(models.head.c.id == 1).scalar_subquery(),
            select(func.max(models.entries.c.number)).scalar_subquery(),
        )
    ).one()
    expected = 0 if highest is None else highest + 1
    if counted is None or counted < size:
        raise Broken("The head changed while it was compared.")
    if counted != expected:
        raise Broken(f"Entry {counted} stands beyond the end that the head names.", counted)


def _check_kept(kept: Kept, frontier: Frontier, kept_root: bytes) -> None:
    if frontier.size < kept.size:
        raise Broken(
            f"Entry {frontier.size} is missing: the log once had {kept.size} entries.", frontier.size
        )
    if kept_root != kept.root:
        raise Broken(f"One of the first {kept.size} entries is not what it was when the root was kept.")


def _raw(table: Table) -> list[Any]:
    """The columns as the driver gives them: hostile values raise nothing and nothing is smoothed over."""
    return [type_coerce(column, NullType()).label(column.name) for column in table.columns]


def _read_head(session: Session) -> Row[Any] | None:
    return session.execute(select(*_raw(models.head)).where(models.head.c.id == 1)).one_or_none()


def _stream(session: Session, size: int) -> Generator[Row[Any]]:
    """The entries the head counts; later ones are new or stand beyond it, as _check_tail tells."""
    number = models.entries.c.number
    query = select(*_raw(models.entries)).where(number < size).order_by(number)
    with session.execute(query, execution_options={"yield_per": BATCH}) as found:
        yield from found


def _converters(table: Table, dialect: Dialect) -> dict[str, Converter]:
    """For each column, what turns a typed value into the one the driver stores."""
    return {
        column.name: column.type.dialect_impl(dialect).bind_processor(dialect) or (lambda value: value)
        for column in table.columns
    }


def _stored(convert: Converter, value: Any) -> Any:
    """The stored form; UNSTORABLE, which equals nothing, for a leaf that holds a value of another type."""
    try:
        return convert(value)
    except (TypeError, ValueError, AttributeError):
        return UNSTORABLE


def _octets(value: Any) -> bytes:
    """Stored bytes; empty for what is not bytes, which no leaf, digest or root is."""
    return bytes(value) if isinstance(value, bytes | memoryview) else b""
