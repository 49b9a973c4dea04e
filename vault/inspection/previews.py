"""A page of a file as a picture of 60 kB at most, with its words: made in a process of its own, in memory, for whoever asks.

The process asks for the blocks of the file that the page needs, so a page of a large document costs little. Nothing is kept:
neither the page nor the file is anywhere when the answer is given.
"""

from __future__ import annotations

import logging
import socket
import struct
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
_WHY = {
    FORMAT: "Files of this kind cannot be shown as pages. Download it to see it.",
    LOCKED: "This file is locked with a password and cannot be shown. Download it to open it.",
    TOO_LARGE: "This page is too large to be shown. Download the file to see it.",
    DAMAGED: "This page could not be shown; the file may be damaged. Download it to see it.",
}
_WHY_SILENT = {
    "unseen-time": "This page takes too long to be shown. Download the file to see it.",
    "unseen-size": _WHY[TOO_LARGE],
}


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
        raise NotShown(_WHY[FORMAT])
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
        raise NotShown(_WHY_SILENT.get(fault.code, _WHY[DAMAGED])) from fault


def _heard(dialogue: Dialogue, count: int, number: int) -> Page:
    """The rest of the answer, believed as far as it keeps to its bounds."""
    if count < 0:
        _refuse(count)
    width, height, image, text = struct.unpack(">HHII", dialogue.received(12))
    is_page = 1 <= number <= count <= MOST_PAGES and min(width, height) > 0
    if not is_page or max(width, height) > LONGEST_SIDE or image > MOST_IMAGE or text > MOST_TEXT:
        raise Silent("unseen-answer")
    picture, words = dialogue.received(image), dialogue.received(text)
    if picture[:4] != b"RIFF" or picture[8:12] != b"WEBP":
        raise Silent("unseen-answer")
    readable = "".join(
        each for each in words.decode("utf-8", "replace") if each.isprintable() or each == "\n"
    )
    return Page(number, count, picture, width, height, readable)


def _refuse(count: int) -> NoReturn:
    if count < -len(UNSHOWN):
        raise Silent("unseen-answer")
    reason = UNSHOWN[-1 - count]
    if reason == NO_PAGE:
        raise NotFound
    raise NotShown(_WHY[reason])
