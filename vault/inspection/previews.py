"""A page of a file as a picture of 60 kB at most, with its words: made in a process of its own, in memory, for whoever asks.

The process asks for the blocks of the file that the page needs, so a page of a large document costs little. Nothing is kept:
neither the page nor the file is anywhere when the answer is given.
"""

from __future__ import annotations

import logging
import socket
import struct
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from vault.errors import NotFound, NotShown
from vault.inspection.formats import MediaType
from vault.inspection.keeper import KEEPER, Keeper
from vault.inspection.looking import MOST_READS, Dialogue, Read, Silent, conversed
from vault.inspection.protocol import (
    DAMAGED,
    FORMAT,
    LOCKED,
    MOST_IMAGE,
    MOST_STAMP,
    MOST_TEXT,
    NO_PAGE,
    RENDER,
    TOO_LARGE,
    UNSHOWN,
)

log = logging.getLogger(__name__)

PAGED = ("pdf", "jpg", "png", "tif", "webp")
"""Formats by their usual ending."""
PATIENCE = 15.0
"""Seconds."""
MOST_PAGES = 1_000_000
LONGEST_SIDE = 16_383
KEPT = "\n\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}\N{LEFT-TO-RIGHT MARK}\N{RIGHT-TO-LEFT MARK}"
_INSTEAD = "Download the file, or ask somebody who may."
_WHY = {
    FORMAT: f"Files of this kind have no pages to show. {_INSTEAD}",
    LOCKED: f"This file is locked with a password and cannot be shown. {_INSTEAD}",
    TOO_LARGE: f"This page is too large to be shown. {_INSTEAD}",
    DAMAGED: f"This page could not be shown; the file may be damaged. {_INSTEAD}",
    "unseen-time": f"This page takes too long to be shown. {_INSTEAD}",
}
_WHY["unseen-size"] = _WHY[TOO_LARGE]


@dataclass(frozen=True)
class Page:
    """A page: `number` from 1, of `count`; `image` is WebP of `width` x `height` dots; `text` is what can be read on it."""

    number: int
    count: int
    image: bytes
    width: int
    height: int
    text: str


def page(
    media: MediaType,
    length: int,
    read: Read,
    number: int,
    *,
    stamp: Sequence[str] = (),
    keeper: Keeper = KEEPER,
    patience: float = PATIENCE,
) -> Page:
    """Page `number` of the file of `length` bytes, under the lines of `stamp`.

    `read(start, end)` gives its plaintext from `start` up to, not including, `end`; what it raises goes on.
    Errors: `NotFound` for a page that it has not, `NotShown` with a sentence that says what to do, `Busy`.
    """
    if media.extension not in PAGED:
        raise not_shown(FORMAT)
    if not 1 <= number <= MOST_PAGES:
        raise NotFound
    drawn = "\n".join(stamp).encode("utf-8", "replace")
    if len(drawn) > MOST_STAMP:
        raise ValueError("so much cannot be drawn over a page")
    wanted = number.to_bytes(4, "big") + len(drawn).to_bytes(2, "big") + drawn

    def talk(channel: socket.socket) -> Page:
        dialogue = Dialogue(channel, length, read, patience)
        return _heard(dialogue, dialogue.said(media.extension, MOST_READS, wanted), number)

    try:
        return conversed(keeper, RENDER, talk)
    except Silent as fault:
        log.info("a page could not be shown: %s", fault.code)
        raise not_shown(fault.code) from fault


def _heard(dialogue: Dialogue, count: int, number: int) -> Page:
    """The rest of the answer, believed as far as it keeps to its bounds."""
    if count < 0:
        refuse(count)
    width, height, image, text = struct.unpack(">HHII", dialogue.received(12))
    is_page = 1 <= number <= count <= MOST_PAGES and min(width, height) > 0
    if not is_page or max(width, height) > LONGEST_SIDE or image > MOST_IMAGE or text > MOST_TEXT:
        raise Silent("unseen-answer")
    picture, words = dialogue.received(image), dialogue.received(text)
    if picture[:4] != b"RIFF" or picture[8:12] != b"WEBP":
        raise Silent("unseen-answer")
    return Page(number, count, picture, width, height, readable(words.decode("utf-8", "replace")))


def readable(text: str) -> str:
    """Without what is not seen, but for ends of lines and what joins or parts letters and directions."""
    return "".join(each for each in text if each in KEPT or unicodedata.category(each)[0] not in "C")


def refuse(count: int) -> NoReturn:
    """Raise what a negative count of pages stands for."""
    if count < -len(UNSHOWN):
        raise Silent("unseen-answer")
    reason = UNSHOWN[-1 - count]
    if reason == NO_PAGE:
        raise NotFound
    raise not_shown(reason)


def not_shown(reason: str) -> NotShown:
    """The error for a reason of `protocol.UNSHOWN`, or a code of a process that gave no answer."""
    return NotShown(_WHY.get(reason, _WHY[DAMAGED]))
