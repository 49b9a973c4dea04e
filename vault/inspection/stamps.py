"""Lines drawn over a page: who looks at it, and when. Runs in a forked process only."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

ANGLE = 30
"""Degrees."""
INK = (96, 96, 96, 72)


def draw(image: Image.Image, lines: Sequence[str]) -> Image.Image:
    """The picture with the lines across it from corner to corner, again and again."""
    size = max(10, min(image.size) // 28)
    font = ImageFont.load_default(size)
    text = "\n".join(lines)
    side = math.ceil(math.hypot(*image.size))
    layer = Image.new("RGBA", (side, side), (*INK[:3], 0))
    pen = ImageDraw.Draw(layer)
    left, top, right, bottom = pen.multiline_textbbox((0, 0), text, font=font)
    across, down = int(right - left) + 4 * size, int(bottom - top) + 4 * size
    for row, y in enumerate(range(0, side, down)):
        for x in range(-(row % 2) * across // 2, side, across):
            pen.multiline_text((x, y), text, font=font, fill=INK)
    turned = layer.rotate(ANGLE, resample=Image.Resampling.BILINEAR)
    start = ((side - image.width) // 2, (side - image.height) // 2)
    turned = turned.crop((*start, start[0] + image.width, start[1] + image.height))
    return Image.alpha_composite(image.convert("RGBA"), turned).convert("RGB")
