"""RTF: what a word processor would do besides showing it."""

from __future__ import annotations

import re

from vault.inspection.asked import BLOCK, AskedFor

OBJECTS, REMOTE, NESTED = "objects", "remote", "nested"
MOST_READ = 32 * 1024 * 1024
DEEPEST = 400
"""Groups within groups; Word itself gives up at a few hundred."""

_OBJECT = re.compile(rb"\\(?:objdata|objemb|objautlink|objocx|objlink)\b")
_REMOTE = re.compile(
    rb"\\template\b\s*\S*(?:https?|file|ftp|\\\\|//)|INCLUDEPICTURE\s+\"?https?:|\bDDE(?:AUTO)?\s",
    re.IGNORECASE,
)
_BRACES = re.compile(rb"\\[{}]|[{}]")


def find_in_rtf(file: AskedFor) -> set[str]:
    """`OBJECTS`, `REMOTE`, `NESTED`."""
    found, depth, deepest, before = set(), 0, 0, b""
    for start in range(0, min(file.length, MOST_READ), BLOCK):
        piece = file.part(start, start + BLOCK)
        joined = before + piece
        if _OBJECT.search(joined):
            found.add(OBJECTS)
        if _REMOTE.search(joined):
            found.add(REMOTE)
        for brace in _BRACES.findall(piece):
            depth += {b"{": 1, b"}": -1}.get(brace, 0)
            deepest = max(deepest, depth)
        before = piece[-128:]
    return found | ({NESTED} if deepest > DEEPEST else set())
