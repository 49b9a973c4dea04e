"""The map of an import: what is read, and every way in which it can be wrong, all told at once by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.client.sheet import Row, key_of, read_sheet

HEAD = "case,type,individual,file,bundle title,tier,title,language\n"
GOOD = "815-26-00412,rrf,815-00001234,forms/a.pdf,,,,\n"
FORM = Row(2, "815-26-00412", "rrf", ("815-00001234",), "forms/a.pdf")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_usual_kinds_of_csv_are_read(mark, delimiter, ending):
    text = mark + (HEAD + GOOD).replace(",", delimiter).replace("\n", ending)

    assert read_sheet(text.encode()) == ([FORM], [])


def test_columns_stand_in_any_order_and_the_optional_ones_may_be_absent():
    text = "File;Individuals;Case;Document_Type\nforms/a.pdf;815-00001234;815-26-00412;RRF\n"

    assert read_sheet(text.encode()) == ([FORM], [])


def test_several_individuals_stand_in_one_cell():
    text = 'case;type;individual;file\n1;rrf;" 815-1 ; 815-2;;815-1";a.pdf\n2;rrf;;b.pdf\n'

    rows, flaws = read_sheet(text.encode())

    assert [row.individuals for row in rows] == [("815-1", "815-2"), ()]
    assert not flaws


def test_empty_lines_and_quoted_line_breaks_keep_the_count_of_lines():
    text = HEAD + "\n,,,,,,,\n" + '1,rrf,"815-1\n815-2",a.pdf,,,,\n' + "2,rrf,,b.pdf,,nowhere,,\n"

    rows, flaws = read_sheet(text.encode())

    assert (rows[0].line, rows[0].individuals) == (4, ("815-1", "815-2"))
    assert [flaw.line for flaw in flaws] == [6]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", 1, "The table is empty."),
        (b"\n\n", 1, "The table is empty."),
        (HEAD.encode(), 1, "The table has no rows."),
        ((HEAD + GOOD).encode("utf-16"), 1, "not UTF-8"),
        ((HEAD + GOOD + "é,rrf,,b.pdf,,,,\n").encode("latin-1"), 3, "not UTF-8"),
        ((HEAD + "1,rrf,\0,a.pdf,,,,\n").encode(), 2, "NUL"),
        (b"case,type,file\n1,rrf,a.pdf\n", 1, "'individual' is missing"),
        (b"case,type,individual,file,colour\n", 1, "no column 'colour'"),
        (b"case,type,individual,file,case\n", 1, "'case' stands here twice"),
        (b'"case,type,individual,file\n', 1, "cannot be read as CSV"),
    ],
)
def test_a_table_that_is_none_is_told_at_once(content, line, words):
    rows, flaws = read_sheet(content)

    assert not rows
    assert any(flaw.line == line and words in flaw.message for flaw in flaws), flaws


WRONG = [
    (",rrf,,a.pdf,,,,", "'case' is empty"),
    ("1,,,a.pdf,,,,", "'type' is empty"),
    ("1,rrf,,,,,,", "'file' is empty"),
    ("1,rrf,,a.pdf,,,", "7 cells, the first has 8"),
    ("1,rrf,,a.pdf,,,,,more", "9 cells, the first has 8"),
    ("1,rrf,,a.pdf,,secret,,", "no tier 'secret'"),
    ("1,rrf,,a.pdf,,,,english language", "no language tag"),
    ("1,rrf,,a.pdf,,,,e", "no language tag"),
    (f"{'1' * 81},rrf,,a.pdf,,,,", "'case' has more than 80"),
    (f"1,rrf,,a.pdf,,,{'t' * 201},", "'title' has more than 200"),
    (f"1,rrf,,a.pdf,{'t' * 201},,,", "'bundle title' has more than 200"),
    (f"1,rrf,,{'d/' * 501}a.pdf,,,,", "'file' has more than 1000"),
    (f"1,rrf,{';'.join(str(n) for n in range(51))},a.pdf,,,,", "at most 50 individuals"),
    (f"1,rrf,{'9' * 81},a.pdf,,,,", "number cannot be one"),
    ("1,rrf,---,a.pdf,,,,", "number cannot be one"),
    ("1,rrf,81\x075,a.pdf,,,,", "number cannot be one"),
    ("1\x1b,rrf,,a.pdf,,,,", "'case' holds control characters"),
    ('1,rrf,,"a\n.pdf",,,,', "'file' holds control characters"),
    ("1,rrf,,a.pdf,,,\x07,", "'title' holds control characters"),
    ('1,rrf,,"a.pdf"x,,,,', "cannot be read as CSV"),
    (f"1,rrf,,{'a' * 140_000},,,,", "cannot be read as CSV"),
]


@pytest.mark.parametrize(("line", "words"), WRONG)
def test_what_is_wrong_with_a_line_is_said_of_that_line_alone(line, words):
    rows, flaws = read_sheet((HEAD + GOOD + line + "\n").encode())

    assert rows == [FORM]
    assert [flaw.line for flaw in flaws] == [3] * len(flaws)
    assert any(words in flaw.message for flaw in flaws), flaws


def test_all_faults_of_a_long_table_are_told_at_once():
    lines = [GOOD] * 20
    for line, _words in WRONG[:-2]:
        lines += [f"{line}\n", GOOD]

    rows, flaws = read_sheet((HEAD + "".join(lines)).encode())

    assert len(rows) == 20 + len(WRONG) - 2
    assert len({flaw.line for flaw in flaws}) == len(WRONG) - 2


@given(st.text(max_size=300))
def test_no_text_whatever_stops_the_reading(text):
    rows, flaws = read_sheet(HEAD.encode() + text.encode("utf-8", "surrogatepass"))

    assert rows or flaws
    assert all(row.case and row.file and row.document_type for row in rows)


@pytest.mark.parametrize(
    "spelling", ["815-26-00412", "815–26–00412", " 815 26/00412", "８１５-26-00412", "8152600412"]
)
def test_spellings_of_one_number_are_one(spelling):
    assert key_of(spelling) == "8152600412"
