"""The words of a file without its pictures: of a few of its pages at once, or of a text with its structure.

Made as a page is (`previews`), in a process of its own, and kept nowhere. What comes out is plain text in blocks: whoever
shows it writes the markup.
"""

from __future__ import annotations

import logging
import socket
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from vault.errors import NotFound
from vault.inspection.formats import MediaType
from vault.inspection.keeper import KEEPER, Keeper
from vault.inspection.looking import MOST_READS, Dialogue, Read, Silent, conversed
from vault.inspection.previews import LONGEST_SIDE, MOST_PAGES, PAGED, PATIENCE, not_shown, readable, refuse
from vault.inspection.protocol import FORMAT, MOST_BLOCKS, MOST_OUTLINE, MOST_TEXT, WORDS

log = logging.getLogger(__name__)

WRITTEN = ("docx", "txt")
"""Formats by their usual ending: texts that have no pages of their own."""
SHOWN = (*PAGED, *WRITTEN)
MOST_AT_ONCE = 10

Text = Annotated[str, AfterValidator(readable)]
Side = Annotated[int, Field(ge=0, le=LONGEST_SIDE)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Block(_Said):
    """A heading (`level` 1 to 9), a paragraph, an item of a list (`label` stands before it) or a table (rows of cells)."""

    kind: Literal["heading", "paragraph", "item", "table"]
    level: Annotated[int, Field(ge=1, le=9)] = 1
    label: Annotated[Text, Field(max_length=200)] = ""
    text: Text = ""
    rows: list[list[Text]] = []


class PageWords(_Said):
    """What can be read on a page, and its sides in dots; both are 0 when the page cannot be shown."""

    width: Side
    height: Side
    text: Annotated[Text, Field(max_length=MOST_TEXT)]


class Outline(_Said):
    """Pages, from the one asked for, of `count`; or the blocks of a text, which goes on when it `is_cut`."""

    count: Annotated[int, Field(ge=1, le=MOST_PAGES)] = 1
    pages: Annotated[list[PageWords], Field(max_length=MOST_AT_ONCE)] = []
    blocks: Annotated[list[Block], Field(max_length=MOST_BLOCKS)] = []
    is_cut: bool = False


def outline(
    media: MediaType,
    length: int,
    read: Read,
    first: int = 1,
    most: int = 1,
    *,
    keeper: Keeper = KEEPER,
    patience: float = PATIENCE,
) -> Outline:
    """The words of at most `most` pages from `first`, or of the whole text. `read` and errors as of `previews.page`."""
    if media.extension not in SHOWN:
        raise not_shown(FORMAT)
    if not 1 <= first <= MOST_PAGES or (first > 1 and media.extension in WRITTEN):
        raise NotFound
    wanted = first.to_bytes(4, "big") + bytes([min(most, MOST_AT_ONCE)])

    def talk(channel: socket.socket) -> Outline:
        dialogue = Dialogue(channel, length, read, patience)
        return _heard(dialogue, dialogue.said(media.extension, MOST_READS, wanted))

    try:
        return conversed(keeper, WORDS, talk)
    except Silent as fault:
        log.info("a file's words could not be read: %s", fault.code)
        raise not_shown(fault.code) from fault


def _heard(dialogue: Dialogue, count: int) -> Outline:
    if count < 0:
        refuse(count)
    length = int.from_bytes(dialogue.received(4), "big")
    if length > MOST_OUTLINE or not 1 <= count <= MOST_PAGES:
        raise Silent("unseen-answer")
    try:
        found = Outline.model_validate_json(dialogue.received(length))
    except ValidationError:
        raise Silent("unseen-answer") from None
    return found.model_copy(update={"count": count})
