"""Names of files: what of a sender's name is kept for people to read, and the names that downloads get from us."""

from __future__ import annotations

import re
import unicodedata

LONGEST_NAME = 150
_JOINERS = "\u200c\u200d"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def display_name(given: str) -> str:
    """The last part of the given path, for showing: NFC, one line, at most 150 characters, its ending kept.

    Control characters and everything that reorders or hides text (bidirectional overrides, zero width) are gone;
    the two joiners that Persian and Hindi words need stay. `file` when nothing is left.
    """
    text = unicodedata.normalize("NFC", given).replace("\\", "/")
    visible = "".join(character for character in text if _is_shown(character))
    name = " ".join(visible.rpartition("/")[2].split()).strip(". ")
    if len(name) <= LONGEST_NAME:
        return name or "file"
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 10:
        return name[:LONGEST_NAME].rstrip()
    return f"{stem[: LONGEST_NAME - len(ending) - 1].rstrip()}.{ending}"


def download_name(case_number: str, document_type: str, number: int, ending: str) -> str:
    """`<case>_<type>_v<n>.<ending>`, in characters that every file system takes."""
    return f"{case_name(case_number)}_{document_type}_v{number}.{ending}"


def case_name(case_number: str) -> str:
    """A case number as part of such a name."""
    return _UNSAFE.sub("-", unicodedata.normalize("NFKD", case_number)).strip("-.") or "case"


def _is_shown(character: str) -> bool:
    """Letters, marks, signs, spaces; not controls, formats, surrogates, private use, line separators."""
    category = unicodedata.category(character)
    return character in _JOINERS or category not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
