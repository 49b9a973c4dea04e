"""One page before it is packed. In a forked process only."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

WIDTH, TALLEST = 800, 3200
"""Dots of a page."""


class Unshowable(Exception):
    """There is nothing to be shown, for this reason of `protocol.UNSHOWN`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Words:
    """What can be read on a page, and its sides in dots; no sides when the page cannot be shown."""

    width: int = 0
    height: int = 0
    text: str = ""


@dataclass(frozen=True)
class Sheet:
    """An RGB picture of at most `WIDTH` x `TALLEST`, of how many pages it is one, and the words on it."""

    image: Image.Image
    count: int
    text: str = ""
