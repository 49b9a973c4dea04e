"""The letters of a stamp: the font that is shipped, and what of a line it can draw rightly. In a forked process only.

Scripts that are written from the right or join their letters need libraqm and FriBidi, which Pillow loads where the machine
has them. Without them such letters are left out rather than drawn wrongly.
"""

from __future__ import annotations

import io
import struct
import textwrap
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib import resources

from PIL import ImageFont, features

CAN_JOIN = bool(features.check("raqm") and features.check("fribidi"))
"""Whether Arabic and Hebrew come out right on this machine."""
ROW, ROWS = 34, 2
"""Characters of a row, and rows of a line."""
MOST_CODES = 6
"""Characters of a line that are spelt by their codes; beyond that there are dots."""

_JOINERS = "\u200c\u200d"
_FILE = resources.files("vault.inspection").joinpath("fonts/dejavu-sans.ttf").read_bytes()


@cache
def font(size: int, can_join: bool = CAN_JOIN) -> ImageFont.FreeTypeFont:
    """The shipped font, so many dots high."""
    engine = ImageFont.Layout.RAQM if can_join else ImageFont.Layout.BASIC
    return ImageFont.truetype(io.BytesIO(_FILE), size, layout_engine=engine)


def rows_of(lines: Sequence[str], can_join: bool = CAN_JOIN) -> list[str]:
    """The lines as they are drawn, long ones in two rows; what nothing is left of is no row."""
    rows: list[str] = []
    for line in lines:
        found = textwrap.wrap(drawable(line, can_join), ROW)
        if len(found) > ROWS:
            found[ROWS - 1 :] = [f"{found[ROWS - 1][: ROW - 1]}…"]
        rows += found
    return rows


def drawable(line: str, can_join: bool = CAN_JOIN) -> str:
    """The line without what is not seen; a character that the font lacks is spelt by its code, as U+5F20.

    Letters that cannot be joined here, and more codes than a few, are three dots.
    """
    kept, codes = [], 0
    for character in unicodedata.normalize("NFC", line):
        kind = unicodedata.category(character)
        if kind[0] in "CZ" and kind != "Co" and character not in _JOINERS:
            kept.append("" if kind == "Cf" else " ")
        elif not can_join and unicodedata.bidirectional(character) in ("R", "AL", "AN"):
            kept.append("…")
        elif ord(character) in _covered():
            kept.append(character)
        else:
            codes += 1
            kept.append(f"[U+{ord(character):04X}]" if codes <= MOST_CODES else "…")
    words = "".join(kept).split()
    return _once(" ".join(words))


def _once(text: str) -> str:
    """Dots that follow dots are said once."""
    while (shorter := text.replace("……", "…").replace("… …", "…")) != text:
        text = shorter
    return text


@cache
def _covered() -> frozenset[int]:
    """The characters that the font has (OpenType `cmap`, format 4)."""
    tables = struct.unpack(">H", _FILE[4:6])[0]
    records = [struct.unpack(">4sIII", _FILE[12 + 16 * n : 28 + 16 * n]) for n in range(tables)]
    start = next(offset for tag, _sum, offset, _length in records if tag == b"cmap")
    count = struct.unpack(">H", _FILE[start + 2 : start + 4])[0]
    places = [struct.unpack(">HHI", _FILE[start + 4 + 8 * n : start + 12 + 8 * n]) for n in range(count)]
    at = next(start + offset for platform, encoding, offset in places if (platform, encoding) == (3, 1))
    double = struct.unpack(">H", _FILE[at + 6 : at + 8])[0]
    ends = struct.unpack(f">{double // 2}H", _FILE[at + 14 : at + 14 + double])
    begins = struct.unpack(f">{double // 2}H", _FILE[at + 16 + double : at + 16 + 2 * double])
    spans = zip(begins, ends, strict=True)
    return frozenset(number for first, last in spans for number in range(first, last + 1) if last < 0xFFFF)
