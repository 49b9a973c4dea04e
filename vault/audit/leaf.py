"""The leaf: the exact bytes of an entry that the Merkle tree covers.

Canonical JSON: keys sorted, no spaces, UTF-8, instants in RFC 3339 UTC with microseconds and `Z`, ids as
lower-case hyphenated UUIDs, null where there is none. Every column of the entry is in it, and the details.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

ID_COLUMNS = ("actor_id", "office_id", "case_id", "bundle_id", "subject_id")
COLUMNS = ("number", "at", "event", "actor_kind", "subject_type", *ID_COLUMNS)

_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def write_leaf(columns: Mapping[str, Any], details: Mapping[str, Any]) -> bytes:
    """The canonical bytes of an entry: all of COLUMNS, typed, and its details."""
    content: dict[str, Any] = {name: columns[name] for name in COLUMNS}
    content["at"] = stamp(columns["at"])
    for name in ID_COLUMNS:
        if content[name] is not None:
            content[name] = str(content[name])
    content["details"] = details
    return _encoder.encode(content).encode()


def read_leaf(leaf: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The typed columns and the details of a leaf; ValueError unless they make the same bytes again."""
    try:
        content = json.loads(leaf)
        details = content.pop("details")
        columns = content | {"at": datetime.fromisoformat(content["at"])}
        for name in ID_COLUMNS:
            columns[name] = None if content[name] is None else UUID(content[name])
        canonical = isinstance(details, dict) and write_leaf(columns, details) == leaf
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError("not a leaf") from error
    if not canonical:
        raise ValueError("not a canonical leaf")
    return columns, details


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC, always with six digits of the second; ValueError for a naive instant."""
    if at.tzinfo is None:
        raise ValueError("instants carry a time zone")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
