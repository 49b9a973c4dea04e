"""A stamp on every page of a PDF: drawn once as a picture, and put on each page again and again, above what is there.

Runs in a forked process only. First come u64 length, the format (its extension) in 32 bytes, and the stamp: u16 length and
as many bytes of UTF-8, a line each. Then `AskedFor`'s questions go out. The answer is u64 2⁶⁴-1, i64 length (-1 for a file
that cannot be stamped) and as many bytes: the same pages, with their text, stamped.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import BinaryIO, cast

import pikepdf

from vault.inspection import stamps
from vault.inspection.asked import AskedFor
from vault.inspection.lettering import CAN_JOIN
from vault.inspection.protocol import DONE, TYPE_ROOM

LARGEST = 64 * 1024 * 1024
LETTERS = 40
"""Dots of the letters in the picture of a stamp, which is placed smaller."""
NAME = "CasevaultStamp"
MOST_ON_A_PAGE, MOST_IN_A_ROW = 400, 60
_UNSTAMPED = ("/EF", "/EmbeddedFiles", "/Thumb", "/XFA")
_SAVED = re.compile(rb"(?<![^\s\])>}])([qQ])(?![^\s\[(</])")


def warm() -> None:
    """Fonts, and what draws them, have been loaded."""
    stamp(pikepdf.new(), ["12:00", "\u0633\u0644\u0627\u0645 12/2026"])


def answer_stamped(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer for one file."""
    length = int.from_bytes(source.read(8), "big")
    extension = source.read(TYPE_ROOM).rstrip(b"\0").decode("ascii")
    lines = source.read(int.from_bytes(source.read(2), "big")).decode("utf-8").split("\n")
    made = _stamped(extension, AskedFor(source, sink, length), lines)
    sink.write(DONE + (-1 if made is None else len(made)).to_bytes(8, "big", signed=True))
    view = memoryview(made or b"")
    while view:
        view = view[sink.write(view) :]


def answer_letters(_source: BinaryIO, sink: BinaryIO) -> None:
    """One byte: 1 where letters that join can be drawn."""
    sink.write(bytes([CAN_JOIN]))


def stamp(document: pikepdf.Pdf, lines: Sequence[str]) -> None:
    """Every page has the lines across it."""
    tile = stamps.drawn(lines, LETTERS)
    picture = pikepdf.Stream(document, tile.convert("RGB").tobytes())
    mask = pikepdf.Stream(document, tile.getchannel("A").tobytes())
    for stream, colours in ((picture, "/DeviceRGB"), (mask, "/DeviceGray")):
        stream.update(_picture(tile.size, colours))
    picture["/SMask"] = document.make_indirect(mask)
    placed = document.make_indirect(picture)
    for page in document.pages:
        _put_on(document, page, placed, tile.size)


def _stamped(extension: str, file: AskedFor, lines: Sequence[str]) -> bytes | None:
    if file.length > LARGEST or extension != "pdf":
        return None
    target = io.BytesIO()
    try:
        with pikepdf.open(cast(BinaryIO, file), suppress_warnings=True) as document:
            if not document.pages:
                return None
            _leave_out_what_has_no_stamp(document)
            stamp(document, lines)
            document.save(target)
    except Exception:  # noqa: BLE001 (whatever bad content makes a parser raise)
        return None
    return target.getvalue()


def _leave_out_what_has_no_stamp(document: pikepdf.Pdf) -> None:
    """Files within the file, small pictures of its pages, and forms that other programs draw by themselves (XFA)."""
    for each in document.objects:
        shell = each.stream_dict if isinstance(each, pikepdf.Stream) else each
        for name in _UNSTAMPED if isinstance(shell, pikepdf.Dictionary) else ():
            if name in shell:
                del shell[name]


def _picture(size: tuple[int, int], colours: str) -> pikepdf.Dictionary:
    name = pikepdf.Name
    return pikepdf.Dictionary(
        Type=name.XObject,
        Subtype=name.Image,
        Width=size[0],
        Height=size[1],
        ColorSpace=name(colours),
        BitsPerComponent=8,
    )


def _put_on(
    document: pikepdf.Pdf, page: pikepdf.Page, picture: pikepdf.Object, size: tuple[int, int]
) -> None:
    """The page's own content is closed off first, also where it leaves something open; what is cropped is stamped too."""
    left, bottom, right, top = (float(side) for side in page.mediabox)
    width, height = abs(right - left), abs(top - bottom)
    seen = [float(side) for side in page.cropbox]
    shorter = min(abs(seen[2] - seen[0]), abs(seen[3] - seen[1]), width, height)
    name = page.add_resource(picture, pikepdf.Name.XObject, pikepdf.Name(f"/{NAME}"))
    turn = math.radians(stamps.ANGLE + page.rotation)
    scale = max(
        shorter / stamps.SHARE / LETTERS,
        math.sqrt(width * height / (MOST_ON_A_PAGE * size[0] * size[1])),
        max(width, height) / (MOST_IN_A_ROW * size[0]),
    )
    across, down = size[0] * scale, size[1] * scale
    cos, sin = math.cos(turn), math.sin(turn)
    steps = []
    for x, y in stamps.centres(width, height, across, down, math.degrees(turn)):
        at_x, at_y = min(left, right) + x, min(bottom, top) + height - y
        start = (at_x - (across * cos - down * sin) / 2, at_y - (across * sin + down * cos) / 2)
        matrix = (across * cos, across * sin, -down * sin, down * cos, *start)
        steps.append(f"q {' '.join(f'{number:.3f}' for number in matrix)} cm {name} Do Q")
    open_ones = _left_open(page)
    page.contents_add(document.make_stream(b"q\n"), prepend=True)
    ends = b"\nQ" * (1 + open_ones) + b"\n"
    page.contents_add(document.make_stream(ends + "\n".join(steps).encode("ascii")))


def _left_open(page: pikepdf.Page) -> int:
    """How many saved states the content does not take back, as far as a quick look tells; a few too many do no harm."""
    page.contents_coalesce()
    contents = page.obj.get("/Contents")
    if not isinstance(contents, pikepdf.Stream):
        return 0
    found = _SAVED.findall(contents.read_bytes())
    return min(max(0, found.count(b"q") - found.count(b"Q")), 64)
