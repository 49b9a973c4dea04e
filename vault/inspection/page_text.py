"""The words on a page of a PDF in the order in which they are read. In a forked process only.

A PDF says where letters stand, not in which order they are read. pdfium puts lines together, which is right for scripts
that run to the right; a line with letters of Arabic, Hebrew and their like is put together anew from the places of its
letters: what is seen from left to right is turned into what is read (the reverse of UAX #9, with one level).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import groupby

import pypdfium2  # type: ignore[import-untyped]
from pypdfium2 import raw

MOST_LETTERS = 20_000
GAP = 0.22
"""Of the line's height: what is farther apart has a space between."""
_PRESENTED = (range(0xFB1D, 0xFE00), range(0xFE70, 0xFEFD))
"""Letters of Hebrew and Arabic by their form, as some programs write them."""
_LIGATURES = {unicodedata.normalize("NFKC", chr(code)) for forms in _PRESENTED for code in forms}
_PAIRS = ("()", "[]", "{}", "«»")
_JOINS = "-./:,+'"
"""Within a number."""


@dataclass(frozen=True)
class _Letter:
    """A letter with the marks over it, and its left and right edges and height in points."""

    text: str
    left: float
    right: float
    height: float

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2

    @property
    def way(self) -> str:
        """`R` to the left, `L` to the right, `N` a digit, `-` none of its own."""
        kind = unicodedata.bidirectional(self.text[0])
        return {"R": "R", "AL": "R", "L": "L", "EN": "N", "AN": "N"}.get(kind, "-")


def text_of(page: pypdfium2.PdfPage) -> str:
    """All words on the page, a line each, as far as there are `MOST_LETTERS`."""
    text = page.get_textpage()
    count = min(text.count_chars(), MOST_LETTERS)
    letters = [(place, _spelt(raw.FPDFText_GetUnicode(text, place))) for place in range(count)]
    lines = []
    for is_end, found in groupby(letters, lambda each: each[1] in "\r\n"):
        if is_end:
            continue
        line = [(place, letter) for place, letter in found if letter]
        words = "".join(letter for _place, letter in line)
        lines.append(_reordered([_placed(text, *each) for each in line]) if _runs_left(words) else words)
    return "\n".join(line.strip() for line in lines if line.strip())


def _spelt(code: int) -> str:
    letter = chr(code) if code not in range(0xD800, 0xE000) and code < 0x110000 else ""
    if any(code in forms for forms in _PRESENTED):
        return unicodedata.normalize("NFKC", letter)
    is_shown = letter.isprintable() or letter in "\r\n" or unicodedata.category(letter) == "Zs"
    return letter if letter and is_shown else " "


def _runs_left(words: str) -> bool:
    return any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in words)


def _placed(text: pypdfium2.PdfTextPage, place: int, letter: str) -> _Letter:
    box = raw.FS_RECTF()
    raw.FPDFText_GetLooseCharBox(text, place, box)
    return _Letter(letter, box.left, box.right, box.top - box.bottom)


def _reordered(letters: list[_Letter]) -> str:
    """The line as it is read."""
    standing = [each for each in letters if each.right > each.left or not each.text.isspace()]
    seen = _spaced(_marked(_whole(sorted(standing, key=lambda each: each.middle))))
    read = _leftward(seen) if _begins_right([each.way for each in seen]) else _rightward(seen)
    return unicodedata.normalize("NFC", _paired("".join(each.text for each in read)))


def _begins_right(ways: list[str]) -> bool:
    """Whether a line that looks like this runs to the left: by its two ends, else by most of its letters."""
    strong = [way for way in ways if way in "LR"]
    if strong and strong[0] == strong[-1]:
        return strong[0] == "R"
    return strong.count("R") >= strong.count("L")


def _whole(seen: list[_Letter]) -> list[_Letter]:
    """Letters that are one glyph as one, in the order in which they are read."""
    glyphs = []
    for _edges, found in groupby(seen, lambda each: (each.left, each.right)):
        first, *others = sorted(found, key=_is_mark)
        text = first.text + "".join(each.text for each in others)
        glyphs.append(replace(first, text=text[::-1] if text[::-1] in _LIGATURES else text))
    return glyphs


def _marked(seen: list[_Letter]) -> list[_Letter]:
    """Each mark with the letter that it stands over, else with the one to the right of it: one glyph is told in parts."""
    letters = [each for each in seen if not _is_mark(each)]
    for mark in filter(_is_mark, seen if letters else ()):
        place = bisect_left(letters, mark.middle, key=lambda each: each.middle)
        near = [at for at in (place, place - 1) if 0 <= at < len(letters)]
        over = [at for at in near if letters[at].left < mark.middle < letters[at].right]
        base = letters[(over or near)[0]]
        letters[(over or near)[0]] = replace(
            base,
            text=base.text + mark.text,
            left=min(base.left, mark.left),
            right=max(base.right, mark.right),
        )
    return letters


def _is_mark(letter: _Letter) -> bool:
    return unicodedata.category(letter.text[0]) == "Mn"


def _spaced(seen: list[_Letter]) -> list[_Letter]:
    spaced, tall = seen[:1], max((each.height for each in seen), default=0.0)
    for letter in seen[1:]:
        before = spaced[-1]
        is_apart = letter.left - before.right > GAP * tall
        if is_apart and not (before.text.isspace() or letter.text.isspace()):
            spaced.append(_Letter(" ", before.right, letter.left, 0.0))
        spaced.append(letter)
    return spaced


def _leftward(seen: list[_Letter]) -> list[_Letter]:
    """All turned round but words and numbers that run to the right."""
    read: list[_Letter] = []
    for runs_left, run in groupby(reversed(seen), lambda each: each.way == "R"):
        part = list(run)
        if not runs_left:
            part = _turned(part, "LN") if any(each.way == "L" for each in part) else _numbers(part)
        read += part
    return read


def _rightward(seen: list[_Letter]) -> list[_Letter]:
    """Nothing turned round but what runs to the left; numbers in it do not."""
    read: list[_Letter] = []
    for runs_right, run in groupby(seen, lambda each: each.way == "L"):
        part = list(run)
        if not runs_right and any(each.way == "R" for each in part):
            part = _numbers(_turned(part, "R"))
        read += part
    return read


def _turned(part: list[_Letter], ways: str) -> list[_Letter]:
    """What lies between the first and the last letter that runs one of these ways is turned round."""
    places = [at for at, each in enumerate(part) if each.way in ways]
    first, last = places[0], places[-1] + 1
    return part[:first] + part[first:last][::-1] + part[last:]


def _numbers(part: list[_Letter]) -> list[_Letter]:
    """Each number is turned round, with single signs within it."""
    shape = "".join("N" if each.way == "N" else "j" if each.text in _JOINS else "-" for each in part)
    read, done = [], 0
    for number in re.finditer("N(?:j?N)*", shape):
        read += part[done : number.start()] + part[number.start() : number.end()][::-1]
        done = number.end()
    return read + part[done:]


def _paired(line: str) -> str:
    """Brackets that open and close; a PDF tells how one looks, which is not how it is read."""
    letters = list(line)
    for pair in _PAIRS:
        places = [at for at, letter in enumerate(letters) if letter in pair]
        for turn, at in enumerate(places if len(places) % 2 == 0 else ()):
            letters[at] = pair[turn % 2]
    return "".join(letters)
