"""A Word document as headings, paragraphs, list items and tables: what is seen of its text. In a forked process only.

What was deleted, what is hidden and what comments say is left out; pictures, headers, footers and notes are not read
(ISO 29500-1 §17). Names are compared without their namespaces, for there are two of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from vault.inspection.asked import AskedFor
from vault.inspection.packing import Budget, Pack, Unacceptable, open_pack
from vault.inspection.protocol import DAMAGED, MOST_BLOCKS, MOST_WORDS, TOO_LARGE
from vault.inspection.sheet import Unshowable
from vault.inspection.word_styles import Styles, local, said

_MAIN_PART = "officeDocument"
_GONE = {
    *("del", "moveFrom", "delText", "delInstrText", "instrText", "pPr", "rPr", "tblPr", "sectPr"),
    *("Fallback", "commentReference", "annotationRef", "footnoteReference", "endnoteReference"),
}
_SIGNS = {"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "\N{NON-BREAKING HYPHEN}"}

Block = dict[str, object]


class Full(Exception):
    """There is more than is shown."""


def blocks_of(file: AskedFor) -> tuple[list[Block], bool]:
    """The blocks, and whether the document goes on. Errors: `Unshowable`, and whatever bad content makes a parser raise."""
    try:
        pack = open_pack(file, file.length, Budget())
        name = _target(pack)
        beside = name.rpartition("/")[0]
        styles = Styles(_part(pack, f"{beside}/styles.xml"), _part(pack, f"{beside}/numbering.xml"))
        document = _part(pack, name)
    except Unacceptable as fault:
        raise Unshowable(TOO_LARGE if "size" in fault.code else DAMAGED) from None
    if document is None:
        raise Unshowable(DAMAGED)
    reader = _Reader(styles)
    try:
        reader.read(document)
    except Full:
        return reader.blocks, True
    return reader.blocks, False


def _target(pack: Pack) -> str:
    """Where the text lies, by what the archive says of itself; `word/document.xml` where it says nothing."""
    relationships = _part(pack, "_rels/.rels")
    for each in relationships if relationships is not None else ():
        if each.get("Type", "").endswith(f"/{_MAIN_PART}"):
            return each.get("Target", "").lstrip("/")
    return "word/document.xml"


def _part(pack: Pack, name: str) -> Element | None:
    entry = next((each for each in pack.entries if each.filename == name), None)
    return None if entry is None else fromstring(pack.read(entry))


class _Reader:
    """Collects blocks as long as there is room for them."""

    def __init__(self, styles: Styles) -> None:
        self._styles, self.blocks = styles, list[Block]()
        self._room = MOST_WORDS

    def read(self, holder: Element) -> None:
        """Whatever lies in the body, a text box or another holder of paragraphs, in its order."""
        for each in holder:
            name = local(each)
            if name == "p":
                self._paragraph(each)
            elif name == "tbl":
                self._add({"kind": "table", "rows": [[*self._cells(row)] for row in _rows(each)]})
            elif name not in _GONE:
                self.read(each)

    def _add(self, block: Block) -> None:
        if len(self.blocks) >= MOST_BLOCKS:
            raise Full
        self.blocks.append(block)

    def _paragraph(self, paragraph: Element) -> None:
        words, boxes = self._words(paragraph)
        if words:
            self._add(self._styles.shaped(paragraph, words))
        for box in boxes:
            self.read(box)

    def _words(self, paragraph: Element) -> tuple[str, list[Element]]:
        """The text of the paragraph, and the boxes of text that hang on it."""
        parts, boxes = [], []
        for each in self._seen(paragraph):
            if local(each) == "txbxContent":
                boxes.append(each)
            elif local(each) == "t":
                parts.append(each.text or "")
            else:
                parts.append(_SIGNS[local(each)])
        words = "".join(parts).strip()
        self._room -= len(words)
        if self._room < 0:
            raise Full
        return words, boxes

    def _seen(self, holder: Element) -> Iterator[Element]:
        """Texts, signs and boxes within, in their order, without what is gone or hidden."""
        for each in holder:
            name = local(each)
            if name in _GONE or (name == "r" and self._styles.is_hidden(each)):
                continue
            if name in ("t", "txbxContent") or name in _SIGNS:
                yield each
            else:
                yield from self._seen(each)

    def _cells(self, row: Element) -> Iterator[str]:
        """The text of each cell; a table in it is told paragraph by paragraph."""
        for each in row:
            if local(each) == "tc":
                if said(each, "tcPr", "cellDel") is None:
                    yield "\n".join(filter(None, self._texts(each)))
            elif local(each) not in _GONE:
                yield from self._cells(each)

    def _texts(self, holder: Element) -> Iterator[str]:
        for each in holder:
            if local(each) == "p":
                words, boxes = self._words(each)
                yield words
                for box in boxes:
                    yield from self._texts(box)
            elif local(each) not in _GONE:
                yield from self._texts(each)


def _rows(table: Element) -> Iterator[Element]:
    """The rows that have not been deleted."""
    for each in table:
        if local(each) == "tr":
            if said(each, "trPr", "del") is None:
                yield each
        elif local(each) not in _GONE:
            yield from _rows(each)
