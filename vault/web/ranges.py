"""Which part of a content a request asks for: preconditions and `Range` (RFC 9110 §13 and §14).

One range is served. RFC 9110 §14.2 lets a server ignore `Range`, and so two or more ranges get the whole content
with 200; a header that is longer than any honest one gets 416, as do an empty suffix (`-0`) and a range that begins
past the end. What is not a range at all is ignored. On HEAD, `Range` means nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from flask import request

from vault.errors import BadRange
from vault.web.etags import require_match

LONGEST_HEADER = 256
_RANGE = re.compile(r"(?:([0-9]+)-([0-9]*)|-([0-9]+))")


class Part(NamedTuple):
    """What is answered: 200, 206 or 304, and the bytes `start`…`end`, both inclusive."""

    status: int
    start: int
    end: int
    sends_content: bool

    @property
    def length(self) -> int:
        """How many bytes that is."""
        return self.end - self.start + 1


def asked_part(etag: str, length: int) -> Part:
    """The part of `length` bytes that this request asks for; `BadRange`, or `Stale` when `If-Match` does not fit."""
    require_match(etag)
    if request.if_none_match.contains_weak(etag):
        return Part(304, 0, -1, False)
    found = None
    if request.method == "GET" and _range_counts(etag):
        found = parse_range(request.headers.get("Range"), length)
    if found is None:
        return Part(200, 0, length - 1, request.method == "GET")
    return Part(206, *found, True)


def whole(length: int) -> Part:
    """All of something whose bytes are another's each time: it has no tag, and no ranges."""
    return Part(200, 0, length - 1, request.method == "GET")


def parse_range(header: str | None, length: int) -> tuple[int, int] | None:
    """First and last byte of the one range in `header`; None when the whole is to be sent, else `BadRange`."""
    if header is None:
        return None
    if len(header) > LONGEST_HEADER:
        raise BadRange(length)
    unit, _, ranges = header.partition("=")
    match = _RANGE.fullmatch(ranges.strip(" \t"))
    if unit.strip(" \t").lower() != "bytes" or match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        start, end = max(0, length - int(suffix)), length - 1
    else:
        start, end = int(first), min(int(last), length - 1) if last else length - 1
        if last and int(last) < start:
            return None
    if start > end:
        raise BadRange(length)
    return start, end


def _range_counts(etag: str) -> bool:
    """`If-Range` with another state, a weak tag or a date (there is none here) asks for the whole."""
    header = request.headers.get("If-Range")
    return header is None or header.strip() == f'"{etag}"'
