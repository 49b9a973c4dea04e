"""The look at a whole file that stands in the store: what in it is to be refused or marked, and how long it plays.

Runs in a forked process only. First come u64 length and the format (its extension) in 32 bytes; then `AskedFor`'s questions
go out; the answer is u64 2⁶⁴-1, i64 milliseconds (0 where nothing is known), u16 length and as many bytes: codes of `marks`,
apart by spaces.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, cast

from vault.inspection import archives, pdfs, pictures, texts
from vault.inspection.asked import AskedFor
from vault.inspection.formats import FORMATS
from vault.inspection.polyglots import find_second_nature
from vault.inspection.protocol import DONE, TYPE_ROOM
from vault.inspection.sound import measure

Find = Callable[[AskedFor], set[str]]

_FINDERS: dict[str, Find] = {
    "pdf": pdfs.find,
    "docx": archives.find_in_open_xml,
    "xlsx": archives.find_in_open_xml,
    "odt": archives.find_in_open_document,
    "rtf": texts.find_in_rtf,
    **dict.fromkeys(("jpg", "png", "tif", "heic", "webp"), pictures.find),
}


def look_at_whole(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer for one file."""
    length = int.from_bytes(source.read(8), "big")
    extension = source.read(TYPE_ROOM).rstrip(b"\0").decode("ascii")
    file = AskedFor(source, sink, length)
    codes = find(extension, file)
    seconds = _seconds(extension, file, length)
    said = " ".join(sorted(codes)).encode("ascii")
    milliseconds = round(seconds * 1000).to_bytes(8, "big", signed=True)
    sink.write(DONE + milliseconds + len(said).to_bytes(2, "big") + said)


def find(extension: str, file: AskedFor) -> set[str]:
    """Codes of what is in a file of this format."""
    finder = _FINDERS.get(extension)
    return find_second_nature(file) | (finder(file) if finder else set())


def _seconds(extension: str, file: AskedFor, length: int) -> float:
    """What the recording says of its length; a parser that fails costs that and nothing else."""
    media = next(known.media for known in FORMATS if known.media.extension == extension)
    if media.kind != "recording":
        return 0.0
    try:
        return measure(media.name, cast(BinaryIO, file), length) or 0.0
    except Exception:  # noqa: BLE001 (whatever bad content makes a parser raise)
        return 0.0
