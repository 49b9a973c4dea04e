"""The look at a whole file that stands in the store: how long it plays.

Runs in a forked process only. First come u64 length and the format (its extension) in 32 bytes; then `AskedFor`'s questions
go out; the answer is u64 2⁶⁴-1, i64 milliseconds (0 where nothing is known), u16 length and as many bytes: codes of
`marks`, apart by spaces."""

from __future__ import annotations

from typing import BinaryIO, cast

from vault.inspection.asked import AskedFor
from vault.inspection.formats import FORMATS
from vault.inspection.protocol import DONE, TYPE_ROOM
from vault.inspection.sound import measure


def look_at_whole(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer for one file."""
    length = int.from_bytes(source.read(8), "big")
    extension = source.read(TYPE_ROOM).rstrip(b"\0").decode("ascii")
    file = AskedFor(source, sink, length)
    seconds = _seconds(extension, file, length)
    sink.write(DONE + round(seconds * 1000).to_bytes(8, "big", signed=True) + bytes(2))


def _seconds(extension: str, file: AskedFor, length: int) -> float:
    """What the recording says of its length; a parser that fails costs that and nothing else."""
    media = next(known.media for known in FORMATS if known.media.extension == extension)
    if media.kind != "recording":
        return 0.0
    try:
        return measure(media.name, cast(BinaryIO, file), length) or 0.0
    except Exception:  # noqa: BLE001 (whatever bad content makes a parser raise)
        return 0.0
