"""What a look may find, as codes."""

from __future__ import annotations

UNSEEN = ("unseen-crash", "unseen-time", "unseen-size", "unseen-answer")
"""The look ended without an answer: it died, took too long, asked for too much, or answered nonsense."""

CODES = frozenset(UNSEEN)
