"""What a look finds: codes that refuse a file, and codes that mark it. The words stand in `formats.REASONS` and in the
pages.

Codes are numbers of a kind, no names: they stand in clear beside a version (docs/decisions/0025).
"""

from __future__ import annotations

REFUSED = (
    *("macros", "locked", "launch", "polyglot", "entities"),
    *("zip-bomb", "pixel-bomb", "nested"),
)
"""In this order: a file that has several is refused for the first."""

MARKED = ("pdf-script", "pdf-files", "pdf-sends", "objects", "remote", "damaged")
"""Stored, and said to whoever opens it."""

UNSEEN = ("unseen-crash", "unseen-time", "unseen-size", "unseen-answer")
"""Stored, though the look ended without an answer: it died, took too long, asked for too much, or answered nonsense."""

CODES = frozenset((*REFUSED, *MARKED, *UNSEEN))
