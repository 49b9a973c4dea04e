"""Writing to the audit log: the only way in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from vault.audit import models
from vault.audit.events import EVENTS
from vault.audit.leaf import ID_COLUMNS, write_leaf
from vault.audit.tree import Frontier, leaf_hash
from vault.errors import Tampered

LONGEST_STRING = 200
LARGEST_NUMBER = 2**53 - 1  # what every JSON reader keeps exactly (RFC 8259 §6)
DEEPEST = 3

_code = re.compile(r"[A-Za-z0-9_.:+/=-]*")
_name = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


@dataclass(frozen=True)
class NewEntry:
    """An event to be written. `details` hold codes: strings without spaces, whole numbers, truth values, ids,
    null, and lists or small objects of them."""

    event: str
    actor_kind: str
    actor_id: UUID | None = None
    office_id: UUID | None = None
    case_id: UUID | None = None
    bundle_id: UUID | None = None
    subject_type: str = ""
    subject_id: UUID | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def append(session: Session, entries: Sequence[NewEntry], now: datetime) -> None:
    """The entries stand at the end of the log, in order, once the caller commits; waits for other writers.

    ValueError for an event outside the catalogue or details that are not codes; Tampered when the head is
    missing or contradicts itself. Either way nothing may be committed.
    """
    if not entries:
        return
    checked = [(_columns(entry), _details(entry.details)) for entry in entries]
    frontier = _locked_frontier(session)
    rows = []
    for columns, details in checked:
        columns |= {"number": frontier.size, "at": now}
        leaf = write_leaf(columns, details)
        digest = leaf_hash(leaf)
        frontier.append(digest)
        rows.append(columns | {"leaf": leaf, "leaf_digest": digest})
    session.execute(insert(models.entries), rows)
    grown = {"size": frontier.size, "frontier": frontier.to_bytes(), "root": frontier.root(), "at": now}
    session.execute(update(models.head).where(models.head.c.id == 1).values(grown))


def _locked_frontier(session: Session) -> Frontier:
    """The frontier of the log, its row locked until the commit (on SQLite BEGIN IMMEDIATE did that)."""
    head = models.head.c
    row = session.execute(
        select(head.size, head.frontier, head.root).where(head.id == 1).with_for_update()
    ).one_or_none()
    if row is None:
        raise Tampered("The audit log has no head.")
    try:
        frontier = Frontier.from_bytes(row.size, row.frontier)
    except ValueError as error:
        raise Tampered("The head of the audit log contradicts itself.") from error
    if frontier.root() != row.root:
        raise Tampered("The head of the audit log contradicts itself.")
    return frontier


def _columns(entry: NewEntry) -> dict[str, Any]:
    if entry.event not in EVENTS:
        raise ValueError(f"{entry.event!r} is not in the catalogue of events")
    if not _name.fullmatch(entry.actor_kind):
        raise ValueError("the kind of actor is a short name")
    if entry.subject_type and not _name.fullmatch(entry.subject_type):
        raise ValueError("the type of subject is a short name")
    columns: dict[str, Any] = {name: getattr(entry, name) for name in ID_COLUMNS}
    if any(not isinstance(value, UUID) for value in columns.values() if value is not None):
        raise ValueError("actor, office, case, bundle and subject are UUIDs")
    return columns | {
        "event": entry.event,
        "actor_kind": entry.actor_kind,
        "subject_type": entry.subject_type,
    }


def _details(details: Mapping[str, Any], depth: int = 1) -> dict[str, Any]:
    if any(not isinstance(name, str) or not _name.fullmatch(name) for name in details):
        raise ValueError("details have short names")
    return {name: _code_of(value, depth) for name, value in details.items()}


def _code_of(value: Any, depth: int) -> Any:
    """The value as the log may keep it; ValueError for anything that could be free text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, int) and abs(value) <= LARGEST_NUMBER:
        return int(value)
    if isinstance(value, str) and len(value) <= LONGEST_STRING and _code.fullmatch(value):
        return str(value)
    if isinstance(value, Mapping) and depth < DEEPEST:
        return _details(value, depth + 1)
    if isinstance(value, list | tuple) and depth < DEEPEST:
        return [_code_of(each, depth + 1) for each in value]
    # The value itself stays out of the message: messages reach logs.
    raise ValueError(f"the audit log keeps codes only, not this {type(value).__name__}")
