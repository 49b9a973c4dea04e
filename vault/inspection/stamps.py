"""A stamp over a page: who looks at it, when, and by which link, again and again. Runs in a forked process only.

Half transparent, dark with a light rim, so that it is read on white and on black and lets the page be read; slanted and
repeated, so that no part of a page that is worth having is without it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw

from vault.inspection.lettering import font, rows_of

ANGLE = 30
"""Degrees, against the clock."""
INK, RIM = (0, 0, 0, 84), (255, 255, 255, 92)
SMALLEST, SHARE = 13, 40
"""Dots of the letters, and how many times they go into the shorter side of a page."""
LEAST = (360, 200)
"""A smaller picture is put on white paper of this size, so that a whole stamp fits."""
BETWEEN = 3
"""From one stamp to the next, in letters."""


def draw(image: Image.Image, lines: Sequence[str]) -> Image.Image:
    """The picture with the lines across it, on paper where it is too small for them."""
    page = _on_paper(image.convert("RGB"))
    size = max(SMALLEST, min(page.size) // SHARE)
    tile = drawn(lines, size)
    turned = tile.rotate(ANGLE, resample=Image.Resampling.BICUBIC, expand=True)
    ink, mask = turned.convert("RGB"), turned.getchannel("A")
    for x, y in centres(page.width, page.height, tile.width, tile.height, ANGLE):
        page.paste(ink, (round(x - turned.width / 2), round(y - turned.height / 2)), mask)
    return page


def drawn(lines: Sequence[str], size: int) -> Image.Image:
    """One stamp by itself, its rows centred, with room around it."""
    letters, rows, rim = font(size), rows_of(lines), max(1, size // 14)
    room, high = round(size * BETWEEN / 2), round(size * 1.3)
    wide = max((math.ceil(letters.getlength(row)) for row in rows), default=0)
    tile = Image.new("RGBA", (wide + 2 * room, high * len(rows) + 2 * room), (*INK[:3], 0))
    pen = ImageDraw.Draw(tile)
    for number, row in enumerate(rows):
        left = (tile.width - letters.getlength(row)) / 2
        pen.text((left, room + number * high), row, INK, letters, stroke_width=rim, stroke_fill=RIM)
    return tile


def centres(
    width: float, height: float, across: float, down: float, angle: float
) -> Iterator[tuple[float, float]]:
    """Where stamps of this size stand, turned by the angle, over a whole page: in rows, each set off by half a stamp.

    Counted from a corner, down the page.
    """
    turn = math.radians(angle)
    along, aside = (math.cos(turn), -math.sin(turn)), (math.sin(turn), math.cos(turn))
    reach = math.hypot(width, height) / 2
    columns, rows = math.ceil(reach / across) + 1, math.ceil(reach / down) + 1
    for row in range(-rows, rows + 1):
        for column in range(-columns, columns + 1):
            u, v = (column + row % 2 / 2) * across, row * down
            x, y = width / 2 + u * along[0] + v * aside[0], height / 2 + u * along[1] + v * aside[1]
            if -across <= x <= width + across and -across <= y <= height + across:
                yield x, y


def _on_paper(picture: Image.Image) -> Image.Image:
    """The picture itself, or in the middle of a larger white sheet."""
    sides = (max(picture.width, LEAST[0]), max(picture.height, LEAST[1]))
    if sides == picture.size:
        return picture.copy()
    paper = Image.new("RGB", sides, "white")
    paper.paste(picture, ((sides[0] - picture.width) // 2, (sides[1] - picture.height) // 2))
    return paper
