"""The register as a file: JSON Lines, or CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable

from vault.shares.register_pages import DisclosureRow

FORMS = {"jsonl": "application/x-ndjson", "csv": "text/csv"}
SIGNS = "=+-@\u2212"
"""How a cell begins that a spreadsheet computes; wide, small and raised forms are the same (NFKC)."""
SEPARATORS = re.compile("([;,|\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029])")
"""Where another program, or the same one in another country, could begin a new cell."""
UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")
"""Kinds of characters that leave no mark: what comes after them looks like the beginning."""


def written(form: str, rows: Iterable[DisclosureRow]) -> str:
    """The whole file; `form` is one of `FORMS`."""
    return as_csv(rows) if form == "csv" else as_json_lines(rows)


def as_json_lines(rows: Iterable[DisclosureRow]) -> str:
    """One object a line, the same as the API gives."""
    return "".join(f"{row.model_dump_json()}\n" for row in rows)


def as_csv(rows: Iterable[DisclosureRow]) -> str:
    """RFC 4180 with a head; every cell is in quotes, and no part of one would be computed.

    There is no line `sep=,` before the head: one program understands it, and all others take it for the head.
    """
    text = io.StringIO()
    sheet = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    names = list(DisclosureRow.model_fields)
    sheet.writerow(names)
    for row in rows:
        plain = row.model_dump(mode="json")
        sheet.writerow([safe_cell(plain[name]) for name in names])
    return text.getvalue()


def safe_cell(value: object) -> str:
    """The value as text that is shown and never computed; lists are joined by a semicolon, nothing is an empty cell.

    An apostrophe stands before what would be: at the beginning, and after each character at which a cell may be cut.
    """
    if isinstance(value, list):
        value = "; ".join(str(each) for each in value)
    text = "" if value is None else str(value)
    safe = "".join(f"'{part}" if _computes(part) else part for part in SEPARATORS.split(text))
    is_hidden = text[:1] != "" and unicodedata.category(text[0]) in UNSEEN
    return f"'{safe}" if is_hidden and not safe.startswith("'") else safe


def _computes(part: str) -> bool:
    """Whether its first visible character, quotes aside, is a sign."""
    seen = (each for each in part if each != '"' and unicodedata.category(each) not in UNSEEN)
    return unicodedata.normalize("NFKC", next(seen, " "))[:1] in SIGNS
