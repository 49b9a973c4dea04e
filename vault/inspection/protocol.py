"""What keeper, zygote and the forked processes say to each other. Imported on both sides; it loads no parser."""

from __future__ import annotations

HEAD, WHOLE, SCRUB, DRAW, RENDER, WORDS, WALLS, END = b"h", b"w", b"s", b"d", b"v", b"t", b"p", b"e"
STAMP, LETTERS, DICTATE = b"m", b"l", b"c"
"""Tasks of a forked process, and its end; each comes with a number (u32, big-endian)."""
MESSAGE = 5
READY = b"r"
"""The zygote has loaded what it needs, and is shut in."""

DONE = b"\xff" * 8
"""In the place of a question: the answer follows."""
TYPE_ROOM = 32
"""Bytes for the file's format."""
PARTS = 400
"""Of a recording whose loudness is drawn."""

DAMAGED, LOCKED, TOO_LARGE, NO_PAGE, FORMAT = "damaged", "locked", "too-large", "no-page", "format"
UNSHOWN = (DAMAGED, LOCKED, TOO_LARGE, NO_PAGE, FORMAT)
"""Why there is no page to be shown."""
MOST_IMAGE, MOST_TEXT, MOST_STAMP = 60_000, 64 * 1024, 2048
"""Bytes of a page as WebP, of the words on it, and of what is drawn over it."""
MOST_BLOCKS, MOST_WORDS, MOST_OUTLINE = 4000, 192 * 1024, 2 * 1024 * 1024
"""Of a text with structure: blocks, letters, and bytes of the answer."""

ACTS = (
    *("open a connection", "read a file", "write a file"),
    *("fork", "start a program", "signal another process"),
)
"""What no process that looks may be able to do, in the order in which `proof` tries it."""
