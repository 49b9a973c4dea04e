"""The register as a file: JSON Lines, or CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from vault.shares.register_pages import DisclosureRow

FORMS = {"jsonl": "application/x-ndjson", "csv": "text/csv"}
STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that a spreadsheet computes, in narrow and wide characters."""


def written(form: str, rows: Iterable[DisclosureRow]) -> str:
    """The whole file; `form` is one of `FORMS`."""
    return as_csv(rows) if form == "csv" else as_json_lines(rows)


def as_json_lines(rows: Iterable[DisclosureRow]) -> str:
    """One object a line, the same as the API gives."""
    return "".join(f"{row.model_dump_json()}\n" for row in rows)


def as_csv(rows: Iterable[DisclosureRow]) -> str:
    """RFC 4180 with a head; every cell is in quotes, and begins with an apostrophe where it would be computed."""
    text = io.StringIO()
    sheet = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    names = list(DisclosureRow.model_fields)
    sheet.writerow(names)
    for row in rows:
        plain = row.model_dump(mode="json")
        sheet.writerow([safe_cell(plain[name]) for name in names])
    return text.getvalue()


def safe_cell(value: object) -> str:
    """The value as text that is shown and never computed; lists are joined by a semicolon, nothing is an empty cell."""
    if isinstance(value, list):
        value = "; ".join(str(each) for each in value)
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" \u00a0").startswith(STARTS_A_FORMULA) or text[:1].isspace() else text
