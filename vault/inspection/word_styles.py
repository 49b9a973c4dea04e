"""What a paragraph of a Word document is: a heading, an item of a list with its number, or neither.

Runs in a forked process only. Styles follow from each other (ISO 29500-1 §17.7), numbers are counted as they come (§17.9).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

MOST_FOLLOWED = 12
"""Styles that follow from each other."""
_NO = ("0", "false", "off", "none")
_TITLE = re.compile(r"heading ?([1-9])|(title)", re.IGNORECASE)
_ROMAN = [(1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl")]
_ROMAN += [(10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")]


def local(element: Element) -> str:
    """The name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def value(element: Element | None, name: str = "val") -> str | None:
    """An attribute by its name without namespace."""
    attributes = element.attrib.items() if element is not None else ()
    return next((found for key, found in attributes if key.rpartition("}")[2] == name), None)


def said(element: Element, *path: str) -> Element | None:
    """What stands along this path of names, if anything does."""
    found: Element | None = element
    for name in path:
        found = next((each for each in found if local(each) == name), None) if found is not None else None
    return found


def _is_on(element: Element | None) -> bool:
    return element is not None and (value(element) or "1") not in _NO


@dataclass(frozen=True)
class _Level:
    """How items of one depth are numbered: the kind of number, the words round it (`%1.%2`), where it begins."""

    kind: str = "bullet"
    words: str = ""
    start: int = 1


class Styles:
    """The document's styles and lists, and how far its lists have been counted."""

    def __init__(self, styles: Element | None, numbering: Element | None) -> None:
        every = [each for each in styles if local(each) == "style"] if styles is not None else []
        self._styles = {value(each, "styleId") or "": each for each in every}
        self._levels = _levels_of(numbering) if numbering is not None else {}
        self._counted: dict[str, list[int]] = {}

    def shaped(self, paragraph: Element, words: str) -> dict[str, object]:
        """The paragraph as a block."""
        label, depth = self._label(paragraph)
        heading = self._heading(paragraph)
        if heading:
            numbered = f"{label} {words}" if label and label != "•" else words
            return {"kind": "heading", "level": heading, "text": numbered}
        if label:
            return {"kind": "item", "level": depth + 1, "label": label, "text": words}
        return {"kind": "paragraph", "text": words}

    def is_hidden(self, run: Element) -> bool:
        """Whether Word does not show the run."""
        own = said(run, "rPr", "vanish")
        if own is not None:
            return _is_on(own)
        style = value(said(run, "rPr", "rStyle"))
        return any(_is_on(said(each, "rPr", "vanish")) for each in self._followed(style))

    def _followed(self, style: str | None) -> list[Element]:
        """The style and those it follows from, the nearest first."""
        found: list[Element] = []
        while style in self._styles and len(found) < MOST_FOLLOWED:
            found.append(self._styles[style])
            style = value(said(found[-1], "basedOn"))
        return found

    def _heading(self, paragraph: Element) -> int:
        style = value(said(paragraph, "pPr", "pStyle"))
        followed = self._followed(style)
        for each in (paragraph, *followed):
            level = value(said(each, "pPr", "outlineLvl")) or ""
            if level.isdigit():
                return int(level) + 1 if int(level) < 9 else 0
        for name in (*(value(said(each, "name")) or "" for each in followed), style or ""):
            found = _TITLE.fullmatch(name)
            if found:
                return int(found[1] or 1)
        return 0

    def _label(self, paragraph: Element) -> tuple[str, int]:
        """What stands before an item of a list, and how deep it lies; nothing before what is none."""
        for each in (paragraph, *self._followed(value(said(paragraph, "pPr", "pStyle")))):
            numbered = said(each, "pPr", "numPr")
            if numbered is not None:
                list_id, deep = value(said(numbered, "numId")) or "0", value(said(numbered, "ilvl")) or "0"
                depth = int(deep) if deep in "012345678" else 0
                return (self._counted_label(list_id, depth), depth) if list_id != "0" else ("", 0)
        return "", 0

    def _counted_label(self, list_id: str, depth: int) -> str:
        levels = self._levels.get(list_id, {})
        counted = self._counted.setdefault(list_id, [0] * 9)
        level = levels.get(depth, _Level())
        counted[depth] = counted[depth] + 1 if counted[depth] else level.start
        counted[depth + 1 :] = [0] * (8 - depth)
        if level.kind == "bullet" or not level.words:
            return "•"

        def number(place: re.Match[str]) -> str:
            at = int(place[1]) - 1
            above = levels.get(at, _Level())
            return _spelt(counted[at] or above.start, above.kind)

        return re.sub("%([1-9])", number, level.words[:40])


def _levels_of(numbering: Element) -> dict[str, dict[int, _Level]]:
    """For each list, by its id, the levels of its kind."""
    kinds: dict[str, dict[int, _Level]] = {}
    for each in numbering:
        if local(each) == "abstractNum":
            kinds[value(each, "abstractNumId") or ""] = dict(map(_level_of, _all(each, "lvl")))
    return {
        value(each, "numId") or "": kinds.get(value(said(each, "abstractNumId")) or "", {})
        for each in numbering
        if local(each) == "num"
    }


def _all(element: Element, name: str) -> list[Element]:
    return [each for each in element if local(each) == name]


def _level_of(element: Element) -> tuple[int, _Level]:
    depth, start = value(element, "ilvl") or "", value(said(element, "start")) or ""
    kind, words = value(said(element, "numFmt")) or "decimal", value(said(element, "lvlText")) or ""
    begins = int(start) if start.isascii() and start.isdigit() and len(start) < 6 else 1
    return int(depth) if depth in tuple("012345678") else 0, _Level(kind, words, begins)


def _spelt(number: int, kind: str) -> str:
    """Numbers of other kinds than these are told in digits."""
    if kind in ("lowerLetter", "upperLetter"):
        letters = chr(ord("a") + (number - 1) % 26) * min(9, 1 + (number - 1) // 26)
        return letters.upper() if kind == "upperLetter" else letters
    if kind in ("lowerRoman", "upperRoman") and number < 4000:
        roman = ""
        for worth, letters in _ROMAN:
            roman += letters * (number // worth)
            number %= worth
        return roman.upper() if kind == "upperRoman" else roman
    return str(number)
