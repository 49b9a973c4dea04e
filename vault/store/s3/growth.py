"""One writer of one partial: what it has read of the state, and what it holds that the bucket does not know yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from vault.errors import Conflict, NotFound, StorageFull
from vault.store.base import Buffer, Different, could_become
from vault.store.s3.bucket import Bucket, Found
from vault.store.s3.state import MOST_PARTS, PART, Part, State, new_part, parsed, part_named, written


class Growth:
    """Bytes go into parts of full size at once, and what fills none waits here until `flush`.

    Nothing counts before the state names it: `flush` replaces the state that was read, or somebody else was faster.
    """

    def __init__(self, bucket: Bucket, name: str) -> None:
        """What stands in the bucket now. Raises `NotFound` if there is no such partial."""
        self._bucket, self.name = bucket, name
        content, found = bucket.get(state_key(bucket, name))
        self._found: Found = found
        self.state = self._known = parsed(content)
        self._waiting = bytearray()
        self._replaced: list[Part] = []
        named = set(self.state.parts)
        self._unnamed = [part for part in stray_parts(bucket, name) if part not in named]

    @property
    def end(self) -> int:
        """Where the partial ends for this writer."""
        return self.state.size + len(self._waiting)

    @property
    def is_ahead(self) -> bool:
        """Whether it holds what the bucket's state does not name."""
        return bool(self._waiting) or self.state != self._known

    def write(self, offset: int, content: Buffer) -> None:
        """The partial holds the content from `offset` on. Errors: `Different`, `Conflict`, and those of the bucket."""
        if self.state.is_closed or offset > self.end:
            raise Conflict("The partial does not end there.")
        if offset < self.end:
            self.flush()
            self._compare(offset, content)
        new = memoryview(content)[max(0, self.end - offset) :]
        self._compare_unnamed(self.end, new)
        self._waiting += new
        while self.end - len(self.state.whole) * PART >= PART:
            self._cut()

    def flush(self) -> None:
        """The bucket's state names all that was written. Raises `Lost` if another writer changed it meanwhile."""
        if self._waiting:
            self._keep(new_part(self.state.size, len(self._waiting)), bytes(self._waiting))
            self._waiting.clear()
        if self.state == self._known:
            return
        self._write_state(self.state)
        finished = [part for part in self._unnamed if part.end <= self.state.size]
        self._bucket.remove_all(part_key(self._bucket, self.name, part) for part in self._replaced + finished)
        self._replaced.clear()
        self._unnamed = [part for part in self._unnamed if part not in finished]

    def close(self, upload: str = "") -> None:
        """The partial takes no more; nobody else closes it with another upload. All was flushed."""
        self._write_state(replace(self.state, is_closed=True, upload=upload))

    def content_of(self, part: Part) -> bytes:
        """The bytes of one part."""
        return self._bucket.get(part_key(self._bucket, self.name, part))[0]

    def give_up(self) -> None:
        """What this writer put into the bucket in vain is gone. Its state may have come through, and stays then."""
        new = set(self.state.parts) - set(self._known.parts)
        with suppress(NotFound):
            new -= set(parsed(self._bucket.get(state_key(self._bucket, self.name))[0]).parts)
        self._bucket.remove_all(part_key(self._bucket, self.name, part) for part in new)

    def _write_state(self, state: State) -> None:
        key = state_key(self._bucket, self.name)
        self._found = self._bucket.replace(key, written(state), self._found)
        self.state = self._known = state

    def _compare(self, offset: int, content: Buffer) -> None:
        """What lies at the place of the content is that, or what a crash leaves of it, which is written over."""
        end = min(self.end, offset + len(content))
        parts = [(part, self.content_of(part)) for part in self.state.overlapping(offset, end)]
        present = (
            b"".join(held for _, held in parts)[offset - parts[0][0].start :][: end - offset]
            if parts
            else b""
        )
        if not could_become(present, content, offset):
            raise Different("Something else lies there.")
        for part, held in parts:
            start, stop = max(part.start, offset), min(part.end, end)
            whole = bytearray(held)
            whole[start - part.start : stop - part.start] = memoryview(content)[
                start - offset : stop - offset
            ]
            if whole != held:
                self._replaced.append(part)
                self._keep(new_part(part.start, part.size), bytes(whole))

    def _compare_unnamed(self, offset: int, content: Buffer) -> None:
        """No writer that broke off has put something else there: one key never seals two contents (K6)."""
        end = offset + len(content)
        for part in self._unnamed:
            start, stop = max(part.start, offset), min(part.end, end)
            if start < stop:
                held = memoryview(self.content_of(part))[start - part.start : stop - part.start]
                if held != memoryview(content)[start - offset : stop - offset]:
                    raise Different("Something else lies there.")

    def _cut(self) -> None:
        """One more part of full size."""
        if len(self.state.whole) == MOST_PARTS:
            raise StorageFull("The object store takes no larger file.")
        rest, start = self.state.rest, len(self.state.whole) * PART
        content = b"".join(self.content_of(part) for part in rest)
        missing = PART - len(content)
        self._replaced += rest
        self._keep(new_part(start, PART), content + bytes(self._waiting[:missing]))
        del self._waiting[:missing]

    def _keep(self, part: Part, content: bytes) -> None:
        self._bucket.put_fresh(part_key(self._bucket, self.name, part), content)
        self.state = self.state.put_in(part)


def state_key(bucket: Bucket, name: str) -> str:
    """Where the state of a partial lies."""
    return f"{bucket.service.prefix}partials/{name}"


def parts_prefix(bucket: Bucket, name: str) -> str:
    """What the keys of a partial's parts begin with."""
    return f"{bucket.service.prefix}parts/{name}/"


def part_key(bucket: Bucket, name: str, part: Part) -> str:
    """Where a part lies."""
    return parts_prefix(bucket, name) + part.last_name


def stray_parts(bucket: Bucket, name: str) -> Iterator[Part]:
    """Every part that lies in the bucket, whether a state names it or a writer broke off."""
    prefix = parts_prefix(bucket, name)
    return (part_named(found["Key"].removeprefix(prefix)) for found in bucket.listed(prefix))
