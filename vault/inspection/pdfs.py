"""PDF: what one does besides showing pages, found by reading all its objects with qpdf."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO, cast

import pikepdf

from vault.inspection.asked import AskedFor
from vault.inspection.pictures import MOST_PIXELS, PIXEL_BOMB

SCRIPT, FILES, SENDS = "pdf-script", "pdf-files", "pdf-sends"
LAUNCH, LOCKED, DAMAGED, NESTED = "launch", "locked", "damaged", "nested"
DEEPEST = 60
MOST_NODES = 20_000
"""Dictionaries and arrays looked at within one object."""

_SUSPECT = re.compile(
    rb"/(?:JS|JavaScript|Launch|EmbeddedFiles?|EF|SubmitForm|ImportData|RichMedia|XFA|Rendition|Width)\b"
)
_ACTIONS = {"/JavaScript": SCRIPT, "/Rendition": SCRIPT, "/Launch": LAUNCH}
_ACTIONS |= {"/SubmitForm": SENDS, "/ImportData": SENDS}


def warm() -> None:
    """qpdf has opened what it draws random numbers from, which it needs for whatever is encrypted, and holds it."""
    file = io.BytesIO()
    with pikepdf.new() as document:
        document.save(file, encryption=pikepdf.Encryption(user="", owner=""))
    with pikepdf.open(file):
        pass


def find(file: AskedFor) -> set[str]:
    """Codes of what the PDF does; `LOCKED` when it opens only with a password, `DAMAGED` when it cannot be read."""
    try:
        with pikepdf.open(cast(BinaryIO, file), suppress_warnings=True) as document:
            return _found(document)
    except pikepdf.PasswordError:
        return {LOCKED}
    except pikepdf.PdfError:
        return {DAMAGED}


def _found(document: pikepdf.Pdf) -> set[str]:
    """Names are compared as qpdf writes them, so one spelt with #-signs is no other."""
    codes: set[str] = set()
    for each in [document.trailer, *document.objects]:
        if not isinstance(each, pikepdf.Object):
            continue
        shell = each.stream_dict if isinstance(each, pikepdf.Stream) else each
        if not _SUSPECT.search(shell.unparse(resolved=True)):
            continue
        for node in _nodes(shell):
            codes |= _said_by(node)
    return codes


def _nodes(top: pikepdf.Object) -> Iterator[pikepdf.Object]:
    """The dictionaries within an object, without those that are objects of their own."""
    waiting, left = [top], MOST_NODES
    while waiting and left:
        node, left = waiting.pop(), left - 1
        if isinstance(node, pikepdf.Dictionary):
            yield node
            waiting += [value for _key, value in node.items() if _is_within(value)]
        elif isinstance(node, pikepdf.Array):
            waiting += [value for value in node if _is_within(value)]


def _is_within(value: object) -> bool:
    is_nest = isinstance(value, pikepdf.Dictionary | pikepdf.Array)
    return is_nest and not cast(pikepdf.Object, value).is_indirect


def _said_by(node: pikepdf.Object) -> set[str]:
    codes = {_ACTIONS[action]} if (action := str(node.get("/S", ""))) in _ACTIONS else set()
    if "/JS" in node or "/JavaScript" in node:
        codes.add(SCRIPT)
    if "/XFA" in node:
        codes.add(SCRIPT)
    if "/EF" in node or "/EmbeddedFiles" in node or str(node.get("/Subtype", "")) == "/RichMedia":
        codes.add(FILES)
    if str(node.get("/Subtype", "")) == "/Image" and _pixels(node) > MOST_PIXELS:
        codes.add(PIXEL_BOMB)
    return codes


def _pixels(node: pikepdf.Object) -> int:
    sides = [node.get("/Width", 0), node.get("/Height", 0)]
    return int(sides[0]) * int(sides[1]) if all(isinstance(side, int) for side in sides) else 0
