"""Pictures: how much they unfold to, read from their headers alone."""

from __future__ import annotations

import io
import re
import warnings
from typing import BinaryIO, cast

from PIL import (
    Image,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,  # noqa: F401 (what Pillow makes of a JPEG that holds more than one picture)
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from vault.inspection.asked import BLOCK, AskedFor

PIXEL_BOMB, DAMAGED = "pixel-bomb", "damaged"
MOST_PIXELS = 256 * 1024 * 1024
"""Of one picture: an A2 page at 1,200 dots an inch has 220 million times 4/3."""
MOST_PAGES = 2000
READ_BY = [plugin.format for plugin in (JpegImagePlugin.JpegImageFile, PngImagePlugin.PngImageFile)]
READ_BY += [TiffImagePlugin.TiffImageFile.format, WebPImagePlugin.WebPImageFile.format]

Image.MAX_IMAGE_PIXELS = None
warnings.simplefilter("ignore")
ImageFile.LOAD_TRUNCATED_IMAGES = False


def find(file: AskedFor) -> set[str]:
    """`PIXEL_BOMB`, or `DAMAGED` when the headers cannot be read."""
    head = file.part(0, BLOCK)
    if head[4:8] == b"ftyp":
        return {PIXEL_BOMB} if _heic_pixels(head) > MOST_PIXELS else set()
    try:
        return {PIXEL_BOMB} if is_bomb(cast(BinaryIO, file)) else set()
    except Exception:  # noqa: BLE001 (whatever bad content makes Pillow raise)
        return {DAMAGED}


def is_bomb(file: BinaryIO | io.BytesIO) -> bool:
    """Whether a picture, or one of its pages, unfolds to more than `MOST_PIXELS`, or has too many pages."""
    with Image.open(file, formats=READ_BY) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            return True
        if picture.format != "TIFF":
            return False
        for page in range(1, MOST_PAGES + 1):
            try:
                picture.seek(page)
            except EOFError:
                return False
            if picture.width * picture.height > MOST_PIXELS:
                return True
        return True


def _heic_pixels(head: bytes) -> int:
    """The largest picture that a HEIC's properties tell of (`ispe`, ISO 23008-12 §6.5.3)."""
    sizes = re.findall(rb"ispe\0\0\0\0(....)(....)", head, re.DOTALL)
    return max((int.from_bytes(w, "big") * int.from_bytes(h, "big") for w, h in sizes), default=0)
