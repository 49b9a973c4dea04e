"""A picture as WebP of 60 kB at most, as good as that allows. Runs in a forked process only.

Letters and lines need few colours, and are crisp without loss; what is photographed needs many, and bears loss. A dense page
at 800 dots is too much for either: then colours are given up before width, for narrow letters cannot be read.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from PIL import Image

from vault.inspection.protocol import MOST_IMAGE

BEST = 75
LOWER = {60: 0.7, 45: 0.5, 30: 0.35, 18: 0.2}
"""Further qualities, and the share of the best one's bytes that is the least to be hoped for: no other is tried."""
LAST = 18
GENTLY = 0.25
"""How much narrower a picture gets that is too large: a smaller one is smoother as well."""
_FEW, _PAPER = 4096, 0.3
"""A picture is drawn when it has no more colours than these, and so much of it has one tone."""


def fitted(image: Image.Image) -> tuple[bytes, Image.Image]:
    """The first that fits, and the picture that it shows."""
    ways, content = _crisp(image) if _is_drawn(image) else _photographed(image), b""
    while True:
        for content in ways:
            if len(content) <= MOST_IMAGE:
                return content, image
        share = max(0.5, min(0.9, (MOST_IMAGE / len(content)) ** GENTLY))
        sides = [max(1, int(side * share)) for side in image.size]
        image = image.resize((sides[0], sides[1]), Image.Resampling.BICUBIC)
        ways = iter([_packed(image, lossless=False, quality=LAST)])


def _is_drawn(image: Image.Image) -> bool:
    return image.getcolors(_FEW) is not None and _is_on_paper(image)


def _is_on_paper(image: Image.Image) -> bool:
    return max(image.convert("L").histogram()) >= _PAPER * image.width * image.height


def _crisp(image: Image.Image) -> Iterator[bytes]:
    for levels in (16, 6):
        yield _packed(image.point(_stepped(levels) * 3), lossless=True, quality=40)
    grey = image.convert("L")
    for levels in (4, 3):
        yield _packed(grey.point(_stepped(levels)).convert("RGB"), lossless=True, quality=40)


def _stepped(levels: int) -> list[int]:
    """Each tone as the nearest of so many, black and white among them."""
    return [round(tone / 255 * (levels - 1)) * 255 // (levels - 1) for tone in range(256)]


def _photographed(image: Image.Image) -> Iterator[bytes]:
    best = _packed(image, lossless=False, quality=BEST)
    yield best
    for quality, share in LOWER.items():
        if quality == LAST or len(best) * share <= MOST_IMAGE:
            yield _packed(image, lossless=False, quality=quality)
    if _is_on_paper(image):
        few = image.quantize(8, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        yield _packed(few.convert("RGB"), lossless=True, quality=40)


def _packed(image: Image.Image, *, lossless: bool, quality: int) -> bytes:
    target = io.BytesIO()
    image.save(target, "WEBP", lossless=lossless, quality=quality, method=2)
    return target.getvalue()
