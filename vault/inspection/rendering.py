"""One page of a file as a picture, with its text: PDF through pdfium, pictures through Pillow.

Runs in a forked process only. First come u64 length, the format (its extension) in 32 bytes, u32 number of the page, and the
stamp: u16 length and as many bytes of UTF-8, a line each. Then `AskedFor`'s questions go out. The answer is u64 2⁶⁴-1 and
i64 count of pages; then u16 width, u16 height, u32 length of the picture (WebP), u32 length of the text (UTF-8), and both.
Where there is nothing to be shown the count is negative: -1 for the first of `protocol.UNSHOWN`, and so on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO

from PIL import Image

from vault.inspection import pdf_pages, picture_pages, stamps, webp
from vault.inspection.asked import AskedFor
from vault.inspection.protocol import DAMAGED, DONE, FORMAT, MOST_TEXT, TOO_LARGE, TYPE_ROOM, UNSHOWN
from vault.inspection.sheet import Sheet, Unshowable

_SHEETS: dict[str, Callable[[AskedFor, int], Sheet]] = {
    "pdf": pdf_pages.sheet,
    **dict.fromkeys(("jpg", "png", "tif", "webp"), picture_pages.sheet),
}


def warm() -> None:
    """What is loaded when it is first needed has been."""
    Image.preinit()
    webp.fitted(stamps.draw(Image.new("RGB", (64, 64)), ["12:00"]))
    pdf_pages.warm()


def render(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer for one page."""
    length = int.from_bytes(source.read(8), "big")
    extension = source.read(TYPE_ROOM).rstrip(b"\0").decode("ascii")
    number = int.from_bytes(source.read(4), "big")
    stamp = source.read(int.from_bytes(source.read(2), "big")).decode("utf-8")
    answered(sink, lambda: _answer(extension, AskedFor(source, sink, length), number, stamp))


def answered(sink: BinaryIO, make: Callable[[], bytes]) -> None:
    """Say what was made, or why there is nothing."""
    try:
        answer = make()
    except Unshowable as fault:
        answer = _refusal(fault.code)
    except (MemoryError, OverflowError):
        answer = _refusal(TOO_LARGE)
    except Exception:  # noqa: BLE001 (whatever bad content makes a parser raise)
        answer = _refusal(DAMAGED)
    view = memoryview(answer)
    while view:
        view = view[sink.write(view) :]


def _answer(extension: str, file: AskedFor, number: int, stamp: str) -> bytes:
    if extension not in _SHEETS:
        raise Unshowable(FORMAT)
    sheet = _SHEETS[extension](file, number)
    stamped = stamps.draw(sheet.image, stamp.split("\n")) if stamp else sheet.image
    image, shown = webp.fitted(stamped)
    text = sheet.text.encode("utf-8", "replace")[:MOST_TEXT].decode("utf-8", "ignore").encode("utf-8")
    head = struct.pack(">qHHII", sheet.count, shown.width, shown.height, len(image), len(text))
    return DONE + head + image + text


def _refusal(code: str) -> bytes:
    return DONE + (-1 - UNSHOWN.index(code)).to_bytes(8, "big", signed=True)
