"""A stamp on every page of a PDF: drawn once as a picture, and put on each page again and again, above what is there.

Runs in a forked process only. First come u64 length, the format (its extension) in 32 bytes, and the stamp: u16 length and
as many bytes of UTF-8, a line each. Then `AskedFor`'s questions go out. The answer is u64 2⁶⁴-1, i64 length (-1 for a file
that cannot be stamped) and as many bytes: the same pages, with their text, stamped.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from copy import copy
from typing import BinaryIO, NamedTuple, cast

import pikepdf

from vault.inspection import stamps
from vault.inspection.asked import AskedFor
from vault.inspection.lettering import CAN_JOIN
from vault.inspection.protocol import DONE, TYPE_ROOM
from vault.inspection.tags import lead_to

LARGEST = 64 * 1024 * 1024
LETTERS = 40
"""Dots of the letters in the picture of a stamp, which is placed smaller."""
NAME, ORIGINAL = "CasevaultStamp", "CasevaultPage"
MOST_ON_A_PAGE, MOST_IN_A_ROW = 400, 60
MUCH_LARGER = 4
"""Times the part of a page that is seen: a larger page has stamps for the whole of it and others for what is seen."""
_UNSTAMPED = (
    *("/EF", "/EmbeddedFiles", "/Thumb", "/XFA"),
    *("/Metadata", "/PieceInfo", "/Templates", "/Alternates", "/JavaScript", "/JS", "/AA"),
)


class Box(NamedTuple):
    """A part of a page, in its own units."""

    left: float
    bottom: float
    width: float
    height: float

    @property
    def area(self) -> float:
        return self.width * self.height


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
    lead_to(
        document, {page.obj.objgen: _put_on(document, page, placed, tile.size) for page in document.pages}
    )


def _stamped(extension: str, file: AskedFor, lines: Sequence[str]) -> bytes | None:
    if file.length > LARGEST or extension != "pdf":
        return None
    target = io.BytesIO()
    try:
        with pikepdf.open(cast(BinaryIO, file), suppress_warnings=True) as document:
            if not document.pages:
                return None
            _lay_notes_on_pages(document)
            _leave_out_what_has_no_stamp(document)
            stamp(document, lines)
            document.save(target)
    except Exception:  # noqa: BLE001 (whatever bad content makes a parser raise)
        return None
    return target.getvalue()


def _leave_out_what_has_no_stamp(document: pikepdf.Pdf) -> None:
    """Files within the file, small pictures of its pages, pages that are in no order, what programs keep beside a page,
    forms that other programs draw by themselves (XFA), and scripts, which could draw on a page."""
    for shell in _dictionaries(document):
        for name in _UNSTAMPED:
            if name in shell:
                del shell[name]


def _dictionaries(document: pikepdf.Pdf) -> Iterator[pikepdf.Object]:
    """Every one, also those that lie within others."""
    waiting: list[pikepdf.Object] = list(document.objects)
    while waiting:
        each = waiting.pop()
        shell = each.stream_dict if isinstance(each, pikepdf.Stream) else each
        if isinstance(shell, pikepdf.Dictionary):
            yield shell
            within = list(shell.as_dict().values())
        else:
            within = list(shell.as_list()) if isinstance(shell, pikepdf.Array) else []
        waiting += [
            part
            for part in within
            if isinstance(part, pikepdf.Dictionary | pikepdf.Array) and not part.is_indirect
        ]


def _lay_notes_on_pages(document: pikepdf.Pdf) -> None:
    """What forms and notes show is on the page itself, beneath the stamp. Links lead on; of the rest nothing is left."""
    form = document.Root.get("/AcroForm")
    if isinstance(form, pikepdf.Dictionary) and form.get("/NeedAppearances", False):
        document.generate_appearance_streams()
        _require_legible(document)
    document.flatten_annotations("screen")
    for page in document.pages:
        notes = page.obj.get("/Annots")
        if notes is not None:
            found = list(notes.as_list()) if isinstance(notes, pikepdf.Array) else []
            page.obj["/Annots"] = pikepdf.Array([each for each in found if _is_bare_link(each)])
    if "/AcroForm" in document.Root:
        del document.Root["/AcroForm"]


def _require_legible(document: pikepdf.Pdf) -> None:
    """ValueError where letters that were typed in could not be drawn: question marks stand for them."""
    for page in document.pages:
        for note in page.obj.get("/Annots", pikepdf.Array()):
            value = note.get("/V", note.get("/Parent", pikepdf.Dictionary()).get("/V"))
            drawn = note.get("/AP", pikepdf.Dictionary()).get("/N")
            if not isinstance(value, pikepdf.String) or not isinstance(drawn, pikepdf.Stream):
                continue
            if drawn.read_bytes().count(b"?") > str(value).count("?"):
                raise ValueError


def _is_bare_link(note: pikepdf.Object) -> bool:
    return isinstance(note, pikepdf.Dictionary) and note.get("/Subtype") == "/Link" and "/AP" not in note


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
) -> pikepdf.Object:
    """The page's own content, a form beneath the stamp by now: what it leaves open, or takes back too often, ends there."""
    whole = _box(page.mediabox)
    seen = _common(whole, _box(page.cropbox))
    as_it_was = pikepdf.Page(document.make_indirect(copy(page.obj)))
    original = as_it_was.as_form_xobject(handle_transformations=False)
    original["/BBox"] = pikepdf.Array(page.mediabox)
    if "/StructParents" in page.obj:
        original["/StructParents"] = page.obj["/StructParents"]
        del page.obj["/StructParents"]
    drawn = [f"q /{ORIGINAL} Do Q", *_placed(whole, seen, size, page.rotation)]
    if whole.area > MUCH_LARGER * seen.area:
        drawn += _placed(seen, seen, size, page.rotation)
    names = pikepdf.Dictionary({f"/{ORIGINAL}": original, f"/{NAME}": picture})
    page.obj["/Resources"] = pikepdf.Dictionary(XObject=names)
    page.obj["/Contents"] = document.make_stream("\n".join(drawn).encode("ascii"))
    return original


def _placed(box: Box, seen: Box, size: tuple[int, int], rotation: int) -> Iterator[str]:
    """Stamps all over a box, as large as fits what is seen of the page."""
    shorter = min(seen.width, seen.height)
    turn = math.radians(stamps.ANGLE + rotation)
    scale = max(
        shorter / stamps.SHARE / LETTERS,
        math.sqrt(box.area / (MOST_ON_A_PAGE * size[0] * size[1])),
        max(box.width, box.height) / (MOST_IN_A_ROW * size[0]),
    )
    across, down = size[0] * scale, size[1] * scale
    cos, sin = math.cos(turn), math.sin(turn)
    for x, y in stamps.centres(box.width, box.height, across, down, math.degrees(turn)):
        at_x, at_y = box.left + x, box.bottom + box.height - y
        start = (at_x - (across * cos - down * sin) / 2, at_y - (across * sin + down * cos) / 2)
        matrix = (across * cos, across * sin, -down * sin, down * cos, *start)
        yield f"q {' '.join(f'{number:.3f}' for number in matrix)} cm /{NAME} Do Q"


def _box(sides: pikepdf.Object) -> Box:
    left, bottom, right, top = (float(side) for side in sides)
    return Box(min(left, right), min(bottom, top), abs(right - left), abs(top - bottom))


def _common(whole: Box, other: Box) -> Box:
    """What both have; the whole, where that is nothing, as programs show it then."""
    left, bottom = max(whole.left, other.left), max(whole.bottom, other.bottom)
    width = min(whole.left + whole.width, other.left + other.width) - left
    height = min(whole.bottom + whole.height, other.bottom + other.height) - bottom
    return Box(left, bottom, width, height) if width > 0 and height > 0 else whole
