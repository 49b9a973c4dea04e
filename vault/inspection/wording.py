"""The words of a file: of some of its pages, or of a whole text with its structure. Runs in a forked process only.

First come u64 length, the format (its extension) in 32 bytes, u32 number of the first page and u8 how many are wanted. Then
`AskedFor`'s questions go out. The answer is u64 2⁶⁴-1 and i64 count of pages (1 for a text), or a negative number as from
`rendering`; then u32 length and as many bytes of JSON: `{"pages": [{"width", "height", "text"}]}` or `{"blocks": [...],
"is_cut"}`, as `outlines.Outline` has them.
"""

from __future__ import annotations

import json
from typing import BinaryIO

from vault.inspection import pdf_pages, picture_pages
from vault.inspection.asked import AskedFor
from vault.inspection.protocol import (
    DONE,
    FORMAT,
    MOST_BLOCKS,
    MOST_OUTLINE,
    MOST_TEXT,
    MOST_WORDS,
    TOO_LARGE,
    TYPE_ROOM,
)
from vault.inspection.rendering import answered
from vault.inspection.sheet import Unshowable, Words
from vault.inspection.word_text import Block, blocks_of

MARK = b"\xef\xbb\xbf"
"""What some programs write before UTF-8."""
_WORDS = {"pdf": pdf_pages.words, **dict.fromkeys(("jpg", "png", "tif", "webp"), picture_pages.words)}
_BLOCKS = {"docx": blocks_of}


def read_words(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer for one file."""
    length = int.from_bytes(source.read(8), "big")
    extension = source.read(TYPE_ROOM).rstrip(b"\0").decode("ascii")
    first, most = int.from_bytes(source.read(4), "big"), source.read(1)[0]
    answered(sink, lambda: _answer(extension, AskedFor(source, sink, length), first, most))


def _answer(extension: str, file: AskedFor, first: int, most: int) -> bytes:
    count, said = 1, dict[str, object]()
    if extension in _WORDS:
        count, found = _WORDS[extension](file, range(first, first + most))
        said = {"pages": [_page(each) for each in found]}
    elif extension in _BLOCKS or extension == "txt":
        blocks, is_cut = _BLOCKS[extension](file) if extension in _BLOCKS else _plain(file)
        said = {"blocks": blocks, "is_cut": is_cut}
    else:
        raise Unshowable(FORMAT)
    spelt = json.dumps(said).encode("ascii")
    if len(spelt) > MOST_OUTLINE:
        raise Unshowable(TOO_LARGE)
    return DONE + count.to_bytes(8, "big", signed=True) + len(spelt).to_bytes(4, "big") + spelt


def _page(words: Words) -> dict[str, int | str]:
    return {"width": words.width, "height": words.height, "text": words.text[:MOST_TEXT]}


def _plain(file: AskedFor) -> tuple[list[Block], bool]:
    """Each line as a paragraph."""
    lines = file.part(0, MOST_WORDS).removeprefix(MARK).decode("utf-8", "ignore").splitlines()
    blocks: list[Block] = [{"kind": "paragraph", "text": line} for line in lines if line.strip()]
    return blocks[:MOST_BLOCKS], file.length > MOST_WORDS or len(blocks) > MOST_BLOCKS
