"""Which passwords are good enough: long, uncommon, hard to guess. No composition rules (NIST SP 800-63B-4 §3.1.1.2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from zxcvbn import zxcvbn  # type: ignore[import-untyped]
from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]

from vault.errors import Fault, Invalid

SHORTEST, LONGEST = 15, 256
WEIGHED = 72
"""Characters that zxcvbn looks at; what is longer is only counted."""
GOOD_ENOUGH = 3
OWN_PART = 8
"""Characters that must be left when the known words are taken out."""

PRODUCT_WORDS = (
    "casevault",
    "vault",
    "case",
    "unhcr",
    "refugee",
    "resettlement",
    "progres",
    "protection",
    "password",
)
FAMOUS = frozenset(
    {
        "correcthorsebatterystaple",
        "tobeornottobethatisthequestion",
        "thequickbrownfoxjumpsoverthelazydog",
        "loremipsumdolorsitamet",
    }
)

COUNT = "Use at least 15 characters, for example four or five words that do not belong together."
TOO_LONG = "Use at most 256 characters."
COMMON = "This password is on the lists that attackers try first. Choose another one."
WEAK = "This password is too easy to guess. Add words that have nothing to do with you, your office or each other."
REPEATED = "The two passwords are not the same."


def check_password(password: str, words: Iterable[str], field: str = "password") -> None:
    """Nothing, or `Invalid` with one sentence at `/<field>`. `words` are the person's and the office's own.

    Characters are counted after NFKC, as they are hashed.
    """
    normal = unicodedata.normalize("NFKC", password)
    if message := _objection(normal, [*PRODUCT_WORDS, *split_words(words)]):
        raise Invalid("Choose another password. Nothing was changed.", errors=[Fault(f"/{field}", message)])


def split_words(names: Iterable[str]) -> list[str]:
    """The names and their parts of at least three characters, in small letters."""
    parts = (part for name in names for part in (name, *re.split(r"[\W_]+", name)))
    return sorted({part.casefold() for part in parts if len(part) >= 3})


def _objection(password: str, words: list[str]) -> str:
    if len(password) < SHORTEST:
        return COUNT
    if len(password) > LONGEST:
        return TOO_LONG
    if _is_common(password):
        return COMMON
    if _left_without(password, words) < OWN_PART:
        return WEAK
    return WEAK if zxcvbn(password[:WEIGHED], user_inputs=words)["score"] < GOOD_ENOUGH else ""


def _is_common(password: str) -> bool:
    plain = password.casefold()
    without_spaces = re.sub(r"\s", "", plain)
    return not {plain, without_spaces}.isdisjoint(_blocklist())


def _left_without(password: str, words: list[str]) -> int:
    longest_first = sorted(words, key=len, reverse=True)
    rest = re.sub("|".join(map(re.escape, longest_first)), "", password.casefold())
    return len(re.sub(r"[\W_]", "", rest))


@cache
def _blocklist() -> frozenset[str]:
    """The 30,000 most common passwords that zxcvbn ships, and a few sayings."""
    return frozenset(FREQUENCY_LISTS["passwords"]) | FAMOUS
