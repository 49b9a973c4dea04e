"""Numbers of cases and individuals: how they are compared, and which shapes are expected.

Two numbers are the same when they agree without spaces, dashes and slashes, in upper case. Old and new forms stay valid
for life. A shape that neither we nor the office know is worth a warning, never a refusal.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from vault.errors import Fault, Invalid

LONGEST = 40
CASE_PATTERNS = (r"\d{3}-\d{2}[CH]\d{5}", r"\d{3}-\d{2}-\d{5}")
INDIVIDUAL_PATTERNS = (r"\d{3}-\d{8}", r"[A-Z]{3}-\d{8}", r"\d{8}")

_JOINTS = re.compile(r"[\s/\\]")


class Number(NamedTuple):
    """A number as it is shown, and the key it is found by."""

    shown: str
    key: str


def read_number(text: str, pointer: str = "/number") -> Number:
    """The number in NFKC and upper case, spaces joined, every dash plain.

    `Invalid` (at `pointer`) when it is empty, over 40 characters, or holds control or invisible characters.
    """
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") for character in text):
        raise _unfit(pointer, "A number has no control or invisible characters. Type it again.")
    plain = "".join(
        "-" if _is_dash(character) else character for character in unicodedata.normalize("NFKC", text)
    )
    shown = " ".join(plain.split()).upper()
    key = _JOINTS.sub("", shown).replace("-", "")
    if not key:
        raise _unfit(pointer, "Give a number.")
    if len(shown) > LONGEST or len(text) > 2 * LONGEST:
        raise _unfit(pointer, f"A number has at most {LONGEST} characters.")
    return Number(shown, key)


def read_numbers(texts: Iterable[str], pointer: str) -> list[Number]:
    """Several numbers, doubles dropped, in the order given."""
    found: dict[str, Number] = {}
    for place, text in enumerate(texts):
        number = read_number(text, f"{pointer}/{place}")
        found.setdefault(number.key, number)
    return list(found.values())


def is_usual(number: Number, patterns: Iterable[str], office_patterns: Iterable[str] = ()) -> bool:
    """Whether the number has one of these shapes, with or without its dashes."""
    return any(_fits(pattern, number) for pattern in (*patterns, *office_patterns))


def check_pattern(pattern: str) -> str:
    """The office's pattern; `Invalid` when it is no regular expression or too long to be one for numbers."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError):
        raise _unfit("/case_patterns", "This is not a regular expression.") from None
    if len(pattern) > 100:
        raise _unfit("/case_patterns", "A pattern has at most 100 characters.")
    return pattern


def _fits(pattern: str, number: Number) -> bool:
    return bool(re.fullmatch(pattern, number.shown) or re.fullmatch(pattern.replace("-", ""), number.key))


def _is_dash(character: str) -> bool:
    return unicodedata.category(character) == "Pd" or character == "\N{MINUS SIGN}"


def _unfit(pointer: str, message: str) -> Invalid:
    return Invalid(message, errors=[Fault(pointer, message)])
