"""What a look finds in hostile files, and that it does not find it in files that are in order."""

from __future__ import annotations

import resource
import time

import pytest

from tests.inspection.hostile import hostile, pdf
from vault.inspection.formats import BY_ENDING, HEAD_BYTES, REASONS, ending_of
from vault.inspection.inspector import code_of
from vault.inspection.looking import Seen, look_at
from vault.inspection.marks import MARKED, REFUSED, UNSEEN


def seen_in(name: str, content: bytes) -> Seen:
    return look_at(BY_ENDING[ending_of(name)].media, len(content), lambda start, end: content[start:end])


@pytest.mark.parametrize("name", hostile())
def test_a_hostile_file_is_known_by_its_codes(name):
    content, codes = hostile()[name]
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    assert set(seen_in(name, content).codes) == codes

    assert time.monotonic() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_the_first_look_lets_them_pass_or_they_would_prove_nothing():
    """Where a file's first 64 KiB tell enough, it is refused before it is sent; these are for the second look."""
    passing = [
        name
        for name, (content, _codes) in hostile().items()
        if code_of(content[:HEAD_BYTES]) in BY_ENDING[ending_of(name)].contents
    ]
    assert len(passing) >= 50


def test_every_code_has_a_sample_and_every_refusal_its_sentence():
    found = set().union(*(codes for _content, codes in hostile().values()))
    assert found == {*REFUSED, *MARKED}
    assert set(REFUSED) <= set(REASONS)
    assert not set(REFUSED) & {*MARKED, *UNSEEN}


@pytest.mark.long
def test_a_hundred_thousand_pages_are_read_or_given_up_in_time():
    content = pdf(pages=100_000)
    began = time.monotonic()
    assert set(seen_in("long.pdf", content).codes) <= {"unseen-time", "unseen-size"}
    assert time.monotonic() - began < 20
