"""The map of an import: a CSV file that says for each file which case it belongs to and what it is."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

REQUIRED = ("case", "type", "individual", "file")
OPTIONAL = ("bundle title", "tier", "title", "language")
NAMED_ALSO = {"document type": "type", "individuals": "individual", "bundle": "bundle title", "path": "file"}
TIERS = ("confidential", "strictly_confidential")
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")
LONGEST = {"case": 80, "individual": 80, "title": 200, "bundle title": 200, "file": 1000}
"""Characters; of each individual."""
MOST_ROWS = 100_000
MOST_INDIVIDUALS = 50
DELIMITERS = (";", "\t", ",")


class Flaw(NamedTuple):
    """Something wrong with a line of the map; lines count from 1, and the first holds the names of the columns."""

    line: int
    message: str


@dataclass(frozen=True)
class Row:
    """One file that is to be stored. `bundle_title`, `tier`, `title` and `language` may be empty."""

    line: int
    case: str
    document_type: str
    individuals: tuple[str, ...]
    file: str
    bundle_title: str = ""
    tier: str = ""
    title: str = ""
    language: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What the row is known by between two runs."""
        return self.case, self.file


def read_sheet(content: bytes) -> tuple[list[Row], list[Flaw]]:
    """The sound rows, and everything that is wrong with the others or with the whole."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        number = content[: fault.start].count(b"\n") + 1
        return [], [Flaw(number, "This is not UTF-8. Save the table as CSV in UTF-8.")]
    if "\0" in text:
        return [], [Flaw(text[: text.index("\0")].count("\n") + 1, "A NUL stands here. This is no CSV file.")]
    lines = _lines(text)
    first = next(lines, None)
    if first is None:
        return [], [Flaw(1, "The table is empty.")]
    columns, flaws = _columns(first.cells)
    if flaws or first.message:
        return [], [*flaws, *([Flaw(first.number, first.message)] if first.message else [])]
    rows: list[Row] = []
    for line in lines:
        row, wrong = _row(line, columns)
        flaws += wrong
        rows += [row] if row and not wrong else []
    if not rows and not flaws:
        flaws.append(Flaw(1, "The table has no rows."))
    if len(rows) > MOST_ROWS:
        flaws.append(Flaw(rows[MOST_ROWS].line, f"A table has at most {MOST_ROWS:,} rows. Split it."))
    return rows, flaws


def key_of(number: str) -> str:
    """What two spellings of one number have in common: no blanks, dashes or slashes, upper case."""
    plain = unicodedata.normalize("NFKC", number)
    kept = (letter for letter in plain if not (letter.isspace() or letter in "/\\−" or _is_dash(letter)))
    return "".join(kept).upper()


class _Line(NamedTuple):
    number: int
    cells: list[str]
    message: str = ""


def _lines(text: str) -> Iterator[_Line]:
    """The records with the line that each begins on; empty ones are left out."""
    head = text.split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as fault:
            yield _Line(number, [], f"This line cannot be read as CSV ({fault}).")
            continue
        if any(cell.strip() for cell in cells):
            yield _Line(number, cells)


def _columns(cells: list[str]) -> tuple[list[str], list[Flaw]]:
    plain = [" ".join(cell.replace("_", " ").lower().split()) for cell in cells]
    columns = [NAMED_ALSO.get(name, name) for name in plain]
    while columns and not columns[-1]:
        columns.pop()
    known = (*REQUIRED, *OPTIONAL)
    messages = [
        f"There is no column {name!r}: known are {', '.join(known)}." for name in columns if name not in known
    ]
    messages += [f"The column {name!r} stands here twice." for name in known if columns.count(name) > 1]
    messages += [f"The column {name!r} is missing." for name in REQUIRED if name not in columns]
    return columns, [Flaw(1, message) for message in messages]


def _row(line: _Line, columns: list[str]) -> tuple[Row | None, list[Flaw]]:
    if line.message:
        return None, [Flaw(line.number, line.message)]
    cells = [
        unicodedata.normalize("NFC", cell).strip() if name != "file" else cell.strip()
        for name, cell in zip(columns, line.cells, strict=False)
    ]
    spare = line.cells[len(columns) :]
    if len(line.cells) < len(columns) or any(cell.strip() for cell in spare):
        return None, [
            Flaw(line.number, f"This line has {len(line.cells)} cells, the first has {len(columns)}.")
        ]
    said = dict(zip(columns, cells, strict=True))
    numbers = dict.fromkeys(part.strip() for part in re.split(r"[;\r\n]", said["individual"]) if part.strip())
    row = Row(
        line.number,
        said["case"],
        said["type"].lower(),
        tuple(numbers),
        said["file"],
        said.get("bundle title", ""),
        said.get("tier", "").lower().replace(" ", "_"),
        said.get("title", ""),
        said.get("language", ""),
    )
    return row, [Flaw(line.number, message) for message in _wrong_with(row, said)]


def _wrong_with(row: Row, said: dict[str, str]) -> Iterator[str]:
    for name, text in said.items():
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text if name != "individual"):
            yield f"The cell {name!r} holds control characters."
        if name != "individual" and len(text) > LONGEST.get(name, 200):
            yield f"The cell {name!r} has more than {LONGEST.get(name, 200)} characters."
    for name in ("case", "type", "file"):
        if not said[name]:
            yield f"The cell {name!r} is empty."
    if row.tier and row.tier not in TIERS:
        yield f"There is no tier {row.tier!r}: give {' or '.join(TIERS)}."
    if row.language and not LANGUAGE.fullmatch(row.language):
        yield f"{row.language!r} is no language tag, such as en or fr."
    if len(row.individuals) > MOST_INDIVIDUALS:
        yield f"A file names at most {MOST_INDIVIDUALS} individuals."
    for number in row.individuals:
        if len(number) > LONGEST["individual"] or not number.isprintable() or not key_of(number):
            yield "An individual's number cannot be one."


def _is_dash(letter: str) -> bool:
    return unicodedata.category(letter) == "Pd"
