"""Numbers: what is the same, what is refused, what is only unusual."""

import pytest

from vault.cases.numbers import CASE_PATTERNS, is_usual, read_number, read_numbers
from vault.errors import Invalid


@pytest.mark.parametrize(
    "typed",
    [
        "815-26-00412",
        "815 26 00412",
        "8152600412",
        "815/26/00412",
        " 815–26—00412 ",
        "８１５-２６-００４１２",
    ],
)
def test_dashes_spaces_and_widths_do_not_count(typed):
    assert read_number(typed).key == "8152600412"


def test_old_and_new_form_are_two_numbers():
    assert read_number("815-26c00412").key != read_number("815-26-00412").key
    assert read_number("815-26c00412").shown == "815-26C00412"


@pytest.mark.parametrize(
    "typed",
    ["", " ", "---", "815\x00", "815\n26", "815\u202e26", "815\u200b26", "\ud800", "8" * 41, "ﷺ" * 30],
)
def test_what_is_no_number_is_refused(typed):
    with pytest.raises(Invalid) as refused:
        read_number(typed)

    assert refused.value.errors[0].pointer == "/number"


@pytest.mark.parametrize("typed", ["815-26C00412", "815-26-00412", "8152600412", "815-26H00412"])
def test_known_forms_are_usual(typed):
    assert is_usual(read_number(typed), CASE_PATTERNS)


def test_another_form_is_unusual_unless_the_office_knows_it():
    number = read_number("G-123456")

    assert not is_usual(number, CASE_PATTERNS)
    assert is_usual(number, CASE_PATTERNS, [r"G-\d{6}"])


def test_doubles_are_dropped_and_the_bad_one_is_pointed_at():
    assert [number.shown for number in read_numbers(["1-2", "12", "3"], "/aliases")] == ["1-2", "3"]
    with pytest.raises(Invalid) as refused:
        read_numbers(["1", ""], "/aliases")
    assert refused.value.errors[0].pointer == "/aliases/1"
