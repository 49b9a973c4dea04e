"""What a partial is: which parts it has, in order. Small, kept in the bucket, replaced only by whoever read it last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple
from uuid import uuid4

from vault.errors import Tampered

PART = 8 * 1024 * 1024
"""Bytes of every whole part: those of which S3 makes an object are at least 5 MiB, and at most 10,000."""
MOST_PARTS = 10_000


class Part(NamedTuple):
    """Where a part's bytes begin in the partial, how many there are, and the end of its name, which nothing else has."""

    start: int
    size: int
    id: str

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.start + self.size

    @property
    def last_name(self) -> str:
        """The last of its key: it says where it lies, also to whoever finds it without its state."""
        return f"{self.start:015d}-{self.size}-{self.id}"


def new_part(start: int, size: int) -> Part:
    """A part under a fresh name."""
    return Part(start, size, uuid4().hex[:16])


def part_named(last_name: str) -> Part:
    """The part of that key. Raises `Tampered` for a name that we never gave."""
    start, size, part_id = (*last_name.split("-"), "", "")[:3]
    if not start.isdecimal() or not size.isdecimal() or not part_id:
        raise Tampered("Something else lies among the parts.")
    return Part(int(start), int(size), part_id)


@dataclass(frozen=True)
class State:
    """The parts of a partial, without a gap: whole ones, then what fills none yet.

    `mark` is on the object that it becomes. Once it is closed it takes no more, and the multipart upload, if it needs
    one, completes it.
    """

    mark: str
    parts: tuple[Part, ...] = ()
    is_closed: bool = False
    upload: str = ""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.parts[-1].end if self.parts else 0

    @property
    def whole(self) -> tuple[Part, ...]:
        """The parts of full size."""
        return self.parts[: self.size // PART]

    @property
    def rest(self) -> tuple[Part, ...]:
        """What fills no part yet."""
        return self.parts[self.size // PART :]

    def put_in(self, part: Part) -> State:
        """The same with another part in place of all that it covers, or at the end."""
        before = tuple(each for each in self.parts if each.end <= part.start)
        behind = tuple(each for each in self.parts if each.start >= part.end)
        return replace(self, parts=(*before, part, *behind))

    def overlapping(self, start: int, end: int) -> Iterator[Part]:
        """Parts that have bytes from `start` up to `end`."""
        return (each for each in self.parts if each.start < end and each.end > start)


def written(state: State) -> bytes:
    """As it lies in the bucket; never twice the same, so that an entity tag names one writing."""
    content = {
        "mark": state.mark,
        "parts": [[part.size, part.id] for part in state.parts],
        "closed": state.is_closed,
        "upload": state.upload,
        "turn": uuid4().hex,
    }
    return json.dumps(content, separators=(",", ":")).encode()


def parsed(content: bytes) -> State:
    """The state. Raises `Tampered` for what is none."""
    try:
        found = json.loads(content)
        parts, at = [], 0
        for size, part_id in found["parts"]:
            parts.append(Part(at, int(size), str(part_id)))
            at += int(size)
        state = State(str(found["mark"]), tuple(parts), bool(found["closed"]), str(found["upload"]))
    except (ValueError, KeyError, TypeError) as fault:
        raise Tampered("What is known of an upload is damaged.") from fault
    if any(part.size != PART for part in state.whole) or not _follow(state.parts):
        raise Tampered("What is known of an upload is damaged.")
    return state


def _follow(parts: tuple[Part, ...]) -> bool:
    return all(earlier.end == later.start and later.size > 0 for earlier, later in pairwise(parts))
