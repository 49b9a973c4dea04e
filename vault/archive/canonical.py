"""JSON in one spelling: the same values give the same bytes, and other spellings of them are refused."""

from __future__ import annotations

import json
from typing import Any

from vault.errors import Tampered


def canonical(values: Any) -> bytes:
    """UTF-8, names sorted, no spaces, one line end at the end."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def read_canonical(content: bytes) -> Any:
    """The values that `canonical` wrote; `Tampered` for anything else, however like it."""
    try:
        values = json.loads(content)
        same = canonical(values) == content
    except (ValueError, RecursionError):
        raise Tampered from None
    if not same:
        raise Tampered
    return values
