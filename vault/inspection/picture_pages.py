"""A picture, or one page of a TIFF, as it is shown: upright, on white, at most 800 dots wide. In a forked process only."""

from __future__ import annotations

from typing import BinaryIO, cast

from PIL import Image, ImageOps

from vault.inspection.asked import AskedFor
from vault.inspection.pictures import MOST_PAGES, MOST_PIXELS, READ_BY
from vault.inspection.protocol import NO_PAGE, TOO_LARGE
from vault.inspection.sheet import TALLEST, WIDTH, Sheet, Unshowable, Words

_ORIENTATION = 0x0112
_ON_ITS_SIDE = range(5, 9)
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N")
_SCALABLE = ("L", "RGB", "CMYK", "YCbCr")


def sheet(file: AskedFor, number: int) -> Sheet:
    """Errors: `Unshowable`, and whatever bad content makes Pillow raise."""
    with Image.open(cast(BinaryIO, file), formats=READ_BY) as picture:
        count = _turned_to(picture, number)
        sides = _sides(picture)
        picture.draft(None, sides)
        small = _even(picture).resize(sides, Image.Resampling.BICUBIC, reducing_gap=3.0)
        return Sheet(ImageOps.exif_transpose(_on_white(small)), count)


def words(file: AskedFor, numbers: range) -> tuple[int, list[Words]]:
    """How many pages there are, and the sides of some: there is nothing to read on them. Errors: as `sheet`."""
    with Image.open(cast(BinaryIO, file), formats=READ_BY) as picture:
        count, found = _turned_to(picture, numbers[0]), []
        for number in range(numbers[0], min(numbers[-1], count) + 1):
            picture.seek(number - 1)
            sides = _sides(picture)
            found.append(Words(*(sides[::-1] if _lies_on_its_side(picture) else sides)))
    return count, found


def _turned_to(picture: Image.Image, number: int) -> int:
    """How many pages there are; the picture is at that one."""
    count = _counted(picture)
    if not 1 <= number <= count:
        raise Unshowable(NO_PAGE)
    picture.seek(number - 1)
    if picture.width * picture.height > MOST_PIXELS:
        raise Unshowable(TOO_LARGE)
    return count


def _counted(picture: Image.Image) -> int:
    """Pages of a TIFF. What moves is shown as it begins."""
    if picture.format != "TIFF":
        return 1
    for page in range(1, MOST_PAGES):
        try:
            picture.seek(page)
        except EOFError:
            return page
    return MOST_PAGES


def _sides(picture: Image.Image) -> tuple[int, int]:
    """Of the page before it is set upright."""
    width, height = (TALLEST, WIDTH) if _lies_on_its_side(picture) else (WIDTH, TALLEST)
    share = min(1.0, width / picture.width, height / picture.height)
    return max(1, round(picture.width * share)), max(1, round(picture.height * share))


def _lies_on_its_side(picture: Image.Image) -> bool:
    return picture.getexif().get(_ORIENTATION) in _ON_ITS_SIDE


def _even(picture: Image.Image) -> Image.Image:
    """The same in a mode whose dots can be averaged."""
    if picture.mode in _SCALABLE:
        return picture
    if picture.mode in _DEEP:
        return picture.point(lambda value: value * (1 / 256)).convert("L")
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    paper = Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture)
    return paper.convert("RGB")
